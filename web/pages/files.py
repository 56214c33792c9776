"""Uploaded files, handed to who may see their matter."""

from flask import Blueprint, Response, request

from service import files
from web import downloads
from web.context import current_person, current_system

page = Blueprint("files", __name__)


@page.get("/files/<file_id>")
def download(file_id: str) -> Response:
    """Return a file; pictures in place where `?show=1` asks for it."""
    file, data = files.download(current_system(), current_person(), file_id)
    return downloads.sent(file, data, in_place=bool(request.args.get("show")))
