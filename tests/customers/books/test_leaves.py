"""Somebody is away: a colleague has their work in the day, no promise is nobody's, and what was theirs comes back."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from core.accounts.leaves import covers
from core.accounts.models import Absence, Delegation, LeaveRequest, Role, User
from core.lib.errors import DomainError
from core.lib.periods import mall_midnight
from core.outbox import bell
from customers import todo
from customers.access import visible_to
from customers.books import leaves
from customers.books import moving as books
from customers.models import Customer, Promise, PromiseEvent, Todo
from customers.promises import ledger
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
Told = dict[str, Any]


class Team(dict[str, User]):
    """Chen has two customers; Zhao and Lin are colleagues; Zhou leads; Wu is of another team."""

    def again(self, name: str) -> User:
        return User.objects.get(pk=self[name].pk)

    def promise(self, owner: str, due: date, customer: Customer | None = None, n: int = 0) -> Promise:
        due_at = mall_midnight(due) + timedelta(hours=11)
        return ledger.make(
            customer or Customer.objects.get(name="李雷"),
            words=f"回电 {n}",
            due=ledger.to_the_hour(due_at),
            owner=self[owner],
            by=self[owner],
            at=NOW - 30 * DAY,
            source=Promise.Source.OTHER,
            source_id=Promise.objects.count() + 1,
        )

    def away(self, name: str, first: int, last: int, cover: str = "", *, at: datetime = NOW) -> Absence:
        return leaves.note(
            self[name],
            starts_on=TODAY + first * DAY,
            ends_on=TODAY + last * DAY,
            cover=self[cover] if cover else None,
            by=self["lead"],
            at=at,
        )


@pytest.fixture
def east(make_user: MakeUser, make_customer: MakeCustomer) -> Team:
    team = Team(
        lead=make_user(Role.TEAM_LEAD, "Zhou", team="east"),
        chen=make_user(name="Chen", team="east"),
        zhao=make_user(name="Zhao", team="east"),
        lin=make_user(name="Lin", team="east"),
        wu=make_user(name="Wu", team="south"),
    )
    for name in ("李雷", "韩梅梅"):
        make_customer(name, manager=team["chen"])
    return team


def code_of(verb: Callable[..., Any], *args: Any, **told: Any) -> str:
    with pytest.raises(DomainError) as refused:
        verb(*args, **told)
    return refused.value.code


def keeper(promise: Promise) -> tuple[str, str]:
    row = Promise.objects.select_related("owner", "kept_for").get(pk=promise.pk)
    assert Todo.objects.get(promise=row).owner == row.owner
    return str(row.owner), str(row.kept_for or "")


def test_whoever_covers_has_the_work_in_the_day_and_gives_the_promises_back(east: Team) -> None:
    soon, later, other = east.promise("chen", TODAY + DAY), east.promise("chen", TODAY + 30 * DAY), None
    other = east.promise(
        "chen", TODAY + DAY, Customer.objects.create(name="别人的客户", number="X1", registered_on=TODAY)
    )
    task = todo.open_task(
        Customer.objects.get(name="韩梅梅"),
        reason="contact",
        text={},
        due_on=TODAY,
        at=NOW,
        dedupe_key="t",
        owner=east["chen"],
    )

    leave = east.away("chen", 0, 4, "zhao")

    zhao = east.again("zhao")
    assert [keeper(row) for row in (soon, later, other)] == [("Zhao", "Chen"), ("Chen", ""), ("Zhao", "Chen")]
    assert task in todo.queue(zhao, TODAY, now=NOW)
    assert set(visible_to(zhao, TODAY)) == set(Customer.objects.filter(manager=east["chen"]))
    assert ledger.visible_to(zhao, TODAY).count() == 3
    assert (covers.stand_in(east["chen"], TODAY), covers.stand_in(east["zhao"], TODAY)) == (zhao, None)
    assert covers.stand_in(east["chen"], TODAY + 5 * DAY) is None
    assert bell.count(zhao) == 1
    todo.complete(task.pk, by=zhao, at=NOW)
    events = PromiseEvent.objects.filter(promise=soon, kind=PromiseEvent.Kind.HANDED_OVER)
    assert events.get().owner_before == east["chen"]

    leaves.back(leave.pk, by=east["lead"], at=NOW + 2 * DAY)

    assert [keeper(row) for row in (soon, later, other)] == [("Chen", "")] * 3
    assert not visible_to(east.again("zhao"), TODAY + 2 * DAY).exists()
    leave.refresh_from_db()
    assert (leave.ends_on, leave.covers.get().ends_on) == (TODAY + DAY, TODAY + DAY)


def test_promises_go_on_the_first_day_and_come_back_after_the_last_by_the_night(east: Team) -> None:
    promise = east.promise("chen", TODAY + 4 * DAY)
    east.away("chen", 3, 5, "zhao")
    assert keeper(promise) == ("Chen", "")

    seen = {n: leaves.align(at=NOW + n * DAY) and keeper(promise)[0] for n in (2, 3, 4, 6, 7)}

    assert seen == {2: 0, 3: "Zhao", 4: 0, 6: "Chen", 7: 0}


def test_extended_it_goes_on_and_what_falls_due_in_the_new_days_goes_along(east: Team) -> None:
    leave, promise = east.away("chen", 0, 2, "zhao"), east.promise("chen", TODAY + 6 * DAY)
    leaves.align(at=NOW)
    assert keeper(promise) == ("Chen", "")

    leaves.change(leave.pk, ends_on=TODAY + 8 * DAY, by=east["lead"], at=NOW)

    assert keeper(promise) == ("Zhao", "Chen")
    assert visible_to(east.again("zhao"), TODAY + 8 * DAY).exists()
    leaves.change(leave.pk, ends_on=TODAY + DAY, by=east["lead"], at=NOW)
    assert Delegation.objects.get().ends_on == TODAY + DAY
    assert code_of(leaves.change, leave.pk, ends_on=TODAY - 3 * DAY, by=None, at=NOW) == "ends_on"


def test_the_cover_is_away_too_and_whoever_covers_for_them_has_both(east: Team) -> None:
    promise = east.promise("chen", TODAY + DAY)
    east.away("chen", 0, 9, "zhao")
    told = {"starts_on": TODAY + DAY, "ends_on": TODAY + 3 * DAY, "by": east["lead"], "at": NOW}
    # Nobody, or the one who is away: both are refused, and nothing has happened.
    assert code_of(leaves.note, east["zhao"], cover=None, **told) == "cover"
    assert code_of(leaves.note, east["zhao"], cover=east["chen"], **told) == "cover"

    leave = east.away("zhao", 1, 3, "lin")
    leaves.align(at=NOW + DAY)

    assert keeper(promise) == ("Lin", "Chen")
    lin = east.again("lin")
    assert [visible_to(lin, TODAY + n * DAY).exists() for n in range(5)] == [False, True, True, True, False]
    assert [str(covers.stand_in(east["chen"], TODAY + n * DAY)) for n in (0, 1, 4)] == ["Zhao", "Lin", "Zhao"]
    leaves.back(leave.pk, by=None, at=NOW + 2 * DAY)
    assert keeper(promise) == ("Zhao", "Chen")


def test_another_colleague_covers_the_rest(east: Team) -> None:
    promise, leave = east.promise("chen", TODAY + 2 * DAY), east.away("chen", 0, 9, "zhao")

    leaves.cover(leave.pk, by_whom=east["lin"], starts_on=TODAY, by=east["lead"], at=NOW + 4 * DAY - 4 * DAY)

    assert keeper(promise) == ("Lin", "Chen")
    assert not visible_to(east.again("zhao"), TODAY).exists()
    leaves.cover(leave.pk, by_whom=east["zhao"], starts_on=TODAY + 5 * DAY, by=None, at=NOW)
    days = [(str(row.assistant), row.starts_on, row.ends_on) for row in leave.covers.order_by("starts_on")]
    assert days == [("Lin", TODAY, TODAY + 4 * DAY), ("Zhao", TODAY + 5 * DAY, TODAY + 9 * DAY)]
    assert code_of(leaves.cover, leave.pk, by_whom=east["lin"], starts_on=TODAY + 10 * DAY, by=None, at=NOW)


def test_where_nobody_stands_in_it_is_in_the_day_of_the_lead(east: Team) -> None:
    task = todo.open_task(
        Customer.objects.get(name="韩梅梅"),
        reason="contact",
        text={},
        due_on=TODAY,
        at=NOW,
        dedupe_key="t",
        owner=east["chen"],
    )
    promise = east.promise("chen", TODAY)
    east.away("chen", 0, 3, "zhao")
    assert task not in todo.queue(east["lead"], TODAY, now=NOW)

    Delegation.objects.all().delete()

    assert list(covers.not_here(TODAY)) == [east["chen"]]
    assert task in todo.queue(east["lead"], TODAY, now=NOW)
    assert leaves.align(at=NOW) == 0
    assert keeper(promise) == ("Zhao", "Chen")


def test_what_is_handed_over_meanwhile_does_not_come_back(east: Team) -> None:
    promise, leave = east.promise("chen", TODAY + DAY), east.away("chen", 0, 4, "zhao")
    books.hand_over(east["chen"], to=[east["lin"]], by=east["lead"], on=TODAY, reason="调区", at=NOW)
    assert keeper(promise) == ("Lin", "")

    leaves.back(leave.pk, by=None, at=NOW + DAY)

    assert keeper(promise) == ("Lin", "")


def test_somebody_asks_and_a_lead_grants_refuses_or_is_asked_no_more(east: Team) -> None:
    def ask(first: int, last: int) -> LeaveRequest:
        days = {"starts_on": TODAY + first * DAY, "ends_on": TODAY + last * DAY}
        return leaves.ask(east["chen"], **days, cover=east["zhao"], words="年假", at=NOW)

    first, second, third = ask(1, 3), ask(10, 12), ask(20, 22)
    assert bell.count(east["lead"]) == 3
    assert (code_of(ask, 2, 5), code_of(ask, -2, -1)) == ("starts_on", "starts_on")
    assert code_of(leaves.grant, first.pk, cover=east["zhao"], by=east["chen"], at=NOW) == "second_person"
    assert code_of(leaves.grant, first.pk, cover=None, by=east["lead"], at=NOW) == "cover"

    leave = leaves.grant(first.pk, cover=east["zhao"], by=east["lead"], at=NOW)
    leaves.refuse(second.pk, why="旺季", by=east["lead"], at=NOW)
    leaves.withdraw(third.pk, by=east["chen"], at=NOW)

    assert (leave.starts_on, leave.ends_on, leave.covers.get().assistant) == (
        TODAY + DAY,
        TODAY + 3 * DAY,
        east["zhao"],
    )
    states = dict(LeaveRequest.objects.values_list("pk", "state"))
    assert states == {first.pk: "granted", second.pk: "refused", third.pk: "withdrawn"}
    assert (bell.count(east["lead"]), bell.count(east["chen"])) == (0, 2)
    assert code_of(leaves.refuse, first.pk, why="x", by=east["lead"], at=NOW) == "decided"


def test_other_teams_and_impossible_days_are_refused(east: Team, make_user: MakeUser) -> None:
    south = make_user(Role.TEAM_LEAD, "Sun", team="south")
    request = leaves.ask(east["chen"], starts_on=TODAY, ends_on=TODAY, cover=None, words="", at=NOW)
    assert code_of(leaves.grant, request.pk, cover=east["zhao"], by=south, at=NOW) == "other_team"
    assert code_of(east.away, "chen", 3, 1, "zhao") == "ends_on"
    assert code_of(east.away, "chen", 0, 400, "zhao") == "ends_on"
    assert code_of(east.away, "chen", 0, 1, "") == "starts_on"  # asked for already
    # Who has no customers needs nobody.
    assert not east.away("wu", 0, 1).covers.exists()
