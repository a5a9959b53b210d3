"""What was worked out is what happens, and a roll back gives back what was: for every kind, over drawn changes."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db.models import Sum

from complaints.cases import escalation, intake, lifecycle, priority
from complaints.models import BusinessCalendar, Case, Clock, Metric, PriorityMatrix, RootCause, SlaTarget
from complaints.models import Category as CaseCategory
from complaints.promises import sla, weeks
from complaints.setup import defaults, priorities
from complaints.setup import rulebook as promises
from complaints.setup.hours import HoursKind
from core.accounts.models import Role, User
from core.lib.errors import Invalid, Unknown
from core.lib.periods import mall_day, mall_midnight
from core.rulebook import changes
from core.rulebook.kinds import Content
from crm.flows import nightly
from crm.flows.rulebook.kinds import named
from customers.models import Customer, Order, Refund, Standing
from loyalty import rulebook as points
from loyalty.models import OrderPoints
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from segmentation import fitting, night, rules
from segmentation import rulebook as nights
from tests.conftest import MakeCustomer, MakeUser
from tests.rulebook.stories import DRAWN, put_in_force, taken_back, undone

NOW = datetime(2026, 7, 28, 2, tzinfo=UTC)
DAY, MONTH = timedelta(days=1), timedelta(days=28)


@pytest.fixture
def wang(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "Wang")


@pytest.fixture
def zhao(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "Zhao")


# Points ---------------------------------------------------------------------------------------------------------------


def sold(make_customer: MakeCustomer, dice: random.Random) -> list[Order]:
    """Orders of four weeks, several a day of one customer among them, some with money back."""
    people = [make_customer(f"客户{number}") for number in range(4)]
    moments = sorted(NOW - timedelta(days=dice.randrange(1, 27), minutes=dice.randrange(600)) for _n in range(14))
    moments[5:7] = [moments[4] + timedelta(minutes=1), moments[4] + timedelta(minutes=2)]
    orders = [
        Order(
            source="shop",
            external_id=f"o-{number}",
            version=1,
            customer=people[4 % (1 + number // 4)] if 4 <= number <= 6 else dice.choice(people),
            status=Order.Status.PAID,
            ordered_at=at,
            ordered_on=mall_day(at),
            paid=Decimal(dice.randrange(500, 90_000)) / 100,
            cost=0,
            received_at=at,
        )
        for number, at in enumerate(sorted(moments))
    ]
    for order in orders:
        order.profit = order.paid
    Order.objects.bulk_create(orders)
    for order in orders[::5]:
        give_back(order, order.paid / 2)
    return orders


def give_back(order: Order, amount: Decimal) -> None:
    Refund.objects.create(
        order=order,
        external_id="r",
        customer=order.customer,
        purchased_on=order.ordered_on,
        refunded_at=order.ordered_at,
        refunded_on=order.ordered_on,
        amount=round(amount, 2),
        profit_effect=-round(amount, 2),
    )


def granted_for_the_same(orders: list[Order], months: int) -> int:
    """The points that these orders earn when they come once more, so many months of four weeks later."""
    copies = [
        Order(
            source="shop",
            external_id=f"{order.external_id}-{months}",
            version=1,
            customer_id=order.customer_id,
            status=order.status,
            ordered_at=order.ordered_at + MONTH * months,
            ordered_on=order.ordered_on + MONTH * months,
            paid=order.paid,
            cost=0,
            profit=order.paid,
            received_at=order.ordered_at + MONTH * months,
        )
        for order in orders
    ]
    Order.objects.bulk_create(copies)
    for order, copy in zip(orders, copies, strict=True):
        for refund in order.refunds.all():
            give_back(copy, refund.amount)
    point_orders.reconcile([copy.pk for copy in copies], at=NOW + MONTH * months)
    granted = OrderPoints.objects.filter(order__in=copies).aggregate(sum=Sum("granted"))["sum"]
    return int(granted or 0)


def drawn_points(dice: random.Random) -> Content:
    return {
        "rate": str(Decimal(dice.randrange(0, 400)) / 100),
        "least_order": str(dice.choice([0, 0, 50, 200])),
        "most_per_order": dice.choice([None, None, 150, 600]),
        "most_per_day": dice.choice([None, 100, 700]),
        "bonus_from": dice.choice([None, "300", "600.50"]),
        "bonus_points": dice.choice([0, 20, 300]),
        "yuan_per_point": str(dice.choice(["0.01", "0.005"])),
        "notice_days": dice.choice([1, 1, 5]),
    }


@pytest.mark.django_db
def test_points_what_was_worked_out_is_what_orders_then_earn(
    make_customer: MakeCustomer, wang: User, zhao: User
) -> None:
    dice = random.Random(21)
    orders = sold(make_customer, dice)
    began = NOW - MONTH * 2
    point_rules.save({"rate": Decimal(1), "most_per_day": 500}, starts_at=began, by=None, reason="first", at=began)
    point_orders.reconcile([order.pk for order in orders], at=NOW)
    earned = OrderPoints.objects.aggregate(sum=Sum("granted"))["sum"]
    done = 0

    while done < DRAWN:
        with undone():
            change = put_in_force(points.RULES, drawn_points(dice), wang, zhao, NOW)
            if change is None or change.version is None:
                continue
            before, after = changes.figures_of(change)["points"]
            assert before == earned
            assert granted_for_the_same(orders, 1) == after, change.content
            came = {row.name: row.came for row in changes.compared(points.RULES, change, at=NOW + MONTH)}
            assert came["per_hundred"] == changes.figures_of(change)["per_hundred"][1]
            taken_back(points.RULES, change, wang, zhao, NOW + MONTH)
            assert granted_for_the_same(orders, 3) == earned
            done += 1


# The night ------------------------------------------------------------------------------------------------------------


def crowd(make_customer: MakeCustomer, dice: random.Random, today: date) -> None:
    orders = []
    for number in range(60):
        customer = make_customer(f"客户{number}")
        every, worth, last = dice.randrange(5, 60), dice.choice([20, 60, 200, 900, 4000]), dice.randrange(0, 130)
        for step in range(dice.randrange(1, 12)):
            on = today - timedelta(days=last + step * every + dice.randrange(3))
            at = mall_midnight(on) + timedelta(hours=12)
            paid = Decimal(worth + dice.randrange(20))
            orders.append(
                Order(
                    source="shop",
                    external_id=f"{customer.pk}-{step}",
                    version=1,
                    customer=customer,
                    status=Order.Status.PAID,
                    ordered_at=at,
                    ordered_on=on,
                    paid=paid,
                    cost=0,
                    profit=paid,
                    received_at=at,
                )
            )
    Order.objects.bulk_create(orders)


def work(as_of: date) -> dict[str, int]:
    """The scores of that night, as `nightly` works them."""
    rule_set, constants = rules.current(as_of), rules.constants(as_of)
    fit = fitting.for_night(as_of, constants)
    outcome = night.work_out(as_of, fit, constants, restores=night.restored_by(rule_set, as_of))
    return night.write(outcome, fit, rule_set, at=mall_midnight(as_of) + timedelta(hours=2))


def classes() -> dict[int, tuple[int, int]]:
    rows = Standing.objects.filter(customer_class__gte=0)
    return {pk: (cls, kind) for pk, cls, kind in rows.values_list("customer_id", "customer_class", "matrix_type")}


def drawn_constants(dice: random.Random) -> Content:
    return {
        "big_share": dice.choice([0.3, 0.5, 0.6, 0.8, 0.95]),
        "big_cap": dice.choice([0.05, 0.1, 0.3, 0.6]),
        "long_absence_days": dice.choice([0, 20, 60, 113]),
        "big_enter": dice.choice([1.0, 1.1, 2.0]),
        "big_leave": dice.choice([0.2, 0.75, 1.0]),
        "active_enter": dice.choice([0.05, 0.1, 0.4]),
        "a_max": dice.choice([0, 0.05, 0.3]),
        "least_gaps": dice.choice([1, 2, 4]),
    }


@pytest.mark.django_db
def test_night_what_was_worked_out_is_what_the_night_does(make_customer: MakeCustomer, wang: User, zhao: User) -> None:
    dice, today = random.Random(4), mall_day(NOW)
    crowd(make_customer, dice, today)
    nightly.run(today - DAY)
    with undone():
        work(today)
        usual = classes()
    with undone():
        work(today + DAY)
        as_if_never = classes()
    done = moved = 0

    while done < DRAWN:
        with undone():
            change = put_in_force(nights.RULES, drawn_constants(dice), wang, zhao, NOW)
            if change is None:
                continue
            work(today)
            came = classes()
            foretold = {customer: (before, after) for customer, before, after in change.moves}
            assert {pk for pk in came if came[pk][0] != usual[pk][0]} == foretold.keys()
            assert all((usual[pk][0], came[pk][0]) == pair for pk, pair in foretold.items())
            compared = changes.compared(nights.RULES, change, at=NOW + DAY)
            assert {row.name: row.came for row in compared} == {row.name: row.after for row in compared}
            taken_back(nights.RULES, change, wang, zhao, NOW + DAY)
            work(today + DAY)
            assert classes() == as_if_never
            done, moved = done + 1, moved + len(foretold)
    assert moved > DRAWN  # the draws do something

    # Where the night of today is still to come, a rule of tomorrow finds its alerts raised already.
    with undone():
        change = put_in_force(nights.RULES, {"long_absence_days": 20}, wang, zhao, NOW, starts_on=today + DAY)
        assert change is not None
        work(today)
        opened = work(today + DAY)["alerts_opened"]
        assert changes.figures_of(change)["alerts"][1] == opened
        compared = changes.compared(nights.RULES, change, at=NOW + 2 * DAY)
        assert {row.name: row.came for row in compared} == {row.name: row.after for row in compared}


# Promises -------------------------------------------------------------------------------------------------------------

STORIES = ((5, 40, 300), (75, 200, 900))


def lived_through(customer: Customer, by: User, first: datetime) -> None:
    """A few cases: logged so many hours after `first`, answered and solved after so many minutes."""
    category = CaseCategory.objects.get(code="delivery-late")
    for hours, answered, solved in STORIES:
        at = first + timedelta(hours=hours)
        case = intake.log(customer, category=category, channel="phone", by=by, description="包裹没到", at=at).case
        at_answer = at + timedelta(minutes=answered)
        lifecycle.reply(case.pk, by=by, at=at_answer, body="我们马上查", channel="phone")
        lifecycle.resolve(
            case.pk,
            by=by,
            at=at + timedelta(minutes=solved),
            outcome="fixed",
            resolution="重发",
            reply="已重发",
            root_cause=RootCause.objects.get(code="carrier-late"),
        )


def lived_again(first: datetime) -> None:
    """The same cases come again, and are answered and solved after as many minutes: their clocks alone."""
    lately = Case.objects.order_by("pk")[: len(STORIES)]
    for case, (hours, answered, solved) in zip(lately, STORIES, strict=True):
        at = first + timedelta(hours=hours)
        case.pk = None
        case.policy, case.received_at, case.opened_at = sla.policy_at(at), at, at
        case._state.adding = True
        case.save()
        for metric, minutes in ((Metric.FIRST_RESPONSE, answered), (Metric.RESOLUTION, solved)):
            sla.start(case, metric, at=at)
            sla.stop(case, at=at + timedelta(minutes=minutes), metrics=[metric])


def drawn_promises(dice: random.Random, before: Content) -> Content:
    def minutes(metric: str) -> int:
        first = [20, 60, 120, 240]
        return dice.choice(first) if metric != Metric.RESOLUTION else dice.choice([300, 700, 1200, 3000])

    targets = [
        [cls, severity, metric, minutes(metric), calendar] for cls, severity, metric, _m, calendar in before["targets"]
    ]
    return {**before, "targets": targets}


@pytest.mark.django_db
def test_promises_what_was_worked_out_is_what_is_then_kept(
    make_customer: MakeCustomer, make_user: MakeUser, wang: User, zhao: User
) -> None:
    dice, first = random.Random(8), datetime(2026, 7, 1, 1, tzinfo=UTC)
    defaults.install(at=first - DAY)
    customer, agent = make_customer("李雷"), make_user(Role.SERVICE_LEAD, "Sun")
    lived_through(customer, agent, first)
    done = 0

    while done < DRAWN:
        with undone():
            before = promises.RULES.versions(1)[0].content
            change = put_in_force(promises.RULES, drawn_promises(dice, before), wang, zhao, NOW - DAY * 3)
            if change is None:
                continue
            lived_again(first + MONTH)
            compared = [row for row in changes.compared(promises.RULES, change, at=NOW + MONTH) if row.came is not None]
            assert {row.name for row in compared} == {Metric.FIRST_RESPONSE, Metric.RESOLUTION}
            assert [row.came for row in compared] == [row.after for row in compared]
            back = taken_back(promises.RULES, change, wang, zhao, NOW + MONTH - DAY * 5)
            lived_again(first + MONTH * 2)
            came = {row.name: row.came for row in changes.compared(promises.RULES, back, at=NOW + MONTH * 3)}
            assert [came[row.name] for row in compared] == [row.before for row in compared]
            done += 1


# Priorities -----------------------------------------------------------------------------------------------------------


def drawn_priorities(dice: random.Random) -> Content:
    """Graver never after lighter, bigger never after smaller."""
    rows: list[list[int]] = []
    for _class in priority.CLASSES:
        row = sorted([1, *(dice.randint(1, 4) for _n in range(3))])
        rows.append([max(pair) for pair in zip(row, rows[-1], strict=True)] if rows else row)
    return {"cells": {str(mine.value): row for mine, row in zip(priority.CLASSES, rows, strict=True)}}


def logged_again(lately: list[Case], months: int) -> None:
    """The same complaints come again so many months of four weeks later."""
    for case in lately:
        at = case.opened_at + MONTH * months
        assessed = priority.assess(case.customer, severity=case.severity, served_as=case.served_as, at=at)
        case.pk, case.client_key, case.received_at, case.opened_at = None, uuid4(), at, at
        case.priority, case.priority_reason = assessed.priority, dict(assessed.reason)
        case._state.adding = True
        case.save()
        case.opened_at -= MONTH * months


@pytest.mark.django_db
def test_priorities_what_was_worked_out_is_how_cases_are_then_ordered(
    make_customer: MakeCustomer, make_user: MakeUser, wang: User, zhao: User
) -> None:
    dice, first = random.Random(3), NOW - DAY * 20
    defaults.install(at=first - DAY)
    agent, people = make_user(Role.SERVICE_LEAD, "Sun"), [make_customer(f"客户{n}") for n in range(4)]
    Standing.objects.filter(customer=people[1]).update(customer_class=Standing.Class.BIG)
    category = CaseCategory.objects.get(code="delivery-late")
    for n in range(12):
        at, severity = first + timedelta(hours=n), 2 + n % 3
        intake.log(
            people[n % 4], category=category, channel="phone", by=agent, description="没到", at=at, severity=severity
        )
    lately, done, moved = list(Case.objects.order_by("opened_at")), 0, 0
    usual = [case.priority for case in lately]

    while done < DRAWN:
        with undone():
            change = put_in_force(priorities.RULES, drawn_priorities(dice), wang, zhao, NOW)
            if change is None:
                continue
            logged_again(lately, 1)
            again = Case.objects.filter(opened_at__gt=NOW).order_by("opened_at")
            assert changes.figures_of(change)["cases"] == (12, 12)
            changed = sum(old != case.priority for old, case in zip(usual, again, strict=True))
            assert changes.figures_of(change)["changed"][1] == changed
            compared = [row for row in changes.compared(priorities.RULES, change, at=NOW + MONTH) if row.name[0] == "p"]
            assert [row.came for row in compared] == [row.after for row in compared]
            taken_back(priorities.RULES, change, wang, zhao, NOW + MONTH)
            logged_again(lately, 2)
            assert [case.priority for case in Case.objects.order_by("-opened_at")[:12]][::-1] == usual
            done, moved = done + 1, moved + len(change.moves)
    assert moved > DRAWN

    # One for a later day can be withdrawn: nothing was ordered by it, and a table of nonsense is never proposed.
    change = put_in_force(priorities.RULES, drawn_priorities(dice), wang, zhao, NOW, starts_on=mall_day(NOW) + DAY)
    assert change is not None
    assert priority.matrix(at=NOW).version == 1
    changes.withdraw(priorities.RULES, change.pk, reason="no", by=wang, at=NOW)
    assert priority.matrix(at=NOW + MONTH).version == 1
    assert PriorityMatrix.objects.count() == 2
    for cells in (
        None,
        [],
        {"cells": None},
        {"cells": {"0": "x"}},
        {"cells": {"0": [True] * 4}},
        {"cells": {}, "x": 1},
    ):
        with pytest.raises(Invalid):
            priorities.RULES.checked(cells)  # type: ignore[arg-type]


# The hours of a week --------------------------------------------------------------------------------------------------


def drawn_week(dice: random.Random) -> Content:
    days = {str(day): [[dice.choice([480, 540, 600]), dice.choice([960, 1080, 1200])]] for day in range(1, 6)}
    days["3"] = [[540, 720], [dice.choice([780, 840]), 1080]]
    return {"week": days | ({"6": [[600, 720]]} if dice.random() < 0.5 else {})}


def due_moments() -> list[datetime | None]:
    return list(Clock.objects.filter(state="running").order_by("pk").values_list("due_at", flat=True))


@pytest.mark.django_db
def test_hours_what_was_worked_out_is_where_the_deadlines_are_then_put(
    make_customer: MakeCustomer, make_user: MakeUser, wang: User, zhao: User
) -> None:
    dice, first = random.Random(5), NOW - timedelta(hours=9)
    defaults.install(at=first - DAY)
    agent, category = make_user(Role.SERVICE_LEAD, "Sun"), CaseCategory.objects.get(code="delivery-late")
    office = BusinessCalendar.objects.get(code="office")
    SlaTarget.objects.update(calendar=office)
    for n in range(3):
        at = first + timedelta(hours=n)
        intake.log(
            make_customer(f"客户{n}"),
            category=category,
            channel="phone",
            by=agent,
            description="没到",
            at=at,
            severity=4,
        )
    kind, usual, moved = HoursKind(office), due_moments(), 0
    week = weeks.now(office)

    for _n in range(DRAWN):
        with undone():
            change = put_in_force(kind, drawn_week(dice), wang, zhao, NOW)
            assert change is not None
            assert due_moments() == usual
            escalation.recalculate_calendar(office.pk, by=agent, at=NOW, reason="new hours")
            came = due_moments()
            figures = changes.figures_of(change)
            pairs = [(old, new) for old, new in zip(usual, came, strict=True) if old and new]
            assert figures["earlier"][1] == sum(new < old for old, new in pairs)
            assert figures["later"][1] == sum(new > old for old, new in pairs)
            moved += len(change.moves)
            taken_back(kind, change, wang, zhao, NOW + timedelta(minutes=5))
            assert weeks.now(office) == week
            escalation.recalculate_calendar(office.pk, by=agent, at=NOW, reason="never mind")
            assert due_moments() == usual
    assert moved > DRAWN

    # One of a later day begins with the minute of its day, unless it is withdrawn before.
    drawn = kind.checked(drawn_week(dice))
    change = put_in_force(kind, drawn, wang, zhao, NOW, starts_on=mall_day(NOW) + DAY)
    assert change is not None
    assert (weeks.begin_due(at=NOW), weeks.now(office)) == (0, week)
    with undone():
        changes.withdraw(kind, change.pk, reason="no", by=wang, at=NOW)
        assert weeks.begin_due(at=NOW + DAY * 2) == 0
    assert (weeks.begin_due(at=NOW + DAY * 2), weeks.begin_due(at=NOW + DAY * 2)) == (1, 0)
    assert weeks.now(office) == drawn["week"]
    for wrong in (None, [], {"week": None}, {"week": {"1": [[540]]}}, {"week": {}}, {"week": {"9": [[1, 2]]}}):
        with pytest.raises(Invalid):
            kind.checked(wrong)  # type: ignore[arg-type]
    assert named(kind.name).label == office.name
    with pytest.raises(Unknown):
        named("hours-99999999999")
