"""Every word of the pages has its English."""

import re

from tools import translations


def test_every_message_of_the_pages_has_english() -> None:
    assert translations.missing() == []


def test_english_keeps_what_is_filled_in() -> None:
    wrong = []
    for message in translations.kept():
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        words = message.string if isinstance(message.string, tuple) else (message.string,)
        wanted = set(re.findall(r"%\((\w+)\)", ids[0]))
        wrong += [ids[0] for one in words if set(re.findall(r"%\((\w+)\)", one)) != wanted]
    assert wrong == []


def test_english_has_no_chinese_left() -> None:
    left = []
    for message in translations.kept():
        words = message.string if isinstance(message.string, tuple) else (message.string,)
        left += [one for one in words if re.search(r"[\u4e00-\u9fff]", one)]
    assert left == []
