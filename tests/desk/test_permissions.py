"""Every page against every role. A route that is not in this table fails."""

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from core.accounts.models import Role
from core.accounts.roles import RIGHTS, Permission
from crm.api.urls import urlpatterns as rest_routes
from crm.desk.urls import urlpatterns
from tests.conftest import MakeCustomer, MakeUser

P = Permission
PAGES = {
    "find": P.FIND_CUSTOMER,
    "customers": P.LIST_CUSTOMERS,
    "customer": P.VIEW_CUSTOMER,
    "log_contact": P.LOG_CONTACT,
    "edit_profile": P.EDIT_CUSTOMER,
    "reveal": P.REVEAL_CONTACT,
    "assign": P.ASSIGN_MANAGER,
    "merge": P.MERGE_CUSTOMERS,
    "merge_find": P.MERGE_CUSTOMERS,
    "merge_other": P.MERGE_CUSTOMERS,
    "matrix": P.VIEW_MATRIX,
    "alerts": P.WORK_ALERTS,
    "alert": P.WORK_ALERTS,
    "alert_comment": P.WORK_ALERTS,
    "alert_decide": P.WORK_ALERTS,
    "alert_lost": P.WORK_ALERTS,
    "long_absent": P.WORK_ALERTS,
    "imports": P.IMPORT,
    "import": P.IMPORT,
    "import_sources": P.IMPORT,
    "import_plan": P.IMPORT,
    "import_go": P.IMPORT,
    "import_cancel": P.IMPORT,
    "import_undo": P.IMPORT,
    "import_answer": P.IMPORT,
    "import_check": P.IMPORT,
    "import_run": P.IMPORT,
    "import_rejected": P.IMPORT,
    "import_reading": P.IMPORT,
    "import_use_profile": P.IMPORT,
    "import_profiles": P.IMPORT,
    "import_profile_export": P.IMPORT,
    "import_profile_delete": P.IMPORT,
    "nights": P.VIEW_NIGHTS,
    "run_night": P.RUN_NIGHT,
    "backtest": P.VIEW_NIGHTS,
    "run_backtest": P.RUN_NIGHT,
    "rules": P.VIEW_RULES,
    "rules_preview": P.EDIT_RULES,
    "rules_save": P.EDIT_RULES,
    "tiers_members": P.VIEW_TIERS,
    "tiers_at_risk": P.WORK_ALERTS,
    "tiers_at_risk_todos": P.WORK_ALERTS,
    "tiers": P.VIEW_RULES,
    "tiers_new": P.EDIT_RULES,
    "tiers_draft": P.EDIT_RULES,
    "tiers_add_level": P.EDIT_RULES,
    "tiers_remove_level": P.EDIT_RULES,
    "tiers_preview": P.EDIT_RULES,
    "tiers_transition": P.EDIT_RULES,
    "tiers_confirm": P.VIEW_RULES,
    "tiers_simulate": P.EDIT_RULES,
    "tiers_publish": P.PUBLISH_TIERS,
    "tiers_drop": P.EDIT_RULES,
    "tiers_moves": P.VIEW_RULES,
    "tiers_version": P.VIEW_RULES,
    "tiers_roll_back": P.EDIT_RULES,
    "tiers_withdraw": P.PUBLISH_TIERS,
    "tiers_why": P.VIEW_CUSTOMER,
    "tiers_promise": P.PROMISE_LEVEL,
    "tiers_end_promise": P.PROMISE_LEVEL,
    "points": P.USE_POINTS,
    "points_freeze": P.APPROVE_POINTS,
    "points_thaw": P.APPROVE_POINTS,
    "points_redeem": P.USE_POINTS,
    "points_adjust": P.USE_POINTS,
    "points_refer": P.USE_POINTS,
    "points_ticket": P.USE_POINTS,
    "visit_step_new": P.EDIT_POINTS,
    "visit_step_remove": P.EDIT_POINTS,
    "redemption_hand_over": P.USE_POINTS,
    "redemption_cancel": P.USE_POINTS,
    "redemption_take_back": P.USE_POINTS,
    "point_programme": P.VIEW_POINT_REPORTS,
    "point_rules": P.EDIT_POINTS,
    "point_agree": P.APPROVE_POINTS,
    "point_refuse": P.APPROVE_POINTS,
    "rewards": P.VIEW_POINT_REPORTS,
    "reward_new": P.EDIT_POINTS,
    "reward": P.EDIT_POINTS,
    "clubs": P.VIEW_CAMPAIGNS,
    "clubs_new": P.RUN_CAMPAIGNS,
    "clubs_agree": P.RUN_CAMPAIGNS,
    "club": P.VIEW_CAMPAIGNS,
    "club_plan": P.RUN_CAMPAIGNS,
    "club_join": P.EDIT_CUSTOMER,
    "club_leave": P.EDIT_CUSTOMER,
    "club_seat": P.EDIT_CUSTOMER,
    "club_came": P.EDIT_CUSTOMER,
    "club_missed": P.EDIT_CUSTOMER,
    "coupons_list": P.VIEW_CAMPAIGNS,
    "coupons_new": P.RUN_CAMPAIGNS,
    "coupons": P.VIEW_CAMPAIGNS,
    "coupons_edit": P.RUN_CAMPAIGNS,
    "coupons_start": P.RUN_CAMPAIGNS,
    "coupons_pause": P.RUN_CAMPAIGNS,
    "coupons_end": P.RUN_CAMPAIGNS,
    "coupons_revoke": P.RUN_CAMPAIGNS,
    "coupons_print": P.RUN_CAMPAIGNS,
    "coupons_issue": P.RUN_CAMPAIGNS,
    "coupons_codes": P.RUN_CAMPAIGNS,
    "draws": P.VIEW_CAMPAIGNS,
    "draws_new": P.RUN_CAMPAIGNS,
    "draw": P.VIEW_CAMPAIGNS,
    "draw_edit": P.RUN_CAMPAIGNS,
    "draw_prizes": P.RUN_CAMPAIGNS,
    "draw_odds": P.VIEW_CAMPAIGNS,
    "draw_publish": P.RUN_CAMPAIGNS,
    "draw_drop": P.RUN_CAMPAIGNS,
    "draw_more": P.RUN_CAMPAIGNS,
    "draw_give_ticket": P.RUN_CAMPAIGNS,
    "draw_archive": P.RUN_CAMPAIGNS,
    "draw_hand_over": P.EDIT_CUSTOMER,
    "credit": P.VIEW_CREDIT,
    "credit_account": P.VIEW_CREDIT,
    "credit_propose": P.PROPOSE_CREDIT,
    "credit_withdraw": P.PROPOSE_CREDIT,
    "credit_approve": P.DECIDE_CREDIT,
    "credit_decline": P.DECIDE_CREDIT,
    "credit_pay": P.DECIDE_CREDIT,
    "credit_correct": P.DECIDE_CREDIT,
    "credit_status": P.DECIDE_CREDIT,
    "webhooks": P.EDIT_WEBHOOKS,
    "webhook": P.EDIT_WEBHOOKS,
    "webhook_disable": P.EDIT_WEBHOOKS,
    "webhook_enable": P.EDIT_WEBHOOKS,
    "webhook_test": P.EDIT_WEBHOOKS,
    "webhook_replay": P.EDIT_WEBHOOKS,
    "webhook_events": P.EDIT_WEBHOOKS,
    "webhook_secret": P.EDIT_WEBHOOKS,
    "my_day": P.MY_DAY,
    "todo_done": P.MY_DAY,
    "todo_reopen": P.MY_DAY,
    "todo_snooze": P.MY_DAY,
    "complaints": P.WORK_COMPLAINTS,
    "complaint_board": P.WORK_COMPLAINTS,
    "complaint_find_number": P.WORK_COMPLAINTS,
    "complaint_new": P.LOG_COMPLAINT,
    "complaint_find": P.LOG_COMPLAINT,
    "complaint_caller": P.LOG_COMPLAINT,
    "complaint": P.WORK_COMPLAINTS,
    "complaint_logged": P.LOG_COMPLAINT,
    "complaint_reply": P.WORK_COMPLAINTS,
    "complaint_customer_said": P.WORK_COMPLAINTS,
    "complaint_redact": P.LEAD_COMPLAINTS,
    "complaint_prompt": P.WORK_COMPLAINTS,
    "complaint_take": P.WORK_COMPLAINTS,
    "complaint_assign": P.WORK_COMPLAINTS,
    "complaint_release": P.WORK_COMPLAINTS,
    "complaint_transfer": P.WORK_COMPLAINTS,
    "complaint_edit": P.WORK_COMPLAINTS,
    "complaint_classify": P.WORK_COMPLAINTS,
    "complaint_prioritise": P.WORK_COMPLAINTS,
    "complaint_merge": P.WORK_COMPLAINTS,
    "complaint_acknowledge": P.WORK_COMPLAINTS,
    "complaint_wait": P.WORK_COMPLAINTS,
    "complaint_resume": P.WORK_COMPLAINTS,
    "complaint_resolve": P.WORK_COMPLAINTS,
    "complaint_keep": P.WORK_COMPLAINTS,
    "complaint_reopen": P.WORK_COMPLAINTS,
    "complaint_close": P.WORK_COMPLAINTS,
    "complaint_withdraw": P.WORK_COMPLAINTS,
    "complaint_invalidate": P.WORK_COMPLAINTS,
    "complaint_take_up": P.WORK_COMPLAINTS,
    "complaint_ask": P.WORK_COMPLAINTS,
    "complaint_handover_accept": P.WORK_COMPLAINTS,
    "complaint_handover_answer": P.WORK_COMPLAINTS,
    "complaint_handover_reject": P.WORK_COMPLAINTS,
    "complaint_handover_cancel": P.WORK_COMPLAINTS,
    "complaint_remedy": P.WORK_COMPLAINTS,
    "complaint_remedy_approve": P.WORK_COMPLAINTS,
    "complaint_remedy_reject": P.WORK_COMPLAINTS,
    "complaint_remedy_issue": P.WORK_COMPLAINTS,
    "complaint_remedy_fail": P.WORK_COMPLAINTS,
    "complaint_remedy_revoke": P.WORK_COMPLAINTS,
    "complaint_draft": P.WORK_COMPLAINTS,
    "complaint_customer": P.WORK_COMPLAINTS,
    "complaint_claim": P.WORK_COMPLAINTS,
    "complaint_call_made": P.WORK_COMPLAINTS,
    "prompt_seen": P.WORK_COMPLAINTS,
    "complaint_silent": P.WORK_COMPLAINTS,
    "complaint_silent_called": P.WORK_COMPLAINTS,
    "complaint_silent_dismiss": P.WORK_COMPLAINTS,
    "complaint_silent_convert": P.WORK_COMPLAINTS,
    "complaint_reports": P.VIEW_COMPLAINT_REPORTS,
    "complaint_actions": P.WORK_COMPLAINTS,
    "complaint_action_plan": P.WORK_COMPLAINTS,
    "complaint_action_done": P.WORK_COMPLAINTS,
    "complaint_action_close": P.WORK_COMPLAINTS,
    "complaint_action_drop": P.WORK_COMPLAINTS,
    "complaint_member_change": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_member_set": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_member_remove": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_priorities_save": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_promises_draft": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_promises_save": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_promises_publish": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_settings": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_store": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_calendars": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_calendar": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_calendar_week": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_calendar_day": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_calendar_import": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_calendar_again": P.EDIT_COMPLAINT_SETTINGS,
    "complaint_calendar_confirm": P.EDIT_COMPLAINT_SETTINGS,
    "contacts": P.MY_DAY,
}
POSTED = {
    "log_contact",
    "edit_profile",
    "reveal",
    "assign",
    "merge_find",
    "merge_other",
    "alert_comment",
    "alert_decide",
    "alert_lost",
    "run_night",
    "run_backtest",
    "rules_preview",
    "rules_save",
    "todo_done",
    "todo_reopen",
    "complaint_find_number",
    "complaint_find",
    "complaint_caller",
    "complaint_reply",
    "complaint_customer_said",
    "complaint_redact",
    "complaint_prompt",
    "complaint_take",
    "complaint_assign",
    "complaint_release",
    "complaint_transfer",
    "complaint_edit",
    "complaint_classify",
    "complaint_prioritise",
    "complaint_merge",
    "complaint_acknowledge",
    "complaint_wait",
    "complaint_resume",
    "complaint_resolve",
    "complaint_keep",
    "complaint_reopen",
    "complaint_close",
    "complaint_withdraw",
    "complaint_invalidate",
    "complaint_take_up",
    "complaint_ask",
    "complaint_handover_accept",
    "complaint_handover_answer",
    "complaint_handover_reject",
    "complaint_handover_cancel",
    "complaint_remedy",
    "complaint_remedy_approve",
    "complaint_remedy_reject",
    "complaint_remedy_issue",
    "complaint_remedy_fail",
    "complaint_remedy_revoke",
    "complaint_draft",
    "complaint_customer",
    "complaint_claim",
    "complaint_call_made",
    "complaint_silent_called",
    "complaint_silent_dismiss",
    "complaint_silent_convert",
    "prompt_seen",
    "complaint_action_plan",
    "complaint_action_done",
    "complaint_action_close",
    "complaint_action_drop",
    "complaint_member_change",
    "complaint_member_set",
    "complaint_member_remove",
    "complaint_priorities_save",
    "complaint_promises_draft",
    "complaint_promises_save",
    "complaint_promises_publish",
    "complaint_store",
    "complaint_calendar_week",
    "complaint_calendar_day",
    "complaint_calendar_import",
    "complaint_calendar_again",
    "complaint_calendar_confirm",
    "points_redeem",
    "points_adjust",
    "points_refer",
    "points_ticket",
    "visit_step_new",
    "visit_step_remove",
    "redemption_hand_over",
    "redemption_cancel",
    "redemption_take_back",
    "point_rules",
    "point_agree",
    "point_refuse",
    "tiers_at_risk_todos",
    "tiers_new",
    "tiers_add_level",
    "tiers_remove_level",
    "tiers_simulate",
    "tiers_publish",
    "tiers_preview",
    "tiers_drop",
    "tiers_roll_back",
    "tiers_withdraw",
    "tiers_promise",
    "tiers_end_promise",
    "clubs_new",
    "clubs_agree",
    "club_plan",
    "club_join",
    "club_leave",
    "club_seat",
    "club_came",
    "club_missed",
    "coupons_start",
    "coupons_pause",
    "coupons_end",
    "coupons_revoke",
    "coupons_print",
    "draw_publish",
    "draw_drop",
    "draw_more",
    "draw_hand_over",
    "credit_propose",
    "credit_withdraw",
    "credit_approve",
    "credit_decline",
    "credit_pay",
    "credit_correct",
    "credit_status",
    "webhook_disable",
    "webhook_enable",
    "webhook_test",
    "webhook_replay",
    "webhook_events",
    "webhook_secret",
    "import_check",
    "import_run",
    "import_reading",
    "import_use_profile",
    "import_profile_delete",
    "import_go",
    "import_cancel",
    "import_undo",
    "import_answer",
}
OUT_OF_THIN_AIR = 987_654_321
# What an address takes beside numbers.
WORDS = {"part": "queues", "verb": "cancel"}
PUBLIC = {"set_language", "survey"}


