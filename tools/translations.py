"""Brings `messages.po` up to date with the words of pages and templates, and says what has no English yet.

`python tools/translations.py` rewrites the catalogue; the tests call `missing` and change nothing.
"""

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
CATALOGUE = WEB / "translations" / "en" / "LC_MESSAGES" / "messages.po"

_HEAD = "# English words of the pages; `python tools/translations.py` brings the list up to date."
_CHANGING = (
    '"Project-Id-Version',
    '"Report-Msgid-Bugs-To',
    '"POT-Creation-Date',
    '"PO-Revision-Date',
    '"Last-Translator',
    '"Language-Team',
    '"Generated-By',
)
_METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
_KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
_OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false", "encoding": "utf-8"}}


def extracted() -> Catalog:
    """Return every message of pages and templates with the places it stands at."""
    catalogue = Catalog(locale="en", header_comment=_HEAD, charset="utf-8", fuzzy=False)
    found = extract_from_dir(
        str(WEB),
        _METHODS,
        _OPTIONS,
        keywords=_KEYWORDS,
        directory_filter=lambda path: (
            Path(path).name not in ("frontend", "static", "translations", "__pycache__")
        ),
    )
    for file, line, message, _comments, context in found:
        catalogue.add(message, None, [(f"web/{file}", line)], context=context)
    return catalogue


def kept() -> Catalog:
    """Return the catalogue as it is written down; empty when there is none yet."""
    if not CATALOGUE.is_file():
        return Catalog(locale="en", header_comment=_HEAD, charset="utf-8", fuzzy=False)
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="en")


def missing() -> list[str]:
    """Return the messages of the pages that have no English."""
    known = kept()
    lacking = []
    for message in extracted():
        if not message.id:
            continue
        entry = known.get(message.id)
        words = entry.string if entry is not None else ""
        parts = words if isinstance(words, tuple) else (words,)
        if not all(parts) or (entry is not None and entry.fuzzy):
            lacking.append(message.id if isinstance(message.id, str) else message.id[0])
    return lacking


def update() -> None:
    """Write the catalogue anew: messages added, places brought up to date, what is used no more taken out."""
    catalogue, known = extracted(), kept()
    for message in catalogue:
        entry = known.get(message.id) if message.id else None
        if entry is not None and not entry.fuzzy:
            message.string = entry.string
    content = io.BytesIO()
    write_po(content, catalogue, width=110, sort_output=True, omit_header=False, no_location=True)
    lines = [
        line
        for line in content.getvalue().decode().splitlines()
        # Dates in the header would make every run a change.
        if not line.startswith(_CHANGING)
    ]
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    CATALOGUE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    update()
    without = missing()
    for one in without:
        print(one)
    print(f"{len(without)} without English", file=sys.stderr)
