"""A promise has a keeper and an hour; whether it was kept is decided by its row, and no door goes round that."""

from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from core.accounts.models import AuditEntry, Delegation, Role, User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_moment
from customers import contacts, managers, todo
from customers.models import Customer, Promise, PromiseEvent, Standing, Todo
from customers.promises import figures, ledger
from customers.work import settling
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
# By the mall's clocks 9:00 and 17:00.
MORNING = datetime(2026, 11, 17, 1, tzinfo=UTC)
FIVE_PM = datetime(2026, 11, 17, 9, tzinfo=UTC)


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing", team="East")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


def promised(customer: Customer, by: User, n: int = 1, **told: Any) -> Promise:
    terms = {"words": "send the catalogue", "due": ledger.to_the_hour(FIVE_PM), "owner": by, "by": by, "at": MORNING}
    return ledger.make(customer, **{**terms, "source": "other", "source_id": n, **told})


def test_making_it_twice_is_once_and_it_is_the_keepers_task_with_an_hour_and_a_stake(
    chen: User, li_lei: Customer
) -> None:
    Standing.objects.filter(pk=li_lei.pk).update(value=59_616)

    first = promised(li_lei, chen)

    assert promised(li_lei, chen, words="something else") == first
    task = Todo.objects.get()
    assert (task.promise, task.owner, task.due_at, task.due_on) == (first, chen, FIVE_PM, TODAY)
    assert (str(task.at_stake), task.promised) == ("17884.80", "send the catalogue")
    assert [event.kind for event in first.events.all()] == ["made"]


@pytest.mark.parametrize(
    ("seconds", "state"), [(-1, "kept"), (0, "kept"), (1, "late")], ids=["before", "at the hour", "one second late"]
)
def test_kept_to_the_second(chen: User, li_lei: Customer, seconds: int, state: str) -> None:
    promise = promised(li_lei, chen)

    kept = ledger.keep(promise.pk, by=chen, at=FIVE_PM + timedelta(seconds=seconds))

    assert kept.state == state
    assert (Todo.objects.get().state, Todo.objects.get().closed_by) == (Todo.State.DONE, chen)
    with pytest.raises(DomainError, match=r"settled already: .*, by Chen Jing") as refused:
        ledger.keep(promise.pk, by=chen, at=FIVE_PM)
    assert refused.value.code == "promise_ended"


def test_a_promise_for_a_day_is_due_when_the_desk_closes_and_after_that_when_the_day_ends() -> None:
    assert ledger.on_day(TODAY, at=MORNING).at == mall_moment(TODAY, 18)
    assert ledger.on_day(TODAY, at=mall_moment(TODAY, 20)).at == mall_moment(TODAY, 23, 59)


def test_moved_once_and_in_time_it_counts_at_the_new_hour_and_moved_again_where_it_stood(
    chen: User, li_lei: Customer
) -> None:
    once, twice, late = (promised(li_lei, chen, n) for n in (1, 2, 3))
    six, seven = ledger.to_the_hour(FIVE_PM + HOUR), ledger.to_the_hour(FIVE_PM + 2 * HOUR)
    terms: dict[str, Any] = {"reason": "on a train", "agreed_with_customer": True, "by": chen}

    ledger.move(once.pk, due=six, at=MORNING, **terms)
    ledger.move(twice.pk, due=six, at=MORNING, **terms)
    ledger.move(twice.pk, due=seven, at=MORNING + HOUR, **terms)
    ledger.move(late.pk, due=seven, at=FIVE_PM + MINUTE, **terms)

    assert Todo.objects.get(promise=twice).due_at == seven.at
    states = [
        ledger.keep(row.pk, by=chen, at=six.at + MINUTE * n).state for row, n in ((once, 0), (twice, 1), (late, 1))
    ]
    assert states == ["kept", "late", "late"]
    assert [event.kind for event in twice.events.all()] == ["made", "moved", "moved", "late"]


def test_moving_needs_a_reason_the_customers_consent_and_an_hour_to_come(chen: User, li_lei: Customer) -> None:
    promise, later = promised(li_lei, chen), ledger.to_the_hour(FIVE_PM + HOUR)
    right: dict[str, Any] = {"due": later, "reason": "ill", "agreed_with_customer": True, "by": chen, "at": MORNING}
    wrong = ({"reason": " "}, {"agreed_with_customer": False}, {"due": ledger.to_the_hour(MORNING)})

    for told in wrong:
        with pytest.raises(Invalid):
            ledger.move(promise.pk, **right | told)

    assert Promise.objects.get().moves == 0


