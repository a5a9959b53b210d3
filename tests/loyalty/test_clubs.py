"""Clubs and partners: joined from a level on, seats that run out, and what a customer is entitled to."""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models import QuerySet

from core.lib.errors import DomainError
from customers.models import Customer
from loyalty import clubs
from loyalty.models import Club, ClubEvent, ClubMember, ClubVisit
from loyalty.tiers import membership
from tests.conftest import TODAY, MakeCustomer
from tests.loyalty.campaigns.stories import DAY, NOON, lead
from tests.loyalty.tiers.stories import content, night, noon, person, put_in_force
from tests.races import at_once, meeting


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


def refusal(verb: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(DomainError) as caught:
        verb(*args, **kwargs)
    return caught.value.code


def a_club(**terms: Any) -> Club:
    return clubs.found("茶友会", by=lead(), at=NOON, **terms)


def a_meeting(club: Club, seats: int | None = 2) -> ClubEvent:
    return clubs.plan(club, "春茶品鉴", kind="meeting", on=TODAY + timedelta(days=9), seats=seats, by=lead(), at=NOON)


def gold(customer: Customer) -> None:
    put_in_force(content(), TODAY - timedelta(days=2))
    night(TODAY - timedelta(days=1))
    membership.promise_floor(
        customer, level="gold", ends_on=TODAY + timedelta(days=9), reason="x", by=person("chen"), at=noon(TODAY)
    )


def test_one_joins_once_leaves_and_joins_again(li_lei: Customer) -> None:
    club = a_club()
    first = clubs.join(club, li_lei, by=lead(), at=NOON)

    assert clubs.join(club, li_lei, by=lead(), at=NOON + DAY) == first
    clubs.leave(club, li_lei, by=lead(), at=NOON + DAY)
    assert clubs.join(club, li_lei, by=lead(), at=NOON + 2 * DAY) != first
    assert ClubMember.objects.filter(left_on__isnull=True).count() == 1


def test_a_club_from_a_level_on_is_closed_to_those_below(li_lei: Customer) -> None:
    club = a_club(min_level="gold")
    assert refusal(clubs.join, club, li_lei, by=lead(), at=NOON) == "level"

    gold(li_lei)
    assert clubs.join(club, li_lei, by=lead(), at=NOON).joined_on == TODAY


def test_seats_are_for_members_and_run_out(li_lei: Customer, make_customer: MakeCustomer) -> None:
    club = a_club()
    event = a_meeting(club, seats=1)
    other = make_customer("韩梅梅")

    assert refusal(clubs.take_seat, event, li_lei, at=NOON) == "not_a_member"
    for one in (li_lei, other):
        clubs.join(club, one, by=lead(), at=NOON)
    seat = clubs.take_seat(event, li_lei, at=NOON)
    assert clubs.take_seat(event, li_lei, at=NOON) == seat
    assert refusal(clubs.take_seat, event, other, at=NOON) == "full"
    assert clubs.note_visit(seat.pk, came=True, by=lead(), at=NOON).came is True


def eight_on_three_seats(make_customer: MakeCustomer) -> Counter[str]:
    club = a_club()
    event = a_meeting(club, seats=3)
    people = [make_customer(f"茶友{n}") for n in range(8)]
    for one in people:
        clubs.join(club, one, by=lead(), at=NOON)
    return at_once([partial(clubs.take_seat, event, one, at=NOON) for one in people])


@pytest.mark.django_db(transaction=True)
def test_eight_on_three_seats_are_three(make_customer: MakeCustomer) -> None:
    assert eight_on_three_seats(make_customer) == {"done": 3, "full": 5}
    assert ClubVisit.objects.count() == ClubEvent.objects.get().taken == 3


@pytest.mark.django_db(transaction=True)
def test_control_looking_at_the_seats_first_promises_more(
    make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet, update = meeting(8), QuerySet.update

    def look_then_write(rows: QuerySet[Any], **changes: Any) -> int:
        if rows.model is not ClubEvent:
            return update(rows, **changes)
        event = rows.get()
        meet()
        return update(ClubEvent.objects.filter(pk=event.pk), taken=event.taken + 1)

    monkeypatch.setattr(QuerySet, "update", look_then_write)

    assert eight_on_three_seats(make_customer) == {"done": 8}
    assert ClubVisit.objects.count() > ClubEvent.objects.get().taken


def test_what_is_sent_has_no_seats(li_lei: Customer) -> None:
    club = a_club()
    told = {"kind": "content", "on": TODAY, "by": lead(), "at": NOON}
    assert refusal(clubs.plan, club, "电子书", seats=3, **told) == "seats"

    book = clubs.plan(club, "电子书", place="https://example.com/book", **told)
    clubs.join(club, li_lei, by=lead(), at=NOON)
    assert refusal(clubs.take_seat, book, li_lei, at=NOON) == "content"


def test_partners_give_by_level_and_day(li_lei: Customer) -> None:
    told = {"by": lead(), "at": NOON, "starts_on": TODAY}
    everybody = clubs.agree("美容院", "首次护理五折", **told)
    golden = clubs.agree("健身房", "月卡一张", min_level="gold", **told)
    clubs.agree("旧伙伴", "过期", ends_on=TODAY, **told)

    assert clubs.benefits_of(li_lei, on=TODAY) == [everybody]
    gold(li_lei)
    assert set(clubs.benefits_of(li_lei, on=TODAY)) == {everybody, golden}
    assert clubs.benefits_of(li_lei, on=TODAY - timedelta(days=1)) == []


def test_two_records_become_one_and_keep_one_membership(li_lei: Customer, make_customer: MakeCustomer) -> None:
    club, double = a_club(), make_customer("李磊")
    event = a_meeting(club)
    for one in (li_lei, double):
        clubs.join(club, one, by=lead(), at=NOON)
    clubs.take_seat(event, double, at=NOON)

    clubs.merge(double, li_lei)

    assert ClubMember.objects.get(left_on__isnull=True).customer == li_lei
    assert ClubVisit.objects.get().customer == li_lei
