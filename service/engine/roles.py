"""Reads `roles.toml`: the roles of a procedure, where each sits and what its members may see."""

import re
from typing import Any

from service.engine.model import Problem, Role
from service.engine.problems import Findings
from service.engine.toml import parse_toml
from service.errors import Text

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_KEYS = frozenset({"label", "label_en", "sits", "of", "sees"})
_SEES = ("own", "area", "all")
_MOST_ROLES = 200


def read_roles(file: str, data: bytes) -> tuple[dict[str, Role], tuple[Problem, ...]]:
    """Return the roles by id, with the problems found; roles with an error are left out."""
    findings = Findings(file)
    roles: dict[str, Role] = {}
    text, content = parse_toml(findings, data, "roles-unreadable")
    table = content.pop("roles", {})
    for key in content:
        findings.error(
            "roles-unknown-key",
            f"不认识 {key}；角色写成 [roles.编号]",
            f"{key} is not known; write a role as [roles.id]",
            line=_line(text, key),
        )
    if isinstance(table, dict) and len(table) > _MOST_ROLES:
        findings.error(
            "roles-too-many",
            f"角色有 {len(table)} 个，最多 {_MOST_ROLES} 个",
            f"there are {len(table)} roles, {_MOST_ROLES} at most",
        )
        return roles, findings.problems
    for role_id, value in (table if isinstance(table, dict) else {"roles": table}).items():
        role = _role(findings, text, role_id, value)
        if role is not None:
            roles[role_id] = role
    return roles, findings.problems


def _role(findings: Findings, text: str, role_id: str, value: Any) -> Role | None:
    line = _line(text, role_id)
    if not isinstance(value, dict) or not _ID.fullmatch(role_id):
        findings.error(
            "role-malformed",
            f"角色 {role_id} 要写成 [roles.编号]，编号由字母、数字、下划线组成",
            f"role {role_id}: write it as [roles.id], the id of letters, digits and underscores",
            line=line,
        )
        return None
    unknown = sorted(value.keys() - _KEYS)
    wrong = sorted(
        key for key in value.keys() & _KEYS if not isinstance(value[key], str) or not value[key].strip()
    )
    missing = sorted({"label", "sits"} - value.keys())
    for keys, zh, en in (
        (unknown, "不认识", "not known"),
        (wrong, "要写一段文字", "must be a text"),
        (missing, "没有写", "missing"),
    ):
        if keys:
            findings.error(
                "role-malformed",
                f"角色 {role_id}：{'、'.join(keys)} {zh}",
                f"role {role_id}: {', '.join(keys)} {en}",
                line=line,
            )
    sees = value.get("sees", "own")
    if not wrong and sees not in _SEES:
        findings.error(
            "role-malformed",
            f"角色 {role_id}：sees 只能是 own、area、all",
            f"role {role_id}: sees is own, area or all",
            line=line,
        )
    if unknown or wrong or missing or sees not in _SEES:
        return None
    label = Text(value["label"], str(value.get("label_en", value["label"])))
    return Role(role_id, label, value["sits"], value.get("of"), sees)


def _line(text: str, key: str) -> int | None:
    pattern = re.compile(
        rf"^\s*(?:\[roles\.\"?{re.escape(key)}\"?\]|\"?{re.escape(key)}\"?\s*=)", re.MULTILINE
    )
    found = pattern.search(text)
    return text.count("\n", 0, found.end()) + 1 if found else None
