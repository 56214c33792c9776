"""Settings of one running installation, read once from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from service.errors import Invalid, Text


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the data lives and how the process behaves; times in seconds, sizes in bytes."""

    #: Directory of uploads, keys and, by default, the SQLite database.
    data: Path
    #: SQLAlchemy address; SQLite in `data` when the environment names none.
    database_url: str
    #: Secret for sessions and the audit chain; kept in `data/secret.key` (mode 0600) unless given.
    secret: bytes
    #: Whether cookies demand HTTPS.
    secure_cookies: bool = False
    #: Number of trusted reverse proxies in front of the web process.
    proxies: int = 0
    #: Largest request body in bytes.
    max_upload: int = 20 * 1024 * 1024
    #: Where the public reaches this installation, without a slash at its end; what a certificate's QR code opens.
    public_url: str | None = None


def read_settings(data: Path | None = None) -> Settings:
    """Read settings from `CHUANGLV_*` variables; make the data directory and its secret when missing.

    Raises `Invalid` when a variable has no sense.
    """
    root = (data or Path(os.environ.get("CHUANGLV_DATA", "data"))).resolve()
    root.mkdir(parents=True, exist_ok=True, mode=0o750)
    url = os.environ.get("CHUANGLV_DATABASE_URL") or f"sqlite:///{root / 'chuanglv.sqlite3'}"
    return Settings(
        data=root,
        database_url=url.replace("postgresql://", "postgresql+psycopg://", 1),
        secret=_secret(root),
        secure_cookies=os.environ.get("CHUANGLV_SECURE_COOKIES", "") == "1",
        proxies=_whole_number("CHUANGLV_PROXIES", 0),
        max_upload=_whole_number("CHUANGLV_MAX_UPLOAD", 20 * 1024 * 1024),
        public_url=_address("CHUANGLV_PUBLIC_URL"),
    )


def _address(name: str) -> str | None:
    raw = os.environ.get(name)
    if not raw:
        return None
    parts = urlsplit(raw)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise Invalid(
            Text(
                f"环境变量 {name} 应是网址，例如 https://chuanglv.example.gov.cn",
                f"{name} must be an address, such as https://chuanglv.example.gov.cn",
            ),
            variable=name,
        )
    return raw.rstrip("/")


def _whole_number(name: str, default: int) -> int:
    raw = os.environ.get(name)
    if raw is None:
        return default
    if not raw.isdigit():
        raise Invalid(
            Text(f"环境变量 {name} 必须是非负整数", f"{name} must be a whole number"), variable=name
        )
    return int(raw)


def _secret(root: Path) -> bytes:
    given = os.environ.get("CHUANGLV_SECRET")
    if given is not None:
        if len(given) < 32:
            raise Invalid(
                Text("CHUANGLV_SECRET 至少 32 个字符", "CHUANGLV_SECRET needs at least 32 characters"),
                variable="CHUANGLV_SECRET",
            )
        return given.encode()
    path = root / "secret.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        secret = os.urandom(48).hex().encode()
        file.write(secret)
    return secret
