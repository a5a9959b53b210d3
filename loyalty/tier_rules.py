"""What a version of the tier rules may say: levels, benefits and options, checked, and turned into a Rule."""

import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib import mall
from core.lib.errors import Invalid
from core.lib.money import to_minor
from loyalty.maths.tiers import Basis, Downgrade, Level, Rule, Transition, Validity, Window

# A whole set of rules as it is stored and as somebody may have typed it: `validate` says whether it is one.
Content = dict[str, Any]


class BenefitTerms(TypedDict):
    """`amount` is empty for benefits without one; `cost` is per member and year. Both are decimal strings."""

    kind: str
    amount: str
    cost: str
    after_years: int


class LevelTerms(TypedDict):
    """`qualify` and `retain` in yuan or orders, as decimal strings."""

    code: str
    name: str
    qualify: str
    retain: str
    benefits: list[BenefitTerms]


MOST_LEVELS = 8
CODE = re.compile(r"[a-z][a-z0-9_]{0,19}")
MONEY = "¥"  # in whatever the mall counts
TONES = ("grey", "blue", "amber", "violet", "green")


@dataclass(frozen=True)
class Benefit:
    """`unit` says what the amount means ("" for benefits without amount); `cost` is per member and year."""

    kind: str
    label: Any
    unit: str = ""
    high: Decimal = Decimal(0)


BENEFITS = (
    Benefit("discount", gettext_lazy("Discount"), "%", Decimal(90)),
    Benefit("multiplier", gettext_lazy("Points multiplier"), "×", Decimal(20)),
    Benefit("shipping", gettext_lazy("Free shipping")),
    Benefit("priority", gettext_lazy("Priority service")),
    Benefit("credit_limit", gettext_lazy("Credit limit"), MONEY, Decimal(10_000_000)),
    Benefit("credit_days", gettext_lazy("Days to pay"), "d", Decimal(180)),
    Benefit("delivery", gettext_lazy("Own delivery")),
    Benefit("installation", gettext_lazy("Installation at home")),
    Benefit("gift", gettext_lazy("Gift")),
    Benefit("manager", gettext_lazy("Named account manager")),
    Benefit("draw", gettext_lazy("Access to draws")),
)
BENEFIT = {benefit.kind: benefit for benefit in BENEFITS}

OPTIONS: Content = {
    "basis": Basis.NET_SPEND.value,
    "window": Window.MONTHS.value,
    "window_months": 12,
    "validity": Validity.MONTHS.value,
    "validity_months": 12,
    "downgrade": Downgrade.ONE_STEP.value,
    "grace_days": 30,
    "undo_on_refund": True,
    "upgrade_at_once": True,
    "transition": Transition.KEEP.value,
    "notice_days": 7,
    # What one point costs the mall, for the cost of multipliers.
    "point_cost": "0.01",
}
WHOLE = {"window_months": (1, 60), "validity_months": (1, 60), "grace_days": (0, 366), "notice_days": (1, 366)}
CHOICES = {"basis": Basis, "window": Window, "validity": Validity, "downgrade": Downgrade, "transition": Transition}


def starting_point() -> Content:
    """A draft for a mall that has no tiers yet."""
    return {
        **OPTIONS,
        "levels": [
            _level("member", _("Member"), "0", "0"),
            _level("silver", _("Silver"), "1000", "800", discount=("2", "0"), shipping=("", "12")),
            _level("gold", _("Gold"), "5000", "4000", discount=("5", "0"), shipping=("", "24"), priority=("", "20")),
            _level(
                "platinum",
                _("Platinum"),
                "20000",
                "16000",
                discount=("8", "0"),
                shipping=("", "48"),
                priority=("", "60"),
                manager=("", "300"),
                gift=("", "200"),
                credit_limit=("5000", "0"),
                credit_days=("30", "0"),
            ),
        ],
    }


def _level(code: str, name: str, qualify: str, retain: str, **benefits: tuple[str, str]) -> LevelTerms:
    return {
        "code": code,
        "name": name,
        "qualify": qualify,
        "retain": retain,
        "benefits": [
            {"kind": kind, "amount": amount, "cost": cost, "after_years": 0}
            for kind, (amount, cost) in benefits.items()
        ],
    }


