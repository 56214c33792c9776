"""The year of one unit, a school of the municipal system: from its body's targets to the plaque on its wall.

Everybody who has a part in it does it in the browser, each in turn. `live` checks on the way what they read.
"""

import functools
import re
from collections.abc import Mapping

from playwright.sync_api import expect

from tests.browser.at_work import DESK, PDF, PHONE, AtWork

SCHOOL = "咸阳市实验小学（演示）"
#: Who plays which part, by the names of the demo people.
CLERK = "陈永桂"
BODY = "陶晓松"
APPLICANT = "杨茂柳"
INSPECTORS = ("施永杉", "张春梓", "孔嘉梅")
HEAD = "蒋清杏"
CHAIR = "韩安枫"
COMMITTEE = ("杨青桃", "朱秀竹", "秦长杉", "尤新梓", "许晓梅")
PASSWORD = "green-city-2026"
DECISION = "咸创绿发〔2026〕12号"
#: The places of each body by the beginning of its name: 22, 10 and 3.
_COUNTIES = (
    "秦都",
    "渭城",
    "兴平",
    "三原",
    "泾阳",
    "乾县",
    "礼泉",
    "彬州",
    "永寿",
    "长武",
    "旬邑",
    "淳化",
    "武功",
)
PLACES: Mapping[str, Mapping[str, int]] = {
    "市级": {
        **dict.fromkeys(_COUNTIES, 1),
        "教育局": 3,
        "卫生健康": 2,
        "工业和信息化": 2,
        "国有资产": 1,
        "军分区": 1,
    },
    "省级": {**dict.fromkeys(_COUNTIES[:8], 1), "教育局": 1, "工业和信息化": 1},
    "国家级": {"秦都": 1, "教育局": 1, "卫生健康": 1},
}
CERTIFICATE = "咸绿市〔2026〕001号"


def live(one: AtWork) -> None:
    """Live the whole year."""
    sign_in(one)
    prepare(one)
    split(one)
    apply(one)
    recommend(one)
    accept(one)
    inspect(one)
    deliberate(one)
    give_notice(one)
    name_it(one)
    look_back(one)


def sign_in(one: AtWork) -> None:
    """Sign in by the form as the body's clerk."""
    one.page.goto("/")
    one.show("sign-in")
    one.page.get_by_label("登录名").fill("演示-市教育局-01")
    one.page.get_by_label("口令").fill(PASSWORD)
    one.page.keyboard.press("Enter")
    expect(one.page.locator("h1")).to_contain_text(f"{BODY}（演示），您好")
    expect(one.page.locator(".cl-phase-now")).to_contain_text("计划准备阶段")
    one.show("home-of-a-body")


def prepare(one: AtWork) -> None:
    """The body sets up its working body and chooses the unit; the office checks both (R03)."""
    one.open_task("组建工作机构")
    one.fill(
        {
            "机构名称": "市教育局创绿工作领导小组",
            "组长及职务": "李局长（演示）",
            "联络员": BODY,
            "联系电话": "000-2030",
            "姓名": "王科长（演示）",
            "单位和职务": "市教育局办公室",
        }
    )
    one.show("working-body")
    one.press("报送")
    one.open_task("确定创建对象")
    one.fill({"单位": SCHOOL, "目标级别": "市级", "确定依据": "创建基础好，师生参与度高。"})
    one.show("targets")
    one.press("报送")
    one.become(CLERK)
    one.open_task("审核机构", "市教育局")
    one.press("通过")
    one.open_task("审核创建对象", "市教育局")
    expect(one.page.locator("main")).to_contain_text(SCHOOL)
    one.show("check-targets")
    one.press("通过")


def split(one: AtWork) -> None:
    """The office splits 22, 10 and 3 places, bodies confirm or are silent, the chair approves, it is issued (R02)."""
    one.open_task("拟定任务划分")
    one.fill({level: functools.partial(places, level) for level in PLACES}, anew=True)
    for level, total in (("city", 22), ("province", 10), ("nation", 3)):
        wanted = f"{total}（应为 {total} ✓）"
        expect(one.page.locator(f"output[data-total='shares.{level}']")).to_have_text(wanted)
    one.show("split")
    one.press("送各单位确认")
    one.become(BODY)
    one.open_task("确认任务划分")
    one.show("confirm-split")
    one.press("确认")
    one.move_to("2026-04-03")
    one.become(CHAIR)
    one.open_task("审批任务划分")
    one.press("同意", "同意。")
    one.become(CLERK)
    one.open_task("印发任务划分")
    one.fill({"发文字号": "咸创绿发〔2026〕2号"})
    one.press("印发")


