"""Votes: all, any, majority, fractions, numbers, veto, and deciding as soon as the result is certain."""

import pytest

from service.engine.expressions import compile_expression
from service.engine.model import Vote
from service.engine.votes import decide
from service.errors import AppError


def vote(needed: str, veto: str | None = None) -> Vote:
    expression = compile_expression(needed[1:]) if needed.startswith("=") else None
    return Vote("yes", needed, veto, "no", expression)


@pytest.mark.parametrize(
    ("needed", "total", "yes", "no", "expected"),
    [
        ("all", 3, 2, 0, (False, None)),
        ("all", 3, 3, 0, (True, "yes")),
        ("all", 3, 0, 1, (True, "no")),
        ("any", 3, 0, 2, (False, None)),
        ("any", 3, 1, 0, (True, "yes")),
        ("any", 3, 0, 3, (True, "no")),
        ("majority", 4, 2, 0, (False, None)),
        ("majority", 4, 3, 0, (True, "yes")),
        ("majority", 4, 0, 2, (True, "no")),
        ("majority", 5, 3, 0, (True, "yes")),
        ("2/3", 3, 2, 0, (True, "yes")),
        ("2/3", 4, 2, 1, (False, None)),
        ("2/3", 4, 3, 0, (True, "yes")),
        ("2/3", 7, 4, 0, (False, None)),
        ("2/3", 7, 5, 0, (True, "yes")),
        ("1/2", 4, 2, 0, (True, "yes")),
        ("1/1", 2, 1, 0, (False, None)),
        ("=2", 5, 2, 0, (True, "yes")),
        ("=total - 1", 5, 3, 1, (False, None)),
        ("=total - 1", 5, 3, 2, (True, "no")),
        ("=total / 2", 4, 2, 0, (True, "yes")),
        ("=quorum", 5, 4, 0, (True, "yes")),
        ("=rule", 4, 2, 0, (True, "yes")),
        ("=0", 3, 0, 1, (False, None)),
        ("=99", 3, 3, 0, (True, "yes")),
        ("all", 1, 1, 0, (True, "yes")),
    ],
)
def test_needed(needed: str, total: int, yes: int, no: int, expected: tuple[bool, str | None]) -> None:
    names = {"quorum": 4, "rule": "1/2"}
    assert decide(vote(needed), {"yes": yes, "no": no}, total, names) == expected


def test_veto_decides_at_once_and_until_then_agreement_is_not_certain() -> None:
    rule = vote("majority", veto="never")
    assert decide(rule, {"yes": 1, "never": 1}, 5) == (True, "never")
    assert decide(rule, {"yes": 3}, 5) == (False, None)
    assert decide(rule, {"yes": 3, "no": 2}, 5) == (True, "yes")
    assert decide(rule, {"no": 3}, 5) == (True, "no")


def test_without_a_rule_everybody_answers() -> None:
    assert decide(None, {"done": 2}, 3) == (False, None)
    assert decide(None, {"done": 3}, 3) == (True, "done")
    assert decide(None, {"done": 2, "skip": 1}, 3) == (True, None)
    assert decide(None, {"": 3}, 3) == (True, None)


@pytest.mark.parametrize("needed", ["='many'", "=None", "=True", "=1.5"])
def test_needed_that_is_no_number_is_said(needed: str) -> None:
    with pytest.raises(AppError, match="needed"):
        decide(vote(needed), {"yes": 1}, 3)


@pytest.mark.parametrize("needed", ["all", "any", "majority", "2/3", "1/2", "=2"])
@pytest.mark.parametrize("total", range(1, 7))
def test_an_early_decision_is_what_any_continuation_would_give(needed: str, total: int) -> None:
    rule = vote(needed)
    for given in range(1, total + 1):
        for yes in range(given + 1):
            decided, verdict = decide(rule, {"yes": yes, "no": given - yes}, total)
            ends = {
                decide(rule, {"yes": yes + more, "no": total - yes - more}, total)
                for more in range(total - given + 1)
            }
            assert all(done for done, _ in ends)
            verdicts = {final for _, final in ends}
            assert decided == (len(verdicts) == 1)
            if decided:
                assert verdicts == {verdict}
