"""Who plays which part: units by their code, bodies by their name, and what is pressed in which order."""

from collections.abc import Mapping, Sequence
from typing import Any

#: Units with a part of their own, by code. All others explore: they press what nobody has pressed yet.
PARTS: Mapping[str, str] = {
    # Up to the nation without a hitch.
    "U-610402-01": "model",
    "U-610402-07": "model",
    "U-610404-01": "model",
    "U-610481-01": "model",
    "U-610422-01": "model",
    "U-610402-08": "model",
    # Asks to skip a level: with a county title, without any and with honours, without anything, two levels.
    "U-610402-02": "skips",
    "U-610402-16": "skips_honoured",
    "U-610402-11": "skips",
    "U-610402-03": "skips_two",
    "U-610404-02": "skip_downgraded",
    "U-610422-02": "skip_refused",
    "U-610402-05": "skip_given_up",
    "U-610402-06": "skip_withdrawn",
    # Late, each in its own way.
    "U-610402-13": "late",
    "U-610404-08": "late",
    "U-610404-09": "late_silent",
    "U-610404-10": "too_late",
    "U-610402-17": "late_body",
    "U-610431-04": "county_late",
    "U-610402-15": "withdraws",
    # Inspections that do not go well.
    "U-610428-02": "fails",
    "U-610404-04": "fails",
    "U-610430-02": "rectifies",
    "U-610431-02": "rectifies_badly",
    "U-610482-02": "rectifies_never",
    "U-610426-01": "vetoed",
    "U-610404-07": "recorded",
    "U-610481-03": "spread",
    # What becomes of a title after its years.
    "U-610404-03": "silent",
    "U-610424-03": "fails",
    "U-610481-02": "slow",
    "U-610402-04": "silent",
    "U-610423-03": "slow",
    "U-610424-01": "loses",
    "U-610402-10": "slow",
    # Their county title ends while the next application runs.
    "U-610430-03": "slow_fill",
    "U-610430-01": "slow_forward",
    # A county where nobody applies, one where all are rejected, one where the only one is objected to.
    "U-610429-02": "rests",
    "U-610426-02": "rests",
    "U-610428-01": "rejected",
    "U-610482-01": "objected",
    "U-610482-03": "rests",
    # Waits a year, until its county title is past its term and supports it all the same.
    "U-610425-02": "slow_city",
}

#: Buttons in the order in which they are pressed; then the last one again.
ORDERS: Mapping[str, Sequence[str]] = {
    "county_filing.Electronic": ("return", "receive"),
    "county_filing.Paper": ("receive", "return", "receive"),
    "county_filing.Paper_again": ("return", "receive"),
    "incident.Prima_facie": ("accept", "dismiss", "accept"),
    "incident.Investigate": ("found", "unfounded", "found"),
    "incident.Decide_county": ("none", "yellow_card", "suspend", "none", "revoke", "none"),
    "incident.Decide_city": ("none", "yellow_card", "suspend", "none", "revoke", "none"),
    "incident.Decide_province": ("none", "yellow_card", "suspend", "none", "revoke", "none"),
    "incident.Decide_nation": ("none", "yellow_card", "suspend", "none", "revoke", "none"),
    "quota_adjustment.fill": ("submit", "submit", "submit", "submit", "withdraw", "submit"),
    "supervision.review": ("close", "again", "close"),
    "supervision.chair_decides": ("again", "close"),
    "deliberation.Determine": ("sign", "again", "sign"),
    "upward_recommendation.Result_province": ("named", "stage", "named", "named", "not_named", "named"),
    "upward_recommendation.Result_nation": ("stage", "named", "not_named", "named"),
}

#: What is found of each incident, in turn: every class of severity by every road to it, then nothing.
FINDINGS: Sequence[Mapping[str, Any]] = (
    {},
    {"penalty": True},
    {"deaths": 3},
    {"deaths": 30},
    {"poisoned": 100},
    {"moved": 50000},
    {"loss": 10000},
    {"water": "city"},
    {"deaths": 10},
    {"poisoned": 50},
    {"moved": 10000},
    {"loss": 2000},
    {"water": "county"},
    {"fraud": True},
    {"poisoned": 10},
    {"moved": 5000},
    {"loss": 500},
    {"water": "township"},
    {"deaths": 1},
)

