"""What waits for a second person: who may be that, what it looks like on anybody's list, and what a person alone may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from core.accounts.models import User
from core.lib.errors import DomainError


@dataclass(frozen=True)
class Waiting:
    """Something that waits for a decision, as one person's list shows it.

    `others`: who may decide, the proposer apart; `allowed`: the reader may, now; `in_place`: by a button in the list.
    """

    kind: str
    pk: int
    what: str
    why: str
    by: User
    since: datetime
    url: str
    others: tuple[User, ...]
    reader: User
    right: bool
    who: str = ""
    customer_id: int | None = None
    amount: str = ""
    due_at: datetime | None = None
    in_place: bool = True
    refusable: bool = True

    @property
    def key(self) -> str:
        return f"{self.kind}-{self.pk}"

    @property
    def mine(self) -> bool:
        return self.by.pk == self.reader.pk

    @property
    def alone(self) -> bool:
        """The reader proposed it and is the only one who may decide: with a typed reason."""
        return self.mine and self.right and not self.others

    @property
    def allowed(self) -> bool:
        return self.alone or (self.right and not self.mine)

    @property
    def stuck(self) -> bool:
        """Nobody may decide this: a fault of how the roles are given out."""
        return not self.others and not self.alone


def second_person(
    by: User, proposer_id: int, others: Iterable[User], *, refusal: str, because: str, code: str = "second_person"
) -> str:
    """Why `by` decides alone what they proposed themselves; empty when somebody else proposed it.

    Raises DomainError while one of the others could decide, or no reason is typed.
    """
    if by.pk != proposer_id:
        return ""
    if any(other.pk != by.pk for other in others):
        raise DomainError(refusal, code=code)
    if len(because.strip()) < 2:
        raise DomainError(
            _("Nobody else here may decide this. Type why you decide alone: it goes into the audit."), code=code
        )
    return because.strip()[:200]
