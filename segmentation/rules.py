"""The constants of the night: one dictionary, versioned, checked, never edited in place."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import locks
from segmentation.models import Night, RuleSet


@dataclass(frozen=True)
class Constant:
    """One editable number: its default, its bounds (both allowed) and what it means."""

    name: str
    default: float
    low: float
    high: float
    label: Any
    group: Any
    whole: bool = False


ALERTS = gettext_lazy("When an alert opens and ends")
VALUE = gettext_lazy("Value and potential")
CLASSES = gettext_lazy("Who is big, who is active")
CONSTANTS = (
    # 0 lets the weekly backtest choose.
    Constant(
        "a_max", 0, 0, 0.5, gettext_lazy("Tail level of the quiet alert (0: chosen by the weekly backtest)"), ALERTS
    ),
    Constant("precision_floor", 0.5, 0.1, 0.95, gettext_lazy("Least share of alerts that must be right"), ALERTS),
    Constant("false_alarms_a_year", 1, 0.1, 12, gettext_lazy("False alarms accepted per customer and year"), ALERTS),
    Constant("least_gaps", 2, 1, 20, gettext_lazy("Known intervals before a quiet alert"), ALERTS, whole=True),
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
    Constant("discount", 0.10, 0, 0.5, gettext_lazy("Discount rate a year"), VALUE),
    Constant(
        "value_tolerance", 0.05, 0, 0.2, gettext_lazy("Rewrite a value when it moved by more than this share"), VALUE
    ),
    Constant(
        "potential_period_days", 90, 30, 180, gettext_lazy("Days over which look-alikes are watched"), VALUE, whole=True
    ),
    Constant("big_share", 0.8, 0.1, 0.99, gettext_lazy("Big customers together hold this share of value"), CLASSES),
    Constant("big_cap", 0.30, 0.01, 1, gettext_lazy("Big customers are at most this share of customers"), CLASSES),
    Constant("big_enter", 1.10, 1, 3, gettext_lazy("Becomes big at this multiple of the bar"), CLASSES),
    Constant("big_leave", 0.75, 0.1, 1, gettext_lazy("Stops being big below this multiple of the bar"), CLASSES),
    Constant("active_enter", 0.10, 0.01, 0.5, gettext_lazy("Becomes active above this lateness"), CLASSES),
    Constant("active_leave", 0.02, 0.001, 0.5, gettext_lazy("Stops being active below this lateness"), CLASSES),
)
DEFAULTS: dict[str, float] = {c.name: c.default for c in CONSTANTS}


def validate(parameters: dict[str, Any]) -> dict[str, float]:
    """The complete parameters. Raises Invalid naming the constant that is missing, unknown or out of bounds."""
    unknown = parameters.keys() - DEFAULTS.keys()
    if unknown:
        raise Invalid(_("There is no rule called “%(name)s”.") % {"name": sorted(unknown)[0]})
    checked: dict[str, float] = {}
    for constant in CONSTANTS:
        try:
            number = float(parameters.get(constant.name, constant.default))
        except (TypeError, ValueError):
            raise Invalid(_("%(label)s: write a number.") % {"label": constant.label}) from None
        if not constant.low <= number <= constant.high:
            raise Invalid(
                _("%(label)s: choose a number from %(low)s to %(high)s.")
                % {"label": constant.label, "low": constant.low, "high": constant.high}
            )
        if constant.whole and number != int(number):
            raise Invalid(_("%(label)s: choose a whole number.") % {"label": constant.label})
        checked[constant.name] = number
    if checked["active_leave"] >= checked["active_enter"]:
        raise Invalid(_("The lateness to leave “active” must be below the lateness to enter it."))
    return checked


def digest(parameters: dict[str, Any], *, on: date) -> str:
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


def changes(before: Mapping[str, float], after: Mapping[str, float]) -> list[tuple[Any, float, float]]:
    """(label, before, after) of each constant that differs."""
    old, new = {**DEFAULTS, **before}, {**DEFAULTS, **after}
    return [(c.label, old[c.name], new[c.name]) for c in CONSTANTS if old[c.name] != new[c.name]]


def reason_of(version: RuleSet) -> str:
    """Why this version came to be, in the reader's language where Laoke itself made it."""
    return _("The defaults Laoke starts with") if version.version == 1 and version.by_id is None else version.reason


def current() -> RuleSet:
    """The rules in force; version 1 with the defaults is made on first use."""
    newest = RuleSet.objects.order_by("-version").first()
    if newest is None:
        newest, _created = RuleSet.objects.get_or_create(
            version=1,
            defaults={"parameters": DEFAULTS, "reason": "Defaults", "at": datetime.fromisoformat("2000-01-01T00:00Z")},
        )
    return newest


@transaction.atomic
def save(parameters: dict[str, Any], *, previewed: str, by: User | None, reason: str, at: datetime) -> RuleSet:
    """A new version, in force from the next night on: whoever saves has seen what these very rules do.

    `previewed` is the digest of the preview that was looked at; any other than that of `parameters` as things stand is
    refused.
    """
    locks.hold("rules.save")
    checked = validate(parameters)
    if previewed != digest(checked, on=mall_day(at)):
        raise DomainError(
            _("These rules have not been previewed yet. Look at what they do now, then save."), code="not_previewed"
        )
    if not reason.strip():
        raise Invalid(_("Say in a few words why the rules change."), code="reason_missing")
    latest = current()
    if checked == {**DEFAULTS, **latest.parameters}:
        raise DomainError(_("These are the rules already in force: nothing to save."), code="unchanged")
    saved = RuleSet.objects.create(version=latest.version + 1, parameters=checked, reason=reason.strip(), by=by, at=at)
    audit.record(by, "rules.saved", saved, at=at, version=saved.version, reason=saved.reason)
    return saved
