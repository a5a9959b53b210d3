"""What conditions may say of cases: of the rows of the complaint desk, not of the customers they are about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from complaints import matters, queries
from complaints.models import Case, Category, Department, Queue, QueueMember, RootCause
from complaints.models.cases import OPEN
from complaints.models.catalogue import Severity
from core.accounts.models import User
from core.lib.conditions import fields as of
from core.lib.conditions.fields import ME, Context, Cost, Field, Options
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from core.lib.periods import mall_day
from customers.identity import query_grams
from customers.lists import record
from customers.lists.record import CLASSES, YES_NO

CASE, WORK, CLOCK = _("Case"), _("Work"), _("Promise")
A_DAY = timedelta(days=1)


def _named(rows: Any, name: str = "name") -> Options:
    return lambda: [(str(pk), text) for pk, text in rows().order_by(name, "pk").values_list("pk", name)]


def _members(choices: Any) -> Options:
    return lambda: [(str(value), label) for value, label in choices if value != ""]


def _owners() -> list[tuple[str, Words]]:
    people = User.objects.filter(pk__in=QueueMember.objects.values("user")).order_by("full_name", "pk")
    return [(ME, _("me")), *((str(pk), name or username) for pk, name, username in people.values_list(*_PERSON))]


_PERSON = ("pk", "full_name", "username")


def _owner(value: str, context: Context) -> int | None:
    return context.reader if value == ME else _id(value)


def _id(value: str) -> int | None:
    return int(value) if value.isdecimal() and len(value) < 19 else None


def _one_of(leaf: Leaf, conditions: Mapping[str, Q]) -> Q:
    """Any of these named conditions, or none of them."""
    chosen = Q(*(conditions[value] for value in leaf.values), _connector=Q.OR)
    return chosen if leaf.op == "any" else ~chosen


def _state(leaf: Leaf, context: Context) -> Q:
    return _one_of(leaf, {"open": Q(status__in=OPEN), "ended": ~Q(status__in=OPEN)})


def _clock(leaf: Leaf, context: Context) -> Q:
    soon = Q(next_due_at__gte=context.moment, next_due_at__lt=context.moment + queries.SOON)
    running, still = Q(next_due_at__isnull=False), Q(next_due_at__isnull=True)
    return _one_of(leaf, {"missed": Q(breached=True), "soon": soon, "running": running, "still": still})


def _waits(leaf: Leaf, context: Context) -> Q:
    """For whoever asks: what others want of this person in the case. Of nobody in person it is no case."""
    if leaf.values == ("look",):
        return _one_of(leaf, {"look": Q(needs_a_look=True)})
    reader = User.objects.filter(pk=context.reader).first() if context.reader else None
    if reader is None:
        return Q(pk__in=[])
    lists = queries.waiting_for(reader, context.moment)
    return _one_of(leaf, {name: Q(pk__in=rows) for name, rows in lists.items()} | {"look": Q(needs_a_look=True)})


def _category(leaf: Leaf, context: Context) -> Q:
    """A category with those below it."""
    ids = [pk for value in leaf.values if (pk := _id(value)) is not None]
    among = Q(category__in=ids) | Q(category__in=Category.objects.filter(parent__in=ids).values("pk"))
    return among if leaf.op == "any" else ~among


def _yes(condition: Q) -> of.Where:
    return lambda leaf, context: _one_of(leaf, {"yes": condition, "no": ~condition})


def _matter(leaf: Leaf, context: Context) -> Q:
    read = [matter for value in leaf.values if (matter := matters.read(value))]
    among = Q(*(matter.condition() for matter in read), _connector=Q.OR)
    return among if leaf.op == "any" else ~among


def _matters(values: Sequence[str]) -> dict[str, str]:
    """“promise kept, 11-01 – 11-30”: the last day is the one before the bound."""
    told = {}
    for value in values:
        matter = matters.read(value)
        name = str(MATTERS.get(matter.name, matter.name)) if matter else value
        if matter and matter.until.timestamp() > 0 and matter.name != "measure":
            since, until = mall_day(matter.since), mall_day(matter.until - timedelta(seconds=1))
            name = _now("%(what)s, %(since)s to %(until)s") % {"what": name, "since": since, "until": until}
        told[value] = name
    return told


MATTERS: Mapping[str, Words] = {
    "opened": _("logged"),
    "resolved": _("solved"),
    "kept": _("promise kept"),
    "missed": _("promise missed"),
    "had_time": _("answered, with 90 days behind it"),
    "has_time": _("answered, with 90 days still running"),
    "came_back": _("bought again within 90 days"),
    "surveyed": _("said how content they were"),
    "given": _("remedy given"),
    "remedy_due": _("remedy due"),
    "remedy_kept": _("remedy given in time"),
    "waits": _("waited more than three times"),
    "lost": _("customer lost"),
    "aged": _("open, said"),
    "measure": _("behind a corrective action"),
}


def _records(values: Sequence[str]) -> dict[str, str]:
    """Never a name: the record may be out of the reader's reach."""
    return {value: _now("record %(id)s") % {"id": value} for value in values}


def _text(leaf: Leaf, context: Context) -> Q:
    """The name of whose case it is, or a part of it, or their number. What was said is searched nowhere."""
    text = leaf.values[0]
    meant = Q(customer__number=text.upper())
    if grams := query_grams(text):
        meant |= Q(customer__name_grams__contains=grams)
    return meant


