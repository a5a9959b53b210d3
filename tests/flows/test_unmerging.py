"""Two records that were made one by mistake are two again, and what has come since is said and stays."""

import threading
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from complaints.cases import intake
from complaints.models import Category
from complaints.setup import defaults
from core.accounts.models import AuditEntry, Role, User
from core.lib.errors import DomainError, Invalid
from crm.flows.record import merging, unmerging
from customers import contact_points, contacts, identity, locks
from customers.identity import CustomerRef
from customers.models import Contact, Customer, ExternalIdentity, Merge, Order, Standing, Summary
from customers.orders import OrderFact
from customers.record import reach, writing
from customers.record.facts import Facts
from loyalty import clubs
from loyalty.models import ClubMember, Coupon, PointAccount, Referral
from loyalty.points import accounts as points
from loyalty.points import laws as point_laws
from loyalty.points import referrals
from loyalty.points import rules as point_rules
from loyalty.tiers import membership
from segmentation.models import Alert
from tests import recording
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.campaigns import stories
from tests.loyalty.tiers.stories import content, level_of, put_in_force
from tests.races import PATIENCE, at_once, let_pass

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_LEAD)


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer(
        "李雷", phone="13800138000", external_id="c-1", registered_on=date(2024, 5, 1), notes="喜欢红茶"
    )


@pytest.fixture
def other(make_customer: MakeCustomer, make_user: MakeUser) -> Customer:
    customer = make_customer(
        "李雷",
        manager=make_user(Role.ACCOUNT_MANAGER, "Chen"),
        email="other@example.com",
        source="till",
        external_id="k-9",
        city="杭州",
        registered_on=date(2023, 2, 1),
        interests=["茶"],
        notes="住三楼",
    )
    contact_points.add(customer, "phone", "13800138000")
    return customer


def merge(loser: Customer, winner: Customer, by: User) -> Merge:
    merging.merge(loser, winner, by=by, at=NOW, reason="Same name")
    return Merge.objects.get(loser=loser, undone_at=None)


def undo(one: Merge, by: User) -> None:
    unmerging.undo(one.pk, by=by, at=LATER, reason="Two people after all")


def state_of(*customers: Customer) -> dict[str, Any]:
    """Everything of these people that a merge moves, by what it is."""
    ids = [customer.pk for customer in customers]
    rows: dict[str, Any] = {
        model._meta.label: sorted(model._default_manager.filter(customer__in=ids).values_list("customer_id", "pk"))
        for model in unmerging.MOVED
        if model._meta.label != "customers.ContactPoint"
    }
    rows["points"] = sorted(
        (p.customer_id, p.kind, p.mask) for customer in customers for p in customer.contact_points.all()
    )
    rows["people"] = list(Customer.objects.filter(pk__in=ids).order_by("pk").values())
    rows["standing"] = list(Standing.objects.filter(pk__in=ids).order_by("pk").values())
    rows["summary"] = list(Summary.objects.filter(pk__in=ids).order_by("pk").values())
    return rows


def test_everything_goes_back_to_whose_it_was(
    li_lei: Customer, other: Customer, lead: User, make_order: MakeOrder, make_customer: MakeCustomer
) -> None:
    defaults.install(at=NOW)
    make_order(li_lei, TODAY - timedelta(days=40), "100.00")
    make_order(other, TODAY - timedelta(days=3), "60.00")
    late_parcel = Category.objects.get(code="delivery-late")
    intake.log(other, category=late_parcel, channel="phone", by=lead, at=NOW, description="包裹没到")
    stories.a_coupon(stories.running(), other)
    club = clubs.found("茶友会", by=stories.lead(), at=stories.NOON)
    for member in (li_lei, other):
        clubs.join(club, member, by=stories.lead(), at=stories.NOON)
    referrals.record(make_customer("韩梅梅"), other, by=None, at=NOW)
    before = state_of(li_lei, other)
    left_on = list(ClubMember.objects.order_by("pk").values_list("left_on", flat=True))

    undo(merge(other, li_lei, lead), lead)

    assert state_of(li_lei, other) == before
    assert list(ClubMember.objects.order_by("pk").values_list("left_on", flat=True)) == left_on
    assert Referral.objects.get().referrer == other
    assert Coupon.objects.get().customer == other
    entry = AuditEntry.objects.get(action="customer.unmerged")
    assert (entry.detail["loser"], entry.detail["reason"]) == (other.pk, "Two people after all")
    assert identity.find_or_create(CustomerRef(source="till", external_id="k-9"), today=TODAY) == other


