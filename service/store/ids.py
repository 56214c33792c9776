"""Identifiers: time-ordered UUIDs (RFC 9562, version 7) as 32 hexadecimal characters."""

import os
import threading
import time

#: Characters of an identifier.
ID_LENGTH = 32
#: Random bits below the time: 12 above the variant and 62 below it.
_RANDOM_BITS = 74
_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a fresh identifier that sorts after every one this process made before.

    What one step makes in the same millisecond, or after the machine's clock was set back, stays in the order in which
    it was made (RFC 9562, 6.2, method 2): lists ordered by identifier read as things happened.
    """
    global _last
    fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | int.from_bytes(os.urandom(10)) >> 6
    with _lock:
        _last = value = max(fresh, _last + 1)
    stamp, random = value >> _RANDOM_BITS, value & ((1 << _RANDOM_BITS) - 1)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return f"{stamp << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low:032x}"
