"""The rules of the house, held by tools: layers, types, lint, and every exception with its reason."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: What switches a tool off for a line, and what has to follow it.
EXCEPTION = re.compile(r"#\s*(noqa|type:\s*ignore)[^#\n]*")


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    assert run("-m", "ruff", "check", ".") == ""


def test_ruff_has_formatted_everything() -> None:
    assert run("-m", "ruff", "format", "--check", ".") == ""


@pytest.mark.slow
def test_mypy_is_strict_and_content() -> None:
    assert run("-m", "mypy") == ""


def test_layers_hold() -> None:
    script = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    assert run("-c", script) == ""


def test_every_exception_gives_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("service", "web")
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := EXCEPTION.search(line)) and not _reason(line[found.start() :])
    ]

    assert bare == []


def _reason(comment: str) -> bool:
    rest = re.sub(r"^#\s*(noqa(:\s*[A-Z0-9, ]+)?|type:\s*ignore(\[[\w\-, ]+\])?)", "", comment)
    return len(re.findall(r"\w+", rest)) >= 3


def test_packages_of_this_name_are_ours() -> None:
    """`service` and `web` are common names: a foreign distribution could overwrite or shadow them."""
    import service
    import web

    assert Path(service.__file__).parent == ROOT / "service"
    assert Path(web.__file__).parent == ROOT / "web"
