"""Finds a Chromium: the one named, the system's, or one from npm with libraries and Chinese fonts of its own."""

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import hatch_build

#: What the package from npm is named and locked by.
PACKAGE = Path(__file__).resolve().parents[1] / "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MISSING = (
    "no Chromium: install one (Debian, Ubuntu: apt-get install chromium fonts-noto-cjk), or name its program in "
    "CHUANGLV_CHROMIUM"
)
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><dir>/usr/share/fonts</dir><cachedir>{cache}</cachedir></fontconfig>
"""


@dataclass(frozen=True, slots=True)
class Chromium:
    """A browser's program and what its environment needs beside ours."""

    path: str
    environment: dict[str, str] = field(default_factory=dict)


def find(folder: Path) -> Chromium:
    """Return a Chromium; `folder` takes what has to be unpacked. Raises `LookupError` where there is none."""
    given = os.environ.get("CHUANGLV_CHROMIUM")
    found = given or next((path for path in map(shutil.which, NAMES) if path), None)
    if found is not None:
        return Chromium(found)
    if not sys.platform.startswith("linux"):
        raise LookupError(MISSING)
    try:
        return _from_npm(folder)
    except (SystemExit, OSError, ImportError) as error:
        raise LookupError(f"{MISSING}\n(npm: {error})") from error


def _from_npm(folder: Path) -> Chromium:
    hatch_build.npm_install(PACKAGE)
    # The package unpacks under fixed names: only a folder of our own is safe.
    with patch.dict(os.environ, TMPDIR=str(folder)):
        path = hatch_build.node("path.mjs", directory=PACKAGE).splitlines()[-1]
    libraries = [folder / name / "lib" for name in ("al2023", "al2")]
    return Chromium(
        path,
        {
            "LD_LIBRARY_PATH": os.pathsep.join(str(one) for one in libraries if one.is_dir()),
            "FONTCONFIG_FILE": str(_fonts(folder)),
        },
    )


def _fonts(folder: Path) -> Path:
    """Write a font configuration that knows the Chinese fonts of the test dependencies."""
    import justmytype_intl_cjk

    fonts = Path(justmytype_intl_cjk.__file__).parent / "fonts"
    target = folder / "fonts.conf"
    target.write_text(_FONTS.format(fonts=fonts, cache=folder / "fontcache"), encoding="utf-8")
    return target
