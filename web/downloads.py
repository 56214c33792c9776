"""A file as an answer; a browser never treats one as a page of ours."""

from urllib.parse import quote

from flask import Response, make_response

from service.files import StoredFile

#: What a browser may show in place; everything else is saved.
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})


def sent(file: StoredFile, data: bytes, *, in_place: bool = False) -> Response:
    """Return a file to be saved, or a picture `in_place`."""
    answer = make_response(data)
    answer.mimetype = file.content_type
    where = "inline" if in_place and file.content_type in PICTURES else "attachment"
    plain = file.name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    answer.headers["Content-Disposition"] = (
        f"{where}; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name)}"
    )
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
