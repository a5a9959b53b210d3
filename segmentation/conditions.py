"""What the numbers let conditions say of a customer: value, rhythm, alerts, how they moved."""

from collections.abc import Sequence
from datetime import date

from django.db.models import DateField, Exists, F, FloatField, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan
from django.utils.translation import gettext_lazy as _

from core.accounts.roles import Field as Personal
from core.lib.conditions import fields as of
from core.lib.conditions.fields import Context, Cost, Field, Fresh
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from customers.lists.happenings import happening
from customers.lists.record import CLASSES
from segmentation.models import Alert, Change
from segmentation.segments import inside

GROUP = _("Value and rhythm")
RHYTHMS: tuple[tuple[str, Words], ...] = (
    ("inside", _("within their usual interval")),
    ("usual", _("past their usual interval")),
    ("limit", _("past their own limit")),
)
KINDS = [(str(value), label) for value, label in Alert.Kind.choices]
CAUSES = [(str(value), label) for value, label in Alert.Cause.choices]


def _past(days: str, today: date) -> Q:
    """Whose last purchase lies further back than so many days of their own."""
    quiet = Func(Value(today, DateField()), F("last_on"), template="(%(expressions)s)", arg_joiner=" - ")
    return Q(**{f"{days}__gt": 0}) & Q(GreaterThan(Cast(quiet, FloatField()), F(days)))


def _rhythm(leaf: Leaf, context: Context) -> Q:
    known = Q(last_on__isnull=False, limit_days__gt=0)
    if leaf.op == "unknown":
        return ~known
    usual, limit = _past("usual_days", context.today), _past("limit_days", context.today)
    states = {"inside": ~usual & ~limit, "usual": usual & ~limit, "limit": limit}
    names = leaf.values if leaf.op == "any" else [name for name in states if name not in leaf.values]
    return known & Q(*(states[name] for name in names), _connector=Q.OR) if names else Q(pk__in=[])


def _open_alert(leaf: Leaf, context: Context) -> Q:
    alerts = Alert.objects.filter(customer=OuterRef("customer_id"), state=Alert.State.OPEN)
    if leaf.op == "unknown":
        return Q(~Exists(alerts))
    chosen = alerts.filter(kind__in=leaf.values) if leaf.op == "any" else alerts.exclude(kind__in=leaf.values)
    return Q(Exists(chosen))


def _lost(values: Sequence[str]) -> QuerySet[Alert]:
    lost = Alert.objects.filter(state=Alert.State.LOST)
    return lost.filter(cause__in=values) if values else lost


def _became(values: Sequence[str]) -> QuerySet[Change]:
    moved = Change.objects.exclude(class_before=F("class_after"))
    return moved.filter(class_after__in=[CLASSES[value] for value in values]) if values else moved


FIELDS: tuple[Field, ...] = (
    Field(
        "value",
        _("Value"),
        Kind.MONEY,
        of.money("value"),
        group=GROUP,
        needs=Personal.VALUE,
        fresh=Fresh.NIGHT,
        path="value",
    ),
    Field(
        "potential",
        _("Potential"),
        Kind.MONEY,
        of.money("potential"),
        group=GROUP,
        needs=Personal.VALUE,
        fresh=Fresh.NIGHT,
        path="potential",
    ),
    Field(
        "rhythm",
        _("Rhythm"),
        Kind.CHOICE,
        _rhythm,
        group=GROUP,
        unknown=True,
        options=lambda: RHYTHMS,
        says={"any": "%(value)s", "unknown": _("without a rhythm of their own yet")},
    ),
    Field(
        "alert",
        _("Open alert"),
        Kind.CHOICE,
        _open_alert,
        group=GROUP,
        cost=Cost.PROBE,
        unknown=True,
        options=lambda: KINDS,
        says={"any": _("with an open alert (%(value)s)"), "unknown": _("without an open alert")},
    ),
    Field(
        "lost",
        _("Given up as lost"),
        Kind.HAPPENING,
        happening(_lost, on="closed_on"),
        group=GROUP,
        cost=Cost.PROBE,
        options=lambda: CAUSES,
        says={"has": _("given up as lost (%(value)s)"), "never": _("never given up as lost (%(value)s)")},
    ),
    Field(
        "became",
        _("Became"),
        Kind.HAPPENING,
        happening(_became, on="on"),
        group=GROUP,
        cost=Cost.PROBE,
        options=lambda: [(name, member.label) for name, member in CLASSES.items()],
        says={"has": _("became %(value)s"), "never": _("did not become %(value)s")},
    ),
    inside.FIELD,
    inside.ENTERED,
)
