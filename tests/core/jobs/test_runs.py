"""Runs as rows: who may take one over, and what is left of it then."""

from datetime import date

import pytest

from core.jobs import runs
from core.jobs.models import JobRun
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 16)


def test_work_whose_holder_never_spoke_is_to_be_had() -> None:
    run = runs.plan("night", DAY, at=NOW)
    JobRun.objects.filter(pk=run.pk).update(state=JobRun.State.RUNNING, heartbeat_at=None)

    assert runs.to_issue("night", at=NOW) == [run]
    taken = runs.claim(run.pk, at=NOW, holder="b")
    assert taken is not None
    assert (taken.holder, taken.fence) == ("b", 1)


def test_work_whose_holder_spoke_just_now_is_not() -> None:
    run = runs.plan("night", DAY, at=NOW)
    runs.claim(run.pk, at=NOW, holder="a")

    assert runs.to_issue("night", at=NOW) == []
    assert runs.claim(run.pk, at=NOW, holder="b") is None
