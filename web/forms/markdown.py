"""The simple Markdown of notes in forms: paragraphs, headings, lists, bold, links; everything else is text."""

import re

from markupsafe import Markup, escape

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^\s)]+|/[^\s)]*)\)")


def to_html(text: str) -> Markup:
    """Return the text as HTML; whatever looks like HTML in it is shown, not obeyed."""
    parts: list[Markup] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        if not lines:
            continue
        if all(line.startswith(("- ", "* ")) for line in lines):
            items = Markup("").join(Markup("<li>{}</li>").format(_inline(line[2:])) for line in lines)
            parts.append(Markup("<ul>{}</ul>").format(items))
        elif lines[0].startswith("#"):
            parts.append(Markup("<h4>{}</h4>").format(_inline(lines[0].lstrip("# "))))
            if len(lines) > 1:
                parts.append(_paragraph(lines[1:]))
        else:
            parts.append(_paragraph(lines))
    return Markup("").join(parts)


def _paragraph(lines: list[str]) -> Markup:
    return Markup("<p>{}</p>").format(Markup("<br>").join(_inline(line) for line in lines))


def _inline(text: str) -> Markup:
    safe = str(escape(text))
    safe = _BOLD.sub(r"<strong>\1</strong>", safe)
    # The pattern admits web addresses and pages of ours only; the text was escaped above.
    return Markup(_LINK.sub(r'<a href="\2">\1</a>', safe))  # noqa: S704 - escaped above, only our own tags
