"""What this week and the next hold: appointments, promises, planned contacts, who is due, whose birthday comes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from care import appointments, plans
from care.models import Appointment, PlanDue
from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field, Scope, rights_of
from core.lib.almanac import days as almanac
from core.lib.periods import mall_time
from crm.desk.today import now, today
from crm.desk.work import day as my_day
from crm.flows.planning.days_off import working_days
from customers import todo
from customers.access import scope_filter, standings_of
from customers.models import Standing, Todo
from customers.record.life_dates import in_march

WEEKS, DAYS = 2, 7
DAY = timedelta(days=1)
# Of those who fall due on a day so many are named; of what waits to be agreed so many.
DUE_SHOWN, TO_BOOK = 6, 25
Reason = Todo.Reason


class Item(NamedTuple):
    """A line of a day. `pk`: of the appointment, 0 for what is none; `note` what became of it."""

    key: str
    kind: str
    icon: str
    hour: str
    customer: int
    name: str
    url: str
    words: str
    pk: int = 0
    tone: str = "grey"
    note: str = ""
    movable: bool = False


class Day(NamedTuple):
    """`off`: why nobody works then, empty on a working day; `more`: who else falls due."""

    on: date
    name: str
    is_today: bool
    is_past: bool
    off: str
    items: list[Item]
    more: int
    after: date

    @property
    def marks(self) -> str:
        """As the style sheet names them."""
        marks = (("is-today", self.is_today), ("is-past", self.is_past), ("is-off", bool(self.off)))
        return " ".join(name for name, holds in marks if holds)


class Week(NamedTuple):
    number: int
    days: list[Day]


def monday(view: QueryDict) -> date:
    """The first day of what is shown: as the address says, else of this week."""
    try:
        day = date.fromisoformat(view.get("from", ""))
    except ValueError:
        day = today()
    return day - (day.isoweekday() - 1) * DAY


def whose(user: User, view: QueryDict) -> tuple[User | None, list[User]]:
    """Whose week is shown (None: everybody's whom this person sees), and whose may be."""
    if not rights_of(user).scopes & {Scope.TEAM, Scope.ALL, Scope.DELEGATED}:
        return None, []
    books = PlanDue.objects.filter(scope_filter(user, today(), "customer__", book="customer__standing__"))
    people = list(User.objects.filter(pk__in=books.order_by().values("owner").distinct()).order_by("full_name", "pk"))
    chosen = next((person for person in people if str(person.pk) == view.get("of", "")), None)
    return chosen, people


def context(user: User, view: QueryDict) -> dict[str, Any]:
    first, (of, people) = monday(view), whose(user, view)
    last = first + (WEEKS * DAYS - 1) * DAY
    lines, more = _lines(user, of, first, last)
    kept = plans.kept(_of(plans.visible_to(user, today()), of), today())
    of_whom = f"&of={of.pk}" if of else ""
    return {
        "weeks": list(_weeks(user, of, first, lines, more)),
        "to_book": to_book(user, of),
        "late": kept.of - kept.in_time,
        "kept": kept,
        "a_week": round(kept.a_week),
        "booked": sum(item.pk > 0 for items in lines.values() for item in items),
        "of": of,
        "people": people,
        "first": first,
        "last": last,
        "back": f"?from={(first - DAYS * DAY).isoformat()}{of_whom}",
        "forth": f"?from={(first + DAYS * DAY).isoformat()}{of_whom}",
        "query": f"?from={first.isoformat()}{of_whom}",
        "empty": not any(lines.values()),
    }


def _weeks(
    user: User, of: User | None, first: date, lines: dict[date, list[Item]], more: dict[date, int]
) -> Iterator[Week]:
    working, day = set(working_days(today()).working), today()
    person = of or (user if Scope.OWN in rights_of(user).scopes else None)
    absent = appointments.away([person.pk], first, first + 13 * DAY).get(person.pk, []) if person else []
    for week in range(WEEKS):
        days = []
        for n in range(DAYS):
            on = first + (week * DAYS + n) * DAY
            away = any(start <= on <= end for start, end in absent)
            off = _("away") if away else "" if on in working else _("day off")
            name = f"{date_format(on, 'D')} {on:%m-%d}"
            days.append(Day(on, name, on == day, on < day, off, lines[on], more.get(on, 0), on + DAY))
        yield Week(days[0].on.isocalendar().week, days)


def _of(rows: QuerySet[PlanDue], of: User | None) -> QuerySet[PlanDue]:
    return rows.filter(customer__manager=of) if of else rows


def _lines(user: User, of: User | None, first: date, last: date) -> tuple[dict[date, list[Item]], dict[date, int]]:
    """What stands on each day, by the hour, and how many more fall due on it."""
    found = defaultdict[date, list[tuple[tuple[int, time, str], Item]]](list)
    booked = _appointments(user, of, first, last)
    tasks = _tasks(user, of, first, last)
    due, more = _due(user, of, first, last)
    people = [row.customer for row in booked] + [row.customer for row in tasks] + [row.customer for row in due]
    urls, _cases = my_day.opened_by(user, today(), [(person, None) for person in people])
    for row in booked:
        found[row.on].append(((0, row.hour or time.max, row.customer.name), _booked(row, urls)))
    for task in tasks:
        hour = mall_time(task.due_at).time() if task.due_at else time.max
        found[task.due_on].append(((1, hour, task.customer.name), _task(task, urls)))
    for plan in due:
        found[plan.due_on].append(((2, time.max, plan.customer.name), _planned(plan, urls)))
    for on, standing in _birthdays(user, of, first, last):
        found[on].append(((3, time.max, standing.customer.name), _birthday(on, standing)))
    lines = {on: [item for _place, item in sorted(rows, key=lambda row: row[0])] for on, rows in found.items()}
    return defaultdict(list, lines), more


def _appointments(user: User, of: User | None, first: date, last: date) -> list[Appointment]:
    rows = appointments.visible_to(user, today()).filter(on__gte=first, on__lte=last)
    if of:
        rows = rows.filter(owner=of)
    shown = rows.exclude(state=Appointment.State.CANCELLED).select_related("customer", "owner")
    return list(shown.prefetch_related("attendees").order_by("on", "hour", "pk"))


def _tasks(user: User, of: User | None, first: date, last: date) -> list[Todo]:
    """Promises and planned contacts of these days."""
    rows = Todo.objects.filter(
        todo.reach(user, today()),
        state=Todo.State.OPEN,
        reason__in=(Reason.PROMISE, Reason.CONTACT),
        due_on__gte=first,
        due_on__lte=last,
    )
    if of:
        rows = rows.filter(Q(owner=of) | Q(owner=None, customer__manager=of))
    return list(rows.select_related("customer", "promise").order_by("due_on", "pk"))


def _due(user: User, of: User | None, first: date, last: date) -> tuple[list[PlanDue], dict[date, int]]:
    """Who falls due from today on without an appointment: the first of each day, and how many more there are."""
    booked = Appointment.objects.filter(state=Appointment.State.BOOKED, on__gte=today()).values("customer")
    rows = _of(plans.visible_to(user, today()), of).exclude(customer__in=booked)
    rows = rows.filter(due_on__gte=max(first, today()), due_on__lte=last)
    placed = rows.annotate(
        turn=Window(RowNumber(), partition_by=F("due_on"), order_by=["every_days", "customer"]),
        many=Window(Count("pk"), partition_by=F("due_on")),
    )
    shown = list(placed.filter(turn__lte=DUE_SHOWN).select_related("customer"))
    return [*shown], {row.due_on: max(0, row.many - DUE_SHOWN) for row in shown}


def _birthdays(user: User, of: User | None, first: date, last: date) -> Iterator[tuple[date, Standing]]:
    """Whose birthday is greeted on one of these days, from today on; of nobody for who may not see it."""
    if not sees(user, Field.BIRTHDAY) or last < today():
        return
    codes = dict[int, date]()
    for n in range((last - max(first, today())).days + 1):
        on = max(first, today()) + n * DAY
        codes |= dict.fromkeys(almanac.within(on, 1, in_march=in_march()), on)
    rows = standings_of(user, today()).filter(birthday__in=codes)
    rows = rows.exclude(customer__stop__isnull=False).select_related("customer")
    rows = rows.filter(manager=of) if of else rows
    for row in rows.order_by("-serve_class", "customer")[:TO_BOOK]:
        yield codes[row.birthday or 0], row


def _booked(row: Appointment, urls: dict[int, str]) -> Item:
    with_whom = _(", ").join(str(person) for person in row.attendees.all())
    words = [str(row.get_how_display()), row.place, f"+ {with_whom}" if with_whom else "", row.note]
    is_open = row.state in appointments.WAITS
    return Item(
        key=f"appointment-{row.pk}",
        kind="booked",
        icon="map-pin" if row.how == Appointment.How.VISIT else "phone",
        hour=f"{row.hour:%H:%M}" if row.hour else "",
        customer=row.customer_id,
        name=row.customer.name,
        url=urls.get(row.customer_id, ""),
        words=" · ".join(word for word in words if word),
        pk=row.pk,
        tone="violet" if row.purpose == Appointment.Purpose.LEADER else "red" if row.state == "missed" else "blue",
        note="" if row.state == Appointment.State.BOOKED else str(row.get_state_display()),
        movable=is_open,
    )


def _task(task: Todo, urls: dict[int, str]) -> Item:
    is_promise = task.reason == Reason.PROMISE
    return Item(
        key=f"task-{task.pk}",
        kind="promise" if is_promise else "contact",
        icon="clock" if is_promise else "phone",
        hour=f"{mall_time(task.due_at):%H:%M}" if task.due_at else "",
        customer=task.customer_id,
        name=task.customer.name,
        url=urls.get(task.customer_id, ""),
        words=my_day.reason(task),
        tone="red" if task.is_late(now()) and is_promise else "amber",
    )


def _planned(plan: PlanDue, urls: dict[int, str]) -> Item:
    return Item(
        key=f"due-{plan.pk}",
        kind="due",
        icon="refresh",
        hour="",
        customer=plan.pk,
        name=plan.customer.name,
        url=urls.get(plan.pk, ""),
        words=ngettext("plan: every %(n)d day", "plan: every %(n)d days", plan.every_days) % {"n": plan.every_days},
    )


def _birthday(on: date, row: Standing) -> Item:
    return Item(
        key=f"birthday-{row.pk}",
        kind="care",
        icon="gift",
        hour="",
        customer=row.pk,
        name=row.customer.name,
        url=reverse("desk:customer", args=[row.pk]),
        words=_("birthday: greet, do not sell"),
    )


class ToBook(NamedTuple):
    """Somebody whose plan is due and with whom nothing is agreed."""

    task: Todo
    name: str
    words: str
    stake: Any


def to_book(user: User, of: User | None) -> list[ToBook]:
    """Whose plan is due, what is most at stake first; who sees no values has those who wait longest first."""
    rows = Todo.objects.filter(todo.reach(user, today()), state=Todo.State.OPEN, reason=Reason.PLAN)
    if of:
        rows = rows.filter(customer__manager=of)
    by_stake = ["-at_stake"] if sees(user, Field.VALUE) else []
    shown: Iterable[Todo] = rows.select_related("customer").order_by(*by_stake, "due_on", "pk")[:TO_BOOK]
    return [
        ToBook(task, task.customer.name, my_day.reason(task), task.at_stake if sees(user, Field.VALUE) else None)
        for task in shown
    ]
