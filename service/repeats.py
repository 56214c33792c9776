"""Requests with a name: sent twice they are done once, and a name that stood for something else is refused."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from service.errors import Invalid, Text
from service.store import procedure as tables

#: Longest name of a request, in characters.
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The name a client gave to a request, and a digest of what the request says.

    Without a digest every request of that name is taken for the same one: a page's form may come twice with
    files that were read twice.
    """

    name: str
    content: str | None = None


def request_key(name: str | None, content: str | None = None) -> RequestKey | None:
    """Return the key of a request, None for one without a name. Raises `Invalid` for an unusable name."""
    if not name:
        return None
    if len(name) > LONGEST_NAME or not name.isprintable():
        message = Text(
            f"Idempotency-Key 至多 {LONGEST_NAME} 个可见字符",
            f"An Idempotency-Key has at most {LONGEST_NAME} printable characters",
        )
        raise Invalid(message, fields={"Idempotency-Key": message})
    return RequestKey(name, content)


def earlier(connection: Connection, person_id: str, key: RequestKey | None) -> str | None:
    """Return the id of what a person's request of this name made; None when there was none.

    Raises `Invalid` when that request said something else.
    """
    if key is None:
        return None
    used = tables.request_key
    known = connection.execute(
        select(used.c.made_id, used.c.content).where(used.c.person_id == person_id, used.c.name == key.name)
    ).one_or_none()
    if known is None:
        return None
    if key.content is not None and known.content is not None and key.content != known.content:
        raise used_before()
    return str(known.made_id)


def keep(connection: Connection, person_id: str, key: RequestKey | None, made_id: str, at: datetime) -> None:
    """Remember what a request made. Raises `IntegrityError` when the name was used meanwhile."""
    if key is not None:
        connection.execute(
            insert(tables.request_key).values(
                person_id=person_id, name=key.name, content=key.content, made_id=made_id, used_at=at
            )
        )


def is_taken(error: Exception) -> bool:
    """Whether a database refuses a row because the request's name is in use."""
    return tables.request_key.name in str(error)


def used_before() -> Invalid:
    """Return what somebody reads who uses a name for something else."""
    message = Text(
        "这个 Idempotency-Key 已用于另一个请求，没有执行任何操作；新的请求请用新的 Key",
        "This Idempotency-Key was used for another request; nothing was done. Give a new request a key of its own",
    )
    return Invalid(message, fields={"Idempotency-Key": message})
