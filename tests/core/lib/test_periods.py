"""The mall's days begin at its own midnight, also where clocks are changed."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from core.lib import periods


def test_a_day_of_the_mall_begins_at_its_midnight() -> None:
    assert periods.mall_midnight(date(2026, 11, 17)) == datetime(2026, 11, 16, 16, tzinfo=UTC)
    assert periods.mall_day(datetime(2026, 11, 16, 16, tzinfo=UTC)) == date(2026, 11, 17)
    assert periods.mall_day(datetime(2026, 11, 16, 15, 59, tzinfo=UTC)) == date(2026, 11, 16)


def test_a_time_without_offset_has_no_day() -> None:
    with pytest.raises(ValueError, match="offset"):
        periods.mall_day(datetime(2026, 11, 17, 9))


def test_a_day_of_25_hours_ends_at_the_next_midnight(settings: Any) -> None:
    settings.MALL_TIME_ZONE = "Europe/Berlin"
    first, second = (periods.mall_midnight(date(2026, 10, day)).astimezone(UTC) for day in (25, 26))

    assert (second - first).total_seconds() == 25 * 3600


@pytest.mark.parametrize(
    ("after", "moment"),
    [
        (datetime(2026, 11, 17, 0, 59, tzinfo=UTC), datetime(2026, 11, 17, 1, tzinfo=UTC)),
        (datetime(2026, 11, 17, 1, tzinfo=UTC), datetime(2026, 11, 18, 1, tzinfo=UTC)),
    ],
)
def test_the_next_nine_o_clock_is_later_than_now(after: datetime, moment: datetime) -> None:
    assert periods.next_mall_time(after, 9) == moment
