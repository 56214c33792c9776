"""Addresses of the built scripts and style sheets: hashed names from the build's manifest."""

from pathlib import Path

import orjson
from flask import Flask, url_for

DIST = Path(__file__).parent / "static" / "dist"


class Assets:
    """The manifest of one build; read again when the build wrote a newer one."""

    def __init__(self, folder: Path = DIST) -> None:
        """Read the manifest of `folder` when it is first needed."""
        self._manifest = folder / "manifest.json"
        self._read_at = -1.0
        self._names: dict[str, str] = {}

    def address(self, name: str) -> str | None:
        """Return the address of `name` (`base.css`), None when the build has no such entry."""
        try:
            written = self._manifest.stat().st_mtime
        except FileNotFoundError:
            return None
        if written != self._read_at:
            self._names = orjson.loads(self._manifest.read_bytes())
            self._read_at = written
        hashed = self._names.get(name)
        return url_for("static", filename=f"dist/{hashed}") if hashed is not None else None


def install(app: Flask) -> None:
    """Give templates `asset(name)`."""
    app.jinja_env.globals["asset"] = Assets().address
