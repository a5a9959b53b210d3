"""What stands on the page of outgoing letters: figures of the day, what waits and why, the letters themselves."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import Permission, rights_of
from core.lib import mall
from core.lib.periods import mall_midnight
from core.outbox import mailing, switches
from core.outbox.models import ChannelSwitch
from crm.desk.letters.forms import ReasonForm
from crm.desk.paging import page_of
from crm.desk.today import today
from customers.access import scope_filter
from customers.letters import delivery, reasons, writing
from customers.models import Letter, LetterEvent
from customers.models.consent import Channel, Purpose

SHOWN = 50
State = Letter.State
TONES = {
    State.PLANNED: "grey",
    State.WAITING: "blue",
    State.HANDING: "blue",
    State.HANDED: "green",
    State.DELIVERED: "green",
    State.BOUNCED: "red",
    State.REFUSED: "red",
    State.UNKNOWN: "amber",
    State.BLOCKED: "grey",
    State.WITHDRAWN: "grey",
    State.EXPIRED: "grey",
    State.STOPPED: "grey",
}
SENT, LOST = (State.HANDED, State.DELIVERED, State.UNKNOWN), (State.BOUNCED, State.REFUSED)
NOT_SENT = (State.BLOCKED, State.WITHDRAWN, State.EXPIRED, State.STOPPED)
SHOWS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "": (gettext_lazy("All"), ()),
    "waiting": (gettext_lazy("Waiting"), (State.PLANNED, State.WAITING, State.HANDING)),
    "sent": (gettext_lazy("Sent"), SENT),
    "lost": (gettext_lazy("Did not arrive"), LOST),
    "not": (gettext_lazy("Did not go out"), NOT_SENT),
}

# Of every day: what was written on an earlier one waits as well.


class Row(NamedTuple):
    letter: Letter
    tone: str
    reason: str
    about: str
    url: str

    @property
    def waits_for_hand(self) -> bool:
        return self.letter.by_hand and self.letter.state == State.WAITING

    @property
    def is_passed_on(self) -> bool:
        """A gateway or the shop has it, and nobody has said yet that it arrived."""
        automatic = not self.letter.by_hand and self.letter.channel in delivery.BY_RECEIPT
        return automatic and self.letter.state == State.HANDED


class Waits(NamedTuple):
    """So many letters that wait for one reason."""

    channel: str
    purpose: str
    reason: str
    n: int
    first: datetime


class Closed(NamedTuple):
    switch: ChannelSwitch
    words: str


class Way(NamedTuple):
    """One row of the switches: a channel with what is stopped of it."""

    channel: str
    label: str | Promise
    sends: bool
    is_open: bool


class Chip(NamedTuple):
    label: Any
    url: str
    active: bool
    n: int


def context(request: StaffRequest) -> dict[str, Any]:
    day, show = _day(request), request.GET.get("show", "")
    show = show if show in SHOWS else ""
    named = rights_of(request.user).sees_customers
    mine, name = _mine(request), mall.facts().name
    of_day = mine.filter(written_at__gte=mall_midnight(day), written_at__lt=mall_midnight(day + timedelta(days=1)))
    counts = dict(of_day.values_list("state").annotate(n=Count("pk")))
    rows = (of_day.filter(state__in=SHOWS[show][1]) if show else of_day).order_by("-written_at", "pk")
    rows = rows.select_related("customer", "by")
    page = page_of(request, rows if named else rows.none(), SHOWN)
    return {
        "day": day,
        "is_today": day == today(),
        "before": _address(day - timedelta(days=1), show),
        "after": _address(day + timedelta(days=1), show) if day < today() else "",
        "chips": [_chip(name, day, counts, show, opens=named) for name in SHOWS],
        "named": named,
        "page": page.of([row_of(row) for row in page.rows]),
        "waits": _waiting(mine),
        "by_hand": mine.filter(state=State.WAITING, by_hand=True).count(),
        "sent": sum(counts.get(state, 0) for state in SENT),
        "lost": sum(counts.get(state, 0) for state in LOST),
        "ways": _ways(),
        "mall_name": name,
        "text": _("What %(mall)s writes to customers: what left, what waits and why, and the stop.") % {"mall": name},
        "closed": [Closed(row, _closed_words(row)) for row in switches.closed().rows],
        "stops": may(request.user, Permission.STOP_LETTERS),
        "reason_form": ReasonForm(),
        "loses_mail": mailing.loses_mail(),
        "shows_arrived": bool(settings.DEMO and settings.DEMO_ARRIVED),
    }


def _mine(request: StaffRequest) -> QuerySet[Letter]:
    """Letters of customers in reach; of all, as figures, for who sees nobody by name."""
    if not rights_of(request.user).sees_customers:
        return Letter.objects.all()
    return Letter.objects.filter(scope_filter(request.user, today(), "customer__"))


class ByHand(NamedTuple):
    """One line of the sheet: the letter, what to say, and where the customer is reached, masked."""

    row: Row
    words: writing.Words | None
    masks: list[str]


def waiting_for_hand(request: StaffRequest) -> dict[str, Any]:
    named = rights_of(request.user).sees_customers
    rows = _mine(request).filter(state=State.WAITING, by_hand=True).select_related("customer", "by")
    rows = rows.order_by("priority", "valid_from", "pk").prefetch_related("customer__contact_points")
    page = page_of(request, rows if named else rows.none(), SHOWN)
    return {"page": page.of([_by_hand(letter) for letter in page.rows]), "named": named}


def _by_hand(letter: Letter) -> ByHand:
    kind = delivery.REACHED_BY.get(Channel(letter.channel))
    points = [point for point in letter.customer.contact_points.all() if point.kind == kind and not point.retired]
    return ByHand(row_of(letter), writing.words_of(letter), [point.mask for point in points])


def row_of(letter: Letter) -> Row:
    kind, _colon, number = letter.occasion.partition(":")
    is_case = kind == "case" and number.isdigit()
    return Row(
        letter,
        TONES[State(letter.state)],
        reasons.words(letter.reason, letter.channel),
        _about(letter),
        reverse("desk:complaint", args=[int(number)]) if is_case else "",
    )


class Happened(NamedTuple):
    event: LetterEvent
    words: str


def events_of(letter: Letter) -> list[Happened]:
    """What happened to it, oldest first, with the reason in words."""
    rows = letter.events.select_related("by").order_by("at", "pk")
    return [Happened(event, reasons.words(event.code, letter.channel)) for event in rows]


def _about(letter: Letter) -> str:
    kind, _colon, number = letter.occasion.partition(":")
    if kind == "case":
        question = letter.period.startswith("question:")
        return (_("Question after case C-%(n)s") if question else _("Answer in case C-%(n)s")) % {"n": number}
    return str(Purpose(letter.purpose).label)


def _waiting(mine: QuerySet[Letter]) -> list[Waits]:
    rows = (
        mine.filter(state__in=[State.PLANNED, State.WAITING])
        .values("channel", "purpose", "reason", "by_hand")
        .annotate(n=Count("pk"), first=Min("next_at"))
        .order_by("channel", "purpose", "reason")
    )
    return [
        Waits(
            str(Channel(row["channel"]).label),
            str(Purpose(row["purpose"]).label),
            _("for a colleague to send it")
            if row["by_hand"]
            else reasons.words(row["reason"], row["channel"]) or _("its turn"),
            row["n"],
            row["first"],
        )
        for row in rows
    ]


def _ways() -> Sequence[Way]:
    closed = {row.channel for row in switches.closed().rows if row.purpose == switches.EVERY}
    every = Way(switches.EVERY, gettext_lazy("Everything"), True, switches.EVERY not in closed)
    ways = [Way(channel.value, channel.label, channel in writing.ways(), channel not in closed) for channel in Channel]
    return [every, *ways]


def _closed_words(row: ChannelSwitch) -> str:
    channel = _("everything") if row.channel == switches.EVERY else str(Channel(row.channel).label)
    purpose = "" if row.purpose == switches.EVERY else f" · {Purpose(row.purpose).label}"
    return f"{channel}{purpose}"


def _chip(name: str, day: date, counts: dict[str, int], show: str, *, opens: bool) -> Chip:
    """With an address only for who sees the list that it opens."""
    label, states = SHOWS[name]
    n = sum(counts.get(state, 0) for state in states) if states else sum(counts.values())
    return Chip(label, _address(day, name) if opens else "", show == name, n)


def _address(day: date, show: str) -> str:
    return f"{reverse('desk:outgoing')}?day={day.isoformat()}" + (f"&show={show}" if show else "")


def _day(request: StaffRequest) -> date:
    """The day the address names; today when it names none, or one to come."""
    try:
        day = parse_date(request.GET.get("day", ""))
    except ValueError:
        day = None
    return min(day, today()) if day and day.year >= 2000 else today()


def of_customer(customer_id: int) -> QuerySet[Letter]:
    return Letter.objects.filter(Q(customer=customer_id)).select_related("customer", "by").order_by("-written_at")
