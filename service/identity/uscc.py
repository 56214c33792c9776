"""The unified social credit code of organisations (GB 32100-2015): eighteen characters, the last one a check."""

import re
from typing import Final

from service.errors import Invalid, Text

#: The 31 characters of the code: digits and capital letters without I, O, S, V, Z.
ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"

_FORM: Final = re.compile(rf"[{ALPHABET}]{{2}}\d{{6}}[{ALPHABET}]{{10}}")


def check_character(first: str) -> str:
    """Return the check character of the first 17 characters (weights 3^i modulo 31, ISO 7064)."""
    total = sum(ALPHABET.index(char) * pow(3, place, 31) for place, char in enumerate(first[:17]))
    return ALPHABET[(31 - total % 31) % 31]


def read(code: str) -> str:
    """Return a code in capitals without blanks. Raises `Invalid` when its form or check character is wrong."""
    kept = re.sub(r"\s", "", code).upper()
    if not _FORM.fullmatch(kept):
        message = Text(
            "统一社会信用代码为 18 位：登记管理部门代码和机构类别 2 位、行政区划码 6 位数字、其余 10 位"
            "（不使用 I、O、S、V、Z）",
            "A unified social credit code has 18 characters: 2, then 6 digits of the area, then 10 "
            "(never I, O, S, V, Z)",
        )
        raise Invalid(message, fields={"uscc": message})
    expected = check_character(kept)
    if kept[17] != expected:
        message = Text(
            f"统一社会信用代码校验位不符：按前 17 位应为 {expected}，请核对",
            f"The check character is wrong: the first 17 characters give {expected}",
        )
        raise Invalid(message, fields={"uscc": message})
    return kept
