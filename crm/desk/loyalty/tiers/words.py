"""Levels, benefits and options of the rules as the pages write them."""

from typing import Any, NamedTuple

from loyalty import tier_rules
from loyalty.tier_rules import BENEFIT, OPTION_WORDS, BenefitTerms, Content


class BenefitShown(NamedTuple):
    """`amount` and `unit` are empty for a benefit that is had or not; `words` is both with its years."""

    label: str
    amount: str
    unit: str
    words: str


class LevelShown(NamedTuple):
    name: str
    qualify: str
    retain: str
    benefits: list[BenefitShown]


def benefits(content: list[BenefitTerms]) -> list[BenefitShown]:
    return [
        BenefitShown(
            BENEFIT[benefit["kind"]].label,
            benefit["amount"],
            BENEFIT[benefit["kind"]].unit,
            tier_rules.written(benefit),
        )
        for benefit in content
    ]


def levels(content: Content) -> list[LevelShown]:
    return [
        LevelShown(level["name"], level["qualify"], level["retain"], benefits(level["benefits"]))
        for level in content["levels"]
    ]


def options(content: Content, *names: str) -> list[tuple[Any, str]]:
    """What is asked for, or every option but the transition, each with what the rules say."""
    names = names or tuple(name for name in OPTION_WORDS if name != "transition")
    return [(OPTION_WORDS[name], tier_rules.in_words(name, content[name])) for name in names]
