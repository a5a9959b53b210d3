"""What stands on My day: the queue of one person, the figures above it, and what was finished or put off."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, Max, Q, QuerySet, Subquery
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from care import plans
from care.models import Appointment
from complaints.models import Case, Remedy
from complaints.queries import cases_for, in_order, owned, waiting_for
from core.accounts.models import User
from core.accounts.permissions import mask, may, sees
from core.accounts.roles import Field, Permission, Scope, rights_of
from core.lib import mall
from core.lib.periods import mall_day, mall_midnight, mall_time
from core.lib.rows import together
from crm.desk.complaints.queue.case_list import CASE_LIST
from crm.desk.lists import page
from crm.desk.paging import Page, page_in
from crm.desk.team import leave_page
from crm.desk.today import now, today
from crm.desk.work.lists.alert_list import ALERT_LIST
from customers import todo
from customers.access import standings_of, visible_to
from customers.letters import writing
from customers.models import Customer, HandOverLine, Standing, Todo
from customers.models.consent import Channel, Purpose
from customers.queries import contacts_of
from customers.record.duplicates import pairs_for
from customers.work import capacity, stakes
from customers.work.stakes import Printed
from segmentation import queries
from segmentation.models import Alert
from segmentation.reading.rhythm import Limits, in_short, limits_of, silence_of_task

SHOWN = 25
# What was agreed with a customer and has not been given yet; with an hour it is a promise.
OWED = (Remedy.Status.APPROVED, Remedy.Status.FAILED)
# Rows of each band that nothing above them pushes off the first screen.
LEAST = 5
URGENT = 3
CONTACT_DAYS = 7
ICONS = {
    "alert": "alert-triangle",
    "promise": "clock",
    "contact": "phone",
    "plan": "refresh",
    "booked": "calendar-event",
    "tier": "chart-bar",
    "credit": "wallet",
    "check": "eye",
    "rising": "trending-up",
    "letter": "mail",
}


class Row(NamedTuple):
    """A task. `stake` is what the amount is made of, for who sees values; `url` is empty where the reader may not go."""

    todo: Todo
    customer: Customer
    reason: str
    icon: str
    tone: str
    pinned: bool
    when: str
    stake: Printed | None
    url: str
    case: str
    whose: str = ""
    """For whom it is done, where the reader stands in for them."""


@dataclass(frozen=True)
class Band:
    """A part of the day: `count` rows, of which these are shown."""

    label: str
    rows: list[Row]
    count: int


@dataclass(frozen=True)
class Chip:
    label: str
    count: int
    url: str
    active: bool


def context(user: User, view: QueryDict) -> dict[str, Any]:
    """The day as it stands; `view` narrows the queue to one reason or shows all of it."""
    day = today()
    cases = page.of_view(CASE_LIST, user, "all", now())
    # A queue may hold cases of customers in other books: they are on its list, and call nobody here.
    own = Q(owner=user) | Q(customer__in=standings_of(user, day).values("pk"))
    book, queue = queries.standings(user, day), _queue(user, day, view)
    urgent = in_order(cases.filter(own, served_as=Standing.Class.BIG)).select_related("customer")[:URGENT]
    mine, tonight = cases.filter(owned(user, day)), mall_midnight(day + timedelta(days=1))
    due = (
        mine.filter(next_due_at__lt=tonight).order_by("next_due_at", "pk").select_related("customer__standing", "owner")
    )
    owed = Remedy.objects.filter(case__in=mine.values("pk"), status__in=OWED, promised_at=None).order_by("pk")
    owed = owed.select_related("case__customer__standing")
    asked = in_order(cases.filter(pk__in=waiting_for(user, now())["asked"])).select_related("customer")[:SHOWN]
    due, owed = due[:SHOWN], owed[:SHOWN]
    leaves = leave_page.my_leaves(user, day)
    book_size = capacity.asked(user, on=day, at=now())
    together(urgent, asked, due, owed, leaves, *book_size)
    figures = book.aggregate(
        book=Count("pk"),
        big=Count("pk", filter=Q(customer_class=Standing.Class.BIG)),
        **(_plans(day) if may(user, Permission.WORK_PLAN) else {}),
        proposed=Max(_proposed(user)),
        **({"letters": Max(_letters(user, day))} if may(user, Permission.VIEW_LETTERS) else {}),
    )
    matters = _with_stakes([*(_due(case, user) for case in due), *map(_owed, owed)], user)
    return {
        "today": day,
        **queue,
        **figures,
        "plan": plans.Kept(figures.get("in_time", 0), figures.get("planned", 0), 0),
        "unassigned": book.filter(manager__isnull=True).count() if may(user, Permission.ASSIGN_MANAGER) else None,
        "whose": "own" if rights_of(user).scopes <= {Scope.OWN, Scope.DELEGATED} else "team",
        "silent": queries.silent_sources(),
        "capacity": book_size.most_of(user) if rights_of(user).scopes == {Scope.OWN} else None,
        "alerts": page.of_view(ALERT_LIST, user, "open", now()).count() if may(user, Permission.WORK_ALERTS) else None,
        "asked": asked,
        "matters": matters,
        "things": queue["waiting"] + len(matters),
        "all_count": queue["all_count"] + len(matters),
        **cases.aggregate(complaints=Count("pk"), missed=Count("pk", filter=Q(breached=True))),
        "urgent": urgent,
        **leave_page.notices(leaves, user, day),
        "contacts": contacts_of(user, day, days=CONTACT_DAYS).count(),
        "contact_days": CONTACT_DAYS,
        "duplicates": pairs_for(user, day).count() if may(user, Permission.MERGE_CUSTOMERS) else 0,
        **_past(user, day, view, "finished", todo.finished(user, day)),
        **_past(user, day, view, "put_off", todo.put_off(user, day)),
    }


def _plans(day: date) -> dict[str, Count]:
    """How many have a contact plan, and of how many it is kept."""
    in_time = plans.in_time(day, "customer__plan__")
    return {"planned": Count("customer__plan"), "in_time": Count("customer__plan", filter=in_time)}


def _proposed(user: User) -> Subquery:
    """How many customers wait for this person to take them over; unknown for none."""
    lines = HandOverLine.objects.filter(hand_over__receiver=user, state=HandOverLine.State.PROPOSED)
    return Subquery(lines.order_by().values("state").annotate(n=Count("pk")).values("n"))


def _letters(user: User, day: date) -> Subquery:
    """How many letters wait for a colleague to send them; unknown for none. Told along with another count."""
    return Subquery(writing.waiting_by_hand(user, day).order_by().values("state").annotate(n=Count("pk")).values("n"))


class Matter(NamedTuple):
    """A complaint of mine that is due today, or in which something is owed: a row above the tasks."""

    key: str
    case: Case
    reason: str
    tone: str
    late: bool
    when: str
    button: str
    url: str
    stake: Printed | None = None


def _with_stakes(matters: list[Matter], user: User) -> list[Matter]:
    """An answer that is owed is a promise: as much is at stake, for who sees values."""
    if not matters or not sees(user, Field.VALUE):
        return matters
    table, reason = stakes.in_force(at=now()), Todo.Reason.PROMISE
    return [
        matter._replace(stake=stakes.printed_of(reason, stakes.of(reason, value=customer.standing.value, table=table)))
        if (customer := matter.case.customer)
        else matter
        for matter in matters
    ]


def _due(case: Case, user: User) -> Matter:
    at, due_at = now(), case.next_due_at or now()
    late, hour = due_at < at, f"{mall_time(due_at):%H:%M}"
    if late:
        when = _("%(time)s overdue") % {"time": span(at - due_at)}
        when = f"{hour} · {when}" if mall_day(due_at) == today() else when
    else:
        when = _("%(hour)s, in %(time)s") % {"hour": hour, "time": span(due_at - at)}
    url = reverse("desk:complaint", args=[case.pk])
    said = f"{case.number} {case.title}"
    if case.owner and case.owner_id != user.pk:
        said = f"{said} · " + _("for %(name)s") % {"name": case.owner}
    return Matter(f"case-{case.pk}", case, said, "red" if late else "amber", late, when, _("Answer"), url)


def _owed(remedy: Remedy) -> Matter:
    case = remedy.case
    said = _("%(number)s: %(remedy)s was agreed and is not given yet") % {
        "number": case.number,
        "remedy": remedy.get_kind_display(),
    }
    since = remedy.decided_at or remedy.proposed_at
    when = _("for %(time)s") % {"time": span(now() - since)}
    url = reverse("desk:complaint", args=[case.pk])
    return Matter(f"owed-{remedy.pk}", case, said, "amber", False, when, _("Give it"), url)


def _past(user: User, day: date, view: QueryDict, name: str, rows: QuerySet[Todo]) -> dict[str, Any]:
    """A page of what was finished or put off, and how much there is: counted only where one page does not hold all."""
    page = page_in(view, rows, SHOWN, name)
    count = rows.count() if page.prev or page.next else len(page.rows)
    return {name: _page(user, day, page), f"{name}_count": count}


def _page(user: User, day: date, page: Page) -> Page:
    return page.of(rows(page.rows, user, day))


def _queue(user: User, day: date, view: QueryDict) -> dict[str, Any]:
    queue = todo.queue(user, day, now=now())
    tally = list(queue.order_by().values_list("reason", "band").annotate(Count("pk")))  # type: ignore[misc]
    counts = Counter[str]()
    for code, _band, n in tally:
        counts[code] += n
    chosen = view.get("reason", "") if view.get("reason") in counts else ""
    if chosen:
        queue = queue.filter(reason=chosen)
    waits = Counter[int]()
    for code, band, n in tally:
        waits[band] += n if chosen in ("", code) else 0
    room = dict(waits) if view.get("show") == "all" else shared_out(waits)
    shown = rows(_of_each(queue, room, waits), user, day)
    bands = [
        Band(str(label), [row for row in shown if row.todo.band == value], waits[value])  # type: ignore[attr-defined]
        for value, label in todo.Band.choices
        if waits[value]
    ]
    return {
        "bands": bands,
        "rows": shown,
        "waiting": sum(waits.values()),
        "rest": _all_of(view) if sum(waits.values()) > len(shown) else "",
        "reasons": [
            Chip(str(label), counts[value], f"?reason={value}", value == chosen)
            for value, label in Todo.Reason.choices
            if value in counts
        ],
        "all_count": sum(counts.values()),
        "all_active": not chosen,
    }


def shared_out(waits: Mapping[int, int]) -> dict[int, int]:
    """How many rows of each band the first screen has: from the top, but each band its first LEAST whatever is above."""
    room = {band: min(n, LEAST) for band, n in waits.items()}
    for band in sorted(waits):
        room[band] += min(waits[band] - room[band], SHOWN - sum(room.values()))
    return room


def _of_each(queue: QuerySet[Todo], room: Mapping[int, int], waits: Mapping[int, int]) -> list[Todo]:
    """So many of each band, read at once where the bands that are shown in full come first."""
    found: list[Todo] = []
    bands, start = sorted(waits), 0
    while bands:
        # A run of bands shown in full, and the one after it that is cut, stand together in the queue.
        run = [bands.pop(0)]
        while bands and room[run[-1]] == waits[run[-1]]:
            run.append(bands.pop(0))
        found += queue[start : start + sum(room[band] for band in run)]
        start += sum(waits[band] for band in run)
    return found


def _all_of(view: QueryDict) -> str:
    parts = view.copy()
    parts["show"] = "all"
    return f"?{parts.urlencode()}"


def rows(items: Iterable[Todo], user: User, day: date) -> list[Row]:
    """The tasks as they stand on the page, each leading only where this person may go."""
    items = list(items)
    customers, cases = opened_by(user, day, [(item.customer, item.text.get("case")) for item in items])
    limits = limits_of({item.customer_id for item in items if item.reason == Todo.Reason.ALERT and not item.closed_at})
    return [
        _row(
            item,
            user,
            limits.get(item.customer_id),
            url=customers.get(item.customer_id, ""),
            case=cases.get(item.text.get("case", 0), ""),
        )._replace(whose=_whose(item, user))
        for item in items
    ]


def _whose(item: Todo, user: User) -> str:
    """The owner of what stands in somebody else's day, and whose promise a colleague keeps meanwhile."""
    if item.promise and item.promise.kept_for_id and item.promise.kept_for_id != user.pk:
        return str(item.promise.kept_for)
    return str(item.owner) if item.owner and item.owner_id != user.pk else ""


