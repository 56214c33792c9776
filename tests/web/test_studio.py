"""The designers' studio without script: rights, files, hostile uploads, problems, and the second person."""

import io
import re
import zipfile

import pytest

from service import deployments, drafts, procedure_archive
from service.drafts import LARGEST_FILE
from service.errors import Invalid
from service.identity import duties
from service.identity.people import Person
from service.system import deployment_files
from tests import town
from tests.web.conftest import Desk, Visitor


class Studio:
    """The desk with people who design and publish."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.designer = town.add_person(desk.system, "设计员", (duties.DESIGNER, None))
        self.publisher = town.add_person(desk.system, "发布员", (duties.PUBLISHER, None))
        self.both = town.add_person(desk.system, "双岗", (duties.DESIGNER, None), (duties.PUBLISHER, None))

    def begin(self, person: Person) -> tuple[Visitor, str]:
        """Begin a draft; returns the browser and the draft's address."""
        visitor = self.desk.visitor(person)
        visitor.get("/designer/")
        answer = visitor.post("/designer/drafts", {"name": "改时限"})
        assert answer.status_code == 302, answer.text
        return visitor, answer.headers["Location"]

    def files(self) -> dict[str, bytes]:
        """The files in force."""
        with self.desk.system.database.read() as connection:
            return dict(deployment_files(connection, deployments.in_force(self.desk.system, connection)))


@pytest.fixture
def studio(sqlite_desk: Desk) -> Studio:
    return Studio(sqlite_desk)


