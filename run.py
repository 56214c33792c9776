#!/usr/bin/env python3
"""The two commands to learn: `python3 run.py demo` and `python3 run.py test`; standard library only.

On first use this makes `.venv` beside it, installs what `uv.lock` names (each file checked against its hash),
installs this checkout, and builds the front end with Node from PyPI. Later starts only compare hashes.
"""

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
CACHE = ROOT / ".cache"
STAMP = ENVIRONMENT / ".chuanglv.json"

USAGE = """\
python3 run.py demo [--port N] [--data DIR] [--fresh]   the demo city in a browser
python3 run.py test [pytest arguments]                  every test, on SQLite and PostgreSQL
python3 run.py bench [--quick] [--json FILE]            the benchmark
python3 run.py build                                    only set up: environment and front end
"""


def main(arguments: list[str]) -> int:
    """Set up what the command needs, then become it."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the reader may start it with an older one
        print(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(
        prog="run.py", usage=USAGE, add_help=False, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=("demo", "test", "bench", "build"))
    known, rest = parser.parse_known_args(arguments[:1])
    rest += arguments[1:]
    if known.command is None:
        print(USAGE, end="")
        return 0 if rest in (["-h"], ["--help"], []) else 2
    command = known.command
    set_up({"demo": ["build"], "build": ["build"]}.get(command, ["dev"]))
    if command == "test":
        use_memory_for_scratch()
    if command == "build":
        print("ready: .venv/bin/chuanglv --help")
        return 0
    become(command_line(command, rest))
    raise AssertionError("unreachable")


def command_line(command: str, rest: list[str]) -> list[str]:
    """What to run inside the environment."""
    if command == "demo":
        return ["-m", "service.cli", *demo_arguments(rest)]
    if command == "bench":
        return ["-m", "tests.bench", *rest]
    if not any(word.startswith(("-n", "--numprocesses", "--pdb", "--co")) for word in rest):
        rest = ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile", *rest]
    return ["-m", "pytest", *rest]


def use_memory_for_scratch() -> None:
    """Keep the databases of tests in memory where there is room: thousands of commits need no disk to wait for."""
    memory = Path("/dev/shm")  # noqa: S108 - only a place for scratch files, each in a folder of its own
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return
    room = os.statvfs(memory)
    if room.f_bavail * room.f_frsize > 4 * 1024**3:
        os.environ["TMPDIR"] = str(memory)


def demo_arguments(rest: list[str]) -> list[str]:
    """Check the options of `demo` before anything long begins; the data directory comes before the verb."""
    parser = argparse.ArgumentParser(prog="run.py demo")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument("--data", type=Path, help="where the demo keeps its database and files")
    parser.add_argument("--fresh", action="store_true", help="throw the old demo away and begin again")
    options = parser.parse_args(rest)
    data = ["--data", str(options.data.resolve())] if options.data else []
    fresh = ["--fresh"] if options.fresh else []
    return [*data, "demo", "--host", options.host, "--port", str(options.port), *fresh]


def set_up(groups: list[str]) -> None:
    """Bring environment, dependencies, this checkout and the front end up to date."""
    sys.path.insert(0, str(ROOT))
    sys.dont_write_bytecode = True
    import hatch_build

    lock = read_lock()
    wanted = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor} {os.path.realpath(sys.executable)}",
        "packages": requirements(lock, groups),
        "project": fingerprint("pyproject.toml", "hatch_build.py"),
    }
    if is_ready(wanted, requirements(lock, ["dev"])) and not hatch_build.stale():
        return
    with only_one():
        have = read_stamp()
        full = requirements(lock, ["dev"])
        step = Progress(4)
        if have.get("python") != wanted["python"] or not PYTHON.exists():
            step.begin("environment .venv")
            make_environment()
            have = {}
        else:
            step.skip("environment .venv")
        if have.get("packages") not in (wanted["packages"], full):
            step.begin(f"{wanted['packages'].count('==')} locked packages")
            install_packages(wanted["packages"])
            have = {"python": wanted["python"]}
        else:
            wanted["packages"] = have["packages"]
            step.skip("locked packages")
        step.begin("front end and translations (npm, esbuild)")
        call(PYTHON, "hatch_build.py")
        if have.get("project") != wanted["project"]:
            step.begin("this checkout")
            call(PYTHON, "-m", "pip", *QUIET, "install", "--no-deps", "--no-build-isolation", "-e", ".")
        else:
            step.skip("this checkout")
        step.end()
        STAMP.write_text(json.dumps(wanted))


def is_ready(wanted: dict[str, str], full: str) -> bool:
    """Whether the environment was made from the same inputs; one made for tests serves the demo too."""
    have = read_stamp()
    return PYTHON.exists() and (have == wanted or have == {**wanted, "packages": full})


def read_stamp() -> dict[str, str]:
    """What the environment was made from; nothing when it was never finished."""
    try:
        found: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return found


def make_environment() -> None:
    """Make `.venv` anew with the Python that runs this file."""
    try:
        call(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    except SystemExit as failure:
        raise SystemExit(
            f"{failure}\nThis Python cannot make virtual environments. On Debian: apt install python3-venv"
        ) from None


QUIET = ("--disable-pip-version-check", "--no-input")


def install_packages(text: str) -> None:
    """Install the locked packages, each downloaded file checked against the hashes of the lock."""
    CACHE.mkdir(exist_ok=True)
    listed = CACHE / "requirements.txt"
    listed.write_text(text)
    call(
        *(PYTHON, "-m", "pip", *QUIET, "install", "--progress-bar", "off"),
        *("--require-hashes", "--only-binary", ":all:", "-r", listed),
        counts="Collecting ",
    )


def read_lock() -> dict[str, Any]:
    """Read `uv.lock`."""
    import tomllib

    return tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))


def requirements(lock: dict[str, Any], groups: Iterable[str]) -> str:
    """Turn the lock into pip's hashed requirements for the project's dependencies and the named groups.

    A package reached under a condition keeps it as an environment marker; pip judges it.
    """
    packages = {package["name"]: package for package in lock["package"]}
    project = next(package for package in lock["package"] if "editable" in package["source"])
    wanted = list(project["dependencies"])
    for group in groups:
        wanted += project["dev-dependencies"][group]
    conditions: dict[str, set[frozenset[str]]] = {}
    seen: set[tuple[str, str, frozenset[str]]] = set()
    waiting = [(edge, frozenset[str]()) for edge in wanted]
    while waiting:
        edge, under = waiting.pop()
        name = edge["name"]
        if "marker" in edge:
            under = under | {edge["marker"]}
        for extra in ("", *edge.get("extra", ())):
            if (name, extra, under) in seen:
                continue
            seen.add((name, extra, under))
            conditions.setdefault(name, set()).add(under)
            package = packages[name]
            further = package.get("dependencies", [])
            if extra:
                further = package.get("optional-dependencies", {}).get(extra, [])
            waiting += [(edge, under) for edge in further]
    lines = []
    for name, ways in sorted(conditions.items()):
        marker = ""
        if frozenset() not in ways:
            joined = sorted(" and ".join(f"({part})" for part in sorted(way)) for way in ways)
            marker = f" ; {' or '.join(joined)}"
        hashes = sorted(f"--hash={wheel['hash']}" for wheel in packages[name]["wheels"])
        lines.append(f"{name}=={packages[name]['version']}{marker} {' '.join(hashes)}")
    return "\n".join(lines) + "\n"


def fingerprint(*names: str) -> str:
    """Hash of some files of this checkout."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in names:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