# Checking -----------------------------------------------------------------------------------------------------------


def validate(content: Content) -> Content:
    """The complete content in one form of writing. Raises Invalid saying which level or option is wrong, and why."""
    unknown = content.keys() - OPTIONS.keys() - {"levels"}
    if unknown:
        raise Invalid(_("There is no rule called “%(name)s”.") % {"name": sorted(unknown)[0]})
    checked: Content = {}
    for name, default in OPTIONS.items():
        value = content.get(name, default)
        if name in CHOICES:
            if value not in list(CHOICES[name]):
                raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": value})
        elif name in WHOLE:
            value = _whole(value, *WHOLE[name])
        elif name == "point_cost":
            value = _amount(value, Decimal(100))
        elif not isinstance(value, bool):
            raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": value})
        checked[name] = value
    levels = content.get("levels")
    if not isinstance(levels, list) or not 2 <= len(levels) <= MOST_LEVELS:
        raise Invalid(_("There must be from 2 to %(most)d levels.") % {"most": MOST_LEVELS}, code="levels")
    checked["levels"] = [_checked_level(level, checked["basis"]) for level in levels]
    _refuse_disorder(checked["levels"])
    return checked


def _checked_level(level: Any, basis: str) -> LevelTerms:
    if not isinstance(level, dict) or level.keys() != {"code", "name", "qualify", "retain", "benefits"}:
        raise Invalid(_("A level has a code, a name, two thresholds and benefits."), code="levels")
    name = str(level["name"]).strip()
    if not name or len(name) > 40 or not name.isprintable():
        raise Invalid(_("Give each level a name of at most 40 characters."), code="level_name")
    if not CODE.fullmatch(str(level["code"])):
        raise Invalid(
            _("%(level)s: a code has small letters, digits and _, and begins with a letter.") % {"level": name},
            code="level_code",
        )
    bound = Decimal(10**9)
    qualify, retain = _amount(level["qualify"], bound, name), _amount(level["retain"], bound, name)
    if basis == Basis.ORDERS and (Decimal(qualify) % 1 or Decimal(retain) % 1):
        raise Invalid(_("%(level)s: orders are counted in whole numbers.") % {"level": name}, code="threshold")
    if not isinstance(level["benefits"], list):
        raise Invalid(_("A level has a code, a name, two thresholds and benefits."), code="levels")
    benefits = [_checked_benefit(benefit, name) for benefit in level["benefits"]]
    kinds = [benefit["kind"] for benefit in benefits]
    if len(set(kinds)) < len(kinds):
        raise Invalid(_("%(level)s: each benefit may stand only once.") % {"level": name}, code="benefit")
    order = list(BENEFIT)
    benefits.sort(key=lambda benefit: order.index(benefit["kind"]))
    return {"code": level["code"], "name": name, "qualify": qualify, "retain": retain, "benefits": benefits}


def _checked_benefit(benefit: Any, level: str) -> BenefitTerms:
    kind = BENEFIT.get(str(benefit.get("kind"))) if isinstance(benefit, dict) else None
    if kind is None or benefit.keys() - {"kind", "amount", "cost", "after_years"}:
        raise Invalid(_("%(level)s: this benefit does not exist.") % {"level": level}, code="benefit")
    amount = ""
    if kind.unit:
        amount = _amount(benefit.get("amount", ""), kind.high, f"{level}, {kind.label}")
    return {
        "kind": kind.kind,
        "amount": amount,
        "cost": _amount(benefit.get("cost") or "0", Decimal(10**6), f"{level}, {kind.label}"),
        "after_years": _whole(benefit.get("after_years", 0), 0, 50),
    }


