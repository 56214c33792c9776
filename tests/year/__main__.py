"""`python -m tests.year [--seed N] [--until YYYY-MM-DD] [--database NAME] [--story FILE]`: the campaign, lived by all.

A whole year and the six after it in virtual time, through the REST API alone. Prints counts and what was taken of
all buttons, branches and decision rows; exits with 1 when anything unexpected happened.
"""

import argparse
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from tests.year.run import live, show

#: The seed of a run that names none.
SEED = 20260318
#: Lived until here, everything there is to take has been taken or is excused.
WHOLE = date(2032, 12, 31)


def main(arguments: list[str]) -> int:
    """Live and show."""
    parser = argparse.ArgumentParser(prog="python -m tests.year")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--until", type=date.fromisoformat, default=WHOLE)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--story", type=Path, metavar="FILE", help="write down who did what when")
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    # In memory where there is such a place: a year is many commits, and a busy disk is not what is shown here.
    memory = Path("/dev/shm")
    where = memory if memory.is_dir() else None
    if options.database == "sqlite":
        with tempfile.TemporaryDirectory(prefix="clv-year-", dir=where) as folder:
            result = live(Path(folder), f"sqlite:///{folder}/year.sqlite3", options.seed, options.until)
    else:
        from tests.chaos.databases import fresh_databases

        with (
            tempfile.TemporaryDirectory(prefix="clv-year-", dir=where) as folder,
            fresh_databases(empty=True) as make,
        ):
            result = live(Path(folder), make("postgresql"), options.seed, options.until)
    if options.story is not None:
        options.story.write_text("\n".join(result.story) + "\n", encoding="utf-8")
    show(result, time.monotonic() - begun)
    return 1 if result.unexpected or (result.missing and options.until >= WHOLE) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
