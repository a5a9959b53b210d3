"""What is so about letters at this moment: all that the gate asks, for a batch in one statement."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from core.lib import sql
from core.lib.periods import mall_day, mall_midnight, mall_time, next_mall_time
from core.outbox import switches
from customers.letters import policies, rendering
from customers.letters.gate import Facts, Policy
from customers.models import Letter
from customers.models.consent import Channel

_FACTS = sql.load(__file__, "facts")
# (customers) -> those of them with a complaint that is open. Complaints stand above: the roof says who they are.
OpenCases = Callable[[Collection[int]], set[int]]


class Asked(NamedTuple):
    """The facts, and the contact point the letter would go to."""

    facts: Facts
    point: int | None


def of(letters: Iterable[Letter], *, now: datetime, open_cases: OpenCases) -> dict[UUID, Asked]:
    """What is so about each of these letters, by its id."""
    by_id = {letter.pk: letter for letter in letters}
    if not by_id:
        return {}
    policy, closed = policies.in_force(), switches.closed()
    clock = _clock(now, policy)
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, _days(now, policy) | {"letters": list(by_id)})
        rows = cursor.fetchall()
    complain = open_cases({row[1] for row in rows})
    return {row[0]: _asked(by_id[row[0]], row, clock, closed, complain, policy) for row in rows}


def _asked(
    letter: Letter,
    row: tuple[Any, ...],
    clock: dict[str, Any],
    closed: switches.Closed,
    complain: set[int],
    policy: Policy,
) -> Asked:
    (
        _id,
        customer_id,
        merged,
        restricted,
        erased,
        stop,
        address,
        consent,
        young,
        unprofiled,
        *counts,
        has_text,
        point,
    ) = row
    on_day, in_7, in_30, asked = counts
    facts = Facts(
        **clock,
        channel=letter.channel,
        purpose=letter.purpose,
        valid_until=letter.valid_until,
        is_open=not closed.covers(letter.channel, letter.purpose),
        merged=merged,
        restricted=restricted,
        erased=erased,
        stop=stop,
        address=address,
        consent=consent,
        under_14=young,
        no_profiling=unprofiled,
        by_rule=letter.by_rule,
        open_complaint=customer_id in complain,
        on_day=on_day,
        in_7=in_7,
        in_30=in_30,
        asked=asked,
        has_text=has_text,
        has_way_out=letter.channel != Channel.EMAIL or rendering.has_way_out(),
        policy=policy,
    )
    return Asked(facts, point)


def _clock(now: datetime, policy: Policy) -> dict[str, Any]:
    return {
        "now": now,
        "hour": mall_time(now).hour,
        "tomorrow": mall_midnight(mall_day(now) + timedelta(days=1)),
        "opens_at": next_mall_time(now, policy.opens),
    }


def _days(now: datetime, policy: Policy) -> dict[str, Any]:
    today = mall_day(now)
    return {
        "now": now,
        "today": mall_midnight(today),
        "since_7": mall_midnight(today - timedelta(days=6)),
        "since_30": mall_midnight(today - timedelta(days=29)),
        "since_asked": now - timedelta(days=policy.survey_days),
        "born_before": (today.year - 14) * 10000 + today.month * 100 + today.day,
    }
