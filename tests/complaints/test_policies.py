"""Promises are drafted, completed and published; what is in force stays as it was published."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from complaints.models import Metric, SlaPolicy
from complaints.setup import policies
from complaints.setup.policies import StepFact, TargetFact
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from tests.complaints.conftest import DAY, WEDNESDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_force(desk: None) -> SlaPolicy:
    return SlaPolicy.objects.get(status=SlaPolicy.Status.PUBLISHED)


@pytest.fixture
def draft(in_force: SlaPolicy, lead: User) -> SlaPolicy:
    return policies.draft(by=lead, at=WEDNESDAY)


def code_of(verb: Callable[[], object]) -> str:
    with pytest.raises(DomainError) as refusal:
        verb()
    return refusal.value.code


def lines(policy: SlaPolicy, **minutes: int) -> list[TargetFact]:
    """One line for everybody of each kind of promise, with these minutes."""
    calendar = policy.targets.all()[0].calendar_id
    told = dict.fromkeys(Metric.values, 60) | minutes
    return [TargetFact(None, None, metric, minutes, calendar) for metric, minutes in told.items()]


def test_promises_in_force_are_not_changed(in_force: SlaPolicy, lead: User) -> None:
    by = {"by": lead, "at": WEDNESDAY}
    attempts: list[Callable[[], object]] = [
        lambda: policies.set_targets(in_force.pk, [], **by),  # type: ignore[arg-type]
        lambda: policies.set_steps(in_force.pk, [], **by),  # type: ignore[arg-type]
        lambda: policies.set_terms(
            in_force.pk, resolution_mode="cycle", reopen_days=9, auto_close_days=9, by=lead, at=WEDNESDAY
        ),
        lambda: policies.publish(in_force.pk, reason="again", **by),  # type: ignore[arg-type]
    ]

    assert [code_of(attempt) for attempt in attempts] == ["policy_published"] * 4
    assert in_force.targets.exists()


def test_two_versions_are_never_in_force_at_once(in_force: SlaPolicy, draft: SlaPolicy, lead: User) -> None:
    policies.publish(draft.pk, by=lead, reason="shorter", at=WEDNESDAY + DAY)

    in_force.refresh_from_db()
    draft.refresh_from_db()
    assert in_force.effective.upper == draft.effective.lower == WEDNESDAY + DAY
    with pytest.raises(IntegrityError, match="one_policy_at_a_time"), transaction.atomic():
        SlaPolicy.objects.filter(pk=in_force.pk).update(effective=draft.effective)


def test_what_is_published_says_something_for_everybody_and_why(draft: SlaPolicy, lead: User) -> None:
    def publish(reason: str = "shorter") -> SlaPolicy:
        return policies.publish(draft.pk, by=lead, reason=reason, at=WEDNESDAY)

    assert code_of(lambda: publish(" ")) == "reason_missing"
    policies.set_targets(draft.pk, lines(draft)[:-1], by=lead, at=WEDNESDAY)
    assert code_of(publish) == "policy_incomplete"
    policies.set_targets(draft.pk, lines(draft, resolution=59), by=lead, at=WEDNESDAY)
    assert code_of(publish) == "policy_order"
    policies.set_targets(draft.pk, lines(draft), by=lead, at=WEDNESDAY)
    assert publish().status == SlaPolicy.Status.PUBLISHED


def test_a_step_is_taken_once_at_the_same_per_cent_and_days_have_bounds(draft: SlaPolicy, lead: User) -> None:
    step = StepFact(Metric.RESOLUTION, 80)

    with pytest.raises(Invalid):
        policies.set_steps(draft.pk, [step, step], by=lead, at=WEDNESDAY)
    for days in (0, 91):
        with pytest.raises(Invalid):
            policies.set_terms(
                draft.pk, resolution_mode="cycle", reopen_days=days, auto_close_days=5, by=lead, at=WEDNESDAY
            )
