"""The command `chuanglv`: databases, people, tokens; what is refused says why and ends with status 1."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from service import cli, installations
from service.config import read_settings
from service.errors import Invalid
from service.identity import commands, sign_in, tokens
from service.system import System

ROOT = Path(__file__).resolve().parents[2]
LEAVE = ROOT / "tests" / "procedures" / "leave"
PASSWORD = "seven green bridges"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on a data directory of its own; returns status, output and errors."""
    for name in ("CHUANGLV_DATA", "CHUANGLV_DATABASE_URL", "CHUANGLV_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHUANGLV_PASSWORD", PASSWORD)

    def command(*words: str) -> tuple[int, str, str]:
        status = cli.main(["--data", str(tmp_path), *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


@pytest.fixture
def opened(run: Run, tmp_path: Path) -> Callable[[], System]:
    """Open what the commands wrote."""
    return lambda: installations.open_system(read_settings(tmp_path))


def test_a_database_is_made_once_and_its_clock_decided_then(run: Run, opened: Callable[[], System]) -> None:
    assert run("migrate", "--movable-clock")[1].startswith("数据库已建立")
    assert run("migrate")[1].startswith("数据库已是最新")
    system = opened()
    with system.database.read() as connection:
        assert system.installation(connection).movable_clock
        assert not system.installation(connection).demo
    system.database.dispose()


def test_a_real_clock_never_becomes_movable(run: Run) -> None:
    run("migrate")
    status, _out, errors = run("migrate", "--movable-clock")
    assert status == 1
    assert "真实时钟" in errors


def test_a_person_is_added_seated_and_given_a_token(run: Run, opened: Callable[[], System]) -> None:
    assert run("person", "add", "Zhang", "--name", "张三")[0] == 0
    assert run("person", "member", "zhang", "duty.publisher")[0] == 0
    assert run("person", "list")[1] == "zhang\t张三\tduty.publisher\n"
    secret = run("token", "create", "zhang", "--label", "test")[1].strip()
    system = opened()
    found = tokens.authenticate(system, secret)
    assert found is not None
    assert found.has("duty.publisher")
    assert sign_in.sign_in(system, "zhang", PASSWORD).person.id == found.id
    system.database.dispose()


def test_roles_lists_duties_and_the_roles_of_the_procedure(run: Run) -> None:
    assert "duty.publisher\t流程发布员 / Publisher\n" in run("person", "roles")[1]
    run("deploy", str(LEAVE))
    assert "(ORGANISATION)" in run("person", "roles")[1].splitlines()[-1]
    status, _out, errors = run("person", "member", "zhang")
    assert (status, errors) == (2, "ROLE is missing\n")


def test_people_added_before_do_not_stand_in_the_way_of_the_first_administrator(
    run: Run, opened: Callable[[], System]
) -> None:
    run("person", "add", "zhang")
    system = opened()
    assert commands.first_administrator(system) is not None
    assert commands.first_administrator(system) is None
    system.database.dispose()


@pytest.mark.parametrize("wrong", ["chuanglv.example", "ftp://chuanglv.example", "https://", "https://a?b=c"])
def test_a_public_address_is_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str) -> None:
    monkeypatch.setenv("CHUANGLV_PUBLIC_URL", wrong)
    with pytest.raises(Invalid, match="CHUANGLV_PUBLIC_URL"):
        read_settings(tmp_path)
    monkeypatch.setenv("CHUANGLV_PUBLIC_URL", "https://chuanglv.example.gov.cn/")
    assert read_settings(tmp_path).public_url == "https://chuanglv.example.gov.cn"


def test_a_forgotten_password_is_replaced_by_one_for_one_sign_in(
    run: Run, opened: Callable[[], System]
) -> None:
    run("person", "add", "zhang")
    once = run("person", "password", "zhang")[1].strip()
    assert re.fullmatch(r"(\w{4}-){3}\w{4}", once)
    system = opened()
    assert sign_in.sign_in(system, "zhang", once).person.must_change_password
    system.database.dispose()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("person", "member", "nobody", "duty.publisher"), "没有这个人员"),
        (("person", "member", "zhang", "duty.king"), "没有系统职责"),
        (("person", "member", "zhang", "head"), "请选择单位"),
        (("person", "member", "zhang", "head", "X-9"), "没有这个机构"),
        (("person", "add", "zhang"), "已有人使用"),
        (("person", "password", "nobody"), "没有这个人员"),
        (("token", "create", "nobody"), "没有这个人员"),
        (("token", "create", "zhang", "--days", "0"), "有效期"),
        (("export", "somewhere"), "流程"),
    ],
)
def test_what_is_refused_says_why(run: Run, words: tuple[str, ...], said: str) -> None:
    run("person", "add", "zhang")
    status, _out, errors = run(*words)
    assert status == 1
    assert said in errors


def test_a_weak_password_makes_no_person(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUANGLV_PASSWORD", "short")
    status, _out, errors = run("person", "add", "zhang")
    assert status == 1
    assert "12" in errors
    assert run("person", "list")[1] == ""


def test_a_procedure_is_checked_deployed_and_exported(run: Run, tmp_path: Path) -> None:
    assert run("check", str(LEAVE))[0] == 0
    assert run("deploy", str(LEAVE))[0] == 0
    folder = tmp_path / "out"
    assert run("export", str(folder))[0] == 0
    assert (folder / "leave.bpmn").read_bytes() == (LEAVE / "leave.bpmn").read_bytes()
