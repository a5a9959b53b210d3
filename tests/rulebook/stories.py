"""What stories of rules share: the second person, who confirms what somebody has proposed."""

from datetime import datetime

from core.accounts.models import Role, User
from core.rulebook import changes
from core.rulebook.models import RuleChange
from crm.flows.rulebook.kinds import KINDS


def second(name: str = "second") -> User:
    """Somebody who may confirm any change."""
    known = User.objects.filter(username=name).first()
    return known or User.objects.create_user(username=name, roles=[Role.ADMINISTRATOR])


def confirmed(at: datetime, *, meant: bool = True) -> RuleChange:
    """The newest change, confirmed by a second person at that moment."""
    change = RuleChange.objects.order_by("-pk")[0]
    return changes.confirm(KINDS[change.kind], change.pk, by=second(), at=at, meant=meant)
