"""What a campaign does not take, each with the reason and the test that takes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something cannot occur in the lived years, and which test of `tests/workflows` takes it."""

    why: str
    test: str


_ASKED_BEFORE = "who asks is refused by the same facts a moment before, in the process that takes the wish"
_TOLD_BEFORE = "a title is lost by a message that ends the application at once; only a race gets past it"
_IN_TIME = "only what came late is asked about; it is in time when the window was extended in between"
_ROUND = "the counties' rounds are over before the city's window opens, so nobody turns to the county level in time"
_SIGNED = "decisions are signed within days; no title below is suspended between the check and the signature"
_STAYS = "nobody withdraws in the days between the committee's vote and the notice"
_ORDER = "the demo's titles are announced when its first plan year is there already"

NOT_TAKEN: dict[str, Reason] = {
    "application_eligibility#r1": Reason(_ASKED_BEFORE, "test_r20_what_else_refuses_an_application"),
    "naming_chain.Gw_allowed>Standing": Reason(
        _ASKED_BEFORE, "test_r20_chain_drops_a_wish_that_is_no_longer_allowed"
    ),
    "application_eligibility#r4": Reason(
        _ASKED_BEFORE, "test_r20_a_unit_may_not_apply_below_its_entry_level"
    ),
    "application.Gw_submit>St_refused": Reason(
        _TOLD_BEFORE, "test_r20_the_title_is_checked_again_at_submission"
    ),
    "channel_review.Gw_eligible>Tell_refused": Reason(
        _TOLD_BEFORE, "test_r20_the_title_is_checked_again_at_forwarding"
    ),
    "application.Gw_decided>Tell_why": Reason(
        _TOLD_BEFORE, "test_r20a_a_title_lost_during_the_notice_keeps_the_unit_from_being_named"
    ),
    "application_decision.Gw_naming>St_refused": Reason(
        _TOLD_BEFORE, "test_r20a_a_title_lost_during_the_notice_keeps_the_unit_from_being_named"
    ),
    "municipal_naming.Gw_fit>End_none": Reason(
        _TOLD_BEFORE, "test_r20a_a_title_lost_during_the_notice_keeps_the_unit_from_being_named"
    ),
    "county_naming.Gw_fit>End_nobody": Reason(_TOLD_BEFORE, "test_r22_nobody_may_be_named_any_more"),
    "late_acceptance.who>answer_accepted": Reason(
        _IN_TIME, "test_r13_nobody_is_asked_when_it_is_too_late_or_not_late_at_all"
    ),
    "late_acceptance#in_time": Reason(
        _IN_TIME, "test_r13_nobody_is_asked_when_it_is_too_late_or_not_late_at_all"
    ),
    "application.Gw_round>Downgrade": Reason(
        _ROUND, "test_r21_levels_are_skipped_with_the_committees_consent_alone"
    ),
    "application_decision.Gw_named>Cleared_late": Reason(
        _SIGNED, "test_r20a_a_title_suspended_after_the_draft_puts_its_unit_off_and_not_the_others"
    ),
    "public_notice.Gw_items>Nobody": Reason(_STAYS, "test_who_withdraws_before_the_notice_is_not_posted"),
    "title_term.Gw_year>Plan": Reason(_ORDER, "test_r24_title_held_before_any_plan_year_waits_for_the_first"),
}
