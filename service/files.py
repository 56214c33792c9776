"""Uploaded files: what is accepted, where it is kept, who may be handed it."""

import codecs
import io
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePosixPath

import puremagic
from sqlalchemy import Connection, RowMapping, insert, select, update

from service.deployments import store_blob
from service.errors import Forbidden, Invalid, NotFound, Text
from service.form_values import size_text
from service.identity.access import may_read_matter
from service.identity.people import Person
from service.store.files import uploaded_file
from service.store.ids import new_id
from service.store.procedure import blob
from service.system import System

#: Largest file of all; a form may set less.
LARGEST = 50_000_000
_NAME_LENGTH = 120
_MOST_ZIP_MEMBERS = 10_000


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One uploaded file; `size` in bytes, `content_type` as found in its content."""

    id: str
    name: str
    size: int
    content_type: str
    sha256: str
    uploader_id: str
    created_at: datetime
    matter_id: str | None


@dataclass(frozen=True, slots=True)
class _Kind:
    content_type: str
    fits: Callable[[bytes], bool]


def upload(
    system: System,
    person: Person,
    name: str,
    data: bytes,
    *,
    accept: Sequence[str] = (),
    max_size: int = LARGEST,
) -> StoredFile:
    """Keep a file a person sends for a form they are filling in; see `save`."""
    with system.database.write() as connection:
        return save(
            connection,
            name=name,
            data=data,
            uploader_id=person.id,
            at=system.now(connection),
            accept=accept,
            max_size=max_size,
        )


def download(system: System, person: Person, file_id: str) -> tuple[StoredFile, bytes]:
    """Return a file with its content to who may see its matter, or to who sent it while it has none.

    Raises `NotFound` for everybody else.
    """
    with system.database.read() as connection:
        file = find(connection, file_id)
        if file is None or not (
            file.uploader_id == person.id
            if file.matter_id is None
            else may_read_matter(connection, person, file.matter_id, system.now(connection))
        ):
            raise NotFound(
                Text("没有这个文件，或您无权查看", "There is no such file, or it is not yours to see")
            )
        return read(connection, file_id)


def described(
    system: System, person: Person, file_ids: Iterable[str], *, matter_id: str | None
) -> dict[str, StoredFile]:
    """Return, by id, those of the files that this person may refer to in a form of the matter."""
    with system.database.read() as connection:
        found = lookup(connection, person_id=person.id, matter_id=matter_id)
        return {one: file for one in dict.fromkeys(file_ids) if (file := found(one)) is not None}


def save(
    connection: Connection,
    *,
    name: str,
    data: bytes,
    uploader_id: str,
    at: datetime,
    accept: Sequence[str] = (),
    max_size: int = LARGEST,
) -> StoredFile:
    """Keep an uploaded file and return it; it belongs to no matter until `attach`.

    `accept` are extensions (`.pdf`; none: every known kind), `max_size` is in bytes. Raises `Invalid` for an
    empty or too large file, an extension not accepted, or content that is not what the extension says.
    """
    shown = clean_name(name)
    limit = min(max_size, LARGEST)
    if not data:
        raise Invalid(Text(f"文件“{shown}”是空的", f'The file "{shown}" is empty'))
    if len(data) > limit:
        raise Invalid(
            Text(
                f"文件“{shown}”为 {size_text(len(data))}，超过 {size_text(limit)}",
                f'The file "{shown}" has {size_text(len(data))}, more than {size_text(limit)}',
            )
        )
    kind = _kind(shown, accept)
    if not kind.fits(data):
        extension = PurePosixPath(shown).suffix.lower()
        raise Invalid(
            Text(
                f"文件“{shown}”的内容不是 {extension} 格式，请检查后重新上传",
                f'The content of "{shown}" is not {extension}; check it and upload it again',
            )
        )
    file = StoredFile(
        id=new_id(),
        name=shown,
        size=len(data),
        content_type=kind.content_type,
        sha256=store_blob(connection, data),
        uploader_id=uploader_id,
        created_at=at,
        matter_id=None,
    )
    connection.execute(insert(uploaded_file).values(asdict(file)))
    return file


def find(connection: Connection, file_id: str) -> StoredFile | None:
    """Return a file's entry, None when there is none. Says nothing about who may read it."""
    row = (
        connection.execute(select(uploaded_file).where(uploaded_file.c.id == file_id))
        .mappings()
        .one_or_none()
    )
    return _stored(row) if row is not None else None


def lookup(
    connection: Connection, *, person_id: str, matter_id: str | None
) -> Callable[[str], StoredFile | None]:
    """Return what finds the files a person may refer to in a matter: the matter's and their own new ones."""

    def found(file_id: str) -> StoredFile | None:
        file = find(connection, file_id)
        if file is None:
            return None
        own = file.matter_id is None and file.uploader_id == person_id
        return file if own or (matter_id is not None and file.matter_id == matter_id) else None

    return found