def places(level: str, beside: Mapping[str, str]) -> int | None:
    """Return a body's places; the grid starts with none."""
    return next((number for name, number in PLACES[level].items() if name in beside["row"]), None)


def apply(one: AtWork) -> None:
    """The school asks to apply from its start page, fills in the form, uploads one file and submits (R10 to R13)."""
    one.move_to("2026-07-01")
    expect(one.page.locator(".cl-phase-now")).to_contain_text("材料申报阶段")
    one.show("what-fired")
    one.become(APPLICANT)
    one.show("home-of-the-unit")
    one.start("提出申报", {"申报级别": "市级"})
    one.show("ask-to-apply")
    one.begin()
    one.open_task("填写申报材料")
    expect(one.page.get_by_label("地址")).to_have_value("中山街道演示路48号")
    expect(one.page.get_by_label("绿地率")).to_have_value("46")
    one.show("application-form")
    one.page.locator("#outcomes").get_by_role("button", name="提交", exact=True).click()
    expect(one.page.get_by_role("alert")).to_contain_text("需要改正")
    expect(one.page.get_by_role("alert")).to_contain_text(re.compile(r"W1\.1 .* · 自评分：必填"))
    one.show("what-is-missing")
    one.fill(
        {
            "班级数": 36,
            "绿色课程和社团": "自然笔记社团、垃圾分类课、班级植物角。",
            "创建开始日期": "2025-09-01",
            "创建工作领导小组": "组长：校长；成员：总务、教务、少先队。",
            "自评报告（1500 字以内）": "学校把绿化、节能和绿色教育写进学年计划：补种乔木一百二十株，改造屋顶花园，"
            "雨水用于浇灌；全校实行垃圾分类，开设自然笔记课程，学生人人有一盆自己的植物。",
            "自评分": lambda beside: beside["满分"],
            "佐证材料目录": "绿化竣工图；垃圾分类台账；课程表和学生作品。",
            "佐证材料": ("绿化台账.pdf", PDF),
            "郑重声明：近三年未发生环境污染事件": True,
            "承诺所填内容和材料真实": True,
        }
    )
    one.show("application-filled-in")
    one.press("提交")
    one.page.goto("/")
    expect(one.page.get_by_role("region", name="本单位在办的事项")).to_contain_text("初审")
    one.show("progress-of-the-unit")


def recommend(one: AtWork) -> None:
    """The body reviews the application and forwards it under seal (R09)."""
    one.become(BODY)
    one.open_task("初审申报材料", SCHOOL)
    one.fill({"已到现场核实": True, "材料是否属实": "属实", "初审意见": "材料齐全，到校核实，情况属实。"})
    one.show("review")
    one.press("同意推荐", "同意推荐。")
    one.open_task("盖章报送市创绿办", SCHOOL)
    one.fill({"本单位推荐排序": 1, "推荐文号": "咸教函〔2026〕18号", "已加盖公章": True})
    one.show("forward")
    one.press("报送")


def accept(one: AtWork) -> None:
    """The office checks the documents and accepts."""
    one.become(CLERK)
    one.show("home-of-the-office")
    one.open_task("审查申报资料", SCHOOL)
    one.fill({"书面材料已收到": True, "审查意见": "材料齐全，符合要求，予以受理。"})
    one.show("check-documents")
    one.press("受理")


def inspect(one: AtWork) -> None:
    """A team of three is formed; two score alone on a phone, the leader reports, the school acknowledges (R14)."""
    one.open_task("组建检查组、安排日期", SCHOOL)
    leader, *members = INSPECTORS
    one.fill(
        {
            "组长": leader,
            "组员": members,
            "独立评分人员": INSPECTORS[:2],
            "检查日期": "2026-08-12",
            "集合时间和地点": "8:30 市创绿办门前",
            "已确认全体成员与受检单位没有利害关系": True,
        }
    )
    one.show("team")
    one.press("组建并通知")
    one.move_to("2026-08-12")
    one.page.set_viewport_size(PHONE)
    for inspector in INSPECTORS[:2]:
        one.become(inspector)
        one.open_task("现场独立评分", SCHOOL)
        one.fill({"得分": points, "扣分理由": "标识牌偏少", "本人独立评分": True})
        expect(one.page.locator(".cl-filled")).to_have_text(re.compile(r"已填 (\d+)/\1 · 合计 [1-9]"))
        one.show("score-sheet")
        one.press("提交评分表")
    one.page.set_viewport_size(DESK)
    one.become(leader)
    one.open_task("撰写检查报告、查询一票否决事项", SCHOOL)
    one.fill({"检查情况": "校园绿化养护到位，师生参与度高；绿色出行标识偏少，已当场告知。"})
    one.show("report")
    one.press("提交报告")
    one.become(APPLICANT)
    one.open_task("签收检查结果", SCHOOL)
    one.fill({"签收人": APPLICANT})
    one.show("acknowledge")
    one.press("无异议，签收")


