"""The desk of the first day: every row of the file is in its table, with what belongs to it."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from complaints.models import (
    CalendarDay,
    Category,
    Department,
    EscalationStep,
    Metric,
    RemedyLimit,
    ReplyTemplate,
    RootCause,
    SlaTarget,
)
from complaints.setup import defaults
from core.accounts.models import Role
from core.lib import mall
from customers.models import Standing
from tests.complaints.conftest import DAY, WEDNESDAY


def test_every_row_of_the_file_is_stored_with_what_belongs_to_it(desk: None) -> None:
    late = Category.objects.get(code="delivery-late")
    assert (late.name, late.default_severity, late.parent.code) == ("配送延误", 3, "delivery")
    assert (late.prompt_trigger, late.prompt_department.code) == ("delivery", "logistics")
    assert late.prompt_text == "上次配送被投诉：请送货前先打电话"
    assert (late.queue.code, late.needs_root_cause) == ("logistics", True)
    assert Category.objects.filter(parent=None).count() == 10
    assert Category.objects.exclude(parent=None).count() == 28
    assert dict(Department.objects.values_list("code", "answer_minutes"))["logistics"] == 240
    assert Department.objects.count() == 8
    assert RootCause.objects.count() == 17
    assert set(RootCause.objects.filter(controllable=False).values_list("code", flat=True)) == {
        "carrier-late",
        "customer-use",
        "unknown",
    }
    assert ReplyTemplate.objects.count() == 4
    assert list(EscalationStep.objects.filter(metric=Metric.RESOLUTION).values_list("at_percent", "notify")) == [
        (80, ["owner"]),
        (100, ["owner", "head", "manager"]),
        (200, ["head"]),
    ]


@pytest.mark.parametrize(
    ("served_as", "hours", "first", "solution"),
    [
        (Standing.Class.BIG, "day-and-night", [15, 30, 60, 120], [240, 480, 1440, 2880]),
        (Standing.Class.ACTIVE, "office", [60, 120, 240, 480], [480, 960, 1440, 2400]),
        (None, "office", [120, 240, 480, 960], [960, 1440, 2400, 3600]),
    ],
)
def test_the_promises_of_each_class(
    desk: None, served_as: int | None, hours: str, first: list[int], solution: list[int]
) -> None:
    targets = SlaTarget.objects.filter(customer_class=served_as).exclude(severity=None).order_by("severity")

    def minutes(metric: Metric) -> list[int]:
        return list(targets.filter(metric=metric, calendar__code=hours).values_list("minutes", flat=True))

    assert minutes(Metric.FIRST_RESPONSE) == minutes(Metric.NEXT_RESPONSE) == first
    assert minutes(Metric.RESOLUTION) == solution


def test_a_limit_of_one_yuan_is_ten_points_and_nothing_where_nothing_is_spent(desk: None) -> None:
    rows = RemedyLimit.objects.filter(role=Role.SERVICE_AGENT, customer_class=Standing.Class.BIG)
    limits = {row.kind: [row.at_once, row.per_case, row.per_customer, row.per_day] for row in rows}

    assert limits["refund"] == [200, 400, 800, 2000]
    assert limits["points"] == [2000, 4000, 8000, 20000]
    assert limits["apology"] == [0, 0, 0, 0]


def test_what_was_changed_meanwhile_stays(desk: None) -> None:
    Category.objects.filter(code="delivery-late").update(name="送晚了")

    assert not defaults.install(at=WEDNESDAY + DAY)

    assert Category.objects.get(code="delivery-late").name == "送晚了"
    assert Department.objects.count() == 8


@pytest.mark.parametrize("language", ["en", "zh-hant"])
def test_a_mall_reads_its_desk_in_its_own_language(db: None, language: str) -> None:
    defaults.install(at=WEDNESDAY, language=language)

    words = defaults.WORDS[language]
    late, reply = Category.objects.get(code="delivery-late"), ReplyTemplate.objects.get(code="received")
    assert (late.name, late.parent.name) == (words["配送延误"], words["物流配送"])
    assert reply.body == words["{name}您好，您反映的问题我们已登记，编号 {number}。{agent} 会尽快给您答复。"]
    assert Department.objects.get(code="quality").name == words["品质部"]
    assert late.queue.name == words["物流投诉"]
    assert late.queue.department.calendar.name == words["工作时间"]


@pytest.mark.parametrize("language", ["en", "zh-hant"])
def test_every_word_of_the_first_day_is_there_in_every_language(language: str) -> None:
    def texts(rows: object) -> set[str]:
        parts = rows.values() if isinstance(rows, dict) else rows if isinstance(rows, list) else ()
        mine = {rows} if isinstance(rows, str) and not rows.isascii() else set()
        return mine.union(*(texts(part) for part in parts))

    words = defaults.WORDS[language]
    fields = {text: sorted(re.findall(r"{\w+}", text)) for text in texts(defaults.ROWS)}
    assert fields.keys() - words.keys() == set()
    assert {text: sorted(re.findall(r"{\w+}", words[text])) for text in fields} == fields


@pytest.mark.parametrize(
    ("language", "eve"), [("en", "Chinese New Year's Eve"), ("zh-hans", "农历除夕"), ("zh-hant", "農曆除夕")]
)
def test_holidays_are_named_in_the_language_of_the_mall(
    db: None, monkeypatch: pytest.MonkeyPatch, language: str, eve: str
) -> None:
    facts = replace(mall.facts(), language=language)
    monkeypatch.setattr(mall, "facts", lambda: facts)
    defaults.install(at=datetime(2026, 1, 5, tzinfo=UTC))
    assert CalendarDay.objects.get(date=date(2026, 2, 16)).name == eve