def read(connection: Connection, file_id: str) -> tuple[StoredFile, bytes]:
    """Return a file with its content; the caller has checked that the reader may see its matter.

    Raises `NotFound`.
    """
    file = find(connection, file_id)
    if file is None:
        raise NotFound(Text("文件不存在", "The file does not exist"))
    data = connection.scalar(select(blob.c.data).where(blob.c.sha256 == file.sha256))
    if data is None:
        raise NotFound(Text("文件内容不存在", "The content of the file does not exist"))
    return file, bytes(data)


def attach(connection: Connection, file_ids: Iterable[str], *, matter_id: str, person_id: str) -> None:
    """Tie files just submitted to their matter; a file already in the matter stays.

    Raises `NotFound` for an unknown file and `Forbidden` for another's file or one of another matter.
    """
    for file_id in file_ids:
        file = find(connection, file_id)
        if file is None:
            raise NotFound(Text("文件不存在，请重新上传", "The file does not exist; upload it again"))
        if file.matter_id == matter_id:
            continue
        if file.matter_id is not None or file.uploader_id != person_id:
            raise Forbidden(
                Text(f"文件“{file.name}”不属于本事项", f'The file "{file.name}" is not of this matter')
            )
        connection.execute(
            update(uploaded_file).where(uploaded_file.c.id == file_id).values(matter_id=matter_id)
        )


def clean_name(name: str) -> str:
    """Return a file's name without folders, control characters or undue length; the extension is kept."""
    last = unicodedata.normalize("NFC", name.replace("\\", "/")).rpartition("/")[2]
    # Direction marks could make "gpj.exe" read as another kind.
    kept = "".join(
        "_" if sign in '<>:"|?*' else sign
        for sign in last
        if unicodedata.category(sign) not in ("Cc", "Cf", "Cs")
    ).strip(" .")
    stem, dot, extension = kept.rpartition(".")
    if not dot:
        stem, extension = kept, ""
    extension = extension[:10]
    return f"{stem[: _NAME_LENGTH - len(extension)].strip() or '文件'}{dot}{extension}"


def _kind(name: str, accept: Sequence[str]) -> _Kind:
    extension = PurePosixPath(name).suffix.lower()
    allowed = [one for one in (accept or _KINDS) if one in _KINDS]
    if extension not in allowed:
        told = "、".join(allowed), ", ".join(allowed)
        raise Invalid(
            Text(
                f"文件“{name}”类型不符，可上传 {told[0]}",
                f'The file "{name}" is of a wrong type; use {told[1]}',
            )
        )
    return _KINDS[extension]


def _sniffed(*content_types: str) -> Callable[[bytes], bool]:
    def fits(data: bytes) -> bool:
        try:
            found = puremagic.magic_string(data[:8192])
        except (puremagic.PureError, ValueError):
            return False
        return any(one.mime_type in content_types for one in found)

    return fits


def _starting(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(marks)


def _pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:1024]


def _office(part: str) -> Callable[[bytes], bool]:
    """Say that a zip archive holds the main part of this office format; nothing is unpacked."""

    def fits(data: bytes) -> bool:
        names = _members(data)
        return "[Content_Types].xml" in names and part in names

    return fits


def _archive(data: bytes) -> bool:
    return bool(_members(data))


def _members(data: bytes) -> frozenset[str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return frozenset()
    return frozenset(names) if len(names) <= _MOST_ZIP_MEMBERS else frozenset()


def _text(data: bytes) -> bool:
    """Say that it is text in UTF-8, or in GB 18030 as Chinese office programs write it."""
    if b"\0" in data:
        return False
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            codecs.decode(data, encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


def _ofd(data: bytes) -> bool:
    return "OFD.xml" in _members(data)


def _stored(row: RowMapping) -> StoredFile:
    return StoredFile(**row)


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OPEN_XML = "application/vnd.openxmlformats-officedocument"
_KINDS: Mapping[str, _Kind] = {
    ".pdf": _Kind("application/pdf", _pdf),
    ".ofd": _Kind("application/ofd", _ofd),
    ".jpg": _Kind("image/jpeg", _sniffed("image/jpeg", "image/jpg")),
    ".jpeg": _Kind("image/jpeg", _sniffed("image/jpeg", "image/jpg")),
    ".png": _Kind("image/png", _sniffed("image/png")),
    ".webp": _Kind("image/webp", _sniffed("image/webp")),
    ".docx": _Kind(f"{_OPEN_XML}.wordprocessingml.document", _office("word/document.xml")),
    ".xlsx": _Kind(f"{_OPEN_XML}.spreadsheetml.sheet", _office("xl/workbook.xml")),
    ".pptx": _Kind(f"{_OPEN_XML}.presentationml.presentation", _office("ppt/presentation.xml")),
    ".doc": _Kind("application/msword", _starting(_OLE)),
    ".xls": _Kind("application/vnd.ms-excel", _starting(_OLE)),
    ".wps": _Kind("application/vnd.ms-works", _starting(_OLE)),
    ".et": _Kind("application/vnd.ms-excel", _starting(_OLE)),
    ".zip": _Kind("application/zip", _archive),
    ".txt": _Kind("text/plain", _text),
    ".csv": _Kind("text/csv", _text),
}
