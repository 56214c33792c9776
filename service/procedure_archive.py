"""A procedure's files as one zip archive: packed for download, unpacked with limits on number and size."""

import io
import zipfile
from collections.abc import Mapping

from service.drafts import LARGEST_FILE, check_file
from service.errors import Invalid, Text

#: More files than this are no procedure.
MOST_FILES = 500
#: All files together, unpacked, in bytes.
LARGEST_SET = 40 * 1024 * 1024
#: Every member carries this time, so that the same files give the same archive.
_TIME = (2020, 1, 1, 0, 0, 0)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of path → content; the same files give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, _TIME), files[path], zipfile.ZIP_DEFLATED)
    return target.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return path → content of an archive; one folder around everything is left out.

    Raises `Invalid` for what is no zip archive, holds paths that lead elsewhere, other kinds of files, or
    more than the limits above; what a member claims of its size is not trusted.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if len(members) > MOST_FILES:
                raise _refused(f"压缩包内超过 {MOST_FILES} 个文件", f"more than {MOST_FILES} files")
            found: dict[str, bytes] = {}
            left = LARGEST_SET
            for member in members:
                with archive.open(member) as stream:
                    content = stream.read(min(LARGEST_FILE, left) + 1)
                left -= len(content)
                if left < 0:
                    raise _refused(
                        f"压缩包解开后超过 {LARGEST_SET // 1048576} MB",
                        f"more than {LARGEST_SET} bytes unpacked",
                    )
                found[member.filename.replace("\\", "/")] = content
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as broken:
        raise _refused(
            "不是可以读取的 zip 压缩包（可能已损坏或加密）",
            "no zip archive that can be read (broken or encrypted)",
        ) from broken
    found = _without_folder(found)
    if not found:
        raise _refused("压缩包里没有文件", "the archive holds no file")
    for path, content in found.items():
        check_file(path, content)
    return found


def _without_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    tops = {path.partition("/")[0] for path in files}
    nested = all("/" in path for path in files)
    only = next(iter(tops)) if len(tops) == 1 and nested else None
    if only in (None, "", ".", "..", "forms", "decisions"):
        return files
    return {path.partition("/")[2]: content for path, content in files.items()}


def _refused(zh: str, en: str) -> Invalid:
    message = Text(zh, en)
    return Invalid(message, fields={"archive": message})
