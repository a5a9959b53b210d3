"""The past of the demo mall: its last nights, worked by the real night, each as of its own day and hour.

Its team lead has kept the history of three segments for some of them, and put labels on some customers by hand.
"""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.db import transaction

from core.accounts.models import Role, User
from core.lib.conditions.tree import All, Leaf, Node, Not
from core.lib.periods import mall_moment
from crm.demo import books, leaving
from crm.flows import nightly
from crm.flows.catalogue import CUSTOMERS
from customers.models import Standing
from customers.record import labels
from segmentation.segments import writing

NIGHTS = 45
KEPT = 14
HOUR = 2
SEGMENTS: tuple[tuple[str, str, Node], ...] = (
    (
        "沉默的老客户",
        "大客户和活跃客户超过 45 天没来，客户经理先打电话",
        All((Leaf("class", "any", ("big", "active")), Leaf("quiet", "gt", ("45",)))),
    ),
    (
        "近 30 天回头客",
        "买过两天以上、最近 30 天又来的人",
        All((Leaf("days", "ge", ("2",)), Leaf("last", "last", ("30",)))),
    ),
    (
        "新客没有第二单",
        "三个月内第一次买、之后 30 天没再来，也没有未了的投诉",
        All(
            (
                Leaf("first", "last", ("90",)),
                Leaf("days", "le", ("1",)),
                Leaf("last", "ago", ("30",)),
                Not(Leaf("open_cases", "ge", ("1",))),
            )
        ),
    ),
)

# A word, its colour, and on whom of the most valuable it was put: from which place on, and on how many.
LABELS = (
    ("双十一邀约", "amber", 0, 18),
    ("推荐过朋友", "green", 9, 14),
    ("只发微信", "blue", 20, 10),
)


@transaction.atomic
def work(today: date, *, nights: int = NIGHTS) -> int:
    """The nights before `today` have been worked, the oldest first, all of them or none; returns how many."""
    for days in range(nights, 0, -1):
        night = today - timedelta(days=days)
        if days == min(KEPT, nights):
            keep_segments(mall_moment(night, HOUR))
        nightly.run(night, now=_clock(night))
    leaving.fill(today)
    put_labels(mall_moment(today - timedelta(days=1), HOUR))
    books.fill(today)
    return nights


def _clock(night: date) -> Callable[[], datetime]:
    """A clock that stood at two in the morning of this day when it was asked for."""
    began, at = time.perf_counter(), mall_moment(night, HOUR)
    return lambda: at + timedelta(seconds=time.perf_counter() - began)


def keep_segments(at: datetime) -> None:
    """The team lead of the demo, where there is one, shares the three segments, and their history is kept from `at` on."""
    lead = User.objects.filter(username="lead", roles__contains=[Role.TEAM_LEAD]).first()
    if lead is None:
        return
    for name, about, node in SEGMENTS:
        segment = writing.create(name, node, catalogue=CUSTOMERS, by=lead, at=at, about=about)
        writing.share(segment.pk, "all", catalogue=CUSTOMERS, by=lead, at=at)
        writing.track(segment.pk, catalogue=CUSTOMERS, by=lead, at=at)


def put_labels(at: datetime) -> None:
    """The team lead of the demo, where there is one, has put the labels on some of the most valuable customers."""
    lead = User.objects.filter(username="lead", roles__contains=[Role.TEAM_LEAD]).first()
    if lead is None:
        return
    best = Standing.objects.filter(customer__merged_into__isnull=True).order_by("-value", "pk")
    for name, colour, first, count in LABELS:
        label = labels.make(name, colour, by=lead, at=at)
        labels.give(label, list(best.values_list("pk", flat=True)[first : first + count]), by=lead, at=at)
