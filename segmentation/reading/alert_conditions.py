"""What conditions may say of alerts: of the silences, not of the customers who are silent."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.accounts.roles import Field as Personal
from core.lib.conditions import fields as of
from core.lib.conditions.fields import Context, Cost, Field, Fresh
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from customers.identity import query_grams
from customers.lists import record
from segmentation.models import Alert

ALERT, CUSTOMER = _("Alert"), _("Customer")
_STANDING = "customer__standing__"


def _members(choices: list[tuple[str, Words]]) -> list[tuple[str, Words]]:
    return [(value, label) for value, label in choices if value]


def _text(leaf: Leaf, context: Context) -> Q:
    """A name or part of one, or a customer number."""
    text = leaf.values[0]
    meant = Q(customer__number=text.upper())
    if grams := query_grams(text):
        meant |= Q(customer__name_grams__contains=grams)
    return meant


FIELDS: tuple[Field, ...] = (
    Field(
        "state",
        _("State"),
        Kind.CHOICE,
        of.choice("state"),
        group=ALERT,
        options=lambda: _members(list(Alert.State.choices)),
    ),
    Field(
        "kind",
        _("Kind"),
        Kind.CHOICE,
        of.choice("kind"),
        group=ALERT,
        options=lambda: _members(list(Alert.Kind.choices)),
    ),
    Field(
        "decision",
        _("Decision"),
        Kind.CHOICE,
        of.choice("decision", blank=""),
        group=ALERT,
        unknown=True,
        options=lambda: _members(list(Alert.Decision.choices)),
        says={"unknown": _("not decided yet")},
    ),
    Field(
        "cause",
        _("Cause"),
        Kind.CHOICE,
        of.choice("cause", blank=""),
        group=ALERT,
        unknown=True,
        options=lambda: _members(list(Alert.Cause.choices)),
    ),
    Field("opened", _("Opened"), Kind.DAY, of.day("opened_on"), group=ALERT, fresh=Fresh.NIGHT, path="opened_on"),
    Field("ends", _("Ends"), Kind.DAY, of.day("window_ends_on"), group=ALERT, fresh=Fresh.NIGHT, path="window_ends_on"),
    Field("closed", _("Closed"), Kind.DAY, of.day("closed_on"), group=ALERT, unknown=True, path="closed_on"),
    Field("quiet", _("Quiet days"), Kind.NUMBER, of.days_since("last_on"), group=ALERT, since="last_on"),
    Field(
        "loss",
        _("Loss a month"),
        Kind.MONEY,
        of.money("severity"),
        group=ALERT,
        needs=Personal.VALUE,
        fresh=Fresh.NIGHT,
        path="severity",
    ),
    Field("text", _("Name or number of the customer"), Kind.TEXT, _text, group=CUSTOMER, cost=Cost.PROBE),
    *record.fields_of(_STANDING, CUSTOMER, "class", "type", "manager", "province"),
)
