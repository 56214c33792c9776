"""Passwords: what is too weak, how they are kept, one-time ones."""

import pytest

from service.errors import Invalid
from service.identity import passwords


@pytest.mark.parametrize(
    ("password", "context"),
    [
        ("short-one12", ()),
        ("x" * 129, ()),
        ("Qwertyuiop123", ()),
        ("aaaaaaaaaaaaaa", ()),
        ("abcdefghijklmnop", ()),
        ("x7Kq!x7Kq!x7Kq!", ()),
        ("Chuanglv-2026!", ()),
        ("zhangsan-123!", ("zhangsan",)),
        ("秦都创绿办秦都创绿办12", ("演示-秦都创绿办-01",)),
    ],
)
def test_a_weak_password_is_refused_with_its_field(password: str, context: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        passwords.check(password, context=context)
    assert set(caught.value.facts["fields"]) == {"password"}


@pytest.mark.parametrize(
    "password", ["correct horse battery st", "我每天七点在渭河边跑步三公里", "t7#Kd92-mQvx"]
)
def test_a_long_password_needs_no_composition(password: str) -> None:
    passwords.check(password, context=["zhangsan", "张三"])


def test_only_the_right_password_opens_a_hash() -> None:
    kept = passwords.hash_password("correct horse battery st")
    assert kept.startswith("$argon2id$")
    assert passwords.verify(kept, "correct horse battery st")
    assert not passwords.verify(kept, "correct horse battery sT")
    assert not passwords.verify(None, "correct horse battery st")
    assert not passwords.verify("no hash at all", "correct horse battery st")


def test_a_hash_of_older_parameters_is_made_anew() -> None:
    older = "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHRzb21l$RdescudvJCsgt3ub+b/dWQ"
    assert passwords.needs_rehash(older)
    assert not passwords.needs_rehash(passwords.hash_password("correct horse battery st"))


def test_one_time_passwords_differ_and_pass_the_rules() -> None:
    made = {passwords.one_time() for _ in range(50)}
    assert len(made) == 50
    for one in made:
        passwords.check(one)