def row(item: Todo, user: User, day: date) -> Row:
    return rows([item], user, day)[0]


def opened_by(
    user: User, day: date, about: Collection[tuple[Customer, int | None]]
) -> tuple[dict[int, str], dict[int, str]]:
    """The addresses of those of these customers, and of their cases, that this person may open."""
    in_book = Scope.OWN in rights_of(user).scopes
    own = {customer.pk for customer, _case in about if in_book and customer.manager_id == user.pk}
    others = {customer.pk for customer, _case in about} - own
    asked = {case for _customer, case in about if case}
    seen = visible_to(user, day).filter(pk__in=others).values_list("pk", flat=True) if others else ()
    open_cases = cases_for(user, now()).filter(pk__in=asked).values_list("pk", flat=True) if asked else ()
    return (
        {pk: reverse("desk:customer", args=[pk]) for pk in own | set(seen)},
        {pk: reverse("desk:complaint", args=[pk]) for pk in open_cases},
    )


def _row(item: Todo, user: User, limits: Limits | None, *, url: str, case: str) -> Row:
    # An agreed day that has passed was a promise, too.
    missed = item.reason == Todo.Reason.BOOKED and item.due_on < today()
    late = missed or (item.reason == Todo.Reason.PROMISE and item.is_late(now()))
    stake = stakes.printed(item) if sees(user, Field.VALUE) else None
    return Row(
        todo=mask(user, item, at_stake=Field.VALUE, stake_parts=Field.VALUE),
        customer=item.customer,
        reason=reason(item, limits),
        icon=ICONS.get(item.reason, "trending-up"),
        tone="red" if late else "amber" if item.reason == Todo.Reason.ALERT else "blue",
        pinned=late,
        when=_when(item, late),
        stake=stake,
        # Who promised a call about a case has come by the case, not by the customer.
        url=url or case,
        case=case,
    )