def _clocks() -> Sequence[tuple[str, Words]]:
    return [
        ("missed", _("missed")),
        ("soon", _("due within the hour")),
        ("running", _("running")),
        ("still", _("nothing is due")),
    ]


def _waiting() -> Sequence[tuple[str, Words]]:
    return [
        ("asked", _("a question asked of me")),
        ("approve", _("a remedy to approve")),
        ("give", _("a remedy to give")),
        ("owed", _("a remedy that is late")),
        ("unsent", _("an e-mail to send")),
        ("look", _("the customer wrote again")),
    ]


FIELDS: tuple[Field, ...] = (
    Field(
        "state",
        _("State"),
        Kind.CHOICE,
        _state,
        group=CASE,
        options=lambda: [("open", _("open")), ("ended", _("ended"))],
    ),
    Field("status", _("Status"), Kind.CHOICE, of.choice("status"), group=CASE, options=_members(Case.Status.choices)),
    Field(
        "category",
        _("About"),
        Kind.CHOICE,
        _category,
        group=CASE,
        options=_named(lambda: Category.objects.all()),
    ),
    Field(
        "class",
        _("Class"),
        Kind.CHOICE,
        of.choice("served_as", lambda value, _context: CLASSES.get(value)),
        group=CASE,
        options=record.classes,
    ),
    Field("kind", _("Kind"), Kind.CHOICE, of.choice("kind"), group=CASE, options=_members(Case.Kind.choices)),
    Field(
        "channel", _("Channel"), Kind.CHOICE, of.choice("channel"), group=CASE, options=_members(Case.Channel.choices)
    ),
    Field(
        "severity", _("Severity"), Kind.CHOICE, of.numbered("severity"), group=CASE, options=_members(Severity.choices)
    ),
    Field("product", _("Product number"), Kind.CHOICE, of.choice("product_ref", blank=""), group=CASE, unknown=True),
    Field("text", _("Name or number of the customer"), Kind.TEXT, _text, group=CASE, cost=Cost.PROBE),
    Field(
        "customer",
        _("Customer"),
        Kind.CHOICE,
        of.numbered("customer"),
        group=CASE,
        unknown=True,
        called=_records,
        says={"unknown": _("an anonymous caller")},
    ),
    Field(
        "counted",
        _("Counts in the figures"),
        Kind.CHOICE,
        _yes(~Q(status__in=queries.NOT_COUNTED)),
        group=CASE,
        options=lambda: YES_NO,
    ),
    Field("opened", _("Logged"), Kind.DAY, of.moment("opened_at"), group=CASE, path="opened_at"),
    Field("said", _("Said"), Kind.DAY, of.moment("received_at"), group=CASE, path="received_at"),
    Field("resolved", _("Solved"), Kind.DAY, of.moment("resolved_at"), group=CASE, unknown=True),
    Field(
        "logged_late",
        _("Logged more than a day late"),
        Kind.CHOICE,
        _yes(Q(received_at__lt=F("opened_at") - A_DAY)),
        group=CASE,
        options=lambda: YES_NO,
    ),
    Field("reopened", _("Times reopened"), Kind.NUMBER, of.number("reopen_count"), group=CASE),
    Field(
        "outcome",
        _("Outcome"),
        Kind.CHOICE,
        of.choice("outcome", blank=""),
        group=CASE,
        unknown=True,
        options=_members(Case.Outcome.choices),
    ),
    Field(
        "cause",
        _("Root cause"),
        Kind.CHOICE,
        of.numbered("root_cause"),
        group=CASE,
        unknown=True,
        options=_named(lambda: RootCause.objects.all()),
    ),
    Field(
        "department",
        _("Department of the cause"),
        Kind.CHOICE,
        of.numbered("root_cause__department"),
        group=CASE,
        unknown=True,
        options=_named(lambda: Department.objects.all()),
    ),
    Field(
        "matter",
        _("In the figure"),
        Kind.CHOICE,
        _matter,
        group=CASE,
        cost=Cost.PROBE,
        called=_matters,
        note=_("Figures of the reports set this by themselves."),
    ),
    Field(
        "owner",
        _("Owner"),
        Kind.CHOICE,
        of.choice("owner", _owner),
        group=WORK,
        unknown=True,
        options=_owners,
        open=True,
        says={"unknown": _("nobody's")},
    ),
    Field(
        "queue", _("Queue"), Kind.CHOICE, of.numbered("queue"), group=WORK, options=_named(lambda: Queue.objects.all())
    ),
    Field(
        "priority",
        _("Priority"),
        Kind.CHOICE,
        of.numbered("priority"),
        group=WORK,
        options=lambda: [(str(number), f"P{number}") for number in range(1, 5)],
    ),
    Field(
        "waits",
        _("Waits for"),
        Kind.CHOICE,
        _waits,
        group=WORK,
        cost=Cost.PROBE,
        options=_waiting,
        says={"any": _("there is %(value)s"), "none": _("there is not %(value)s")},
    ),
    Field("clock", _("Promise"), Kind.CHOICE, _clock, group=CLOCK, options=_clocks),
    Field("due", _("Due"), Kind.DAY, of.moment("next_due_at"), group=CLOCK, unknown=True),
)


def figure_of(name: str, since: int | None, until: int | None) -> str:
    """The matter that holds between two instants, in seconds; an open end is as far as a calendar goes."""
    last = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
    return f"{name}~~{since or 0}~{until or last}~{until or last}"
