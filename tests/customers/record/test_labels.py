"""Labels: words in a colour that people give to customers, and what lists know of them."""

from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.http import Http404

from core.accounts.models import Role, User
from core.lib.conditions.fields import Context
from core.lib.conditions.tree import Leaf, Not
from core.lib.errors import DomainError
from crm.flows.catalogue import CUSTOMERS
from crm.flows.record import merging, unmerging
from customers.access import standings_of
from customers.lists import laws
from customers.models import Customer, CustomerLabel, Label, Merge, Standing
from customers.record import labels
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_laws_hold_afterwards(db: None) -> Iterator[None]:
    yield
    assert laws.BOOK.broken() == {}


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Qian", team="East")


def carried(customer: Customer) -> list[int]:
    return list(Standing.objects.values_list("labels", flat=True).get(pk=customer.pk))


def test_labels_are_made_renamed_put_away_and_brought_back(lead: User, make_user: MakeUser) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    label = labels.make("  双十一  名单 ", "red", by=chen, at=NOW)
    assert (label.name, label.owner) == ("双十一 名单", chen)
    with pytest.raises(DomainError, match="already"):
        labels.make("双十一 名单", "blue", by=lead, at=NOW)
    for name, colour in (
        *(("", "red"), ("x" * 31, "red"), ("New", "pink")),
        *(("\u202e", "red"), ("\u200b", "red"), ("双十一\u200b 名单", "red")),
    ):
        with pytest.raises(DomainError):
            labels.make(name, colour, by=lead, at=NOW)
    with pytest.raises(Http404):  # another manager's
        labels.change(label.pk, "Other", "red", by=make_user(Role.ACCOUNT_MANAGER, "Wang"), at=NOW)
    assert labels.change(label.pk, "Double 11", "blue", by=lead, at=NOW).name == "Double 11"

    labels.archive(label.pk, by=lead, at=NOW)
    assert not labels.in_use().exists()
    again = labels.make("double 11", "red", by=chen, at=NOW)  # the name is free
    with pytest.raises(DomainError, match="already"):
        labels.restore(label.pk, by=lead, at=NOW)
    labels.archive(again.pk, by=chen, at=NOW)
    assert labels.restore(label.pk, by=lead, at=NOW).archived_at is None


def test_two_hundred_are_in_use_at_most(lead: User) -> None:
    Label.objects.bulk_create(Label(name=f"L{n}", owner=lead, created_at=NOW) for n in range(200))
    with pytest.raises(DomainError, match="200"):
        labels.make("one more", "red", by=lead, at=NOW)


def test_lists_know_what_is_carried(lead: User, make_customer: MakeCustomer) -> None:
    people = [make_customer(name) for name in ("李雷", "韩梅梅", "Tom")]
    red, blue = (labels.make(name, name, by=lead, at=NOW) for name in ("red", "blue"))
    ids = [person.pk for person in people]

    assert labels.give(red, ids[:2], by=lead, at=NOW) == ids[:2]
    assert labels.give(red, ids, by=lead, at=NOW) == ids[2:]
    labels.give(blue, ids[:1], by=lead, at=NOW)
    assert [carried(person) for person in people] == [[red.pk, blue.pk], [red.pk], [red.pk]]
    assert labels.carriers(standings_of(lead, TODAY)) == {red.pk: 3, blue.pk: 1}

    def found(node: Any) -> list[int]:
        rows = standings_of(lead, TODAY).filter(CUSTOMERS.compile(CUSTOMERS.checked(node), Context(TODAY, lead.pk)))
        return sorted(rows.values_list("pk", flat=True))

    both = (str(red.pk), str(blue.pk))
    assert found(Leaf("label", "any", both)) == ids
    assert found(Leaf("label", "all", both)) == ids[:1]
    assert found(Leaf("label", "none", both[1:])) == ids[1:]
    assert found(Not(Leaf("label", "any", both[1:]))) == ids[1:]
    assert found(Leaf("label", "any", ("nonsense",))) == found(Leaf("label", "all", ("nonsense",))) == []
    assert CUSTOMERS.sentence(Leaf("label", "any", both)) == "labelled red or blue"

    assert labels.take(red, ids, by=lead, at=NOW) == ids
    assert [carried(person) for person in people] == [[blue.pk], [], []]
    labels.archive(blue.pk, by=lead, at=NOW)
    with pytest.raises(DomainError, match="put away"):
        labels.give(blue, ids, by=lead, at=NOW)
    assert found(Leaf("label", "any", (str(blue.pk),))) == ids[:1]


def test_what_a_standing_knows_is_only_as_good_as_its_triggers(lead: User, make_customer: MakeCustomer) -> None:
    """The control: without them the law finds the customer."""
    person, label = make_customer("李雷"), labels.make("red", "red", by=lead, at=NOW)
    with pgtrigger.ignore("customers.CustomerLabel:label_given"):
        labels.give(label, [person.pk], by=lead, at=NOW)
    assert [row[0] for row in laws.BOOK.broken()["labels"]] == [person.pk]
    Standing.objects.filter(pk=person.pk).update(labels=[label.pk])


def test_a_merge_gives_labels_and_its_undoing_gives_them_back(lead: User, make_customer: MakeCustomer) -> None:
    old, new = make_customer("李雷"), make_customer("李蕾")
    red, blue, green = (labels.make(name, name, by=lead, at=NOW) for name in ("red", "blue", "green"))
    for label, people in ((red, [old]), (blue, [old, new]), (green, [new])):
        labels.give(label, [person.pk for person in people], by=lead, at=NOW)

    merging.merge(old, new, by=lead, at=NOW, reason="same person")
    assert carried(new) == [red.pk, blue.pk, green.pk]
    assert not CustomerLabel.objects.filter(customer=old).exists()

    unmerging.undo(Merge.objects.get().pk, by=lead, at=NOW, reason="two people")
    assert (carried(old), carried(new)) == ([red.pk, blue.pk], [blue.pk, green.pk])