#: Incidents by month: the unit and the level of its title that is reported; no unit: the first in force.
INCIDENTS: Mapping[tuple[int, int], Sequence[tuple[str, str]]] = {
    (2026, 8): (("U-610424-01", "city"), ("U-610402-02", "county")),
    (2027, 1): (("U-610402-12", "city"), ("U-610402-14", "city")),
    (2027, 2): (("U-610402-01", "county"), ("U-610402-07", "province"), ("U-610402-04", "county")),
    (2027, 3): (("U-610402-01", "city"),),
    (2027, 4): (("U-610402-01", "county"), ("U-610402-07", "province")),
    (2027, 5): (("U-610402-01", "city"), ("U-610402-04", "county"), ("U-610402-04", "county")),
    (2027, 6): (("U-610402-01", "county"), ("U-610402-07", "province")),
    (2027, 7): (("U-610402-01", "city"), ("U-610422-01", "county"), ("U-610428-02", "county")),
    (2027, 12): (("U-610402-07", "province"), ("U-610402-14", "city")),
    (2028, 1): (("", "nation"), ("U-610402-14", "city")),
    (2028, 3): (("", "nation"), ("U-610402-12", "city")),
    (2028, 5): (("", "nation"), ("U-610404-05", "county")),
    (2028, 9): (("", "nation"), ("U-610481-05", "county")),
    (2028, 11): (("U-610404-01", "province"),),
    (2029, 3): (("U-610404-05", "county"), ("U-610481-05", "county"), ("U-610430-02", "county")),
    (2029, 6): (("U-610404-02", "county"), ("U-610481-03", "county"), ("U-610402-02", "county")),
    (2029, 9): (("U-610404-02", "county"), ("U-610481-03", "county"), ("U-610402-02", "county")),
}

#: Decisions that belong to a unit's part and not to the order above: in turn, then the last one again.
DECISIONS: Mapping[tuple[str, str], Sequence[str]] = {
    ("U-610424-01", "incident.Decide_city"): ("revoke",),
    ("U-610422-01", "incident.Decide_county"): ("revoke",),
    ("U-610428-02", "incident.Decide_county"): ("revoke",),
    ("U-610402-04", "incident.Decide_county"): ("suspend", "none", "revoke"),
    ("U-610422-01", "revocation_cascade.Decide_city"): ("keep",),
    ("U-610422-01", "revocation_cascade.Decide_province"): ("keep",),
    ("U-610423-01", "reinspection.Decide_city"): ("cancel",),
    ("U-610481-01", "reinspection.Decide_county"): ("cancel",),
    ("U-610481-01", "revocation_cascade.Decide_city"): ("keep",),
    ("U-610481-01", "revocation_cascade.Decide_province"): ("keep",),
    ("U-610481-01", "revocation_cascade.Decide_nation"): ("keep",),
    ("U-610402-08", "upward_recommendation.Result_nation"): ("named",),
    # Its title of the nation falls with the one of the province.
    ("U-610404-01", "upward_recommendation.Result_province"): ("named",),
    ("U-610404-01", "upward_recommendation.Result_nation"): ("named",),
    ("U-610404-01", "incident.Decide_province"): ("revoke",),
    ("U-610404-01", "revocation_cascade.Decide_nation"): ("revoke",),
}

#: What a plan decides otherwise than the defaults, by year and key.
SETTINGS: Mapping[int, Mapping[str, str]] = {
    2027: {
        "validity_nation": "3",
        "grace_days": "10",
        "skip_levels_max": "1",
        "expired_title_supports": "true",
        "reapplication_months": "0",
        "notice_on_county": "false",
        "notice_on_city": "false",
        "filing_zero_report": "false",
    },
    2028: {"quota_mode": "cap"},
    2031: {},
}