@contextmanager
def only_one() -> Iterator[None]:
    """Let a second start wait while the first one sets up."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("another start is setting up; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Progress:
    """Lines that say which step runs and how long the last one took."""

    def __init__(self, steps: int) -> None:
        """Begin with step 0 of so many."""
        self.steps, self.now, self.since, self.open = steps, 0, time.monotonic(), False

    def begin(self, what: str) -> None:
        """Say that a step begins."""
        self.end()
        self.now += 1
        self.since, self.open = time.monotonic(), True
        print(f"[{self.now}/{self.steps}] {what} …", flush=True)

    def skip(self, what: str) -> None:
        """Say that a step has nothing to do."""
        self.end()
        self.now += 1
        print(f"[{self.now}/{self.steps}] {what}: unchanged", flush=True)

    def end(self) -> None:
        """Say how long the step took."""
        if self.open:
            print(f"      {time.monotonic() - self.since:.1f} s", flush=True)
        self.open = False


def call(*command: str | Path, counts: str = "") -> None:
    """Run a program quietly; shows its last lines when it fails. `counts` begins the lines counted aloud."""
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as program:
        assert program.stdout is not None  # noqa: S101 - for the type checker: it was asked for above
        lines, counted = [], 0
        for line in program.stdout:
            lines.append(line)
            if counts and line.startswith(counts):
                counted += 1
                if counted % 10 == 0:
                    print(f"      {counted} packages", flush=True)
    if program.returncode:
        raise SystemExit("".join(lines[-40:]) + f"failed: {' '.join(map(str, command))}")


def become(arguments: list[str]) -> None:
    """Replace this process by Python of the environment, so that signals reach the right one."""
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *arguments])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
