"""How a discount lies on the lines of an order. Whole minor units, nothing is lost."""

from collections.abc import Sequence


def split(discount: int, nets: Sequence[int]) -> list[int]:
    """The discount on the lines in proportion to their amounts, by largest remainder; equal remainders: first line first.

    The shares add up to `discount` and none exceeds its line. Raises ValueError unless 0 ≤ discount ≤ sum of the lines.
    """
    total = sum(nets)
    if not 0 <= discount <= total or any(net < 0 for net in nets):
        raise ValueError("a discount lies between nothing and the lines")
    if total == 0:
        return [0] * len(nets)
    shares = [discount * net // total for net in nets]
    rest = discount - sum(shares)
    # Whoever has a remainder lies below its line by at least one unit, and there are more of them than units left.
    by_remainder = sorted(range(len(nets)), key=lambda place: (-(discount * nets[place] % total), place))
    for place in by_remainder[:rest]:
        shares[place] += 1
    return shares