def _when(item: Todo, late: bool) -> str:
    """By when, in the words of the band: how much too late, how soon, or at which hour."""
    at, day = now(), today()
    hour = f"{mall_time(item.due_at):%H:%M}" if item.due_at and (item.due_on == day or item.due_at > at) else ""
    if late:
        due = item.due_at or mall_midnight(item.due_on + timedelta(days=1))
        overdue = _("%(time)s overdue") % {"time": span(at - due)}
        return f"{hour} · {overdue}" if hour else overdue
    if item.due_on < day:
        return _since(item, day)
    if item.due_at and item.due_at - at <= todo.BY_THE_CLOCK:
        return _("%(hour)s, in %(time)s") % {"hour": hour, "time": span(item.due_at - at)}
    return _("today %(hour)s") % {"hour": hour} if hour else _("today")


def _since(item: Todo, day: date) -> str:
    n = (day - item.due_on).days
    return ngettext("for %(n)d day", "for %(n)d days", n) % {"n": n}


def span(time: timedelta) -> str:
    """Minutes within the hour, hours within the day, else days."""
    minutes = max(0, int(time.total_seconds() // 60))
    if minutes < 60:
        return _("%(n)d min") % {"n": minutes}
    if minutes < 24 * 60:
        return _("%(h)d h %(m)d min") % {"h": minutes // 60, "m": minutes % 60}
    days = minutes // (24 * 60)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def reason(item: Todo, limits: Limits | None = None) -> str:
    """The one-line reason of a task, in the reader's language; `limits` of today, of a customer who is quiet."""
    text = item.text
    said = _silence(item, limits)
    if item.agreed:
        return _("Agreed: %(words)s") % {"words": item.agreed}
    if item.reason == Todo.Reason.ALERT and text.get("decision"):
        return _("%(decision)s: %(why)s") % {
            "decision": Alert.Decision(text["decision"]).label,
            "why": said or _named(item),
        }
    if said:
        return said
    if item.reason == Todo.Reason.PROMISE:
        return _("Promised: %(text)s") % {"text": item.promised or text.get("text") or text.get("words") or "…"}
    if item.reason == Todo.Reason.PLAN:
        return _planned(item)
    if item.reason == Todo.Reason.BOOKED:
        how = Appointment.How(text["how"]).label
        return f"{how} · {text['place']}" if text.get("place") else str(how)
    if item.reason == Todo.Reason.TIER:
        return _("%(level)s ends unless %(missing)s more is bought by %(by)s.") % {**text, "missing": _missing(text)}
    if item.reason == Todo.Reason.CREDIT:
        return _("%(amount)s not paid, due since %(day)s") % {
            "amount": mall.priced(Decimal(text["amount"])),
            "day": text["since"],
        }
    if text.get("ask"):
        return _("Ask why they left: not reached when they were given up as lost")
    if item.reason == Todo.Reason.LETTER:
        return _letter(text)
    if words := text.get("words"):
        return str(words)
    if item.reason == Todo.Reason.RISING:
        return _("Bought on %(days)d days in 90, on %(before)d in the 90 before: adopt?") % {**text}
    if text.get("adopted"):
        return _("Adopted: the first talk")
    if item.reason == Todo.Reason.CHECK:
        return _("Order %(order)s of %(day)s is of a customer who has died: whose is it?") % {
            "order": text["order"],
            "day": text["day"],
        }
    return _named(item)


def _letter(text: Mapping[str, Any]) -> str:
    """What is to be sent by hand, and by which way."""
    case = text.get("case")
    about = _("Answer in case C-%(n)s") % {"n": case} if case else Purpose(text["purpose"]).label
    return _("Send by hand (%(channel)s): %(about)s") % {"channel": Channel(text["channel"]).label, "about": about}


def _planned(item: Todo) -> str:
    """For how long nobody has talked with them, beside what the plan asks."""
    until = mall_day(item.closed_at) if item.closed_at else today()
    n = (until - date.fromisoformat(item.text["since"])).days
    plan = ngettext("plan %(n)d day", "plan %(n)d days", item.text["every"]) % {"n": item.text["every"]}
    if item.text["talked"]:
        said = ngettext("Nobody has talked with them for %(n)d day", "Nobody has talked with them for %(n)d days", n)
    else:
        said = ngettext("In the book for %(n)d day without a talk", "In the book for %(n)d days without a talk", n)
    return f"{said % {'n': n}} ({plan})"


def _named(item: Todo) -> str:
    """The kind of work, or of the alert that it is."""
    kind = item.text.get("kind")
    return str(Alert.Kind(kind).label if kind == Alert.Kind.SUSPECTED else item.get_reason_display())


def _silence(item: Todo, limits: Limits | None) -> str:
    """What the alert says of this day; empty for other work."""
    if item.reason != Todo.Reason.ALERT:
        return ""
    until = mall_day(item.closed_at) if item.closed_at else today()
    silence = silence_of_task(item.text, opened_on=item.due_on, on=until)
    return in_short(silence, limits) if silence else ""


def _missing(text: Mapping[str, Any]) -> str:
    """Money has two decimals, as it was written down; orders are whole."""
    said = str(text["missing"])
    if "." in said:
        return mall.priced(Decimal(said))
    return ngettext("%(n)d order", "%(n)d orders", int(said)) % {"n": int(said)}
