"""The editor of a draft: its fields, what was typed in them, and the chart under the thresholds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from core.lib import mall
from core.lib.errors import DomainError
from crm.desk.today import today
from loyalty import tier_rules
from loyalty.maths.tiers import Basis
from loyalty.models import TierDraft
from loyalty.tier_rules import BENEFITS, CHOICE_WORDS, OPTION_WORDS, Benefit, Content
from loyalty.tiers import simulation

PARTS = ("code", "name", "qualify", "retain")


class Choice(NamedTuple):
    name: str
    label: Any
    value: str
    choices: list[tuple[str, Any]]


class Number(NamedTuple):
    name: str
    label: Any
    value: int | str
    low: int
    high: int


class Switch(NamedTuple):
    name: str
    label: Any
    value: bool


class BenefitRow(NamedTuple):
    """`has` is what the level says of this benefit, or None."""

    kind: Benefit
    has: Content | None


class LevelRow(NamedTuple):
    """`number` is its place, 0 the lowest; `prefix` begins the names of its fields; `has` is how many benefits it has."""

    number: int
    prefix: str
    code: str
    name: str
    qualify: str
    retain: str
    benefits: list[BenefitRow]
    has: int


def context_of(draft: TierDraft, content: Content) -> dict[str, Any]:
    return {
        "draft": draft,
        "levels": [_level_row(number, level) for number, level in enumerate(content["levels"])],
        "content": content,
        "choices": [
            Choice(name, OPTION_WORDS[name], content[name], list(CHOICE_WORDS[name].items()))
            for name in ("basis", "window", "validity", "downgrade")
        ],
        "numbers": [
            Number(name, OPTION_WORDS[name], content[name], low, high) for name, (low, high) in tier_rules.WHOLE.items()
        ],
        "switches": [
            Switch(name, OPTION_WORDS[name], content[name])
            for name, default in tier_rules.OPTIONS.items()
            if isinstance(default, bool)
        ],
        "chart": _distribution(draft, content),
    }


def prefix_of(number: int) -> str:
    return f"level-{number}"


def _level_row(number: int, level: Content) -> LevelRow:
    has = {benefit["kind"]: benefit for benefit in level["benefits"]}
    rows = [BenefitRow(kind, has.get(kind.kind)) for kind in BENEFITS]
    return LevelRow(
        number, prefix_of(number), level["code"], level["name"], level["qualify"], level["retain"], rows, len(has)
    )


def _distribution(draft: TierDraft, content: Content) -> dict[str, Any]:
    """The histogram under the lines: what counts today, by the saved basis and window."""
    try:
        bars = simulation.distribution(draft.content, today=today())
    except DomainError:
        bars = []
    orders = draft.content["basis"] == Basis.ORDERS
    return {
        "x": _("Orders that count")
        if orders
        else _("Amount that counts (%(symbol)s)") % {"symbol": mall.facts().symbol.strip()},
        "y": _("Customers"),
        "bars": bars,
        "lines": [
            {"name": level["name"], "input": f"{prefix_of(number)}-qualify"}
            for number, level in enumerate(content["levels"])
            if number
        ],
    }


# What was typed -----------------------------------------------------------------------------------------------------


def posted(data: Mapping[str, Any], before: Content) -> Content:
    """The content as the editor sent it, unchecked: nothing that was typed is lost."""
    content: Content = {**before}
    for name, default in tier_rules.OPTIONS.items():
        if isinstance(default, bool):
            content[name] = name in data
        elif name in data:
            content[name] = data[name]
    content["levels"] = []
    number = 0
    while f"{prefix_of(number)}-name" in data and number < tier_rules.MOST_LEVELS + 1:
        content["levels"].append(_posted_level(data, prefix_of(number)))
        number += 1
    return content


def _posted_level(data: Mapping[str, Any], prefix: str) -> Content:
    level: Content = {part: data.get(f"{prefix}-{part}", "").strip() for part in PARTS}
    level["benefits"] = [
        {
            "kind": kind.kind,
            "amount": data.get(f"{prefix}-{kind.kind}-amount", "") if kind.unit else "",
            "cost": data.get(f"{prefix}-{kind.kind}-cost", "") or "0",
            "after_years": data.get(f"{prefix}-{kind.kind}-years", "") or 0,
        }
        for kind in BENEFITS
        if f"{prefix}-{kind.kind}" in data
    ]
    return level


def another_level(levels: list[Content]) -> Content:
    codes = {level["code"] for level in levels}
    code = next(f"level_{n}" for n in range(1, 100) if f"level_{n}" not in codes)
    return {"code": code, "name": "", "qualify": "", "retain": "", "benefits": []}