def test_released_and_void_say_why_and_count_as_neither(chen: User, li_lei: Customer) -> None:
    released, void = promised(li_lei, chen, 1), promised(li_lei, chen, 2)
    with pytest.raises(Invalid):
        ledger.release(released.pk, how=" ", by=chen, at=MORNING)

    ledger.release(released.pk, how="bought it himself", by=chen, at=FIVE_PM + DAY)
    ledger.void(void.pk, how="a test", by=None, at=MORNING)

    assert set(Todo.objects.values_list("state", flat=True)) == {Todo.State.DROPPED}
    assert figures.counted(Promise.objects.all(), since=MORNING, until=NOW, at=NOW) == figures.Kept(0, 0, 2)


def test_the_task_and_the_promise_are_one(chen: User, li_lei: Customer) -> None:
    promise = promised(li_lei, chen)
    task = Todo.objects.get()
    with pytest.raises(DomainError) as refused:
        todo.snooze(task.pk, by=chen, until=TODAY + DAY, reason="later", at=MORNING)
    assert refused.value.code == "promise_moves"

    todo.complete(task.pk, by=chen, at=MORNING)
    assert (Promise.objects.get().state, Promise.objects.get().done_by) == ("kept", chen)
    todo.reopen(task.pk, by=chen, at=MORNING + MINUTE)

    assert (Promise.objects.get().state, Promise.objects.get().done_at) == ("open", None)
    assert [event.kind for event in promise.events.all()] == ["made", "kept", "reopened"]


def test_done_does_not_give_a_remedy(chen: User, li_lei: Customer) -> None:
    promised(li_lei, chen, source="remedy")

    with pytest.raises(DomainError) as refused:
        todo.complete(Todo.objects.get().pk, by=chen, at=MORNING)

    assert refused.value.code == "kept_elsewhere"
    ledger.settle("remedy", 1, kept=True, by=chen, at=MORNING)
    assert (Promise.objects.get().state, Todo.objects.get().state) == ("kept", "done")


def test_it_changes_hands_with_its_task_whichever_way_and_never_is_nobodys(
    chen: User, li_lei: Customer, make_user: MakeUser
) -> None:
    lead, zhao = make_user(Role.TEAM_LEAD, "Lead", team="East"), make_user(Role.ACCOUNT_MANAGER, "Zhao", team="East")
    promise = promised(li_lei, chen)

    managers.assign(li_lei, manager=zhao, by=lead, on=TODAY, reason="Chen is away", at=MORNING)
    ledger.hand_over(promise.pk, to=lead, by=zhao, at=MORNING + MINUTE)
    todo.hand_over(lead, to=[chen], by=lead, at=MORNING + HOUR)

    promise.refresh_from_db()
    assert promise.owner == Todo.objects.get().owner == zhao
    handed = promise.events.filter(kind="handed")
    assert [event.owner_before for event in handed] == [chen, zhao, lead]
    assert AuditEntry.objects.filter(action="promise.handed_over").count() == 1


def test_who_promises_keeps_it_but_an_assistant_promises_for_the_manager(
    chen: User, li_lei: Customer, make_user: MakeUser
) -> None:
    aide, agent = make_user(Role.ASSISTANT, "Aide"), make_user(Role.SERVICE_AGENT, "Liu")
    Delegation.objects.create(manager=chen, assistant=aide, starts_on=TODAY, ends_on=TODAY)
    talk: dict[str, Any] = {"channel": "phone", "direction": "in", "outcome": "promised", "mood": "good", "note": ""}
    for by in (aide, agent):
        contacts.log_contact(li_lei, by=by, at=MORNING, promise="call back", promise_due_on=TODAY, **talk)

    assert [promise.owner for promise in Promise.objects.order_by("pk")] == [chen, agent]
    assert [row.promise.source for row in todo.queue(agent, TODAY) if row.promise] == ["talk"]
    past = time(8)
    with pytest.raises(Invalid) as refused:
        contacts.log_contact(
            li_lei, by=chen, at=MORNING, promise="x", promise_due_on=TODAY, promise_due_time=past, **talk
        )
    assert refused.value.code == "hour_past"


