"""Parts of a step: each is worked once, whoever takes it and whoever dies over it."""

import threading
from datetime import UTC, date, datetime

import pytest
from django.db.models import QuerySet

from core.jobs import parts, runs
from core.jobs.models import JobRun, Part
from tests.races import PATIENCE, at_once, meeting

NIGHT = datetime(2026, 11, 17, 2, tzinfo=UTC)
RANGES = [(first, first + 9) for first in range(1, 81, 10)]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> JobRun:
    run = runs.plan("nightly", date(2026, 11, 17), at=NIGHT)
    parts.split(run, RANGES)
    return run


def now() -> datetime:
    return NIGHT


def two_take_their_first_part(run: JobRun) -> list[int]:
    """The first ids of the parts that two workers hold at the same time."""
    taken: list[int] = []
    both_hold_one = meeting(2)

    def do(first_id: int, _last_id: int) -> None:
        taken.append(first_id)
        both_hold_one()

    assert at_once([lambda: parts.work(run.pk, do, now=now)] * 2) == {"done": 2}
    return taken


def test_two_workers_share_all_parts(run: JobRun) -> None:
    taken = two_take_their_first_part(run)

    assert sorted(taken) == [first for first, _last in RANGES]
    assert not Part.objects.filter(done_at__isnull=True).exists()


def test_without_the_lock_a_part_is_worked_twice(run: JobRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self)

    taken = two_take_their_first_part(run)

    assert taken[0] == taken[1]


def test_a_part_that_failed_is_free_again(run: JobRun) -> None:
    def dies(first_id: int, _last_id: int) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        parts.work(run.pk, dies, now=now)
    worked: list[int] = []
    parts.work(run.pk, lambda first_id, _last_id: worked.append(first_id), now=now)

    assert worked == [first for first, _last in RANGES]


def test_finishing_waits_for_the_part_in_other_hands(run: JobRun) -> None:
    holds, may_end = threading.Event(), threading.Event()
    ended: list[int] = []

    def slow(first_id: int, _last_id: int) -> None:
        holds.set()
        may_end.wait(PATIENCE)
        ended.append(first_id)

    def other() -> None:
        parts.work(run.pk, slow, now=now)

    def holder() -> None:
        assert holds.wait(PATIENCE)
        parts.finish(run, lambda first_id, _last_id: may_end.set() if first_id == RANGES[-1][0] else None, now=now)
        assert ended == [RANGES[0][0]]
        ended.append(-1)

    assert at_once([other, holder]) == {"done": 2}

    assert ended == [RANGES[0][0], -1]
    assert not Part.objects.filter(done_at__isnull=True).exists()


def test_splitting_again_starts_over(run: JobRun) -> None:
    parts.work(run.pk, lambda *_: None, now=now)
    parts.split(run, RANGES[:2])

    assert Part.objects.filter(run=run, done_at__isnull=True).count() == 2
