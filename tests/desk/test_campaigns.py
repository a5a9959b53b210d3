"""The pages of coupons, draws and credit, through HTTP."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import AuditEntry, Role, User
from crm.desk.loyalty.campaigns import coupon_page, credit_page
from crm.desk.today import today
from customers.models import Customer, Standing
from loyalty.campaigns import coupon_campaigns, coupons, credit, draws
from loyalty.models import (
    Club,
    ClubEvent,
    ClubMember,
    ClubVisit,
    Coupon,
    CouponCampaign,
    CouponIssue,
    CreditAccount,
    CreditEntry,
    CreditLimitChange,
    Lottery,
)
from tests.conftest import MakeCustomer, MakeUser
from tests.desk.forms import opened
from tests.loyalty.campaigns.stories import DAY, basket, goods, published, running
from tests.rulebook.stories import confirmed


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen", team="east")


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Zhou", team="east")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


@pytest.fixture
def stranger(make_customer: MakeCustomer, make_user: MakeUser) -> Customer:
    return make_customer("韩梅梅", manager=make_user(Role.ACCOUNT_MANAGER, "Wu", team="south"))


def now_running(**terms: Any) -> CouponCampaign:
    at = timezone.now()
    return running(**({"starts_at": at - DAY, "ends_at": at + 9 * DAY} | terms))


def wheel(**terms: Any) -> Lottery:
    at = timezone.now()
    return published(goods(total=1), **({"starts_at": at - DAY, "ends_at": at + 9 * DAY} | terms))


def body(client: Client, name: str, *args: Any) -> str:
    answer = client.get(reverse(f"desk:{name}", args=args))
    assert answer.status_code == 200
    return answer.content.decode()


# Coupons ------------------------------------------------------------------------------------------------------------

TERMS = {
    "code": "spring",
    "name": "春季满减",
    "kind": "amount",
    "amount": "30",
    "min_spend": "200",
    "total_limit": "50",
    "per_customer_limit": "1",
    "starts_on": "2026-03-01",
    "last_on": "2026-03-31",
    "needs_code": "on",
}


def test_a_campaign_is_set_up_started_and_kept_as_promised(client: Client, lead: User) -> None:
    client.force_login(lead)

    client.post(reverse("desk:coupons_new"), TERMS | {"last_on": (today() + timedelta(days=9)).isoformat()})
    made = CouponCampaign.objects.get()
    assert (made.code, made.status, made.amount) == ("SPRING", "draft", Decimal("30.00"))
    client.post(reverse("desk:coupons_begin", args=[made.pk]), {"starts_on": today().isoformat(), "reason": "Spring"})
    edit = reverse("desk:coupons_edit", args=[made.pk])
    meanwhile = client.post(edit, TERMS | {"amount": "99"})
    assert (meanwhile.status_code, "waits for a second person" in meanwhile.content.decode()) == (422, True)
    confirmed(timezone.now())
    told = TERMS | {"amount": "5", "total_limit": "80", "last_on": (today() + timedelta(days=12)).isoformat()}
    told |= {"from_day": today().isoformat(), "reason": "Goes well"}
    assert client.post(edit, told).status_code == 302
    fewer = client.post(edit, told | {"total_limit": "10"})
    confirmed(timezone.now())

    made.refresh_from_db()
    assert (made.status, made.amount, made.total_limit) == ("running", Decimal("30.00"), 80)
    assert fewer.status_code == 422
    assert "Limits only rise" in fewer.content.decode()
    assert "¥30 off from ¥200" in body(client, "coupons_list")


def test_what_makes_no_sense_is_said_and_nothing_typed_is_lost(client: Client, lead: User) -> None:
    client.force_login(lead)

    answer = client.post(reverse("desk:coupons_new"), TERMS | {"last_on": "2026-02-01"})

    assert answer.status_code == 422
    assert "A campaign ends after it begins." in answer.content.decode()
    assert "春季满减" in answer.content.decode()


def test_a_group_is_counted_first_and_handed_out_once(
    client: Client, lead: User, li_lei: Customer, stranger: Customer
) -> None:
    campaign = now_running()
    Standing.objects.update(customer_class=Standing.Class.ACTIVE)
    client.force_login(lead)
    address, told = reverse("desk:coupons_issue", args=[campaign.pk]), {"customer_class": "1", "cost": "3.50"}

    page = client.get(address, told)
    assert page.context["count"] == 1
    key = {"client_key": page.context["client_key"]}
    client.post(address, told | key)
    client.post(address, told | key)

    assert list(Coupon.objects.values_list("customer", flat=True)) == [li_lei.pk]
    assert "Active" in body(client, "coupons", campaign.pk)
    again = client.post(address, told | {"client_key": "other"})
    assert (again.status_code, CouponIssue.objects.count()) == (422, 1)


def test_printed_codes_are_downloaded_with_a_line_in_the_audit_trail(client: Client, lead: User) -> None:
    campaign = now_running()
    client.force_login(lead)
    client.post(reverse("desk:coupons_print", args=[campaign.pk]), {"count": "3", "client_key": "k"})

    answer = client.get(reverse("desk:coupons_codes", args=[CouponIssue.objects.get().pk]))

    codes = answer.content.decode().split()
    assert sorted(code.replace("-", "") for code in codes) == sorted(Coupon.objects.values_list("code", flat=True))
    assert AuditEntry.objects.filter(action="coupons.codes_downloaded", actor=lead).count() == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "＝", "＋", "－", "＠"])
def test_no_code_is_a_formula(client: Client, lead: User, start: str) -> None:
    campaign = now_running()
    client.force_login(lead)
    client.post(reverse("desk:coupons_print", args=[campaign.pk]), {"count": "1", "client_key": "k"})
    Coupon.objects.update(code=f"{start}A1(2)")

    answer = client.get(reverse("desk:coupons_codes", args=[CouponIssue.objects.get().pk]))

    assert answer.content.decode().startswith(f"'{start}A1(2)"[:4])


def test_withdrawing_needs_a_reason(client: Client, lead: User, li_lei: Customer) -> None:
    campaign = now_running()
    coupon = coupon_campaigns.give(campaign.pk, li_lei, by=lead, at=timezone.now())
    client.force_login(lead)
    address = reverse("desk:coupons_revoke", args=[campaign.pk])

    client.post(address, {"reason": " "})
    assert Coupon.objects.get(pk=coupon.pk).status == "issued"
    client.post(address, {"reason": "leaked"})
    assert Coupon.objects.get(pk=coupon.pk).status == "revoked"


def test_names_are_shown_within_reach_only_and_codes_never(
    client: Client, chen: User, li_lei: Customer, stranger: Customer, make_user: MakeUser
) -> None:
    campaign = now_running()
    at = timezone.now()
    for person in (li_lei, stranger):
        coupon = coupon_campaigns.give(campaign.pk, person, by=chen, at=at)
        coupons.reserve(person, f"shop:{person.pk}", basket(), at=at, code=coupon.code)
    client.force_login(chen)

    page = body(client, "coupons", campaign.pk)
    assert "李雷" in page
    assert "韩梅梅" not in page
    assert coupon.code not in page
    client.force_login(make_user(Role.ANALYST))
    assert "李雷" not in body(client, "coupons", campaign.pk)


def test_the_customer_page_has_a_card(client: Client, chen: User, li_lei: Customer) -> None:
    campaign = now_running()
    coupon = coupon_campaigns.give(campaign.pk, li_lei, by=chen, at=timezone.now())
    client.force_login(chen)

    page = body(client, "customer", li_lei.pk)

    assert "¥10 off" in page
    assert "Propose a limit" in page
    assert coupon.code not in page


# Draws --------------------------------------------------------------------------------------------------------------


def prizes_sent(*rows: dict[str, str]) -> dict[str, str]:
    told = {"form-TOTAL_FORMS": "8", "form-INITIAL_FORMS": "4", "form-MIN_NUM_FORMS": "8", "form-MAX_NUM_FORMS": "20"}
    for place in range(8):
        row = {"name": "", "kind": "goods"} | (rows[place] if place < len(rows) else {})
        told |= {f"form-{place}-{name}": value for name, value in row.items()}
    return told


def test_from_the_terms_to_the_publication_by_a_second_person(client: Client, lead: User, make_user: MakeUser) -> None:
    client.force_login(lead)
    first, last = today() + timedelta(days=1), today() + timedelta(days=9)
    terms = {
        "code": "wheel",
        "name": "大转盘",
        "entry": "daily",
        "starts_on": first.isoformat(),
        "last_on": last.isoformat(),
        "draws_per_day": "1",
        "claim_days": "30",
        "rules": "每天一次",
    }
    made_at = client.post(reverse("desk:draws_new"), terms)
    lottery = Lottery.objects.get()
    assert made_at["Location"] == reverse("desk:draw_prizes", args=[lottery.pk])
    phone = {"name": "手机", "percent": "0.01", "total": "1", "value": "3000"}
    thanks = {"name": "谢谢", "kind": "thanks", "percent": "99.99"}
    too_dear = client.post(made_at["Location"], prizes_sent(phone | {"value": "50001"}, thanks))
    assert too_dear.status_code == 422
    assert "at most 50000.00" in too_dear.content.decode()
    client.post(made_at["Location"], prizes_sent(phone, thanks))
    assert list(lottery.prizes.order_by("rank").values_list("name", "ppm")) == [("手机", 100), ("谢谢", 999_900)]

    publish = reverse("desk:draw_publish", args=[lottery.pk])
    client.post(publish)
    assert Lottery.objects.get().published_at is None
    assert "Somebody else has to publish it" in body(client, "draw", lottery.pk)
    client.force_login(make_user(Role.ADMINISTRATOR, "He"))
    client.post(publish)
    assert Lottery.objects.get().published_by is not None
    assert client.get(reverse("desk:draw_prizes", args=[lottery.pk])).status_code == 404
    page = body(client, "draw_odds", lottery.pk)
    assert "1:10000" in page
    assert Lottery.objects.get().commitment in page


def test_what_was_won_is_handed_over_by_whoever_looks_after_the_customer(
    client: Client, chen: User, li_lei: Customer, stranger: Customer
) -> None:
    lottery = wheel()
    won = draws.draw(lottery.pk, li_lei, idem_key="1", at=timezone.now())
    other = draws.draw(lottery.pk, stranger, idem_key="2", at=timezone.now())
    client.force_login(chen)

    page = body(client, "draw", lottery.pk)
    assert "李雷" in page
    assert "韩梅梅" not in page
    client.post(reverse("desk:draw_hand_over", args=[won.pk]), {"reference": "SF1"})
    won.refresh_from_db()
    assert (won.state, won.reference, won.settled_by) == ("fulfilled", "SF1", chen)
    assert client.post(reverse("desk:draw_hand_over", args=[other.pk])).status_code == 404


def test_more_pieces_and_the_archive(client: Client, lead: User, li_lei: Customer) -> None:
    lottery = wheel()
    prize = lottery.prizes.get(kind="goods")
    draws.draw(lottery.pk, li_lei, idem_key="1", at=timezone.now())
    client.force_login(lead)

    client.post(reverse("desk:draw_more", args=[lottery.pk]), {"prize": str(prize.pk), "pieces": "4"})
    prize.refresh_from_db()
    assert (prize.total, prize.awarded) == (5, 1)
    answer = client.get(reverse("desk:draw_archive", args=[lottery.pk]))
    told = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert lottery.commitment in told
    assert "李雷" not in told


@pytest.mark.parametrize("sent", [{"pieces": "0"}, {"pieces": "many"}, {"pieces": "99999999"}, {"prize": "0"}])
def test_more_that_cannot_be_given_is_not_called_saved(client: Client, lead: User, sent: dict[str, str]) -> None:
    lottery = wheel()
    prize = lottery.prizes.get(kind="goods")
    client.force_login(lead)

    address = reverse("desk:draw_more", args=[lottery.pk])
    answer = client.post(address, {"prize": str(prize.pk), "pieces": "4"} | sent, follow=True)

    prize.refresh_from_db()
    assert prize.total == 1
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]


# Credit -------------------------------------------------------------------------------------------------------------


def test_a_limit_is_proposed_by_one_and_approved_by_another(
    client: Client, chen: User, lead: User, li_lei: Customer
) -> None:
    client.force_login(chen)
    client.post(
        reverse("desk:credit_propose", args=[li_lei.pk]), {"limit": "30000", "term_days": "30", "reason": "月结"}
    )
    assert CreditLimitChange.objects.get().status == "proposed"
    assert client.post(reverse("desk:credit_approve", args=[li_lei.pk])).status_code == 403

    client.force_login(lead)
    assert "月结" in body(client, "credit")
    client.post(reverse("desk:credit_approve", args=[li_lei.pk]), {"change": CreditLimitChange.objects.get().pk})
    assert CreditAccount.objects.get().credit_limit == Decimal("30000.00")
    page = body(client, "credit_account", li_lei.pk)
    assert "30,000.00" in page


def test_a_second_person_decides_about_the_proposal_that_was_read(
    client: Client, chen: User, lead: User, li_lei: Customer
) -> None:
    at = timezone.now()
    read = credit.propose_limit(li_lei, limit="30000", term_days=30, reason="月结", by=chen, at=at)
    client.force_login(lead)
    assert f'name="change" value="{read.pk}"' in body(client, "credit_account", li_lei.pk)
    credit.withdraw_limit(read.pk, by=chen, at=at)
    credit.propose_limit(li_lei, limit="900000", term_days=30, reason="月结", by=chen, at=at)

    answer = client.post(reverse("desk:credit_approve", args=[li_lei.pk]), {"change": read.pk}, follow=True)

    assert "This change is decided already." in answer.content.decode()
    assert CreditAccount.objects.get().credit_limit == 0
    assert client.post(reverse("desk:credit_approve", args=[li_lei.pk])).status_code == 404


def test_a_payment_is_booked_once_however_often_it_is_sent(
    client: Client, lead: User, chen: User, li_lei: Customer
) -> None:
    at = timezone.now()
    credit.propose_limit(li_lei, limit="1000", term_days=30, reason="x", by=lead, at=at)
    held = credit.authorise(li_lei, "shop:1", "300.00", idem_key="1", at=at)
    credit.capture(held.pk, at=at)
    client.force_login(lead)
    address = reverse("desk:credit_pay", args=[li_lei.pk])
    told = {"payment-amount": "100", "payment-reason": "转账", "payment-client_key": "k"}

    assert [client.post(address, told).status_code for _ in range(2)] == [302, 302]
    assert CreditAccount.objects.get().exposure == Decimal("200.00")
    over = client.post(address, told | {"payment-amount": "200.01", "payment-client_key": "l"})
    assert over.status_code == 422
    assert "Only 200.00 is owed" in over.content.decode()
    assert "200.01" in over.content.decode()
    assert CreditEntry.objects.count() == 2


def test_a_correction_has_its_sign_and_its_reason(client: Client, lead: User, chen: User, li_lei: Customer) -> None:
    credit.propose_limit(li_lei, limit="1000", term_days=30, reason="x", by=lead, at=timezone.now())
    client.force_login(lead)
    address = reverse("desk:credit_correct", args=[li_lei.pk])
    sent = {"correction-amount": "50", "correction-client_key": "k"}

    assert client.post(address, sent).status_code == 422
    assert client.post(address, sent | {"correction-reason": "少记"}).status_code == 302
    assert CreditAccount.objects.get().exposure == Decimal("50.00")


@pytest.mark.parametrize(
    ("sent", "status", "answered"),
    [
        ({"status": "hold", "reason": "late"}, "hold", "success"),
        ({"status": "hold", "reason": " "}, "open", "error"),
        ({"status": "frozen", "reason": "late"}, "open", "error"),
    ],
)
def test_a_state_is_one_that_there_is_and_has_its_reason(
    client: Client, lead: User, chen: User, li_lei: Customer, sent: dict[str, str], status: str, answered: str
) -> None:
    credit.propose_limit(li_lei, limit="1000", term_days=30, reason="x", by=lead, at=timezone.now())
    client.force_login(lead)

    answer = client.post(reverse("desk:credit_status", args=[li_lei.pk]), sent, follow=True)

    assert CreditAccount.objects.get().status == status
    assert [message.level_tag for message in answer.context["messages"]] == [answered]


def test_a_limit_that_is_declined_changes_nothing(client: Client, chen: User, lead: User, li_lei: Customer) -> None:
    at = timezone.now()
    waits = credit.propose_limit(li_lei, limit="30000", term_days=30, reason="月结", by=chen, at=at)
    client.force_login(lead)

    for _twice in range(2):
        client.post(reverse("desk:credit_decline", args=[li_lei.pk]), {"change": waits.pk, "note": "too much"})

    change = CreditLimitChange.objects.get()
    assert (change.status, change.note, CreditAccount.objects.get().credit_limit) == ("declined", "too much", 0)


def test_overdue_is_said_on_every_page_that_shows_the_account(
    client: Client, lead: User, chen: User, li_lei: Customer
) -> None:
    at = timezone.now() - 40 * DAY
    credit.propose_limit(li_lei, limit="1000", term_days=30, reason="x", by=lead, at=at)
    credit.capture(credit.authorise(li_lei, "shop:1", "300.00", idem_key="1", at=at).pk, at=at)
    client.force_login(chen)

    assert "overdue by 10 days" in body(client, "credit_account", li_lei.pk)
    assert "10 d" in body(client, "credit")
    assert "10 d" in body(client, "customer", li_lei.pk)
    pages = (body(client, "credit_account", li_lei.pk), body(client, "credit"), body(client, "customer", li_lei.pk))
    assert ["Stopped: payment overdue" in page for page in pages] == [True, True, True]
    assert "Left of the limit" not in pages[0]


def test_an_account_outside_the_reach_is_not_found(client: Client, chen: User, stranger: Customer) -> None:
    client.force_login(chen)

    assert client.get(reverse("desk:credit_account", args=[stranger.pk])).status_code == 404
    told = {"limit": "1", "term_days": "30", "reason": "x"}
    assert client.post(reverse("desk:credit_propose", args=[stranger.pk]), told).status_code == 404


def test_a_long_list_of_accounts_asks_as_much_as_a_short_one(
    client: Client, lead: User, chen: User, make_customer: MakeCustomer, django_assert_num_queries: Any
) -> None:
    def account(name: str) -> None:
        person = make_customer(name, manager=chen)
        credit.propose_limit(person, limit="100", term_days=30, reason="x", by=lead, at=timezone.now())

    account("甲")
    client.force_login(chen)
    body(client, "credit")  # what a process asks once has been asked
    with django_assert_num_queries(20, exact=False) as one:
        body(client, "credit")
    for name in "乙丙丁":
        account(name)
    with django_assert_num_queries(len(one)):
        body(client, "credit")


# Clubs --------------------------------------------------------------------------------------------------------------


def test_a_club_is_founded_joined_and_met(
    client: Client, chen: User, lead: User, li_lei: Customer, stranger: Customer
) -> None:
    client.force_login(lead)
    club_at = client.post(reverse("desk:clubs_new"), {"name": "茶友会", "about": "每月一次"})["Location"]
    on = (today() + timedelta(days=3)).isoformat()
    pk = Club.objects.get().pk
    client.post(reverse("desk:club_plan", args=[pk]), {"name": "品鉴", "kind": "meeting", "on": on, "seats": "1"})
    past = client.post(reverse("desk:club_plan", args=[pk]), {"name": "品鉴", "kind": "meeting", "on": "2020-01-01"})
    assert past.status_code == 422
    client.post(reverse("desk:clubs_agree"), {"partner": "美容院", "gives": "五折", "starts_on": today().isoformat()})

    client.force_login(chen)
    for person in (li_lei, stranger):
        client.post(reverse("desk:club_join", args=[pk]), {"customer": person.number})
    assert list(ClubMember.objects.values_list("customer", flat=True)) == [li_lei.pk]
    meeting = ClubEvent.objects.get()
    client.post(reverse("desk:club_seat", args=[meeting.pk]), {"customer": li_lei.number})
    visit = ClubVisit.objects.get()
    client.post(reverse("desk:club_came", args=[visit.pk]))
    assert ClubVisit.objects.get().came is True
    page = client.get(club_at).content.decode()
    assert "李雷" in page
    assert "1 / 1" in page
    assert "美容院" in body(client, "customer", li_lei.pk)
    assert "茶友会" in body(client, "clubs")


# What was edited is written, and nothing else -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "sent"),
    [
        ("clubs_new", {"name": "", "about": "每月一次"}),
        ("clubs_agree", {"partner": "", "gives": "五折起", "starts_on": "2026-12-01"}),
    ],
)
def test_what_was_typed_for_a_club_or_a_partner_stays_when_it_is_refused(
    client: Client, lead: User, route: str, sent: dict[str, str]
) -> None:
    client.force_login(lead)

    answer = client.post(reverse(f"desk:{route}"), sent)

    assert answer.status_code == 422
    for typed in filter(None, sent.values()):
        assert typed in answer.content.decode()


@pytest.mark.parametrize(
    ("route", "sent"),
    [
        ("credit_propose", {"limit": "-30000", "term_days": "30", "reason": "月结客户"}),
        ("credit_pay", {"payment-amount": "-31.50", "payment-reason": "月结客户", "payment-client_key": "k"}),
        ("credit_correct", {"correction-amount": "31.50", "correction-reason": "", "correction-client_key": "k"}),
    ],
)
def test_what_was_typed_for_an_account_stays_when_it_is_refused(
    client: Client, lead: User, li_lei: Customer, route: str, sent: dict[str, str]
) -> None:
    at = timezone.now()
    credit.propose_limit(li_lei, limit="1000", term_days=30, reason="x", by=lead, at=at)
    credit.capture(credit.authorise(li_lei, "shop:1", "300.00", idem_key="1", at=at).pk, at=at)
    client.force_login(lead)

    answer = client.post(reverse(f"desk:{route}", args=[li_lei.pk]), sent)

    assert answer.status_code == 422
    for typed in filter(None, sent.values()):
        assert f'"{typed}"' in answer.content.decode()


def test_the_two_forms_of_the_clubs_page_have_ids_of_their_own(client: Client, lead: User) -> None:
    client.force_login(lead)

    page = client.get(reverse("desk:clubs")).content.decode()

    assert page.count('id="id_clubform_min_level"') == page.count('id="id_partnerform_min_level"') == 1


def test_terms_of_a_campaign_keep_what_another_changed_meanwhile(client: Client, lead: User) -> None:
    client.force_login(lead)
    client.post(reverse("desk:coupons_new"), TERMS)
    made = CouponCampaign.objects.get()
    address = reverse("desk:coupons_edit", args=[made.pk])
    typed = opened(client.get(address).context["form"]) | {"name": "春季大促"}
    coupon_campaigns.change(made.pk, by=lead, at=timezone.now(), total_limit=80, amount=Decimal(40))

    assert client.post(address, typed).status_code == 302

    made.refresh_from_db()
    assert (made.name, made.total_limit, made.amount) == ("春季大促", 80, Decimal(40))


def test_a_limit_that_two_people_change_is_shown_to_the_second(client: Client, lead: User) -> None:
    client.force_login(lead)
    client.post(reverse("desk:coupons_new"), TERMS)
    made = CouponCampaign.objects.get()
    address = reverse("desk:coupons_edit", args=[made.pk])
    typed = opened(client.get(address).context["form"]) | {"total_limit": "60"}
    coupon_campaigns.change(made.pk, by=lead, at=timezone.now(), total_limit=80)

    refused = client.post(address, typed)

    assert refused.status_code == 422
    assert "it says “80” now" in refused.content.decode()
    made.refresh_from_db()
    assert made.total_limit == 80


def test_a_draft_of_a_draw_keeps_what_another_changed_meanwhile(client: Client, lead: User, admin: User) -> None:
    client.force_login(lead)
    lottery = draft_of_a_draw(lead)
    address = reverse("desk:draw_edit", args=[lottery.pk])
    typed = opened(client.get(address).context["form"]) | {"name": "新转盘"}
    draws.change(lottery.pk, by=admin, at=timezone.now(), rules="每周一次", wins_per_customer=3)

    assert client.post(address, typed).status_code == 302

    lottery.refresh_from_db()
    assert (lottery.name, lottery.rules, lottery.wins_per_customer) == ("新转盘", "每周一次", 3)


def test_prizes_set_by_another_meanwhile_are_not_replaced_unseen(client: Client, lead: User, admin: User) -> None:
    client.force_login(lead)
    lottery = draft_of_a_draw(lead)
    address = reverse("desk:draw_prizes", args=[lottery.pk])
    sent = prizes_sent({"name": "谢谢", "kind": "thanks", "percent": "100"})
    sent["opened"] = client.get(address).context["opened"]
    draws.set_prizes(lottery.pk, [goods(total=1)], by=admin, at=timezone.now())

    refused = client.post(address, sent)

    assert refused.status_code == 422
    assert "He has saved this draft meanwhile." in refused.content.decode()
    assert [prize.name for prize in lottery.prizes.all()] == ["手机"]
    assert client.post(address, sent | {"opened": refused.context["opened"]}).status_code == 302
    assert [prize.name for prize in lottery.prizes.all()] == ["谢谢"]


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "He")


def draft_of_a_draw(by: User) -> Lottery:
    at = timezone.now()
    return draws.create(
        "WHEEL", by=by, at=at, name="转盘", entry="daily", rules="每天一次", starts_at=at + DAY, ends_at=at + 9 * DAY
    )


def test_entries_of_an_account_go_back_page_by_page_with_what_was_owed_then(
    client: Client, lead: User, li_lei: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credit_page, "SHOWN", 2)
    at = timezone.now()
    credit.propose_limit(li_lei, limit="1000", term_days=30, reason="x", by=lead, at=at)
    for amount in (100, 20, 3):
        credit.adjust(li_lei, amount, idem_key=f"k{amount}", reason="x", by=lead, at=at)
    client.force_login(lead)
    address = reverse("desk:credit_account", args=[li_lei.pk])

    newest = client.get(address).context["entries"]
    oldest = client.get(address + newest.next).context["entries"]

    assert [row.owed for row in newest.rows] == [123, 120]
    assert [row.owed for row in oldest.rows] == [100]
    assert oldest.next == ""


def test_campaigns_that_run_stand_on_the_first_page_however_many_have_ended(
    client: Client, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coupon_page, "CAMPAIGNS_SHOWN", 1)
    running = now_running(code="A")
    ended = now_running(code="B")
    CouponCampaign.objects.filter(pk=ended.pk).update(status="ended", starts_at=timezone.now())
    client.force_login(lead)

    first = client.get(reverse("desk:coupons_list"))
    second = client.get(reverse("desk:coupons_list") + first.context["page"].next)

    pages = [page.context["page"].rows for page in (first, second)]
    assert [row.campaign for rows in pages for row in rows] == [running, ended]
    assert [page.context["totals"].running for page in (first, second)] == [1, 1]


def test_who_sees_nobody_by_name_hands_out_to_everybody_unseen(
    client: Client, make_user: MakeUser, li_lei: Customer, stranger: Customer
) -> None:
    campaign = now_running()
    Standing.objects.update(customer_class=Standing.Class.ACTIVE)
    client.force_login(make_user(Role.ADMINISTRATOR))
    address, told = reverse("desk:coupons_issue", args=[campaign.pk]), {"customer_class": "1"}

    page = client.get(address, told)
    assert (page.context["count"], "who they are is not shown" in page.content.decode()) == (2, True)
    client.post(address, told | {"client_key": page.context["client_key"]})

    assert set(Coupon.objects.values_list("customer", flat=True)) == {li_lei.pk, stranger.pk}
    assert "李雷" not in body(client, "coupons", campaign.pk)


def test_the_administrator_gives_a_ticket_by_number(client: Client, make_user: MakeUser, li_lei: Customer) -> None:
    lottery = wheel()
    client.force_login(make_user(Role.ADMINISTRATOR))
    address = reverse("desk:draw_give_ticket", args=[lottery.pk])

    told = {"customer": li_lei.number, "reason": "补发", "key": "7f6d1b0e-54e5-4d0a-9d3c-5b8a4f0c7a11"}
    assert client.post(address, told).status_code == 302
