"""What is unusual about a shop, found by the night that wrote its figures, and said beside them.

Each note is a kind with its figures; the kinds touch different pages. Nothing here changes a figure: what bounds them
stands where they are made.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.lib import sql
from segmentation.maths import seasons
from segmentation.maths.arrays import Floats, Integers

_STEPS = sql.steps(__file__, "notes")
EPOCH = date(1970, 1, 1)
DOMINATES, SEASON, RECALL, FLOOR, FLOOD = "dominates", "season", "recall", "floor", "flood"
OF_ALERTS = (FLOOD, RECALL, SEASON, FLOOR)
OF_VALUES = (DOMINATES, SEASON)
# A customer with such a share of all value; two weeks with such a share of a year's purchases.
LARGE_SHARE, SEASON_SHARE, LEAST_SEASON = 0.25, seasons.LEAST_SHARE, seasons.LEAST_HISTORY
# So many times the usual number of a day, and so many at least.
TIMES, LEAST_RETURNED, LEAST_OPENED = 5, 20, 20
TIMES_OPENED = 3
RETURNS_SEEN, NIGHTS_SEEN = timedelta(days=28), timedelta(days=56)

Note = dict[str, Any]


def of_values(values: Floats, *, one_dominates: bool) -> list[Note]:
    """Whether one customer's value is most of the shop's."""
    positive = values[values > 0]
    if len(positive) < 2:
        return []
    share = float(positive.max() / positive.sum())
    return [{"kind": DOMINATES, "share": round(share, 3)}] if one_dominates or share >= LARGE_SHARE else []


def season(days: Integers, *, until: int) -> Note | None:
    """The two weeks of the last year that hold a large share of its purchases, of a shop of four months or more."""
    days = days[(days > until - 365) & (days <= until)]
    if not len(days) or until - days.min() < LEAST_SEASON:
        return None
    start, share = seasons.busiest(days)
    if share < SEASON_SHARE:
        return None
    begun = EPOCH + timedelta(days=start)
    return {
        "kind": SEASON,
        "share": round(share, 3),
        "from": begun.isoformat(),
        "until": (begun + timedelta(days=seasons.DAYS - 1)).isoformat(),
    }


def of_returns(as_of: date) -> list[Note]:
    """Whether far more orders went back on the day than on others of the last four weeks."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["returns"], {"after": as_of - RETURNS_SEEN, "until": as_of})
        by_day = dict(cursor.fetchall())
    returned = by_day.pop(as_of, 0)
    others = [by_day.get(as_of - timedelta(days=back), 0) for back in range(1, RETURNS_SEEN.days)]
    if returned < LEAST_RETURNED or returned <= TIMES * median(others):
        return []
    return [{"kind": RECALL, "orders": returned, "on": as_of.isoformat()}]


def of_alerts(as_of: date, opened: int) -> list[Note]:
    """Whether the night opened far more alerts than the nights of the last eight weeks."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["opened"], {"after": as_of - NIGHTS_SEEN, "before": as_of})
        nights = [count for _night, count in cursor.fetchall()]
    usual = median(nights) if len(nights) >= 7 else None
    if usual is None or opened < LEAST_OPENED or opened <= TIMES_OPENED * usual:
        return []
    return [{"kind": FLOOD, "alerts": opened, "usual": round(usual)}]


def floor(asked: float, right: float) -> Note:
    """No level of the alert was right as often as the rules ask."""
    return {"kind": FLOOR, "asked": asked, "right": round(right, 3)}


def in_words(figures: Mapping[str, Any], kinds: Sequence[str], *, sees_value: bool) -> list[str]:
    """The notes of these kinds that the night with these figures made; shares of value only for who sees values."""
    notes = [note for note in figures.get("notes", []) if note["kind"] in kinds]
    return [_sentence(note) for note in notes if sees_value or note["kind"] != DOMINATES]


def _sentence(note: Note) -> str:
    if note["kind"] == DOMINATES:
        return _(
            "One customer holds %(share)d %% of all value. They are big, and the others are compared with one another: "
            "their bar and the shop's means are drawn without that customer."
        ) % {"share": round(100 * note["share"])}
    if note["kind"] == SEASON:
        return _(
            "%(share)d %% of the purchases of the last year fell into two weeks (%(first)s to %(last)s). Right after such a "
            "season values run high and many seem quiet: compare with the weeks before it."
        ) % {"share": round(100 * note["share"]), "first": note["from"], "last": note["until"]}
    if note["kind"] == RECALL:
        return ngettext(
            "%(orders)d order went back on %(day)s, far more than usual. The money is gone from the values; the visits still "
            "count, so nobody is quiet because of it.",
            "%(orders)d orders went back on %(day)s, far more than usual. The money is gone from the values; the visits "
            "still count, so nobody is quiet because of it.",
            note["orders"],
        ) % {"orders": note["orders"], "day": note["on"]}
    if note["kind"] == FLOOR:
        return _(
            "At no level is the quiet alert right as often as the rules ask (%(asked)d in 100); the best one is used, and "
            "was right %(right)d times in 100."
        ) % {"asked": round(100 * note["asked"]), "right": round(100 * note["right"])}
    return ngettext(
        "The last night opened %(alerts)d alert; a usual one opens %(usual)d. Look for one cause before calling them all.",
        "The last night opened %(alerts)d alerts; a usual one opens %(usual)d. Look for one cause before calling them all.",
        note["alerts"],
    ) % {"alerts": note["alerts"], "usual": note["usual"]}
