"""The unified social credit code (GB 32100): form and check character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Invalid
from service.identity import uscc


@pytest.mark.parametrize("code", ["91610400DEM000001A", "12610402DEM000002F", "91350100M000100Y43"])
def test_codes_with_the_right_check_character_are_read(code: str) -> None:
    assert uscc.read(f" {code[:8].lower()} {code[8:]} ") == code


@pytest.mark.parametrize(
    "code",
    [
        "91610400DEM000001B",
        "9161040ODEM000001A",
        "91610400DEM00000IA",
        "91610400DEM000001",
        "91610400DEM000001AA",
        "",
    ],
)
def test_a_wrong_code_is_refused(code: str) -> None:
    with pytest.raises(Invalid):
        uscc.read(code)


@given(
    st.text(alphabet=uscc.ALPHABET, min_size=9, max_size=9),
    st.integers(0, 16),
    st.sampled_from(uscc.ALPHABET),
)
def test_a_single_wrong_character_never_passes(body: str, place: int, other: str) -> None:
    first = "91610400" + body
    code = first + uscc.check_character(first)
    wrong = code[:place] + other + code[place + 1 :]
    if wrong != code and wrong[2:8].isdigit():
        with pytest.raises(Invalid):
            uscc.read(wrong)
