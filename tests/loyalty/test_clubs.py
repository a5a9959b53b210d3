"""Clubs and partners: joined from a level on, seats that run out, and what a customer is entitled to."""

from datetime import timedelta
from typing import Any

import pytest

from crm.lib.errors import DomainError
from customers.models import Customer
from loyalty import clubs, tiers
from loyalty.models import Club, ClubEvent, ClubMember, ClubVisit
from tests.complaints.test_races import at_once
from tests.conftest import TODAY, MakeCustomer
from tests.loyalty.campaign_stories import DAY, NOON, lead
from tests.loyalty.tier_stories import content, night, noon, person, put_in_force


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
    tiers.promise_floor(
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
    meeting = a_meeting(club, seats=1)
    other = make_customer("韩梅梅")

    assert refusal(clubs.take_seat, meeting, li_lei, at=NOON) == "not_a_member"
    for one in (li_lei, other):
        clubs.join(club, one, by=lead(), at=NOON)
    seat = clubs.take_seat(meeting, li_lei, at=NOON)
    assert clubs.take_seat(meeting, li_lei, at=NOON) == seat
    assert refusal(clubs.take_seat, meeting, other, at=NOON) == "full"
    assert clubs.note_visit(seat.pk, came=True, by=lead(), at=NOON).came is True


@pytest.mark.django_db(transaction=True)
def test_eight_on_three_seats_are_three(make_customer: MakeCustomer) -> None:
    club = a_club()
    meeting = a_meeting(club, seats=3)
    people = [make_customer(f"茶友{n}") for n in range(8)]
    for one in people:
        clubs.join(club, one, by=lead(), at=NOON)

    assert at_once([lambda one=one: clubs.take_seat(meeting, one, at=NOON) for one in people]) == {"done": 3, "full": 5}  # type: ignore[misc]
    assert ClubVisit.objects.count() == 3


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
    meeting = a_meeting(club)
    for one in (li_lei, double):
        clubs.join(club, one, by=lead(), at=NOON)
    clubs.take_seat(meeting, double, at=NOON)

    clubs.merge(double, li_lei)

    assert ClubMember.objects.get(left_on__isnull=True).customer == li_lei
    assert ClubVisit.objects.get().customer == li_lei
