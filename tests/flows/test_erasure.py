"""A customer is erased at their wish: no table says any more who it was, and every figure of the books stays."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.test import Client
from django.urls import reverse

from complaints.cases import intake, lifecycle
from complaints.models import Case, Category
from complaints.setup import defaults
from core.accounts.models import AuditEntry, Role, User
from core.lib.errors import DomainError
from core.outbox import bell
from crm.flows import arrival, waiting
from crm.flows.record import erasure, merging
from customers import contact_points, contacts
from customers.identity import CustomerRef
from customers.models import Customer, Erasure, LifeDate, Order, PrivacyRequest
from customers.orders import OrderFact, Recorded
from customers.privacy import requests
from loyalty.points import accounts as points
from loyalty.points import adjustments
from loyalty.points import rules as point_rules
from tests.conftest import NOW, TODAY, MakeUser

pytestmark = pytest.mark.django_db
# What only this customer has, in whatever table it may stand.
SECRETS = ("欧阳娜娜", "ouyang", "13800138000", "nana@example.com", "朝阳区", "shop-nana", "秘密")
ABOUT: dict[str, Any] = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good"}


@pytest.fixture
def officer(make_user: MakeUser) -> User:
    return make_user(Role.PRIVACY_OFFICER, "Gao Ning")


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "He Min")


def order(version: int = 1, number: str = "o-1") -> Recorded:
    ref = CustomerRef(
        source="shop", external_id="shop-nana", name="欧阳娜娜", phone="13800138000", email="nana@example.com"
    )
    fact = OrderFact(
        source="shop", external_id=number, version=version, customer=ref, ordered_at=NOW, paid=Decimal(100 + version)
    )
    recorded = arrival.order(fact, at=NOW, today=TODAY)
    assert isinstance(recorded, Recorded)
    return recorded


@pytest.fixture
def nana(make_user: MakeUser) -> Customer:
    """Everything that a mall may know of somebody, each with a word that only she has."""
    defaults.install(at=NOW)
    chen = make_user(name="Chen", team="east")
    lead = make_user(Role.TEAM_LEAD, "Zhou", team="east")
    point_rules.save({"rate": Decimal(1)}, starts_at=NOW, by=None, reason="x", at=NOW)
    customer = order().customer
    Customer.objects.filter(pk=customer.pk).update(
        notes="秘密",
        city="朝阳区",
        interests=["秘密"],
        custom={"k": "秘密"},
        influencers="秘密",
        manager=chen,
        manager_since=TODAY,
    )
    LifeDate.objects.create(customer=customer, kind="birthday", year=1990, month=2, day=3, label="秘密", of_whom="秘密")
    customer.refresh_from_db()
    contact_points.add(customer, "address", "北京市朝阳区秘密路 1 号")
    contacts.log_contact(customer, by=chen, at=NOW, note="秘密", promise="秘密", promise_due_on=TODAY, **ABOUT)
    adjustments.request(customer, 100, reason="秘密", client_key="k", by=chen, at=NOW)
    case = intake.log(
        customer,
        category=Category.objects.filter(parent__isnull=False)[0],
        channel="phone",
        by=make_user(Role.SERVICE_LEAD, "Zheng"),
        at=NOW,
        description="秘密",
    ).case
    worker = make_user(Role.SERVICE_AGENT, "Liu")
    lifecycle.assign(case.pk, worker, by=make_user(Role.SERVICE_LEAD, "Kai"), at=NOW, reason="秘密")
    lifecycle.note(case.pk, by=worker, body="秘密", at=NOW)
    other = Customer.objects.create(number="K9", name="欧阳娜娜", registered_on=TODAY)
    merging.merge(other, customer, by=lead, at=NOW, reason="秘密")
    Case.objects.filter(pk=case.pk).update(description="秘密", resolution="秘密", title="秘密")
    return customer


def asked(customer: Customer, by: User) -> PrivacyRequest:
    return requests.register(
        customer, kind="erase", asked_on=TODAY, due_on=None, note="秘密", by=by, at=NOW, today=TODAY
    )


def close_cases(customer: Customer) -> None:
    for case in Case.objects.filter(customer=customer):
        lifecycle.withdraw(case.pk, by=case.owner, at=NOW, reason="秘密")


def left() -> dict[str, list[str]]:
    """Table -> which of the secrets stand in it."""
    places: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for secret in SECRETS:
                cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{secret}%"])
                if cursor.fetchone()[0]:
                    places.setdefault(table, []).append(secret)
    return places


def test_no_table_says_any_more_who_it_was_and_the_books_are_as_before(
    nana: Customer, officer: User, admin: User
) -> None:
    close_cases(nana)
    assert set(left()) >= {"customers_customer", "customers_contact", "complaints_case", "loyalty_pointadjustment"}
    before = (points.balance(nana, at=NOW), Order.objects.get(customer=nana).paid, Case.objects.count())

    proposed = erasure.propose(asked(nana, officer).pk, by=officer, reason="来电要求", at=NOW)
    told = bell.count(admin)
    waiting.approve("erasure", proposed.pk, by=admin, at=NOW)

    assert left() == {}
    nana.refresh_from_db()
    assert (nana.name, nana.erased_at, nana.manager) == (nana.number, NOW, None)
    assert (points.balance(nana, at=NOW), Order.objects.get(customer=nana).paid, Case.objects.count()) == before
    assert Customer.objects.get(number="K9").name == "K9"
    assert (told, bell.count(admin)) == (1, 0)
    request = PrivacyRequest.objects.get()
    assert (request.state, request.ended_by) == ("done", admin)
    line = AuditEntry.objects.get(action="customer.erased")
    assert (line.actor, line.subject_id, line.detail["proposed_by"]) == (admin, nana.pk, officer.pk)


def test_a_later_word_about_an_order_of_then_brings_nobody_back(nana: Customer, officer: User, admin: User) -> None:
    close_cases(nana)
    erasure.approve(erasure.propose(asked(nana, officer).pk, by=officer, reason="x", at=NOW).pk, by=admin, at=NOW)

    again = order(version=2)

    assert (again.customer.pk, again.order.paid) == (nana.pk, Decimal(102))
    assert left() == {}
    assert order(number="o-2").customer.pk != nana.pk  # who buys again is a new customer


def test_one_person_alone_erases_nobody_while_there_is_a_second(nana: Customer, officer: User, admin: User) -> None:
    close_cases(nana)
    proposed = erasure.propose(asked(nana, officer).pk, by=officer, reason="x", at=NOW)

    with pytest.raises(DomainError, match="somebody else"):
        erasure.approve(proposed.pk, by=officer, at=NOW, because="I alone")
    admin.is_active = False
    admin.save()
    with pytest.raises(DomainError, match="Type why"):
        erasure.approve(proposed.pk, by=officer, at=NOW)
    assert nana.erased_at is None
    done = erasure.approve(proposed.pk, by=officer, at=NOW, because="只有我一个人")
    assert (done.state, done.alone_because) == ("done", "只有我一个人")


@pytest.mark.parametrize("verb", ["refuse", "withdraw"])
def test_what_is_turned_down_erases_nothing_and_can_be_proposed_anew(
    nana: Customer, officer: User, admin: User, verb: str
) -> None:
    close_cases(nana)
    request = asked(nana, officer)
    proposed = erasure.propose(request.pk, by=officer, reason="x", at=NOW)
    with pytest.raises(DomainError, match="proposed already"):
        erasure.propose(request.pk, by=officer, reason="x", at=NOW)

    if verb == "refuse":
        waiting.refuse("erasure", proposed.pk, by=admin, at=NOW, reason="保修还没到期")
    else:
        waiting.withdraw("erasure", proposed.pk, by=officer, at=NOW)

    assert "customers_contact" in left()
    assert bell.count(officer) == (1 if verb == "refuse" else 0)
    assert erasure.propose(request.pk, by=officer, reason="x", at=NOW).state == Erasure.State.WAITING


def test_an_open_complaint_comes_first(nana: Customer, officer: User) -> None:
    with pytest.raises(DomainError, match="A complaint is open"):
        erasure.propose(asked(nana, officer).pk, by=officer, reason="x", at=NOW)


def test_an_officer_looks_proposes_and_an_administrator_agrees(
    client: Client, nana: Customer, officer: User, admin: User
) -> None:
    close_cases(nana)
    request = asked(nana, officer)
    client.force_login(officer)
    address = reverse("desk:privacy_erase", args=[request.pk])

    page = client.get(address).content.decode()
    assert "Phones, e-mails and addresses" in page
    assert "欧阳娜娜" not in page
    early = client.post(reverse("desk:privacy_end", args=[request.pk]), {"outcome": "好", "done": "1"})
    assert early.status_code == 422
    assert re.search(rf'id="end-{request.pk}"[^>]*data-open', early.content.decode())
    assert client.post(address, {"reason": ""}).status_code == 422
    assert client.post(address, {"reason": "来电要求"}).status_code == 302
    client.force_login(admin)
    listed = client.get(reverse("desk:approvals")).content.decode()
    assert f"Erase customer {nana.number}" in listed
    proposed = Erasure.objects.get()
    client.post(reverse("desk:approval_approve", args=["erasure", proposed.pk]))
    proposed.refresh_from_db()
    assert proposed.state == "done"


# Rows of a customer or of a complaint that keep a text, and why that is no word about a person.
STAYS = {
    "customers.PrivacyRequest": "what was asked and what became of it: proof that the law was followed",
    "customers.Order": "the number of the order, by which the books are read",
    "customers.Refund": "the same",
    "customers.Import": "files go after seven days",
    "segmentation.Alert": "codes and figures; its interview goes",
    "customers.Customer": "the record itself: see NOBODY",
    "complaints.CaseEvent": "codes and figures; its words go, see without_words",
    "complaints.Clock": "a code",
    "complaints.CaseOrder": "the number of the order",
    "loyalty.LotteryTicket": "what it was given for, by number",
    "loyalty.TierChange": "levels and figures",
    "loyalty.CampaignUsage": "figures",
    "customers.Standing": "copies of the record, which follow it: see tests/customers/lists/test_copies.py",
}
TEXTS = (models.CharField, models.TextField, models.JSONField, models.BinaryField)


def test_every_table_with_words_about_a_customer_is_known() -> None:
    known = {model for _word, model, *_rest in (*erasure.DELETED, *erasure.BLANKED)}
    missing = []
    for model in apps.get_models():
        of_somebody = any(
            isinstance(field, models.ForeignKey) and field.related_model in (Customer, Case)
            for field in model._meta.get_fields()
        )
        texts = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, TEXTS) and not field.choices and not field.unique
        ]
        if of_somebody and texts and model not in known and model._meta.label not in STAYS:
            missing.append(f"{model._meta.label}: {', '.join(texts)}")

    assert missing == []


@pytest.mark.parametrize(
    ("data", "left"),
    [
        ({"reason": "Alice", "from": "new", "at": "2026-01-01T00:00+08:00"}, {"reason": "", "from": "new"}),
        ({"row": 7, "nested": {"text": "x", "to": "a b"}, "list": ["王", "ok"]}, {"row": 7, "list": ["", "ok"]}),
    ],
    ids=["flat", "nested"],
)
def test_words_are_taken_out_and_codes_stay(data: dict[str, Any], left: dict[str, Any]) -> None:
    cleaned = erasure.without_words(data)

    assert {name: cleaned[name] for name in left} == left
    assert set(cleaned) == set(data)
