"""Contact plans: which row wins, what counts as a talk, on which day somebody is due, and how many are kept."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from care import appointments, plans, rules
from care.appointments import Agreed
from care.days import WorkingDays, around
from care.models import Appointment, CustomerPlan, PlanDue, PlanRules
from care.plans import Asked
from core.accounts.models import Absence, Role, User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day, mall_moment
from crm.flows import call
from crm.flows.planning import talks
from customers import contacts, todo
from customers.models import Contact, ContactStop, Customer, Standing, Todo
from customers.work import stakes
from loyalty.models import Membership
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
# A Tuesday.
TODAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
HOLIDAY = date(2026, 12, 1)


def works(day: date) -> bool:
    return day.isoweekday() < 6 and day != HOLIDAY


DAYS = around(TODAY, works)


def refresh(*people: Customer, today: date = TODAY, days: WorkingDays = DAYS) -> dict[str, int]:
    ids = [person.pk for person in people] or None
    return plans.refresh(ids, today=today, at=mall_moment(today, 12), days=days)


def talk(customer: Customer, by: User, day: date, **said: object) -> Contact:
    facts: dict[str, object] = {
        "channel": "phone",
        "direction": "out",
        "outcome": "reached",
        "mood": "neutral",
        "note": "",
    }
    return contacts.log_contact(customer, by=by, at=mall_moment(day, 10), **(facts | said))  # type: ignore[arg-type]


def stand(customer: Customer, served: int, kind: int = 0, value: int = 1000, held: int = -1) -> None:
    Standing.objects.filter(pk=customer.pk).update(
        customer_class=served, matrix_type=kind, value=Decimal(value), held_class=held
    )


@pytest.fixture
def wang(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "王芳")


ROWS = rules.table_of(
    2,
    [
        {"served": 2, "type": 4, "every": 21, "visits": 2},
        {"served": 2, "every": 30},
        {"served": 1, "type": 2, "every": 45},
        {"served": 1, "every": 90},
        {"type": 4, "every": 60},
        {"rank": 2, "every": 14},
        {"rank": 3, "every": 10, "means": "visit"},
        {"served": 0, "type": 3, "every": 180, "means": "letter"},
    ],
)
# served, type, level, held class, own plan; every so many days (None: no plan), and by which row
CASES = [
    *[(2, kind, None, -1, None, 21 if kind == 4 else 30) for kind in range(5)],
    *[(1, kind, None, -1, None, {2: 45, 4: 60}.get(kind, 90)) for kind in range(5)],
    *[(0, kind, None, -1, None, {4: 60, 3: 180}.get(kind)) for kind in range(5)],
    *[(-1, kind, None, -1, None, 60 if kind == 4 else None) for kind in range(5)],
    *[(0, 1, None, held, None, {2: 30, 1: 90}.get(held)) for held in (-1, 0, 1, 2)],
    (0, 4, None, 2, None, 21),
    (1, 2, None, 2, None, 30),
    *[(served, 4, 2, -1, None, 14) for served in (-1, 0, 1, 2)],
    *[(served, 4, 3, -1, None, 10) for served in (-1, 2)],
    (2, 4, 1, -1, None, 21),
    (0, 0, 1, -1, None, None),
    *[(served, 4, 3, -1, 7, 7) for served in (-1, 0, 1, 2)],
]


def test_the_row_that_says_most_wins_and_an_own_plan_before_all(wang: User, make_customer: MakeCustomer) -> None:
    assert len(CASES) >= 36
    PlanRules.objects.create(
        version=2, rows=[row._asdict() for row in ROWS.rows], starts_at=NOON - DAY, reason="-", by=wang, at=NOON
    )
    people = []
    for n, (served, kind, rank, held, own, _every) in enumerate(CASES):
        person = make_customer(f"客户{n}", manager=wang)
        stand(person, served, kind, held=held)
        if rank is not None:
            Membership.objects.create(customer=person, rank=rank, since=TODAY, review_on=TODAY + 90 * DAY, seq=1)
        if own:
            CustomerPlan.objects.create(customer=person, every_days=own, why="他要求", by=wang, at=NOON)
        people.append(person)

    refresh()

    found = dict(PlanDue.objects.values_list("customer", "every_days"))
    assert [found.get(person.pk) for person in people] == [case[-1] for case in CASES]
    places = dict(PlanDue.objects.values_list("customer", "place"))
    assert [places[person.pk] == 0 for person in people if person.pk in found] == [
        bool(case[4]) for case in CASES if case[-1]
    ]
    one_by_one = list(PlanDue.objects.order_by("pk").values())
    PlanDue.objects.all().delete()
    for person in people:
        refresh(person)
    assert list(PlanDue.objects.order_by("pk").values()) == one_by_one
    assert plans.asked_by(rules.in_force(at=NOON), today=TODAY) == found
    # A plan of their own ends with its day.
    CustomerPlan.objects.update(until=TODAY - DAY)
    refresh()
    assert PlanDue.objects.get(pk=people[-1].pk).every_days == 10


@pytest.mark.parametrize(
    ("said", "means", "counts"),
    [
        ({}, "talk", True),
        ({"direction": "in"}, "talk", True),
        ({"outcome": "call_back"}, "talk", True),
        ({"outcome": "promised", "promise": "寄样品", "promise_due_on": TODAY}, "talk", True),
        ({"outcome": "no_answer"}, "talk", False),
        ({"from_complaint": True}, "talk", False),
        ({"channel": "wechat"}, "talk", True),
        ({"channel": "email"}, "talk", False),
        ({"channel": "sms", "direction": "in"}, "talk", False),
        ({"channel": "email"}, "letter", True),
        ({"channel": "visit"}, "letter", True),
        ({"channel": "phone"}, "visit", False),
        ({"channel": "visit"}, "visit", True),
        ({"channel": "visit", "outcome": "no_answer"}, "visit", False),
        ({"channel": "visit", "from_complaint": True}, "visit", False),
    ],
    ids=str,
)
def test_what_counts_as_a_talk(
    wang: User, make_customer: MakeCustomer, said: dict[str, object], means: str, counts: bool
) -> None:
    li_lei = make_customer("李雷", manager=wang)
    plans.set_own(li_lei, Asked(30, means, why="他要求"), by=wang, today=TODAY, at=NOON, days=DAYS)

    talk(li_lei, wang, TODAY, **said)
    refresh(li_lei)

    assert PlanDue.objects.get(pk=li_lei.pk).last_on == (TODAY if counts else None)


def test_nobody_is_due_on_a_day_off(wang: User, make_customer: MakeCustomer) -> None:
    Absence.objects.create(user=wang, starts_on=date(2027, 1, 4), ends_on=date(2027, 1, 8))
    rng, people = Random(8), [make_customer(f"客户{n}", manager=wang) for n in range(80)]
    for n, person in enumerate(people):
        stand(person, 2)
        talk(person, wang, TODAY - rng.randrange(60) * DAY)
        CustomerPlan.objects.create(customer=person, every_days=1 + n, why="-", by=wang, at=NOON)
    refresh()

    for row in PlanDue.objects.all():
        expected = row.since + timedelta(days=row.every_days)
        while not works(expected) or date(2027, 1, 4) <= expected <= date(2027, 1, 8):
            expected += DAY
        assert row.due_on == expected


def test_what_is_due_waits_with_its_stake_until_it_is_talked_about(wang: User, make_customer: MakeCustomer) -> None:
    li_lei = make_customer("李雷", manager=wang)
    stand(li_lei, 2, 4, value=59616)
    talk(li_lei, wang, TODAY - 40 * DAY)
    refresh()
    (row,) = todo.queue(wang, TODAY)
    due_on = TODAY - 40 * DAY + 21 * DAY
    over = (TODAY - due_on).days + 1
    assert (row.reason, row.due_on, row.text["every"]) == ("plan", due_on, 21)
    risk = (Decimal("0.10") * over / 21).quantize(Decimal("0.0001"))
    assert row.at_stake == (risk * 59616).quantize(Decimal("0.01"))
    printed = stakes.printed(row)
    assert printed is not None
    assert printed.amount == row.at_stake

    # It is not done by a tick, and the night changes nothing but what is at stake.
    with pytest.raises(DomainError, match="when it is logged"):
        todo.complete(row.pk, by=wang, at=NOON)
    assert refresh() == {"plans": 0, "plan_todos_settle": 0, "plan_todos_open": 0}
    refresh(today=TODAY + DAY)
    assert Todo.objects.get(pk=row.pk).at_stake > row.at_stake

    # Nobody answered: it stays. Talked with: it is done, and the next is a whole interval away.
    said = {"channel": "phone", "direction": "out", "mood": "neutral", "note": ""}
    assert not call.talk(row.pk, closes=True, by=wang, at=NOON, outcome="no_answer", **said).closed
    assert call.talk(row.pk, closes=True, by=wang, at=NOON, outcome="reached", **said).closed
    row.refresh_from_db()
    assert (row.state, row.closed_by) == ("done", wang)
    assert PlanDue.objects.get(pk=li_lei.pk).due_on == TODAY + 21 * DAY
    assert [task.pk for task in todo.finished(wang, TODAY)] == [row.pk]
    with pytest.raises(DomainError, match="moved on"):
        todo.reopen(row.pk, by=wang, at=NOON)


def test_an_appointment_soon_silences_the_plan_and_a_stop_ends_it(wang: User, make_customer: MakeCustomer) -> None:
    li_lei = make_customer("李雷", manager=wang)
    stand(li_lei, 2)
    talk(li_lei, wang, TODAY - 40 * DAY)
    refresh()
    assert Todo.objects.get(reason="plan").state == "open"
    for days, state in ((7, "dropped"), (8, "open")):
        booked = appointments.book(
            li_lei, Agreed(TODAY + days * DAY), by=wang, at=NOON, days=DAYS, client_key=str(days)
        ).appointment
        assert Todo.objects.get(reason="plan").state == state
        appointments.cancel(booked.pk, reason="改期", by=wang, at=NOON, days=DAYS)
        assert Todo.objects.get(reason="plan").state == "open"

    ContactStop.objects.create(customer=li_lei, kind="no_contact", since=TODAY, by=wang, at=NOON)
    refresh()
    assert not PlanDue.objects.exists()
    assert Todo.objects.get(reason="plan").state == "dropped"
    with pytest.raises(DomainError, match="not to be reached"):
        plans.set_own(li_lei, Asked(30, why="-"), by=wang, today=TODAY, at=NOON, days=DAYS)


def test_kept_is_the_share_of_the_book_and_five_calls_to_one_are_one(wang: User, make_customer: MakeCustomer) -> None:
    rng, people = Random(3), [make_customer(f"客户{n}", manager=wang) for n in range(40)]
    for person in people:
        stand(person, rng.choice([1, 2]), rng.randrange(5))
        for _n in range(rng.randrange(3)):
            talk(person, wang, TODAY - rng.randrange(1, 120) * DAY)
    refresh()

    def brute() -> tuple[int, int]:
        good = count = 0
        for person in Customer.objects.filter(pk__in=[row.pk for row in people]).select_related("standing"):
            row = next(
                row
                for row in rules.FIRST.rows
                if row.served in (None, person.standing.serve_class) and row.type in (None, person.standing.matrix_type)
            )
            real = [mall_day(contact.at) for contact in person.contacts.all()]
            due = max(real, default=person.manager_since or TODAY) + timedelta(days=row.every)
            while not works(due):
                due += DAY
            good, count = good + (due >= TODAY), count + 1
        return good, count

    kept = plans.kept(plans.visible_to(wang, TODAY), TODAY)
    assert (kept.in_time, kept.of) == brute()
    late = PlanDue.objects.filter(due_on__lt=TODAY).first()
    assert late is not None
    for _n in range(5):
        talk(late.customer, wang, TODAY)
    refresh(late.customer)
    assert plans.kept(plans.visible_to(wang, TODAY), TODAY).in_time == kept.in_time + 1
    assert (kept.in_time + 1, kept.of) == brute()


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"served": 2, "every": 0}],
        [{"served": 2, "every": 731}],
        [{"served": 2, "every": "x"}],
        [{"served": 9, "every": 30}],
        [{"type": 9, "every": 30}],
        [{"served": 0, "every": 30}],
        [{"served": 2, "every": 30}, {"served": 2, "every": 40}],
        [{"served": 2, "every": 30, "means": "pigeon"}],
        [{"served": 2, "every": 30, "visits": 99}],
    ],
    ids=str,
)
def test_rules_that_make_no_sense_are_refused(rows: list[dict[str, object]]) -> None:
    with pytest.raises(Invalid):
        rules.checked(rows)


def test_a_talk_is_logged_once_however_often_it_is_sent(wang: User, make_customer: MakeCustomer) -> None:
    li_lei = make_customer("李雷", manager=wang)
    said = {
        "channel": "visit",
        "direction": "out",
        "outcome": "reached",
        "mood": "good",
        "note": "",
        "client_key": "k1",
    }
    first = talks.log(li_lei, by=wang, at=NOON, **said)
    assert talks.log(li_lei, by=wang, at=NOON + DAY, **said) == first
    assert Contact.objects.count() == 1
    assert Appointment.objects.count() == 0