def _refuse_disorder(levels: list[LevelTerms]) -> None:
    if Decimal(levels[0]["qualify"]) != 0:
        raise Invalid(_("The lowest level begins at 0: everybody belongs to a level."), code="lowest_level")
    for below, level in itertools.pairwise(levels):
        if Decimal(level["qualify"]) <= Decimal(below["qualify"]):
            raise Invalid(
                _("%(level)s must begin above %(below)s.") % {"level": level["name"], "below": below["name"]},
                code="thresholds_rise",
            )
        if Decimal(level["retain"]) < Decimal(below["retain"]):
            raise Invalid(
                _("Keeping %(level)s cannot ask less than keeping %(below)s.")
                % {"level": level["name"], "below": below["name"]},
                code="thresholds_rise",
            )
    for level in levels:
        if Decimal(level["retain"]) > Decimal(level["qualify"]):
            raise Invalid(
                _("%(level)s: keeping the level cannot ask more than reaching it.") % {"level": level["name"]},
                code="retain_above_qualify",
            )
    codes, names = {level["code"] for level in levels}, {level["name"] for level in levels}
    if len(codes) < len(levels) or len(names) < len(levels):
        raise Invalid(_("Two levels have the same code or name."), code="level_twice")


def _amount(value: Any, high: Decimal, where: str = "") -> str:
    """A decimal string with at most two decimals, in one form of writing."""
    try:
        minor = to_minor(str(value).strip())
    except ValidationError as error:
        words = error.messages[0]
        raise Invalid(f"{where}: {words}" if where else words, code="amount") from None
    if not 0 <= minor <= high * 100:
        raise Invalid(
            _("%(where)s: choose an amount from 0 to %(high)s.") % {"where": where, "high": f"{high:,}"}, code="amount"
        )
    return f"{Decimal(minor) / 100:f}"


