"""Many rows changed in one statement."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.lib import rows
from customers.models import ContactPoint, Customer
from loyalty.models import PointAccount
from tests.loyalty.points.stories import START, person

LATER = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def accounts(db: None) -> list[PointAccount]:
    people = [person(name) for name in ("李雷", "韩梅梅", "林涛")]
    return [PointAccount.objects.create(customer=one, settled_at=START) for one in people]


def test_what_the_objects_say_is_stored_for_them_and_nobody_else(accounts: list[PointAccount]) -> None:
    first, second, _untold = accounts
    first.available, first.pending = 7, 70
    second.available, second.settled_at = 8, LATER
    with CaptureQueriesContext(connection) as asked:
        rows.update([first, second], ["available", "settled_at"])

    assert len(asked) == 1
    stored = PointAccount.objects.order_by("pk").values_list("available", "pending", "settled_at")
    assert list(stored) == [(7, 0, START), (8, 0, LATER), (0, 0, START)]


def test_a_foreign_key_and_nothing_are_values_too(accounts: list[PointAccount]) -> None:
    first, second, third = accounts
    first.state, first.merged_into_id = PointAccount.State.MERGED, third.pk
    second.state = PointAccount.State.FROZEN
    rows.update([first, second], ["state", "merged_into_id"])

    stored = PointAccount.objects.order_by("pk").values_list("state", "merged_into")
    assert list(stored) == [("merged", third.pk), ("frozen", None), ("active", None)]


def test_of_no_rows_nothing_is_asked(db: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        rows.update([], ["available"])
    assert len(asked) == 0


def test_rows_are_inserted_as_they_would_be_one_by_one(db: None) -> None:
    words = ['a "quoted" word', "back\\slash", "\\N", "tab\tand\nline\r", "", "{curly, comma}", "中文"]
    told = {
        "name": words[3],
        "notes": "\\N",
        "interests": words,
        "custom": {"say": words[0], "many": words},
        "registered_on": START.date(),
        "influencers": words[1],
    }
    customer = Customer(number="C-copied", **told)
    rows.insert([customer])
    rows.insert(
        [
            ContactPoint(
                customer=customer, kind="phone", mask=word, encrypted=bytes(range(256)), blind_index=bytes([n])
            )
            for n, word in enumerate(words)
        ]
    )
    Customer.objects.create(number="C-created", **told)

    columns = [
        name for name in (field.attname for field in Customer._meta.concrete_fields) if name not in ("id", "number")
    ]
    copied, created = Customer.objects.order_by("number").values(*columns)
    assert copied == created
    points = ContactPoint.objects.filter(customer=customer).order_by("blind_index")
    assert [(point.mask, bytes(point.encrypted), point.tail_index) for point in points] == [
        (word, bytes(range(256)), None) for word in words
    ]
    assert Customer.objects.get(number="C-copied").pk == customer.pk


def test_arrays_and_answers_are_changed_too(db: None) -> None:
    people = [
        Customer.objects.create(number=f"C{n}", name="x", registered_on=START.date(), interests=["before"])
        for n in range(3)
    ]
    for n, customer in enumerate(people[:2]):
        customer.interests, customer.custom = ["a, b", '"', "\\"][:n], {"size": n}
    rows.update(people[:2], ["interests", "custom"])

    stored = Customer.objects.order_by("number").values_list("interests", "custom")
    assert list(stored) == [([], {"size": 0}), (["a, b"], {"size": 1}), (["before"], {})]
