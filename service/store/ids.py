"""Identifiers: time-ordered UUIDs (RFC 9562, version 7) as 32 hexadecimal characters."""

import os
import time


def new_id() -> str:
    """Return a fresh identifier that sorts after those made in an earlier millisecond."""
    stamp = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (
        (stamp << 80)
        | (0x7 << 76)
        | ((random >> 64) & 0xFFF) << 64
        | (0b10 << 62)
        | (random & ((1 << 62) - 1))
    )
    return f"{value:032x}"
