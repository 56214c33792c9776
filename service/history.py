"""The history of an instance: one row per step, chained by keyed hashes so that a change shows."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, select

from service.store.procedure import history
from service.store.types import Columns


@dataclass(frozen=True, slots=True)
class Entry:
    """One step: who did what when, and which elements it entered, completed or cancelled (in order)."""

    seq: int
    at: datetime
    actor_id: str | None
    action: str
    detail: Mapping[str, Any]
    trace: Sequence[Sequence[str]]


def link(secret: bytes, previous: str, instance_id: str, row: Columns) -> str:
    """Return the hash of a history row that follows the row with hash `previous` ("" for the first)."""
    at = row["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    content = [instance_id, row["seq"], at, row["actor_id"], row["action"], row["detail"], row["trace"]]
    message = previous.encode() + orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def entries(connection: Connection, instance_ids: Iterable[str]) -> dict[str, list[Entry]]:
    """Return the history of each instance, oldest first."""
    wanted = list(instance_ids)
    found: dict[str, list[Entry]] = {one: [] for one in wanted}
    rows = connection.execute(
        select(history)
        .where(history.c.instance_id.in_(wanted))
        .order_by(history.c.instance_id, history.c.seq)
    )
    for row in rows:
        found[row.instance_id].append(Entry(row.seq, row.at, row.actor_id, row.action, row.detail, row.trace))
    return found


def first_break(connection: Connection, secret: bytes, instance_id: str) -> int | None:
    """Return the sequence number of the first row that was changed, added or removed; None when all is right."""
    previous = ""
    expected = 1
    for row in connection.execute(
        select(history).where(history.c.instance_id == instance_id).order_by(history.c.seq)
    ).mappings():
        if row["seq"] != expected or not hmac.compare_digest(
            link(secret, previous, instance_id, row), row["hash"]
        ):
            return expected
        previous, expected = row["hash"], expected + 1
    return None
