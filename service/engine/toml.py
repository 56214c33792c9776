"""The only parser of a procedure's TOML files, which are written by people who may mean harm."""

import re
import tomllib
from typing import Any

from service.engine.problems import Findings

MOST_BYTES = 256_000
_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
#: Each part of a dotted key costs the parser a walk over all parts before it.
_DEEP_KEY = re.compile(rf"""(?<![\w"'-]){_PART}(?:\s*\.\s*{_PART}){{9,}}""")


def parse_toml(findings: Findings, data: bytes, code: str) -> tuple[str, dict[str, Any]]:
    """Return the text and its content; what is wrong is reported to `findings` as `code`, the content is empty then."""
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"{len(data)} > {MOST_BYTES} bytes")
        text = data.decode()
        deep = _DEEP_KEY.search(text)
        if deep is not None:
            raise ValueError(f"key of more than 9 parts at line {text.count(chr(10), 0, deep.start()) + 1}")
        return text, tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error)[:200]
        line = re.search(r"at line (\d+)", reason)
        findings.error(
            code,
            f"不是合格的 TOML 文件：{reason}",
            f"not a well-formed TOML file: {reason}",
            line=int(line[1]) if line else None,
        )
        return "", {}
