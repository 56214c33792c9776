"""Numbers: without a gap, without a double, also when many take one at once or give theirs back."""

import contextlib
import threading

import pytest

from service.campaign.numbering import next_number
from service.errors import Invalid
from service.system import System

PATTERN = "咸创绿发〔{year}〕{number}号"


def take(system: System, scope: str = "city", year: int = 2026, pattern: str = PATTERN) -> str:
    with system.database.write() as connection:
        return next_number(connection, kind="decision", scope=scope, year=year, pattern=pattern)


def test_each_series_counts_from_one(system: System) -> None:
    assert [take(system) for _ in range(3)] == [
        "咸创绿发〔2026〕1号",
        "咸创绿发〔2026〕2号",
        "咸创绿发〔2026〕3号",
    ]
    assert take(system, year=2027) == "咸创绿发〔2027〕1号"
    assert take(system, scope="610402", pattern="{scope}-{year}-{number:3}") == "610402-2026-001"


def test_many_at_once_get_each_number_once(system: System) -> None:
    taken: list[str] = []

    def work() -> None:
        for _ in range(10):
            taken.append(take(system, pattern="{number}"))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(map(int, taken)) == list(range(1, 61))


def test_a_number_of_a_failed_transaction_is_given_out_again(system: System) -> None:
    assert take(system, pattern="{number}") == "1"
    with contextlib.suppress(RuntimeError), system.database.write() as connection:
        assert next_number(connection, kind="decision", scope="city", year=2026, pattern="{number}") == "2"
        raise RuntimeError
    assert take(system, pattern="{number}") == "2"


@pytest.mark.parametrize(
    "pattern", ["〔{year}〕号", "{number}{other}", "{number!r}", "{number.__class__}", "{", ""]
)
def test_a_pattern_holds_only_what_is_known(sqlite_system: System, pattern: str) -> None:
    with pytest.raises(Invalid):
        take(sqlite_system, pattern=pattern)
