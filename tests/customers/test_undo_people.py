"""What an import has told of people who were known before goes with it, but for what anybody else has said too."""

import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError

from core.lib.errors import DomainError
from crm.flows import arrival
from customers import locks
from customers.identity import CustomerRef
from customers.imports import runs, undo
from customers.imports.choices import Choices
from customers.models import ContactPoint, Customer, CustomerChange, ExternalIdentity, Import
from customers.record import reach
from tests.conftest import NOW, TODAY, MakeUser, RecordOrder
from tests.races import PATIENCE, at_once, let_pass

HEAD = "order_no,customer,phone,email,date,paid,status\n"
ROW = "{number},f1,13800138000,lilei@example.com,2026-10-01,100,paid\n"


def imported(text: str, source: str = "file", kind: str = "orders") -> Import:
    choices = Choices(kind=kind)
    run = runs.upload("o.csv", text.encode(), source=source, by=None, at=NOW, choices=choices)
    return arrival.file(run, by=None, at=NOW, today=TODAY)


def undone(run: Import) -> Import:
    return arrival.undo_file(run, by=None, at=NOW, today=TODAY)


def told(customer: Customer) -> list[str]:
    """Everything that the customer is reached and recognised by."""
    points = customer.contact_points.order_by("kind", "pk").values_list("mask", flat=True)
    ids = customer.identities.order_by("source", "external_id").values_list("source", "external_id")
    return [*points, *map(":".join, ids)]


@pytest.fixture
def li_lei(db: None, record_order: RecordOrder) -> Customer:
    """Known by one phone and the shop's number."""
    order = record_order(CustomerRef(source="shop", external_id="s1", phone="13800138000", name="李雷"))
    return order.customer


def test_what_the_import_alone_has_told_goes_with_it(li_lei: Customer) -> None:
    before = told(li_lei)
    run = imported(HEAD + ROW.format(number=1))
    assert told(li_lei) == ["l***@example.com", *before[:1], "file:f1", "shop:s1"]

    undone(run)

    assert (told(li_lei), run.undone["contacts"]) == (before, 2)
    lines = CustomerChange.objects.filter(customer=li_lei, after="").order_by("field").values_list("field", "before")
    assert list(lines) == [("email", "l***@example.com"), ("identity", "file:f1")]


def test_the_day_of_registration_is_what_it_was(li_lei: Customer) -> None:
    Customer.objects.filter(pk=li_lei.pk).update(registered_on=date(2026, 10, 20))
    run = imported(HEAD + ROW.format(number=1))
    assert Customer.objects.get(pk=li_lei.pk).registered_on == date(2026, 10, 1)

    undone(run)

    assert Customer.objects.get(pk=li_lei.pk).registered_on == date(2026, 10, 20)


def by_order(customer: Customer, record_order: RecordOrder, mina: Any) -> None:
    record_order(CustomerRef(source="file", external_id="f1", email="lilei@example.com"), source="file")


def by_another_file(customer: Customer, record_order: RecordOrder, mina: Any) -> None:
    imported(HEAD + ROW.format(number=2))


def by_a_file_of_members(customer: Customer, record_order: RecordOrder, mina: Any) -> None:
    imported("会员编号,手机号,邮箱,生日\nf1,13800138000,lilei@example.com,05-12\n", kind="customers")


def by_a_person(customer: Customer, record_order: RecordOrder, mina: Any) -> None:
    for point in customer.contact_points.filter(kind="email"):
        reach.confirm(point.pk, by=mina, at=NOW)
    record_order(CustomerRef(source="file", external_id="f1"), source="file")


def by_who_typed_it_again(customer: Customer, record_order: RecordOrder, mina: Any) -> None:
    with pytest.raises(DomainError):
        reach.add(customer, kind="email", value="lilei@example.com", by=mina, at=NOW)
    record_order(CustomerRef(source="file", external_id="f1"), source="file")


@pytest.mark.parametrize(
    "say_again", [by_order, by_another_file, by_a_file_of_members, by_a_person, by_who_typed_it_again]
)
def test_what_somebody_else_has_said_too_stays(
    li_lei: Customer, say_again: Callable[..., None], record_order: RecordOrder, make_user: MakeUser
) -> None:
    run = imported(HEAD + ROW.format(number=1))
    say_again(li_lei, record_order, make_user(name="Mina"))
    after = told(li_lei)

    undone(run)

    assert told(li_lei) == after
    assert "file:f1" in after
    assert "l***@example.com" in after


def test_a_file_of_members_takes_back_what_it_told_and_no_more(li_lei: Customer, record_order: RecordOrder) -> None:
    before = told(li_lei)
    run = imported("会员编号,手机号,邮箱,生日\nf1,13800138000,lilei@example.com,05-12\n", kind="customers")
    assert len(told(li_lei)) == 4
    record_order(CustomerRef(source="file", external_id="f1"), source="file")

    undone(run)

    assert told(li_lei) == [before[0], "file:f1", "shop:s1"]


def test_after_its_days_nothing_is_the_imports_any_more(li_lei: Customer) -> None:
    run = imported(HEAD + ROW.format(number=1))
    assert ContactPoint.objects.filter(import_run=run.pk).exists()

    undo.forget(at=NOW + runs.UNDO_FOR)

    assert not ContactPoint.objects.exclude(import_run=None).exists()
    assert not ExternalIdentity.objects.exclude(import_run=None).exists()


def undo_while_confirmed(monkeypatch: pytest.MonkeyPatch, mina: Any) -> tuple[dict[str, int], ContactPoint | None]:
    """The e-mail is being confirmed when the import that told it is undone."""
    run = imported(HEAD + ROW.format(number=1))
    point = ContactPoint.objects.get(kind="email")
    held, gone = threading.Event(), threading.Event()
    change = reach._change

    def change_and_dawdle(*args: Any, **fields: Any) -> ContactPoint:
        held.set()
        let_pass(gone)
        return change(*args, **fields)

    def confirm() -> None:
        reach.confirm(point.pk, by=mina, at=NOW)

    def take_back() -> None:
        assert held.wait(PATIENCE)
        undone(run)
        gone.set()

    monkeypatch.setattr(reach, "_change", change_and_dawdle)
    ends = at_once([confirm, take_back], crashes=DatabaseError)
    return ends, ContactPoint.objects.filter(pk=point.pk).first()


@pytest.mark.django_db(transaction=True)
def test_what_is_being_confirmed_meanwhile_stays(
    monkeypatch: pytest.MonkeyPatch, make_user: MakeUser, record_order: RecordOrder
) -> None:
    record_order(CustomerRef(source="shop", external_id="s1", phone="13800138000"), paid=Decimal(5))
    ends, point = undo_while_confirmed(monkeypatch, make_user(name="Mina"))

    assert ends == {"done": 2}
    assert point is not None
    assert point.confirmed_at == NOW


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_it_would_be_gone_from_under_the_confirmation(
    monkeypatch: pytest.MonkeyPatch, make_user: MakeUser, record_order: RecordOrder
) -> None:
    record_order(CustomerRef(source="shop", external_id="s1", phone="13800138000"), paid=Decimal(5))
    monkeypatch.setattr(locks, "hold_customers", lambda ids, against_new_rows=False: None)
    ends, point = undo_while_confirmed(monkeypatch, make_user(name="Mina"))

    assert ends != {"done": 2} or point is None
