"""A killed process leaves a whole step or none of it; the long campaign is `python -m tests.chaos`."""

from tests.chaos import campaign


def test_a_kill_at_any_statement_leaves_a_whole_step_or_none(database_url: str) -> None:
    report = campaign.kill_at_each_statement(database_url)

    assert report.broken == []
    assert report.kills >= 6


def test_kills_under_load_lose_and_double_nothing(database_url: str) -> None:
    report = campaign.kill_at_random(database_url, kills=25, seed=7)

    assert report.broken == []
    assert report.acknowledged > 25
