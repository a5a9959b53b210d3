"""Lines of a calculation as people read them: what is printed gives, worked out by hand, what is printed below it."""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

from core.lib import mall
from core.lib.money import from_minor

LEAST_DIGITS, MOST_DIGITS = 2, 9


class Line(NamedTuple):
    """`sign` is what is done with the figure: none where it begins (or only stands beside), × + − ^, = for what comes of it,
    Σ for the sum of what came before, ≥ and < for a comparison."""

    sign: str
    label: str
    figure: str


Lines = list[Line]


class Factor(NamedTuple):
    """A number with its unit: "¥" for minor units of money, whatever the mall counts in, "%" for a share of 1, or none."""

    label: str
    number: float
    unit: str = ""

    def printed(self, digits: int) -> str:
        if self.unit == "%":
            return percent(self.number, 0)
        return f"{symbol()}{self.number / 100:,.{digits}f}" if self.unit == "¥" else f"{self.number:,.{digits}f}"

    def read(self, digits: int) -> float:
        """What somebody calculates with who has only what is printed; money in yuan."""
        return round(self.number / 100, digits) if self.unit == "¥" else round(self.number, digits)


def symbol() -> str:
    return mall.facts().symbol


def money(minor: float) -> str:
    return f"{symbol()}{from_minor(round(minor)):,.2f}"


def percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def digits_for(by_hand: Callable[[int], float], minor: float) -> int:
    """As few digits as give this amount of money to its last one, by a calculation with numbers of so many digits."""
    for digits in range(LEAST_DIGITS, MOST_DIGITS):
        if abs(by_hand(digits) - round(minor) / 100) <= 0.0051:
            break
    return digits


def product(factors: Sequence[Factor], minor: float) -> Lines:
    """The factors with as few digits as give this amount of money to its last one."""
    digits = digits_for(lambda digits: prod(factor.read(digits) for factor in factors), minor)
    return [Line("×" if place else "", factor.label, factor.printed(digits)) for place, factor in enumerate(factors)]


def difference_times(more: Factor, less: Factor, times: Factor, minor: float) -> Lines:
    """(more − less) × times, in the same way."""
    digits = digits_for(lambda digits: (more.read(digits) - less.read(digits)) * times.read(digits), minor)
    signed = (("", more), ("−", less), ("×", times))
    return [Line(sign, factor.label, factor.printed(digits)) for sign, factor in signed]


def rounded_alike(number: float, whole: int) -> str:
    """The number with as few digits, two at least, as round to this whole one."""
    for digits in range(LEAST_DIGITS, MOST_DIGITS):
        if int(round(number, digits) + 0.5) == whole:
            break
    return f"{number:.{digits}f}"
