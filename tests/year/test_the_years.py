"""The campaign's years hold in every run of the tests, and the same seed tells the same story."""

from datetime import date
from pathlib import Path

import pytest

from tests.year.__main__ import SEED, WHOLE
from tests.year.run import Result, live

LEVELS = {"county", "city", "province", "nation"}


def _live(folder: Path, seed: int, until: date) -> Result:
    folder.mkdir()
    return live(folder, f"sqlite:///{folder}/year.sqlite3", seed, until)


@pytest.mark.slow
def test_everything_is_taken_and_nothing_goes_wrong_in_seven_years(tmp_path: Path) -> None:
    result = _live(tmp_path / "whole", SEED, WHOLE)
    assert result.unexpected == []
    assert result.missing == []
    assert result.needless == []
    assert result.units >= 40
    assert set(result.named) == LEVELS
    assert min(result.fates.values()) > 0, result.fates
    # The same seed again: the same people do the same on the same days.
    again = _live(tmp_path / "again", SEED, date(2026, 5, 20))
    assert again.story
    assert result.story[: len(again.story)] == again.story


@pytest.mark.slow
def test_another_seed_tells_another_story(tmp_path: Path) -> None:
    first, second = (_live(tmp_path / str(seed), seed, date(2026, 4, 10)) for seed in (1, 2))
    assert first.unexpected == second.unexpected == []
    assert first.fingerprint != second.fingerprint
