"""What points buy, and what many visits are worth: set up and changed by hand."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from core.accounts import audit
from core.accounts.models import AuditEntry, User
from core.lib.errors import Invalid
from customers import locks
from loyalty.models import Reward, VisitStep

SAVED = "reward.saved"
TERMS = ("name", "description", "points", "stock", "active")


@transaction.atomic
def offer(*, by: User, at: datetime, key: str = "", **terms: Any) -> Reward:
    """A new reward with these terms (see TERMS). The same `key` finds the first."""
    if key:
        locks.hold(f"reward:{key}")
        if first := known(key):
            return first
    return _store(Reward(), terms, by=by, at=at, key=key)


@transaction.atomic
def change(reward_id: int, *, by: User, at: datetime, key: str = "", **terms: Any) -> Reward:
    """The reward has these terms; what is left out stays as it is. Whoever adds to the stock asks `known` before."""
    return _store(Reward.objects.select_for_update().get(pk=reward_id), terms, by=by, at=at, key=key)


def known(key: str) -> Reward | None:
    """The reward that was saved with this key."""
    line = AuditEntry.objects.filter(action=SAVED, subject_type="reward", detail__key=key).first()
    return Reward.objects.filter(pk=line.subject_id).first() if line and line.subject_id else None


def _store(reward: Reward, terms: dict[str, Any], *, by: User, at: datetime, key: str) -> Reward:
    changed = [name for name in TERMS if name in terms and (not reward.pk or getattr(reward, name) != terms[name])]
    if reward.pk and not changed:
        return reward
    for name in changed:
        setattr(reward, name, terms[name])
    try:
        reward.full_clean()
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="invalid_reward") from None
    reward.save(update_fields=changed if reward.pk else None)
    detail = {"points": reward.points, "stock": reward.stock, "fields": changed} | ({"key": key} if key else {})
    audit.record(by, SAVED, reward, at=at, **detail)
    return reward


@transaction.atomic
def add_step(visits: int, points: int, *, by: User, at: datetime) -> VisitStep:
    """Whoever reaches so many purchase days in a year has so many points for it, from the next night on."""
    step = VisitStep.objects.create(visits=visits, points=points)
    audit.record(by, "visit_step.saved", step, at=at, visits=visits, points=points)
    return step


@transaction.atomic
def remove_step(step_id: int, *, by: User, at: datetime) -> None:
    """The step is gone. Points already given for it stay."""
    step = VisitStep.objects.select_for_update().get(pk=step_id)
    audit.record(by, "visit_step.removed", step, at=at, visits=step.visits)
    step.delete()
