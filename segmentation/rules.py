"""The constants of the night: one dictionary, versioned, checked, never edited in place."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import locks
from segmentation.models import Night, RuleSet

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True)
class Constant:
    """One editable number: its default, its bounds (both allowed) and what it means.

    One that is `percent` is stored as a share of 1.
    """

    name: str
    default: float
    low: float
    high: float
    label: "_StrPromise"
    group: "_StrPromise"
    whole: bool = False
    percent: bool = False

    def shown(self, value: float) -> float:
        """The number as people read and type it: 80 for a share of .8, whole where it is."""
        number = round(value * 100, 6) if self.percent else value
        return int(number) if number == int(number) else number

    def meant(self, number: float) -> float:
        """The value of a number as it was typed."""
        return round(number / 100, 8) if self.percent else number

    def words(self, value: float) -> str:
        """80 %"""
        return f"{self.shown(value)} %" if self.percent else f"{self.shown(value)}"


ALERTS = gettext_lazy("When an alert opens and ends")
VALUE = gettext_lazy("Value and potential")
CLASSES = gettext_lazy("Who is big, who is active")
CONSTANTS = (
    # 0 lets the weekly backtest choose.
    Constant(
        "a_max",
        0,
        0,
        0.5,
        gettext_lazy(
            "Quiet: at most this share of the customer's intervals is longer (0: the weekly backtest chooses)"
        ),
        ALERTS,
        percent=True,
    ),
    Constant(
        "precision_floor",
        0.5,
        0.1,
        0.95,
        gettext_lazy("At least this share of all alerts must turn out right"),
        ALERTS,
        percent=True,
    ),
    Constant(
        "false_alarms_a_year", 1, 0.1, 12, gettext_lazy("False alarms accepted for each customer in a year"), ALERTS
    ),
    Constant(
        "least_gaps",
        2,
        1,
        20,
        gettext_lazy("So many intervals between purchases are known before a silence counts"),
        ALERTS,
        whole=True,
    ),
    Constant(
        "long_absence_days",
        113,
        0,
        1000,
        gettext_lazy("Long absence: more than this many days (0: off)"),
        ALERTS,
        whole=True,
    ),
    Constant(
        "alert_window_days",
        60,
        7,
        365,
        gettext_lazy("Days until an open alert ends without response"),
        ALERTS,
        whole=True,
    ),
    Constant(
        "discount", 0.10, 0, 0.5, gettext_lazy("Money that comes a year later is worth less by"), VALUE, percent=True
    ),
    Constant(
        "value_tolerance",
        0.05,
        0,
        0.2,
        gettext_lazy("A customer's value is written anew when it moved by more than"),
        VALUE,
        percent=True,
    ),
    Constant(
        "potential_period_days",
        90,
        30,
        180,
        gettext_lazy("Potential: so many days of customers who are alike are looked at"),
        VALUE,
        whole=True,
    ),
    Constant(
        "big_share",
        0.8,
        0.1,
        0.99,
        gettext_lazy("Customers called big hold this share of all value"),
        CLASSES,
        percent=True,
    ),
    Constant(
        "big_cap",
        0.30,
        0.01,
        1,
        gettext_lazy("Of all customers at most this share is called big"),
        CLASSES,
        percent=True,
    ),
    Constant(
        "big_enter",
        1.10,
        1,
        3,
        gettext_lazy("Becomes big with this much of the value that the smallest big customer has"),
        CLASSES,
        percent=True,
    ),
    Constant(
        "big_leave",
        0.60,
        0.1,
        1,
        gettext_lazy("Stays big down to this much of that value"),
        CLASSES,
        percent=True,
    ),
    Constant(
        "active_enter",
        0.10,
        0.01,
        0.5,
        gettext_lazy("Becomes active: more than this share of the customer's intervals is longer than the silence now"),
        CLASSES,
        percent=True,
    ),
    Constant(
        "active_leave",
        0.02,
        0.001,
        0.5,
        gettext_lazy("Stays active as long as this share of them is longer"),
        CLASSES,
        percent=True,
    ),
)
DEFAULTS: dict[str, float] = {c.name: c.default for c in CONSTANTS}


def validate(parameters: Mapping[str, Any]) -> dict[str, float]:
    """The complete parameters. Raises Invalid naming the constant that is missing, unknown or out of bounds."""
    unknown = parameters.keys() - DEFAULTS.keys()
    if unknown:
        raise Invalid(_("There is no rule called “%(name)s”.") % {"name": sorted(unknown)[0]})
    checked: dict[str, float] = {}
    for constant in CONSTANTS:
        try:
            number = float(parameters.get(constant.name, constant.default))
        except (TypeError, ValueError, OverflowError):
            raise Invalid(_("%(label)s: write a number.") % {"label": constant.label}) from None
        if not constant.low <= number <= constant.high:
            raise Invalid(
                _("%(label)s: choose a number from %(low)s to %(high)s.")
                % {"label": constant.label, "low": constant.words(constant.low), "high": constant.words(constant.high)}
            )
        if constant.whole and number != int(number):
            raise Invalid(_("%(label)s: choose a whole number.") % {"label": constant.label})
        checked[constant.name] = number
    if checked["active_leave"] >= checked["active_enter"]:
        raise Invalid(_("The share to stay active must be below the share to become active."))
    return checked


def digest(parameters: Mapping[str, float], *, on: date) -> str:
    """Names what a preview of these rules on that day rests on: the rules, and what they are compared with.

    Another draft has another digest, and so has this one once a newer version is in force, a night has run or the day
    is over. Raises Invalid for rules out of bounds.
    """
    night = Night.objects.order_by("-as_of").first()
    seen = {
        "rules": validate(parameters),
        "in force": current().version,
        "night": [night.as_of.isoformat(), night.rules_id, night.fit_id, night.figures] if night else None,
        "on": on.isoformat(),
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def changes(before: Mapping[str, float], after: Mapping[str, float]) -> list[tuple[Constant, float, float]]:
    """(constant, before, after) of each that differs."""
    old, new = {**DEFAULTS, **before}, {**DEFAULTS, **after}
    return [(c, old[c.name], new[c.name]) for c in CONSTANTS if old[c.name] != new[c.name]]


def reason_of(version: RuleSet) -> str:
    """Why this version came to be, in the reader's language where Laoke itself made it."""
    return _("The defaults Laoke starts with") if version.version == 1 and version.by_id is None else version.reason


