"""One person under two numbers: afterwards there is one record, and nothing of the other is lost."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from complaints.cases import intake
from complaints.models import Case, Category
from complaints.setup import defaults
from core.accounts.models import AuditEntry, Role, User
from core.accounts.roles import ApiScope
from core.lib.almanac.days import LifeDay
from core.lib.errors import DomainError, Invalid
from crm.flows import arrival, nightly
from crm.flows.record import merging
from customers import contact_points, identity, queries
from customers import merging as records
from customers.access import visible_to
from customers.identity import CustomerRef
from customers.models import Customer, ExternalIdentity, LifeDate, Order, Standing, Summary, Todo
from customers.orders import OrderFact
from loyalty import clubs
from loyalty.campaigns import draws
from loyalty.models import (
    ClubMember,
    Coupon,
    CreditAccount,
    LotteryTicket,
    Membership,
    PointAccount,
    PointHold,
    Referral,
)
from loyalty.points import accounts as points
from loyalty.points import holds, referrals
from loyalty.points import rules as point_rules
from loyalty.tiers import membership
from segmentation import alerts
from segmentation.alerts import Due, Evidence
from segmentation.models import Alert
from tests.conftest import NOW, TODAY, ApiFor, MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.campaigns import stories
from tests.loyalty.tiers.stories import content, level_of, put_in_force

pytestmark = pytest.mark.django_db
EVIDENCE: Evidence = {
    "usual_days": 30.0,
    "limit_days": 60.0,
    "quiet_days": 90,
    "tail_level": 0.05,
    "no_purchase": 0.9,
    "horizon_days": 60,
    "monthly_profit": 5000,
    "value": 90000,
}
# What stays under the old number: books that are never rewritten, and doubles of what the other record has.
STAYS = {
    "ManagerSpan",
    "HandOverLine",
    "Change",
    "Alert",
    "SilentSign",
    "Coupon",
    "ClubMember",
    "ClubVisit",
    "PointAccount",
    "TierChange",
    "TierOverride",
    "Referral",
    "CreditAccount",
    "CustomerChange",
    "Opened",
    "PrivacyRequest",
    "ConsentEntry",
    "Consent",
    "ReachLimit",
    "SegmentMember",
    "Rising",
    "CustomerPlan",
}
GOES = {
    "PlanDue",
    "Appointment",
    "ContactPoint",
    "ExternalIdentity",
    "Order",
    "Refund",
    "Summary",
    "Bought",
    "Standing",
    "CustomerLabel",
    "Contact",
    "Todo",
    "Promise",
    "Lookup",
    "CouponRedemption",
    "LotteryTicket",
    "Draw",
    "Membership",
    "Case",
    "ServicePrompt",
    "Remedy",
    "CallerMark",
    "Letter",
    "LifeDate",
    "ContactStop",
}


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_LEAD)


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷", phone="13800138000", external_id="c-1", registered_on=date(2024, 5, 1))


@pytest.fixture
def double(make_customer: MakeCustomer) -> Customer:
    """Known at the till by an e-mail; that the phone is the same, it turned out later."""
    found = make_customer(
        "李雷",
        email="li@example.com",
        source="till",
        external_id="k-9",
        city="杭州",
        registered_on=date(2023, 2, 1),
        interests=["茶"],
    )
    contact_points.add(found, "phone", "13800138000")
    return found


def merge(loser: Customer, winner: Customer, by: User) -> None:
    merging.merge(loser, winner, by=by, at=NOW, reason="Same phone, told us so")


def test_everything_that_can_point_at_a_customer_is_thought_of() -> None:
    pointing = {
        relation.related_model.__name__
        for relation in Customer._meta.related_objects
        if relation.related_model is not Customer
    }

    assert pointing == STAYS | GOES


def test_orders_people_and_work_are_on_one_record(
    li_lei: Customer, double: Customer, lead: User, make_order: MakeOrder
) -> None:
    defaults.install(at=NOW)
    make_order(li_lei, TODAY - timedelta(days=40), "100.00")
    late = make_order(double, TODAY - timedelta(days=3), "60.00")
    todo = Todo.objects.create(customer=double, reason="promise", due_on=TODAY, dedupe_key="t", opened_at=NOW)
    late_parcel = Category.objects.get(code="delivery-late")
    case = intake.log(double, category=late_parcel, channel="phone", by=lead, at=NOW, description="包裹没到").case

    merge(double, li_lei, lead)

    li_lei.refresh_from_db()
    assert (li_lei.registered_on, li_lei.city, li_lei.interests) == (date(2023, 2, 1), "杭州", ["茶"])
    assert sorted(point.kind for point in li_lei.contact_points.all()) == ["email", "phone"]
    assert (li_lei.summary.purchase_days, li_lei.summary.paid_sum) == (2, Decimal("160.00"))
    assert li_lei.standing.last_on == late.ordered_on
    assert not Summary.objects.filter(pk=double.pk).exists()
    assert not Standing.objects.filter(pk=double.pk).exists()
    assert Todo.objects.get(pk=todo.pk).customer == li_lei
    assert Case.objects.get(pk=case.pk).customer == li_lei
    for relation in Customer._meta.related_objects:
        if relation.related_model.__name__ in GOES:
            assert not relation.related_model._default_manager.filter(**{relation.field.name: double.pk}).exists()
    entry = AuditEntry.objects.get(action="customer.merged")
    assert (entry.detail["loser"], entry.detail["reason"]) == (double.pk, "Same phone, told us so")


def test_the_figures_are_those_of_a_record_that_was_one_all_along(
    li_lei: Customer, double: Customer, lead: User, make_order: MakeOrder
) -> None:
    for days in (200, 150, 90, 20):
        make_order(double if days % 100 else li_lei, TODAY - timedelta(days=days))
    merge(double, li_lei, lead)
    live = Summary.objects.filter(pk=li_lei.pk).values().get()

    nightly.run(TODAY)
    nightly.run(TODAY + timedelta(days=1), rebuild=True)

    rebuilt = Summary.objects.filter(pk=li_lei.pk).values().get()
    assert {name: live[name] for name in ("purchase_days", "order_count", "paid_sum", "profit_sum", "last_on")} == {
        name: rebuilt[name] for name in ("purchase_days", "order_count", "paid_sum", "profit_sum", "last_on")
    }
    assert set(Standing.objects.values_list("pk", flat=True)) == {li_lei.pk}


def test_what_is_known_stays_and_what_is_not_comes_from_the_other(
    li_lei: Customer, double: Customer, lead: User, make_user: MakeUser
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    Customer.objects.filter(pk=li_lei.pk).update(notes="喜欢红茶", interests=["瓷器"], next_contact_on=TODAY)
    Customer.objects.filter(pk=double.pk).update(
        name="李蕾",
        notes="住三楼",
        next_contact_on=TODAY - timedelta(days=1),
        is_reseller=True,
        manager=chen,
        manager_since=TODAY,
    )
    LifeDate.objects.create(customer=double, kind="birthday", year=1980, month=2, day=3)

    merge(double, li_lei, lead)

    one = Customer.objects.get(pk=li_lei.pk)
    assert (one.name, one.city, one.birthday, one.is_reseller) == ("李雷", "杭州", LifeDay(2, 3, 1980), True)
    assert (one.notes, one.interests) == ("喜欢红茶\n住三楼", ["瓷器", "茶"])
    assert (one.next_contact_on, one.registered_on) == (TODAY - timedelta(days=1), date(2023, 2, 1))
    assert (one.manager, one.standing.manager) == (chen, chen)


def test_nobody_is_merged_with_themselves_twice_or_without_a_reason(
    li_lei: Customer, double: Customer, lead: User
) -> None:
    with pytest.raises(Invalid) as oneself:
        merge(li_lei, li_lei, lead)
    assert oneself.value.code == "same_customer"
    with pytest.raises(Invalid):
        merging.merge(double, li_lei, by=lead, at=NOW, reason=" ")
    merge(double, li_lei, lead)

    with pytest.raises(DomainError) as refusal:
        merge(double, li_lei, lead)
    assert refusal.value.code == "merged_already"


def test_who_looked_up_the_old_record_may_not_open_the_one_that_stays(
    li_lei: Customer, double: Customer, lead: User, make_user: MakeUser
) -> None:
    agent = make_user(Role.SERVICE_AGENT)
    queries.look_up(agent, double.pk, TODAY)

    merge(double, li_lei, lead)

    assert not visible_to(agent, TODAY).exists()


def test_while_two_records_become_one_no_order_is_recorded(
    li_lei: Customer, double: Customer, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []
    monkeypatch.setattr(records.locks, "hold_off_everyone", lambda: held.append("everyone"))

    merge(double, li_lei, lead)

    assert held == ["everyone"]


def test_the_old_number_leads_to_the_record(
    li_lei: Customer, double: Customer, lead: User, client: Client, api_for: ApiFor
) -> None:
    merge(double, li_lei, lead)

    client.force_login(lead)
    assert client.get(reverse("desk:customer", args=[double.pk])).url == reverse("desk:customer", args=[li_lei.pk])
    assert queries.search(lead, double.number, TODAY) == [li_lei]
    assert queries.search(lead, "李雷", TODAY) == [li_lei]
    assert identity.find_or_create(CustomerRef(number=double.number), today=TODAY) == li_lei
    told = api_for(ApiScope.CUSTOMERS_READ).get(f"/api/v1/customers/{double.number}")
    assert (told.status_code, told.json()["number"]) == (200, li_lei.number)


def test_orders_that_come_in_later_are_the_records(li_lei: Customer, double: Customer, lead: User) -> None:
    merge(double, li_lei, lead)

    refs = (
        CustomerRef(source="till", external_id="k-9"),
        CustomerRef(number=double.number),
        CustomerRef(phone="13800138000"),
    )
    for number, ref in enumerate(refs):
        fact = OrderFact(
            source="till", external_id=f"o-{number}", version=1, customer=ref, ordered_at=NOW, paid=Decimal(10)
        )
        arrival.order(fact, at=NOW, today=TODAY)

    assert set(Order.objects.values_list("customer", flat=True)) == {li_lei.pk}
    assert Order.objects.count() == 3


def test_a_record_that_took_another_in_can_go_into_a_third(
    li_lei: Customer, double: Customer, make_customer: MakeCustomer, lead: User
) -> None:
    third = make_customer("李雷", external_id="c-3")
    merge(double, li_lei, lead)
    merge(li_lei, third, lead)

    assert queries.search(lead, double.number, TODAY) == [third]
    assert ExternalIdentity.objects.exclude(customer=third).count() == 0
    with pytest.raises(DomainError) as refusal:
        merge(double, third, lead)
    assert refusal.value.code == "merged_already"


def test_coupons_tickets_clubs_friends_and_the_level_come_along(
    li_lei: Customer, double: Customer, lead: User, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    coupon = stories.a_coupon(stories.running(), double)
    lottery = stories.published(stories.goods(), entry="order")
    draws.give_ticket(lottery.pk, double, reason="birthday", by=stories.lead(), at=stories.NOON)
    club = clubs.found("茶友会", by=stories.lead(), at=stories.NOON)
    clubs.join(club, double, by=stories.lead(), at=stories.NOON)
    referrals.record(make_customer("韩梅梅"), double, by=None, at=NOW)
    make_order(double, TODAY - timedelta(days=5), "3000.00")
    make_order(li_lei, TODAY - timedelta(days=4), "3000.00")
    put_in_force(content(), TODAY - timedelta(days=2))
    membership.review_due(TODAY - timedelta(days=1), at=NOW)
    assert level_of(li_lei, TODAY) == "silver"

    merge(double, li_lei, lead)

    assert Coupon.objects.get(pk=coupon.pk).customer == li_lei
    assert LotteryTicket.objects.get().customer == li_lei
    assert ClubMember.objects.get().customer == li_lei
    assert Referral.objects.get().referrer == li_lei
    assert not Membership.objects.filter(pk=double.pk).exists()
    assert level_of(li_lei, TODAY) == "gold"  # of six thousand, at once


def test_an_alert_of_who_has_bought_under_the_other_number_is_over(
    li_lei: Customer, double: Customer, lead: User, make_order: MakeOrder
) -> None:
    last = TODAY - timedelta(days=90)
    make_order(li_lei, last)
    due = Due(li_lei.pk, Alert.Kind.QUIET, last, TODAY + timedelta(days=30), 5000, 9000, EVIDENCE)
    alerts.open_due([due], as_of=TODAY, at=NOW, silent=False)
    make_order(double, TODAY)

    merge(double, li_lei, lead)

    assert Alert.objects.get().state == Alert.State.RECOVERED


def test_points_come_along_and_set_aside_ones_stop_it(
    li_lei: Customer, double: Customer, lead: User, make_user: MakeUser
) -> None:
    point_rules.save({"rate": Decimal(1)}, starts_at=NOW, by=None, reason="From now on", at=NOW)
    admin = make_user(Role.ADMINISTRATOR)
    points.grant(double, 300, source="goodwill", key="g", by=admin, reason="goodwill", at=NOW)
    held = holds.hold(double, 100, purpose="reward", ref="r", at=NOW)

    with pytest.raises(DomainError) as refusal:
        merge(double, li_lei, lead)
    assert refusal.value.code == "points_held"
    double.refresh_from_db()
    assert double.merged_into is None
    assert ExternalIdentity.objects.get(external_id="k-9").customer == double

    holds.release(held.pk, at=NOW)
    merge(double, li_lei, lead)
    assert PointAccount.objects.get(pk=li_lei.pk).available == 300


def test_two_credit_accounts_are_not_joined(li_lei: Customer, double: Customer, lead: User) -> None:
    for customer in (li_lei, double):
        CreditAccount.objects.create(customer=customer, credit_limit=100, opened_at=NOW)

    with pytest.raises(DomainError) as refusal:
        merge(double, li_lei, lead)

    assert refusal.value.code == "two_credit_accounts"


def test_one_alert_stays_open(li_lei: Customer, double: Customer, lead: User) -> None:
    for customer, last_on in ((li_lei, date(2026, 5, 1)), (double, date(2026, 6, 1))):
        Alert.objects.create(
            customer=customer, kind="quiet", last_on=last_on, opened_on=TODAY, window_ends_on=TODAY, severity=1
        )
    assert {line.label: line.after for line in merging.consequences(double, li_lei)}["Open alerts"] == 1

    merge(double, li_lei, lead)

    assert list(Alert.objects.order_by("last_on").values_list("customer", "state")) == [
        (li_lei.pk, "open"),
        (li_lei.pk, "no_response"),
    ]


def test_the_same_phone_or_name_is_offered(
    li_lei: Customer, double: Customer, make_customer: MakeCustomer, lead: User
) -> None:
    make_customer("韩梅梅", external_id="c-5", phone="13900139000")

    assert list(records.alike(li_lei, lead, TODAY)) == [double]
    contact_points.add(make_customer("老李", external_id="c-6"), "phone", "13800138000")
    assert [one.name for one in records.alike(li_lei, lead, TODAY)] == ["李雷", "老李"]


def test_the_page_shows_what_the_record_will_have_and_then_it_has_it(
    li_lei: Customer, double: Customer, lead: User, client: Client, make_order: MakeOrder
) -> None:
    make_order(li_lei)
    make_order(double)
    make_order(double, TODAY - timedelta(days=50))
    client.force_login(lead)
    address = reverse("desk:merge", args=[li_lei.pk])
    assert client.get(address).context["people"] == [double]
    searched = client.post(reverse("desk:merge_find", args=[li_lei.pk]), {"q": double.number})
    assert searched.context["people"] == [double]

    page = client.get(f"{address}?other={double.pk}")
    told = {str(row.label): row for row in page.context["counts"]}
    assert told["Orders"][1:] == (2, 1, 3)
    assert told["Phones and e-mails"][1:] == (2, 1, 2)
    into = reverse("desk:merge_other", args=[li_lei.pk, double.pk])
    assert f'action="{into}"' in page.content.decode()
    empty = client.post(into, {"reason": " "})
    assert empty.status_code == 422
    done: Any = client.post(into, {"reason": "Told us so"})

    assert done.url == reverse("desk:customer", args=[li_lei.pk])
    assert li_lei.orders.count() == told["Orders"].after
    assert li_lei.contact_points.count() == told["Phones and e-mails"].after
    assert not PointHold.objects.exists()
