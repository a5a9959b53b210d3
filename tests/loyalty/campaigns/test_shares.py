"""What a discount does to the lines of an order: nothing is lost, nothing is more than itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.maths.shares import split

amounts = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)


def test_the_discount_lies_on_the_lines_in_proportion_the_largest_remainder_first() -> None:
    assert split(100, [100, 100, 100]) == [34, 33, 33]
    assert split(1, [1, 999]) == [0, 1]
    assert split(10, [0, 7, 3]) == [0, 7, 3]
    assert split(0, [5, 5]) == [0, 0]


@given(amounts, st.data())
def test_shares_add_up_and_none_exceeds_its_line(nets: list[int], data: st.DataObject) -> None:
    discount = data.draw(st.integers(0, sum(nets)))

    shares = split(discount, nets)

    assert sum(shares) == discount
    assert all(0 <= share <= net for share, net in zip(shares, nets, strict=True))
    total = sum(nets) or 1
    assert all(abs(share - discount * net / total) <= 1 for share, net in zip(shares, nets, strict=True))


@pytest.mark.parametrize(("discount", "nets"), [(-1, [5]), (6, [5]), (1, [-1, 5])])
def test_a_discount_beyond_the_lines_is_refused(discount: int, nets: list[int]) -> None:
    with pytest.raises(ValueError, match="between nothing and the lines"):
        split(discount, nets)
