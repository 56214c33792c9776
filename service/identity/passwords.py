"""Passwords: their strength, their hash (argon2id) and one-time ones."""

import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from service.errors import Invalid, Text

MIN_LENGTH: Final = 12
#: A longer text is no password but an attack on the hash.
MAX_LENGTH: Final = 128
ONE_TIME_LIFE: Final = timedelta(hours=24)

#: Words an attacker of this installation tries first.
_CONTEXT: Final = ("chuanglv", "chuanglü", "xianyang", "创绿", "咸阳", "绿色单位", "password", "admin")
#: No letters or digits that look alike on paper.
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"

#: Argon2id with the least memory OWASP accepts (19 MiB, 2 passes): a busy morning must not exhaust the machine.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def check(password: str, *, context: Iterable[str] = ()) -> None:
    """Raise `Invalid` for a password that is short, common or made of the words around the account.

    No composition rules and no forced change with time (ASVS 5.0, 6.2.5 and 6.2.10); `context` holds the login,
    the name and the like.
    """
    message = _weakness(password, context)
    if message is not None:
        raise Invalid(message, fields={"password": message})


def hash_password(password: str) -> str:
    """Return the argon2id hash to keep."""
    return _HASHER.hash(password)


def verify(kept: str | None, password: str) -> bool:
    """Whether `password` is the one of the hash; takes as long for a missing hash (an unknown login)."""
    try:
        return _HASHER.verify(kept or _dummy(), password[: MAX_LENGTH * 4]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(kept: str) -> bool:
    """Whether a hash was made with older parameters."""
    return _HASHER.check_needs_rehash(kept)


def one_time() -> str:
    """Return a random password of 80 bits to read out or print."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def _weakness(password: str, context: Iterable[str]) -> Text | None:
    if len(password) < MIN_LENGTH:
        return Text(
            f"口令至少 {MIN_LENGTH} 个字符，可以用一句话",
            f"At least {MIN_LENGTH} characters; a sentence will do",
        )
    if len(password) > MAX_LENGTH:
        return Text(f"口令最多 {MAX_LENGTH} 个字符", f"At most {MAX_LENGTH} characters")
    lowered = password.lower()
    if lowered in _common() or len(set(lowered)) < 5 or _is_run(lowered):
        return Text("这个口令太常见，请换一个", "This password is too common, choose another")
    rest = lowered
    for word in sorted({*_CONTEXT, *_words(context)}, key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(rest) < 8:
        return Text(
            "口令主要由登录名、姓名或系统名称组成，请换一个",
            "The password is mostly made of the login, the name or the system's name; choose another",
        )
    return None


def _words(context: Iterable[str]) -> set[str]:
    return {
        part
        for text in context
        for part in (text.lower(), *re.split(r"[\W_]+", text.lower()))
        if len(part) >= 4 or (len(part) >= 2 and not part.isascii())
    }


def _is_run(text: str) -> bool:
    """Whether neighbouring characters mostly follow one another (abcdef…, 987654…) or a piece repeats."""
    steps = [ord(after) - ord(before) for before, after in pairwise(text)]
    if sum(step in (-1, 0, 1) for step in steps) >= len(steps) * 3 // 4:
        return True
    return any(
        text == (text[:size] * (len(text) // size + 1))[: len(text)] for size in range(1, len(text) // 3 + 1)
    )


@cache
def _common() -> frozenset[str]:
    text = (resources.files("service.identity") / "common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.lower().splitlines() if line and not line.startswith("#"))


@cache
def _dummy() -> str:
    return _HASHER.hash(secrets.token_hex(16))