def test_every_route_has_a_row_and_says_the_same() -> None:
    declared = {route.name: getattr(route.callback, "permission", None) for route in urlpatterns}

    assert declared == PAGES


def address(name: str) -> str:
    pattern = next(route.pattern for route in urlpatterns if route.name == name)
    takes = {word: WORDS.get(word, OUT_OF_THIN_AIR) for word in pattern.regex.groupindex}
    return reverse(f"desk:{name}", kwargs=takes)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_stranger_is_sent_to_the_door(client: Client, name: str) -> None:
    answer = client.post(address(name)) if name in POSTED else client.get(address(name))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.CLIENT])
def test_each_role_reaches_its_pages_and_no_other(client: Client, make_user: MakeUser, role: str) -> None:
    client.force_login(make_user(role))
    wrong = {}
    for name, permission in PAGES.items():
        answer = client.post(address(name)) if name in POSTED else client.get(address(name))
        allowed = permission in RIGHTS[role].permissions
        # What exists for nobody answers 404 to those who may look, 403 to those who may not.
        expected = {200, 302, 404, 422} if allowed else {403}
        if name == "complaint_new" and allowed:
            expected = {409}  # no promises are in force on an empty desk
        if name == "my_day" and not allowed:
            expected = {302, 403}
        if answer.status_code not in expected:
            wrong[name] = answer.status_code

    assert wrong == {}


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.CLIENT])
def test_what_takes_only_a_post_is_in_the_table_and_leads_back_to_its_page(
    client: Client, make_user: MakeUser, role: str
) -> None:
    client.force_login(make_user(role))
    wrong = {}
    for name, permission in PAGES.items():
        if permission not in RIGHTS[role].permissions:
            continue
        answer = client.get(address(name))
        if name in POSTED and (answer.status_code != 302 or answer["Location"] == address(name)):
            wrong[name] = answer.status_code
        if name not in POSTED and "Allow" in answer.headers:
            wrong[name] = answer["Allow"]

    assert wrong == {}


def test_a_foreign_customer_cannot_be_told_from_a_missing_one(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, zhao = make_user(name="Chen"), make_user(name="Zhao")
    foreign = make_customer("韩梅梅", manager=zhao)
    client.force_login(chen)

    there = client.get(reverse("desk:customer", args=[foreign.pk]))
    missing = client.get(reverse("desk:customer", args=[OUT_OF_THIN_AIR]))

    assert there.status_code == missing.status_code == 404
    assert there.content == missing.content


def test_other_routes_are_the_known_public_ones() -> None:
    names = {
        pattern.name
        for resolver in get_resolver().url_patterns
        for pattern in getattr(resolver, "url_patterns", [resolver])
        if getattr(pattern, "name", None)
    }
    rest = {route.name for route in rest_routes}
    login = {name for name in names if name.startswith("account_")}

    assert names - login - rest - set(PAGES) <= PUBLIC
