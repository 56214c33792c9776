"""Tables of areas, organisations, units, people, memberships, sessions and the security journal."""

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from service.store.types import Id, Instant, Json, metadata

#: Administrative areas (GB/T 2260): nation, province, city and county level.
area = Table(
    "area",
    metadata,
    Column("code", String(6), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("name_en", String(120), nullable=False, default=""),
    Column("parent_code", ForeignKey("area.code")),
    Column("participates", Boolean, nullable=False, default=True),
    Column("valid_from", Date),
    Column("valid_to", Date),
)

#: Townships and streets; `area_code` is the area of the administrative map.
place = Table(
    "place",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("area_code", ForeignKey("area.code"), nullable=False, index=True),
    UniqueConstraint("area_code", "name"),
)

#: Who manages a place from when to when; `area_code` is null while a body outside the city does (`manager` names it).
place_management = Table(
    "place_management",
    metadata,
    Column("id", Id, primary_key=True),
    Column("place_id", ForeignKey("place.id"), nullable=False, index=True),
    Column("area_code", ForeignKey("area.code")),
    Column("manager", String(120), nullable=False, default=""),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("source", Text, nullable=False, default=""),
)

#: Kinds of organisations, as data; `military_channel` kinds may read military units in full.
organisation_kind = Table(
    "organisation_kind",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("label", String(80), nullable=False),
    Column("label_en", String(120), nullable=False, default=""),
    Column("military_channel", Boolean, nullable=False, default=False),
    Column("position", Integer, nullable=False, default=0),
)

#: Kinds of units (school, village, ...), as data.
unit_kind = Table(
    "unit_kind",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("label", String(80), nullable=False),
    Column("label_en", String(120), nullable=False, default=""),
    Column("position", Integer, nullable=False, default=0),
)

organisation = Table(
    "organisation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("code", String(40), nullable=False, unique=True),
    Column("name", String(120), nullable=False),
    Column("name_en", String(160), nullable=False, default=""),
    Column("kind", String(40), nullable=False),
    Column("area_code", ForeignKey("area.code")),
    Column("parent_id", ForeignKey("organisation.id")),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Index(None, "kind", "area_code"),
    Index(None, "name"),
)

#: Names an organisation had before; `valid_to` is the last day of the old name.
organisation_former_name = Table(
    "organisation_former_name",
    metadata,
    Column("id", Id, primary_key=True),
    Column("organisation_id", ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", String(120), nullable=False, index=True),
    Column("name_en", String(160), nullable=False, default=""),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date, nullable=False),
    Column("reason", Text, nullable=False, default=""),
)

#: What is known of an organisation of kind `unit`; areas in square metres, ratios in percent.
unit_profile = Table(
    "unit_profile",
    metadata,
    Column("organisation_id", ForeignKey("organisation.id"), primary_key=True),
    Column("unit_kind", String(40), nullable=False, index=True),
    Column("uscc", String(18), index=True),
    Column("industry", String(10), nullable=False, default=""),
    Column("military", Boolean, nullable=False, default=False),
    Column("public", Boolean, nullable=False, default=True),
    Column("municipal_department_id", ForeignKey("organisation.id"), index=True),
    Column("place_id", ForeignKey("place.id")),
    Column("township", String(80), nullable=False, default=""),
    Column("address", String(200), nullable=False, default=""),
    Column("registered_address", String(200), nullable=False, default=""),
    Column("legal_representative", String(60), nullable=False, default=""),
    Column("contact_name", String(60), nullable=False, default=""),
    Column("contact_phone", String(40), nullable=False, default=""),
    Column("contact_mobile", String(40), nullable=False, default=""),
    Column("contact_email", String(120), nullable=False, default=""),
    Column("staff", Integer),
    Column("students", Integer),
    Column("households", Integer),
    Column("population", Integer),
    Column("beds", Integer),
    Column("land_area", Float),
    Column("building_area", Float),
    Column("green_area", Float),
    Column("green_ratio", Float),
    Column("green_coverage", Float),
    Column("key_polluter", Boolean, nullable=False, default=False),
    Column("discharge_permit", String(40), nullable=False, default=""),
    Column("details", Json, nullable=False, default=dict),
    Column("version", Integer, nullable=False, default=1),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("NOT (military AND public)", name="military_is_not_public"),
)

#: `login` is kept in lower case; `password_expires_at` limits a one-time password.
person = Table(
    "person",
    metadata,
    Column("id", Id, primary_key=True),
    Column("login", String(60), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
    Column("language", String(10), nullable=False, default="zh"),
    Column("mobile", String(40), nullable=False, default=""),
    Column("email", String(120), nullable=False, default=""),
    Column("password_hash", String(200)),
    Column("password_changed_at", Instant),
    Column("password_expires_at", Instant),
    Column("must_change_password", Boolean, nullable=False, default=False),
    Column("demo", Boolean, nullable=False, default=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

#: A person holds a role in an organisation from the first to the last day (`valid_to` included; null: open);
#: only the product's duties may be held without an organisation.
membership = Table(
    "membership",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("role", String(60), nullable=False),
    Column("organisation_id", ForeignKey("organisation.id"), index=True),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("granted_by", ForeignKey("person.id")),
    Column("granted_at", Instant, nullable=False),
    CheckConstraint("organisation_id IS NOT NULL OR substr(role, 1, 5) = 'duty.'", name="sits_somewhere"),
    Index(None, "role", "organisation_id"),
)

#: A declared relation between a person and a unit: a reason to stand aside.
recusal = Table(
    "recusal",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("organisation_id", ForeignKey("organisation.id"), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("declared_by", ForeignKey("person.id")),
    Column("declared_at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
)

#: Sign-ins in force; only the SHA-256 of the token is kept.
login_session = Table(
    "login_session",
    metadata,
    Column("id", Id, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("address", String(45), nullable=False, default=""),
    Column("agent", String(200), nullable=False, default=""),
    Column("revoked_at", Instant),
    Column("revoked_for", String(40)),
)

#: Personal tokens of the REST API; only the SHA-256 of the token is kept.
api_token = Table(
    "api_token",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
)

#: Failed sign-ins in a row by subject: `account:<login>` or `address:<ip>`.
sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("subject", String(120), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("blocked_until", Instant),
)

#: What happened around accounts and rights; rows are never changed or deleted.
security_event = Table(
    "security_event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("kind", String(40), nullable=False),
    Column("actor_id", Id),
    Column("person_id", Id, index=True),
    Column("address", String(45), nullable=False, default=""),
    Column("facts", Json, nullable=False, default=dict),
)

#: Statements by dialect that make `security_event` append-only; migrations run the same ones.
APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS security_event_no_{verb.lower()} BEFORE {verb} ON security_event "
        "BEGIN SELECT RAISE(ABORT, 'security_event is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        (
            "CREATE OR REPLACE FUNCTION security_event_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'security_event is append-only'; END $$"
        ),
        (
            "CREATE OR REPLACE TRIGGER security_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            "ON security_event EXECUTE FUNCTION security_event_append_only()"
        ),
    ),
}


def _make_append_only(_table: Table, connection: Connection, **_options: Any) -> None:
    for statement in APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)


event.listen(security_event, "after_create", _make_append_only)