def version_of(visitor: Visitor, draft: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', visitor.get(draft).text)
    assert found is not None
    return found.group(1)


def save(visitor: Visitor, draft: str, path: str, content: str, version: str | None = None) -> int:
    data = {"version": version or version_of(visitor, draft), "content": content}
    return visitor.post(f"{draft}/edit/{path}", data).status_code


def archive(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for path, data in files.items():
            made.writestr(path, data)
    return target.getvalue()


def test_only_designers_and_publishers_enter(studio: Studio) -> None:
    _, draft = studio.begin(studio.designer)
    for person in (studio.desk.clerk, studio.desk.checker):
        visitor = studio.desk.visitor(person)
        assert visitor.get("/designer/").status_code == 403
        assert visitor.get(draft).status_code == 403
        assert visitor.get(f"{draft}.zip").status_code == 403
        assert visitor.post(f"{draft}/publish").status_code == 403
    stranger = studio.desk.visitor()
    assert stranger.get(draft).status_code == 302
    publisher = studio.desk.visitor(studio.publisher)
    assert publisher.get(draft).status_code == 200
    assert save(studio.desk.visitor(studio.publisher), draft, "roles.toml", "x", "1") == 403
    assert publisher.get("/designer/drafts/0123456789abcdef0123456789abcdef").status_code == 404
    assert publisher.get(f"{draft}/edit/nothing.bpmn").status_code == 404


def test_a_second_person_publishes(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.both)
    text = studio.files()["desk.bpmn"].decode()
    assert save(visitor, draft, "desk.bpmn", text.replace("<bpmn:process ", "<bpmn:process  ")) == 302
    assert (
        "说明改了什么" in visitor.get(visitor.post(f"{draft}/submit", {"note": " "}).headers["Location"]).text
    )
    visitor.post(f"{draft}/submit", {"note": "试改"})
    page = visitor.get(draft).text
    assert "等待另一位发布员" in page
    assert "须由另一位发布员发布" in page
    assert visitor.post(f"{draft}/publish").status_code == 403
    second = studio.desk.visitor(studio.publisher)
    second.get(draft)
    published = second.post(f"{draft}/publish")
    assert published.status_code == 302
    assert "第 2 版" in second.get(published.headers["Location"]).text
    assert b"<bpmn:process  " in studio.files()["desk.bpmn"]


def test_a_draft_that_waits_is_on_the_publisher_s_home_page(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    visitor.post(f"{draft}/submit", {"note": "为了周五"})
    home = studio.desk.visitor(studio.publisher).get("/").text
    assert f'href="{draft}"' in home
    assert "等您审核发布" in home
    assert "没有等您办理的事" not in home
    assert "等您审核发布" not in visitor.get("/").text
    assert draft not in studio.desk.visitor(studio.desk.clerk).get("/").text


def test_a_publisher_gives_a_draft_back(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    visitor.post(f"{draft}/submit", {"note": "什么也没改"})
    assert save(visitor, draft, "roles.toml", "x", "1") != 302 or "待发布" in visitor.get(draft).text
    second = studio.desk.visitor(studio.publisher)
    second.get(draft)
    second.post(f"{draft}/reopen")
    assert "编辑中" in visitor.get(draft).text
    assert "不能这样操作" in second.get(second.post(f"{draft}/publish").headers["Location"]).text


def test_problems_are_told_by_file_and_element_and_forbid_submitting(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    text = studio.files()["desk.bpmn"].decode()
    broken = re.sub(r'cl:form="[^"]+"', 'cl:form="no_such_form"', text, count=1)
    assert save(visitor, draft, "desk.bpmn", broken) == 302
    page = visitor.get(draft).text
    assert "no_such_form" in page
    element = re.search(r"/edit/desk\.bpmn#(\w+)", page)
    assert element is not None
    answer = visitor.post(f"{draft}/submit", {"note": "坏的"})
    assert "处错误" in visitor.get(answer.headers["Location"]).text
    assert "编辑中" in visitor.get(draft).text


def test_who_saves_on_an_old_page_is_told_and_writes_nothing(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    first = version_of(visitor, draft)
    assert (
        save(visitor, draft, "roles.toml", studio.files()["roles.toml"].decode() + "\n# one\n", first) == 302
    )
    answer = visitor.post(
        f"{draft}/edit/roles.toml",
        {"version": first, "content": "# two"},
        headers={"X-Requested-With": "fetch"},
    )
    assert answer.status_code == 409
    assert "别人刚保存了" in answer.json["text"]
    assert b"# two" not in visitor.get(f"{draft}/files/roles.toml").data


def test_differences_are_said_in_words(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    text = studio.files()["desk.bpmn"].decode()
    name = re.search(r'<bpmn:userTask id="(\w+)" name="([^"]+)"', text)
    assert name is not None
    save(visitor, draft, "desk.bpmn", text.replace(f'name="{name[2]}"', 'name="改了名"', 1))
    page = visitor.get(f"{draft}/changes").text
    assert "改了名" in page
    assert name[2] in page
    assert "没有在办事项" in page


def test_what_runs_is_counted_beside_the_change(studio: Studio) -> None:
    clerk = studio.desk.visitor(studio.desk.clerk)
    studio.desk.begin(clerk)
    visitor, draft = studio.begin(studio.designer)
    text = studio.files()["desk.bpmn"].decode()
    save(visitor, draft, "desk.bpmn", re.sub(r'(userTask id="\w+" name=")', r"\1新", text, count=1))
    assert "第 1 版在办 1 件" in visitor.get(f"{draft}/changes").text


def test_a_set_of_files_goes_out_and_comes_back_the_same(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    packed = visitor.get(f"{draft}.zip").data
    assert procedure_archive.unpack(packed) == studio.files()
    visitor.get("/designer/")
    answer = visitor.post("/designer/drafts", {"name": "整套", "archive": (io.BytesIO(packed), "set.zip")})
    assert visitor.get(f"{answer.headers['Location']}.zip").data == packed


def test_files_are_sent_so_that_no_browser_runs_them(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    save(visitor, draft, "forms/evil.json", "<script>alert(1)</script>")
    answer = visitor.get(f"{draft}/files/forms/evil.json")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "<script>alert(1)</script>" not in visitor.get(f"{draft}/edit/forms/evil.json").text


@pytest.mark.parametrize(
    "files",
    [
        {"../../etc/passwd.bpmn": b"x"},
        {"../passwd.bpmn": b"x"},
        {"/absolute.bpmn": b"x"},
        {"a//b.bpmn": b"x"},
        {"virus.exe": b"MZ"},
        {"huge.bpmn": b"0" * (LARGEST_FILE + 1)},
        {f"f{number}.bpmn": b"x" for number in range(501)},
        {},
    ],
    ids=["up", "up-once", "root", "empty-part", "kind", "bomb", "many", "nothing"],
)
def test_a_hostile_archive_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(Invalid):
        procedure_archive.unpack(archive(files))


def test_what_is_no_archive_is_refused_on_the_page(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    data = {"version": version_of(visitor, draft), "files": (io.BytesIO(b"PK\x03\x04nonsense"), "set.zip")}
    answer = visitor.post(f"{draft}/upload", data)
    assert "不是可以读取的 zip" in visitor.get(answer.headers["Location"]).text


def test_an_upload_that_brings_errors_says_so(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    cut_off = studio.files()["desk.bpmn"].rpartition(b"</bpmn:definitions>")[0]
    data = {"version": version_of(visitor, draft), "files": (io.BytesIO(cut_off), "desk.bpmn")}
    page = visitor.get(visitor.post(f"{draft}/upload", data).headers["Location"]).text
    assert "其中有错误：desk.bpmn" in page
    assert "cl-toast--ok" not in page
    assert "没有结束" in page
    assert "Premature" not in page


def test_a_version_says_who_starts_its_processes(studio: Studio) -> None:
    visitor = studio.desk.visitor(studio.designer)
    versions = re.findall(r"/designer/versions/[0-9a-f]{32}", visitor.get("/designer/").text)
    page = visitor.get(versions[0]).text
    assert '<td data-label="由谁启动">经办人</td>' in page


def test_a_file_too_large_is_refused(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor, draft = studio.begin(studio.designer)
    monkeypatch.setattr(drafts, "LARGEST_FILE", 1000)
    data = {"version": version_of(visitor, draft), "files": (io.BytesIO(b" " * 1001), "big.bpmn")}
    answer = visitor.post(f"{draft}/upload", data)
    assert "big.bpmn 超过" in visitor.get(answer.headers["Location"]).text
    assert visitor.get(f"{draft}/files/big.bpmn").status_code == 404


def test_a_request_larger_than_allowed_is_cut_off(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    assert studio.desk.app.config["MAX_CONTENT_LENGTH"] == studio.desk.system.settings.max_upload
    studio.desk.app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = visitor.post(f"{draft}/upload", {"files": (io.BytesIO(b" " * 1001), "big.zip")})
    assert answer.status_code == 413


def test_a_diagram_with_a_doctype_is_a_problem_and_no_harm(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    text = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    assert save(visitor, draft, "bad.bpmn", text) == 302
    page = visitor.get(f"{draft}/edit/bad.bpmn").text
    assert "DOCTYPE" in page
    assert "root:" not in page


def test_a_new_diagram_can_be_added_and_removed(studio: Studio) -> None:
    visitor, draft = studio.begin(studio.designer)
    data = {"version": version_of(visitor, draft), "kind": "diagram", "key": "fresh", "name": "新流程"}
    made = visitor.post(f"{draft}/new-file", data)
    assert "新流程" in visitor.get(made.headers["Location"]).text
    bad = visitor.post(f"{draft}/new-file", {**data, "key": "../x"})
    assert "文件编号" in visitor.get(bad.headers["Location"]).text
    visitor.post(f"{draft}/remove", {"version": version_of(visitor, draft), "path": "fresh.bpmn"})
    assert visitor.get(f"{draft}/edit/fresh.bpmn").status_code == 404