def test_points_and_levels_are_apart_again_and_the_books_agree(
    li_lei: Customer, other: Customer, lead: User, make_order: MakeOrder, make_user: MakeUser
) -> None:
    point_rules.save({"rate": Decimal(1)}, starts_at=NOW, by=None, reason="From now on", at=NOW)
    admin = make_user(Role.ADMINISTRATOR)
    for customer, count in ((li_lei, 100), (other, 300)):
        points.grant(customer, count, source="goodwill", key=str(count), by=admin, reason="goodwill", at=NOW)
    make_order(other, TODAY - timedelta(days=5), "3000.00")
    make_order(li_lei, TODAY - timedelta(days=4), "3000.00")
    put_in_force(content(), TODAY - timedelta(days=2))
    membership.review_due(TODAY - timedelta(days=1), at=NOW)
    one = merge(other, li_lei, lead)
    assert level_of(li_lei, TODAY) == "gold"
    points.spend(li_lei, 150, key="s", by=admin, reason="gift", at=NOW)

    told = unmerging.outlook(one)
    undo(one, lead)

    assert (points.balance(li_lei, at=LATER).available, points.balance(other, at=LATER).available) == (0, 250)
    assert "Points spent or expired since: 50" in told.stays
    assert PointAccount.objects.get(pk=other.pk).state == PointAccount.State.ACTIVE
    assert (level_of(li_lei, TODAY), level_of(other, TODAY)) == ("silver", "silver")
    assert not point_laws.broken()


def test_a_level_that_only_the_merge_has_raised_goes_with_it(
    li_lei: Customer, other: Customer, lead: User, make_order: MakeOrder
) -> None:
    make_order(other, TODAY - timedelta(days=5), "3000.00")
    put_in_force(content(), TODAY - timedelta(days=2))
    membership.review_due(TODAY - timedelta(days=1), at=NOW)
    lowest = level_of(li_lei, TODAY)
    one = merge(other, li_lei, lead)
    assert level_of(li_lei, TODAY) == "silver"

    undo(one, lead)

    assert (level_of(li_lei, TODAY), level_of(other, TODAY)) == (lowest, "silver")


def test_what_has_come_since_stays_and_is_said(li_lei: Customer, other: Customer, lead: User) -> None:
    one = merge(other, li_lei, lead)
    ref = CustomerRef(source="till", external_id="k-9")
    fact = OrderFact(source="till", external_id="o", version=1, customer=ref, ordered_at=NOW, paid=Decimal(10))
    recording.record_order(fact, at=LATER, today=TODAY)
    talk: dict[str, Any] = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good", "note": "x"}
    contacts.log_contact(li_lei, by=lead, at=LATER, **talk)
    writing.correct(li_lei, Facts(city="苏州"), by=lead, at=LATER, today=TODAY)

    told = unmerging.outlook(Merge.objects.get(pk=one.pk))
    undo(one, lead)

    assert told.stays == ["Orders since: 1", "Contacts since: 1", "Corrected since, so it stays as it is: city"]
    li_lei.refresh_from_db()
    other.refresh_from_db()
    assert (li_lei.city, other.city, li_lei.notes) == ("苏州", "杭州", "喜欢红茶")
    assert Order.objects.get().customer == Contact.objects.get().customer == li_lei
    assert ExternalIdentity.objects.get(source="till").customer == other


def test_a_preferred_phone_of_each_is_preferred_again(li_lei: Customer, other: Customer, lead: User) -> None:
    own = contact_points.find("phone", "13800138000")
    assert own == [li_lei.pk, other.pk]
    theirs = reach.add(other, kind="phone", value="13900139000", by=lead, at=NOW)
    reach.prefer(theirs.pk, by=lead, at=NOW)
    reach.prefer(li_lei.contact_points.get().pk, by=lead, at=NOW)

    one = merge(other, li_lei, lead)
    assert li_lei.contact_points.filter(kind="phone", is_preferred=True).count() == 1
    undo(one, lead)

    assert [customer.contact_points.get(is_preferred=True).mask for customer in (li_lei, other)] == [
        "138****8000",
        "139****9000",
    ]