def _whole(value: Any, low: int, high: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise Invalid(_("Choose a whole number from %(low)d to %(high)d.") % {"low": low, "high": high})
    return number


# Reading ------------------------------------------------------------------------------------------------------------


def rule_of(content: Content) -> Rule:
    """The part of the content that the evaluation needs; amounts in whole minor units, or in orders."""
    unit = 1 if content["basis"] == Basis.ORDERS else 100
    return Rule(
        levels=tuple(
            Level(
                code=level["code"],
                name=level["name"],
                qualify=int(Decimal(level["qualify"]) * unit),
                retain=int(Decimal(level["retain"]) * unit),
            )
            for level in content["levels"]
        ),
        basis=Basis(content["basis"]),
        window=Window(content["window"]),
        window_months=content["window_months"],
        validity=Validity(content["validity"]),
        validity_months=content["validity_months"],
        downgrade=Downgrade(content["downgrade"]),
        grace_days=content["grace_days"],
        undo_on_refund=content["undo_on_refund"],
        upgrade_at_once=content["upgrade_at_once"],
        transition=Transition(content["transition"]),
    )


def digest(content: Content, *more: Any) -> str:
    """The same for the same rules, whatever the order of their keys."""
    return hashlib.sha256(json.dumps([content, *map(str, more)], sort_keys=True).encode()).hexdigest()


def differences(before: Content | None, after: Content) -> list[str]:
    """What changes, in one sentence per line."""
    if before is None:
        return [_("These are the first rules.")]
    sentences: list[str] = []
    old = {level["code"]: level for level in before["levels"]}
    new = {level["code"]: level for level in after["levels"]}
    sentences += [_("%(level)s ceases to exist.") % {"level": old[code]["name"]} for code in old if code not in new]
    for code, level in new.items():
        if code not in old:
            sentences.append(
                _("%(level)s is new, from %(qualify)s.")
                % {"level": level["name"], "qualify": _bar(after, level["qualify"])}
            )
            continue
        was = old[code]
        for key, sentence in (
            ("name", _("%(level)s is called %(after)s.")),
            ("qualify", _("%(level)s begins at %(after)s instead of %(before)s.")),
            ("retain", _("%(level)s is kept with %(after)s instead of %(before)s.")),
        ):
            if was[key] != level[key]:
                said = {"before": was[key], "after": level[key]}
                if key != "name":
                    said = {"before": _bar(before, was[key]), "after": _bar(after, level[key])}
                sentences.append(sentence % {"level": was["name"], **said})
        had = {benefit["kind"]: benefit for benefit in was["benefits"]}
        has = {benefit["kind"]: benefit for benefit in level["benefits"]}
        for kind in BENEFIT:
            label = {"level": level["name"], "benefit": BENEFIT[kind].label}
            if kind in had and kind not in has:
                sentences.append(_("%(level)s loses: %(benefit)s.") % label)
            elif kind in has and kind not in had:
                sentences.append(_("%(level)s gains: %(benefit)s %(after)s.") % {**label, "after": written(has[kind])})
            elif kind in has and had[kind] != has[kind]:
                sentences.append(
                    _("%(level)s: %(benefit)s %(after)s instead of %(before)s.")
                    % {**label, "before": written(had[kind]), "after": written(has[kind])}
                )
    for name, words in OPTION_WORDS.items():
        if before[name] != after[name]:
            sentences.append(
                _("%(option)s: %(after)s instead of %(before)s.")
                % {"option": words, "before": in_words(name, before[name]), "after": in_words(name, after[name])}
            )
    return sentences


def _bar(content: Content, threshold: Any) -> str:
    """A threshold as people read it: an amount, or how many orders."""
    return f"{int(Decimal(threshold)):,}" if content["basis"] == Basis.ORDERS else mall.priced(Decimal(threshold))


def written(benefit: BenefitTerms) -> str:
    """One benefit with its amount, cost and seniority."""
    unit = BENEFIT[benefit["kind"]].unit
    amounts = {"d": _("%(amount)s days"), "×": "×%(amount)s", "%": "%(amount)s%%"}
    parts = []
    if benefit["amount"]:
        amount = Decimal(benefit["amount"])
        parts.append(mall.priced(amount) if unit == MONEY else amounts[unit] % {"amount": f"{amount:,}"})
    if Decimal(benefit["cost"]):
        parts.append(_("%(cost)s a year") % {"cost": mall.priced(Decimal(benefit["cost"]))})
    if benefit["after_years"]:
        parts.append(_("from %(years)d years on") % {"years": benefit["after_years"]})
    return " · ".join(parts)


OPTION_WORDS = {
    "basis": gettext_lazy("What counts"),
    "window": gettext_lazy("Over which time"),
    "window_months": gettext_lazy("Months of the window"),
    "validity": gettext_lazy("How long a level is valid"),
    "validity_months": gettext_lazy("Months of validity"),
    "downgrade": gettext_lazy("Who falls short at the review"),
    "grace_days": gettext_lazy("Days of grace"),
    "undo_on_refund": gettext_lazy("A refund undoes the upgrade it paid for"),
    "upgrade_at_once": gettext_lazy("Upgrade at once, not only at night"),
    "transition": gettext_lazy("Members whom these rules would lower"),
    "notice_days": gettext_lazy("Days of notice"),
    "point_cost": gettext_lazy("What one point costs"),
}
CHOICE_WORDS = {
    "basis": {
        "net_spend": gettext_lazy("Net paid for goods, refunds taken back"),
        "orders": gettext_lazy("Paid orders not fully refunded"),
    },
    "window": {
        "months": gettext_lazy("The last months"),
        "calendar_year": gettext_lazy("The calendar year"),
        "lifetime": gettext_lazy("Since the first purchase"),
    },
    "validity": {
        "months": gettext_lazy("Some months"),
        "end_of_next_year": gettext_lazy("To the end of the next year"),
    },
    "downgrade": {
        "one_step": gettext_lazy("Falls by one level"),
        "to_qualified": gettext_lazy("Falls to the level reached"),
        "never": gettext_lazy("Never falls"),
    },
    "transition": {
        "keep": gettext_lazy("Keep their level until their review"),
        "grace": gettext_lazy("Have the days of grace from the first day on"),
        "now": gettext_lazy("Fall on the first day"),
        "restore": gettext_lazy("Get back what the last rules took"),
    },
}


def in_words(name: str, value: Any) -> str:
    """An option's value in words."""
    if name in CHOICE_WORDS:
        return str(CHOICE_WORDS[name][value])
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
