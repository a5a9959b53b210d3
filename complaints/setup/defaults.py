"""A desk that works on the first day: calendars, departments, queues, categories, causes, promises and limits.

The rows stand in defaults.toml, with the names a Chinese mall uses; words.toml has them in the other languages. Every
row can be changed afterwards.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from complaints.cases import priority
from complaints.models import (
    BusinessCalendar,
    CalendarShift,
    Category,
    Department,
    EscalationStep,
    Metric,
    Pause,
    Queue,
    RemedyLimit,
    ReplyTemplate,
    RootCause,
    SlaPolicy,
    SlaTarget,
)
from complaints.models.remedies import RemedyKind
from complaints.promises import calendars
from core.lib import mall
from customers.models import Standing

ALWAYS = datetime.fromisoformat("2000-01-01T00:00Z")
ROWS: dict[str, list[list[Any]]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
WORDS: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
CLASSES = {"big": Standing.Class.BIG, "active": Standing.Class.ACTIVE, "everybody else": None, "any": None}
# A limit is written in yuan: as much money, ten times as many points; what costs nothing has no amount.
MONEY = (RemedyKind.REFUND, RemedyKind.COUPON, RemedyKind.CREDIT, RemedyKind.GIFT, RemedyKind.REPLACEMENT)
POINTS_PER_YUAN = 10
FREE = (RemedyKind.VISIT, RemedyKind.APOLOGY)
Row = TypeVar("Row", Category, Department, ReplyTemplate, RootCause)

# Weekday (1 is Monday), from, until: minutes of the day.
Week = Sequence[tuple[int, int, int]]
WEEK: Week = [(weekday, start * 60, end * 60) for weekday in range(1, 6) for start, end in ((9, 12), (13, 18))]


def _say(rows: Any, words: dict[str, str]) -> Any:
    """The rows in the language of these words; what has none in it stays: codes, numbers."""
    if isinstance(rows, list):
        return [_say(row, words) for row in rows]
    return words.get(rows, rows) if isinstance(rows, str) else rows


@transaction.atomic
def install(*, at: datetime, country: str = "CN", week: Week = WEEK, language: str = "zh-hans") -> bool:
    """Every default exists; what somebody changed or added meanwhile stays. False when the desk was set up before.

    The office keeps the hours of `week` and the holidays of `country` (two letters; empty for none); what customers and
    colleagues read is in `language`.
    """
    words = WORDS.get(language, {})
    rows: dict[str, list[list[Any]]] = {name: _say(part, words) for name, part in ROWS.items()}
    if SlaPolicy.objects.filter(status=SlaPolicy.Status.PUBLISHED).exists():
        return False
    hours = _calendars(at, country, week, words)
    departments = _present(
        Department(code=code, name=name, calendar=hours["office"], answer_minutes=minutes)
        for code, name, minutes in rows["departments"]
    )
    queues = _queues(departments, words)
    _categories(departments, queues, rows)
    _present(
        RootCause(code=code, name=name, department=departments[department], controllable=controllable)
        for code, name, department, controllable in rows["root_causes"]
    )
    _present(ReplyTemplate(code=code, name=name, body=body) for code, name, body in rows["replies"])
    _limits()
    priority.matrix()
    _policy(hours, at)
    return True


def _present(wanted: Iterable[Row]) -> dict[str, Row]:
    """Rows by their codes: those that were there are as they were, the others are as wanted."""
    rows = list(wanted)
    manager = type(rows[0])._default_manager
    manager.bulk_create(rows, ignore_conflicts=True)
    return {row.code: row for row in manager.filter(code__in=[row.code for row in rows])}


def _calendars(at: datetime, country: str, week: Week, words: dict[str, str]) -> dict[str, BusinessCalendar]:
    zone = mall.facts().time_zone
    always, _ = BusinessCalendar.objects.get_or_create(
        code="day-and-night", defaults={"name": _say("全天候", words), "zone": zone, "day_and_night": True}
    )
    office, created = BusinessCalendar.objects.get_or_create(
        code="office", defaults={"name": _say("工作时间", words), "zone": zone, "country": country}
    )
    if created:
        CalendarShift.objects.bulk_create(
            CalendarShift(calendar=office, weekday=weekday, start_minute=start, end_minute=end)
            for weekday, start, end in week
        )
        for year in (at.year, at.year + 1) if country else ():
            calendars.import_holidays(office.pk, year, by=None, at=at)
    return {"day-and-night": always, "office": office}


def _queues(departments: dict[str, Department], words: dict[str, str]) -> dict[str, Queue]:
    service = departments["service"]
    wanted: tuple[tuple[str, str, dict[str, bool]], ...] = (
        ("big-customers", "大客户专线", {"is_vip": True}),
        ("general", "综合投诉", {"is_default": True}),
        ("logistics", "物流投诉", {}),
        ("quality", "质量投诉", {}),
    )
    return {
        code: Queue.objects.get_or_create(
            code=code, defaults={"name": _say(name, words), "department": service, **more}
        )[0]
        for code, name, more in wanted
    }


def _categories(departments: dict[str, Department], queues: dict[str, Queue], rows: dict[str, list[list[Any]]]) -> None:
    own = {"delivery": queues["logistics"], "quality": queues["quality"]}
    fields = {
        code: {
            "queue": own.get(code),
            "prompt_trigger": trigger,
            "prompt_department": departments[department],
            "prompt_text": text,
        }
        for code, _name, _severity, trigger, department, text in rows["groups"]
    }
    parents = _present(
        Category(code=code, name=name, default_severity=severity, position=position, **fields[code])
        for position, (code, name, severity, *_prompt) in enumerate(rows["groups"])
    )
    places: Counter[str] = Counter()
    children = []
    for group, code, name, severity in rows["categories"]:
        children.append(
            Category(
                code=code,
                name=name,
                default_severity=severity,
                parent=parents[group],
                position=places[group],
                needs_root_cause=group not in ("other", "points"),
                **fields[group],
            )
        )
        places[group] += 1
    _present(children)


def _limits() -> None:
    rows = []
    for role, class_name, *amounts in ROWS["limits"]:
        once, case, customer, day = (Decimal(a) for a in amounts)
        for kind in RemedyKind:
            times = 0 if kind in FREE else 1 if kind in MONEY else POINTS_PER_YUAN
            rows.append(
                RemedyLimit(
                    role=role,
                    customer_class=CLASSES[class_name],
                    kind=kind,
                    at_once=once * times,
                    per_case=case * times,
                    per_customer=customer * times,
                    per_day=day * times,
                )
            )
    RemedyLimit.objects.bulk_create(rows, ignore_conflicts=True)


def _policy(hours: dict[str, BusinessCalendar], at: datetime) -> None:
    policy = SlaPolicy.objects.create(
        version=1,
        status=SlaPolicy.Status.PUBLISHED,
        effective=DateTimeTZRange(ALWAYS, None),
        at=at,
        reason="Defaults",
        pause_reasons=[Pause.Reason.ANSWER, Pause.Reason.RETURN, Pause.Reason.AUTHORITY],
    )
    for class_name, calendar, first, solution in ROWS["targets"]:
        customer_class = CLASSES[class_name]
        for metric, minutes in (
            (Metric.FIRST_RESPONSE, first),
            (Metric.NEXT_RESPONSE, first),
            (Metric.RESOLUTION, solution),
        ):
            SlaTarget.objects.bulk_create(
                SlaTarget(
                    policy=policy,
                    customer_class=customer_class,
                    severity=severity,
                    metric=metric,
                    minutes=minutes[severity - 1],
                    calendar=hours[calendar],
                )
                for severity in (1, 2, 3, 4)
            )
        # The promise for a severity nobody thought of.
        SlaTarget.objects.bulk_create(
            SlaTarget(
                policy=policy, customer_class=customer_class, metric=metric, minutes=minutes, calendar=hours[calendar]
            )
            for metric, minutes in (
                (Metric.FIRST_RESPONSE, first[2]),
                (Metric.NEXT_RESPONSE, first[2]),
                (Metric.RESOLUTION, solution[2]),
            )
        )
    EscalationStep.objects.bulk_create(
        EscalationStep(policy=policy, metric=metric, at_percent=percent, notify=notify, raise_priority=raises)
        for metric in Metric
        for percent, notify, raises in ROWS["steps"]
    )
