"""What points buy, and what many visits are worth: set up and changed by hand."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid
from loyalty.models import Reward, VisitStep

TERMS = ("name", "description", "points", "stock", "active")


@transaction.atomic
def offer(*, by: User, at: datetime, **terms: Any) -> Reward:
    """A new reward with these terms (see TERMS)."""
    return _store(Reward(), terms, by=by, at=at)


@transaction.atomic
def change(reward_id: int, *, by: User, at: datetime, **terms: Any) -> Reward:
    """The reward has these terms; what is left out stays as it is."""
    return _store(Reward.objects.select_for_update().get(pk=reward_id), terms, by=by, at=at)


def _store(reward: Reward, terms: dict[str, Any], *, by: User, at: datetime) -> Reward:
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
    audit.record(by, "reward.saved", reward, at=at, points=reward.points, stock=reward.stock, fields=changed)
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