def test_a_new_next_contact_takes_the_place_of_the_one_before(chen: User, li_lei: Customer) -> None:
    talk: dict[str, Any] = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good", "note": ""}
    for days in (7, 14):
        contacts.log_contact(li_lei, by=chen, at=MORNING, next_contact_on=TODAY + days * DAY, **talk)

    assert [task.due_on for task in Todo.objects.filter(state="open")] == [TODAY + 14 * DAY]
    assert Customer.objects.get().next_contact_on == TODAY + 14 * DAY


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("guarded", [True, False], ids=["held", "not held"])
def test_two_who_close_it_at_once_are_one_who_keeps_it_and_one_who_is_told(
    chen: User, li_lei: Customer, guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control leaves the rows free while they are read: then both believe that it was open."""
    promise = promised(li_lei, chen)
    if not guarded:
        meet = meeting(2)

        def read(pk: int) -> tuple[Todo, Promise]:
            rows = Todo.objects.get(promise=pk), Promise.objects.get(pk=pk)
            meet()
            return rows

        monkeypatch.setattr(settling, "hold", read)

    ends = at_once([lambda: ledger.keep(promise.pk, by=chen, at=MORNING)] * 2)

    assert ends == ({"done": 1, "promise_ended": 1} if guarded else {"done": 2})
    assert promise.events.filter(kind="kept").count() == (1 if guarded else 2)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"state": "kept", "done_at": FIVE_PM + HOUR}, "promise_kept_in_time"),
        ({"state": "late", "done_at": FIVE_PM}, "promise_late_after_its_hour"),
        ({"state": "released", "done_at": FIVE_PM}, "promise_let_go_says_why"),
        ({"state": "kept"}, "promise_ended_says_when"),
        ({"due_at": FIVE_PM + HOUR}, "promise_moved_is_counted"),
        ({"owner": None}, "owner_id"),
    ],
    ids=lambda told: told if isinstance(told, str) else "",
)
def test_the_database_refuses_what_cannot_be(chen: User, li_lei: Customer, changed: dict[str, Any], name: str) -> None:
    promised(li_lei, chen)

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Promise.objects.update(**changed)


def test_the_rate_is_what_a_recount_of_the_events_says(chen: User, li_lei: Customer, make_user: MakeUser) -> None:
    """Random lives of promises: made, moved, handed over, ended or not; recounted from the events alone."""
    zhao, rng = make_user(Role.ACCOUNT_MANAGER, "Zhao"), Random(5)
    for n in range(120):
        promise = promised(
            li_lei, rng.choice([chen, zhao]), n, due=ledger.to_the_hour(MORNING + rng.randint(1, 9) * HOUR)
        )
        at = MORNING
        for _step in range(rng.randint(0, 3)):
            at += rng.randint(1, 200) * MINUTE
            if rng.random() < 0.5:
                due = ledger.to_the_hour(at + rng.randint(1, 300) * MINUTE)
                ledger.move(promise.pk, due=due, reason="r", agreed_with_customer=True, by=chen, at=at)
            else:
                promise.refresh_from_db()
                other = zhao if promise.owner == chen else chen
                ledger.hand_over(promise.pk, to=other, by=chen, at=at)
        end = rng.random()
        if end < 0.6:
            ledger.keep(promise.pk, by=chen, at=at + rng.randint(1, 300) * MINUTE)
        elif end < 0.7:
            ledger.release(promise.pk, how="r", by=chen, at=at)
    period = {"since": MORNING, "until": MORNING + 2 * DAY, "at": MORNING + 2 * DAY}

    recounted = [recount(promise) for promise in Promise.objects.all()]
    total = figures.counted(Promise.objects.all(), **period)
    people = dict(figures.by_person(Promise.objects.all(), **period))

    assert (total.kept, total.late, total.let_go) == tuple(
        sum(end == name for end, _owner in recounted) for name in ("kept", "late", "let_go")
    )
    for person in (chen, zhao):
        theirs = [end for end, owner in recounted if owner == person.pk]
        assert (people[person].kept, people[person].late) == (theirs.count("kept"), theirs.count("late"))


def recount(promise: Promise) -> tuple[str, int]:
    """How it ended, and who kept it at the hour that counted, by its events."""
    events = list(PromiseEvent.objects.filter(promise=promise).order_by("pk"))
    counts = events[0].after
    moves = [event for event in events if event.kind == "moved"]
    if moves and moves[0].at <= counts:
        counts = moves[0].after
    handed = [event for event in events if event.kind == "handed" and event.at > counts]
    keeper = handed[0].owner_before_id if handed else promise.owner_id
    last = events[-1]
    if last.kind == "released":
        return "let_go", keeper
    return ("kept" if last.kind in ("kept", "late") and last.at <= counts else "late"), keeper


def test_wilson_against_published_values() -> None:
    # Newcombe 1998, table I: 81 of 263, and 15 of 148.
    assert [round(end, 4) for end in figures.wilson(81, 263)] == [0.2553, 0.3662]
    assert [round(end, 4) for end in figures.wilson(15, 148)] == [0.0624, 0.1605]
    assert figures.Kept(18, 1).share is None