def current(on: date | None = None) -> RuleSet:
    """The rules for the night of that day; without a day the newest, be they in force or still to come.

    Version 1 with the defaults is made on first use.
    """
    versions = RuleSet.objects.filter(withdrawn_at__isnull=True).order_by("-version")
    if on is not None:
        versions = versions.filter(Q(starts_on__isnull=True) | Q(starts_on__lte=on))
    newest = versions.first()
    if newest is None:
        newest, _created = RuleSet.objects.get_or_create(
            version=1,
            defaults={"parameters": DEFAULTS, "reason": "Defaults", "at": datetime.fromisoformat("2000-01-01T00:00Z")},
        )
    return newest


def constants(on: date | None = None) -> dict[str, float]:
    """Every constant of `current`."""
    return {**DEFAULTS, **current(on).parameters}


def refuse_unseen(parameters: Mapping[str, float], *, previewed: str, on: date) -> None:
    """Raises DomainError unless `previewed` is the digest of the preview of these rules as things stand."""
    if previewed != digest(parameters, on=on):
        raise DomainError(
            _("These rules have not been previewed yet. Look at what they do now, then save."), code="not_previewed"
        )


@transaction.atomic
def save(
    parameters: dict[str, Any],
    *,
    previewed: str,
    by: User | None,
    reason: str,
    at: datetime,
    starts_on: date | None = None,
    rolls_back: RuleSet | None = None,
) -> RuleSet:
    """A new version, in force from the next night on, or from that of `starts_on`: whoever saves has seen what these
    very rules do.

    `previewed` is the digest of the preview that was looked at; any other than that of `parameters` as things stand is
    refused.
    """
    locks.hold("rules.save")
    checked = validate(parameters)
    refuse_unseen(checked, previewed=previewed, on=mall_day(at))
    if not reason.strip():
        raise Invalid(_("Say in a few words why the rules change."), code="reason_missing")
    latest = current()
    if checked == {**DEFAULTS, **latest.parameters}:
        raise DomainError(_("These are the rules already in force: nothing to save."), code="unchanged")
    number = RuleSet.objects.aggregate(top=Max("version"))["top"] or 1
    saved = RuleSet.objects.create(
        version=number + 1,
        parameters=checked,
        reason=reason.strip(),
        by=by,
        at=at,
        starts_on=starts_on,
        rolls_back=rolls_back,
    )
    audit.record(by, "rules.saved", saved, at=at, version=saved.version, reason=saved.reason)
    return saved
