"""The product's own duties: memberships that exist in every installation, whatever its procedure."""

from typing import Final

from service.errors import Text

ADMINISTRATOR: Final = "duty.administrator"
PROCESS_ADMINISTRATOR: Final = "duty.process_administrator"
DESIGNER: Final = "duty.designer"
PUBLISHER: Final = "duty.publisher"
MANAGER: Final = "duty.manager"
AUDITOR: Final = "duty.auditor"

PREFIX: Final = "duty."

#: What each duty is called.
LABELS: Final[dict[str, Text]] = {
    ADMINISTRATOR: Text("系统管理员", "Administrator"),
    PROCESS_ADMINISTRATOR: Text("流程管理员", "Process administrator"),
    DESIGNER: Text("流程设计员", "Process designer"),
    PUBLISHER: Text("流程发布员", "Publisher"),
    MANAGER: Text("工作管理者", "Manager"),
    AUDITOR: Text("审计员", "Auditor"),
}

#: Duties whose holders may read every matter (military units stay redacted for them).
READS_ALL: Final = frozenset({PROCESS_ADMINISTRATOR, MANAGER, AUDITOR})


def is_duty(role: str) -> bool:
    """Whether `role` is one of the product's duties rather than a role of the procedure."""
    return role in LABELS
