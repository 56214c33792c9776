"""Uploaded files, handed to who may see their matter; a browser never treats one as a page of ours."""

from urllib.parse import quote

from flask import Blueprint, Response, make_response, request

from service import files
from web.context import current_person, current_system

page = Blueprint("files", __name__)

#: What a browser may show in place; everything else is saved.
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})


@page.get("/files/<file_id>")
def download(file_id: str) -> Response:
    """Return a file; pictures in place where `?show=1` asks for it."""
    file, data = files.download(current_system(), current_person(), file_id)
    answer = make_response(data)
    answer.mimetype = file.content_type
    where = "inline" if request.args.get("show") and file.content_type in PICTURES else "attachment"
    plain = file.name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    answer.headers["Content-Disposition"] = (
        f"{where}; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name)}"
    )
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