def points(beside: Mapping[str, str]) -> str:
    """Full points, one off for the way to school; nothing for what goes beyond the hundred."""
    full = float(beside["满分"].split()[0])
    if beside.get("重点") == "加分项":
        return "0"
    return f"{full - 1 if '出行' in beside.get('评分标准', '') else full:g}"


def deliberate(one: AtWork) -> None:
    """The office compiles the list, the committee votes, its chair determines the result."""
    one.become(CLERK)
    one.start("综合评议和审定", {"级别": "市级"})
    one.begin()
    one.open_task("汇总得分、排名、名额", "市级")
    expect(one.page.locator("main")).to_contain_text(SCHOOL)
    expect(one.page.locator(".cl-row-block")).to_contain_text(re.compile(r"名额\s*3\s*在名额内\s*是"))
    one.fill({"提交评议": True, "评议会日期": "2026-08-13"})
    one.show("deliberation-pack")
    one.press("提交评议")
    for number, member in enumerate((*COMMITTEE, CHAIR)):
        one.become(member)
        one.open_task("组委会评议表决（有关系的回避）")
        one.fill({"表决": "同意"})
        if number == 0:
            one.show("ballot")
        one.press("投票")
    one.open_task("审定评议结果")
    one.fill({"会议纪要文号": "咸创绿纪〔2026〕3号", "审定意见": "同意。"})
    one.show("determine")
    one.press("签发审定结果")


def give_notice(one: AtWork) -> None:
    """The list hangs out for five working days; the public reads it; nobody objects."""
    one.become(CLERK)
    one.open_task("起草并发布公示")
    one.fill({"异议受理电话、邮箱和地址": "000-2100，市创绿办"})
    one.show("notice")
    one.press("发布")
    one.page.goto("/verify/notices")
    expect(one.page.locator("main")).to_contain_text("公示")
    one.show("public-notices")
    one.page.goto("/inbox")
    one.move_to("2026-08-20")
    one.open_task("公布公示结果")
    one.fill({"公示结果公告": "公示期满，没有收到异议。"})
    one.show("close-notice")
    one.press("公布")


def name_it(one: AtWork) -> None:
    """The naming decision is drafted, countersigned and signed; the plaque is handed over (R23, R24)."""
    one.open_task("起草命名决定")
    expect(one.page.locator("main")).to_contain_text(SCHOOL)
    one.fill({"发文字号（留空则自动编号）": DECISION})
    one.show("decision-draft")
    one.press("送会签")
    one.become(HEAD)
    one.open_task("会签")
    one.show("countersign")
    one.press("同意", "同意。")
    one.become(CHAIR)
    one.open_task("签发命名决定")
    one.fill({"已核对名单": True})
    one.show("sign")
    one.press("签发")
    one.become(CLERK)
    one.open_task("授牌并登记签收")
    one.fill({"授牌日期": "2026-08-20", "签收人": APPLICANT})
    one.show("plaque")
    one.press("已全部授牌")


def look_back(one: AtWork) -> None:
    """The certificate with its QR code, the public's answer, the finished matter, and the board that counts it."""
    page = one.page
    one.become(APPLICANT)
    page.get_by_role("link", name="称号与证书").click()
    expect(page.locator("main")).to_contain_text(SCHOOL)
    one.show("titles-of-the-unit")
    page.get_by_role("link", name="打印证书").click()
    expect(page.locator(".dc-certificate")).to_contain_text(SCHOOL)
    expect(page.locator(".dc-certificate")).to_contain_text(CERTIFICATE)
    expect(page.locator(".dc-certificate svg")).to_be_visible()
    one.show("certificate")
    page.goto(page.locator(".dc-note a").get_attribute("href") or "")
    expect(page.locator("h1")).to_have_text("称号有效")
    expect(page.locator("main")).to_contain_text("2031年8月20日")
    one.show("verification")
    page.goto("/matters")
    page.get_by_role("link", name=re.compile(f"{SCHOOL}.*申报")).first.click()
    expect(page.locator("main")).to_contain_text("已命名")
    expect(page.locator(".cl-timeline")).to_contain_text("提交评分表")
    one.show("matter")
    page.locator(".cl-tree a").first.click()
    expect(page.locator(".djs-element.is-done").first).to_be_attached()
    one.show("diagram")
    one.become(CLERK)
    page.get_by_role("link", name="创建看板").click()
    expect(page.locator("main")).to_contain_text("检查验收阶段")
    expect(page.get_by_role("row").filter(has_text="市级").filter(has_text="1/22")).to_be_visible()
    one.show("board")
