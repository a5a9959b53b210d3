"""What a kind of rules has to tell, to be changed in the one way. Each floor declares its own, the roof lists them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from core.accounts.models import User
from core.accounts.roles import Permission
from core.rulebook.models import RuleChange

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# What a version says, as JSON: `Kind.checked` says whether it is one.
Content = dict[str, Any]
Number = int | float


@dataclass(frozen=True)
class Version:
    """One version that is or will be in force; `starts_at` is empty for the one that was always there."""

    number: int
    content: Content
    starts_at: datetime | None
    reason: str
    by: User | None


@dataclass(frozen=True)
class Foretold:
    """What other rules would do: each figure as it is now and as it would be, and whom they move from what to what."""

    figures: Mapping[str, tuple[Number, Number]]
    moves: Mapping[int, tuple[int, int]] = field(default_factory=dict)


class Kind(ABC):
    """Rules of one kind. `figures` gives each figure its words; `states` the words of what customers move between."""

    name: ClassVar[str]
    label: ClassVar["_StrPromise"]
    edits: ClassVar[Permission]
    confirms: ClassVar[Permission]
    figures: ClassVar[Mapping[str, "_StrPromise"]]
    states: ClassVar[Mapping[int, Any]] = {}

    @abstractmethod
    def checked(self, content: Content) -> Content:
        """The complete content in one form of writing. Raises Invalid saying what is wrong, and why."""

    def written_by(self, content: Content, by: User) -> Content:
        """The content as this person writes it: with what hangs on who proposes it."""
        return content

    @abstractmethod
    def versions(self, limit: int) -> list[Version]:
        """The newest versions that count, scheduled ones first."""

    @abstractmethod
    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """What these rules would do, by the code that will do it; nothing is stored."""

    @abstractmethod
    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        """The number of the new version, in force from that moment; the one before ends then."""

    @abstractmethod
    def take_back(self, version: int, *, at: datetime) -> None:
        """A version that has not begun never begins; the one before goes on."""

    @abstractmethod
    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """The figures that can be compared with what was foretold; None while there is nothing to compare."""

    @abstractmethod
    def differences(self, before: Content | None, after: Content) -> list[str]:
        """What changes, in one sentence per line."""

    @abstractmethod
    def says(self, content: Content) -> list[tuple[str, str]]:
        """What a version says, as (what, how much) in an administrator's words; bounds not set are left out."""

    def state(self, code: int) -> Any:
        """The words of what a customer moves from or to."""
        return self.states.get(code, "–")

    def doubts(self, content: Content, figures: Mapping[str, tuple[Number, Number]]) -> list[str]:
        """What somebody has to say they mean, in one sentence each."""
        return []

    def stays(self, version: int) -> list[str]:
        """What a roll back of this version does not take back, with its figure, in one sentence each."""
        return []

    def earliest(self, today: date) -> date:
        """The first day from which on rules of this kind can be in force, whatever was promised."""
        return today

    def notice_days(self, content: Content) -> int:
        """So many days before a change of these rules it is known: their own promise."""
        return 1