def test_an_alert_that_the_merge_dropped_is_open_again(li_lei: Customer, other: Customer, lead: User) -> None:
    for customer in (li_lei, other):
        Alert.objects.create(
            customer=customer,
            kind=Alert.Kind.QUIET,
            last_on=TODAY - timedelta(days=40 + customer.pk % 7),
            opened_on=TODAY,
            window_ends_on=TODAY + timedelta(days=60),
            severity=100,
        )

    undo(merge(other, li_lei, lead), lead)

    assert set(Alert.objects.values_list("customer", "state")) == {(li_lei.pk, "open"), (other.pk, "open")}


def test_of_three_the_last_is_taken_apart_first(
    li_lei: Customer, other: Customer, make_customer: MakeCustomer, lead: User
) -> None:
    third = make_customer("李雷", external_id="c-3")
    first = merge(other, li_lei, lead)
    second = merge(li_lei, third, lead)

    with pytest.raises(DomainError) as refusal:
        undo(first, lead)
    assert refusal.value.code == "undone_already" or refusal.value.code == "merged_further"
    undo(second, lead)
    undo(first, lead)

    assert not Customer.objects.filter(merged_into__isnull=False).exists()
    assert ExternalIdentity.objects.get(source="till").customer == other


def test_it_is_undone_once_and_with_a_reason_and_may_be_done_again(
    li_lei: Customer, other: Customer, lead: User
) -> None:
    one = merge(other, li_lei, lead)
    with pytest.raises(Invalid):
        unmerging.undo(one.pk, by=lead, at=LATER, reason=" ")
    undo(one, lead)
    with pytest.raises(DomainError) as refusal:
        undo(one, lead)
    assert refusal.value.code == "undone_already"

    undo(merge(other, li_lei, lead), lead)
    assert Merge.objects.filter(undone_at__isnull=False).count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_who_undo_at_once_undo_once(li_lei: Customer, other: Customer, lead: User) -> None:
    one = merge(other, li_lei, lead)

    ends = at_once([lambda: undo(one, lead)] * 2)

    assert ends == Counter({"done": 1, "undone_already": 1})
    assert Standing.objects.count() == 2


def order_during_undo(one: Merge, lead: User, monkeypatch: pytest.MonkeyPatch) -> Order:
    """The order has found its customer, the record that stays; then the undo goes as far as it can."""
    found, undone = threading.Event(), threading.Event()
    find = identity.found_or_created

    def find_and_dawdle(*args: Any, **named: Any) -> Customer:
        # Without the row, which would hold off the undo as well.
        customer = find(*args, **{**named, "hold": False})
        found.set()
        let_pass(undone)
        return customer

    def order() -> None:
        ref = CustomerRef(source="till", external_id="k-9")
        fact = OrderFact(source="till", external_id="o", version=1, customer=ref, ordered_at=NOW, paid=Decimal(10))
        recording.record_order(fact, at=NOW, today=TODAY)

    def take_apart() -> None:
        assert found.wait(PATIENCE)
        undo(one, lead)
        undone.set()

    monkeypatch.setattr(identity, "found_or_created", find_and_dawdle)
    assert at_once([order, take_apart]) == Counter({"done": 2})
    return Order.objects.get()


@pytest.mark.django_db(transaction=True)
def test_an_order_under_way_is_in_the_figures_of_who_has_it(
    li_lei: Customer, other: Customer, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_during_undo(merge(other, li_lei, lead), lead, monkeypatch)

    assert Summary.objects.get().pk == order.customer_id == li_lei.pk


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_undo_does_not_wait_for_it(
    li_lei: Customer, other: Customer, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = merge(other, li_lei, lead)
    monkeypatch.setattr(locks, "hold_off_everyone", lambda: None)
    monkeypatch.setattr(locks, "hold_customers", lambda ids, against_new_rows=False: None)

    order = order_during_undo(one, lead, monkeypatch)

    # The undo was through before the order was stored, and no longer speaks of it.
    assert Customer.objects.get(pk=other.pk).merged_into is None
    assert order.customer == li_lei


def test_the_page_says_what_goes_back_and_takes_apart(
    client: Client, li_lei: Customer, other: Customer, lead: User, make_order: MakeOrder
) -> None:
    make_order(other)
    one = merge(other, li_lei, lead)
    client.force_login(lead)
    address = reverse("desk:merge_undo", args=[one.pk])
    assert address in client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()

    assert ("Orders", 1) in client.get(address).context["outlook"].back
    assert client.post(address, {"reason": ""}).status_code == 422
    done = client.post(address, {"reason": "Two people"})

    assert done.headers["Location"] == reverse("desk:customer", args=[li_lei.pk])
    assert client.get(reverse("desk:customer", args=[other.pk])).status_code == 200
    assert address not in client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()
