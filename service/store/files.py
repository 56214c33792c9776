"""Table of uploaded files; their contents are blobs, shared by equal content."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from service.store.types import Id, Instant, metadata

uploaded_file = Table(
    "uploaded_file",
    metadata,
    Column("id", Id, primary_key=True),
    Column("sha256", String(64), ForeignKey("blob.sha256"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("size", Integer, nullable=False),
    Column("content_type", String(120), nullable=False),
    Column("uploader_id", Id, nullable=False),
    Column("created_at", Instant, nullable=False),
    #: The matter it was submitted in; empty until then.
    Column("matter_id", Id),
    Index(None, "matter_id"),
    Index(None, "uploader_id", "created_at"),
)
