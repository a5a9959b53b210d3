"""What a message to a colleague is about: kept as a kind with its parameters, so that each reader has it in their language.

Each floor declares its kinds; the roof puts them together. A message of a topic that *needs* somebody rings; the others are
news of the day. A person may choose otherwise for each topic, except that approvals and promises cannot be switched off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Topic(models.TextChoices):
    APPROVAL = "approval", _("Approvals")
    PROMISE = "promise", _("Promises that run out")
    QUESTION = "question", _("Questions and answers between departments")
    CASE = "case", _("Cases given to me or taken from me")
    BIG = "big", _("My big customers complain")
    UNHAPPY = "unhappy", _("Customers who are not content")
    REFUSED = "refused", _("What was decided about my proposals")
    FAULT = "fault", _("Faults of the system")
    BULK = "bulk", _("What I did with many customers")
    ALERT = "alert", _("Alerts of the night")
    IMPORT = "import", _("Imports")
    IMPROVEMENT = "improvement", _("Corrective actions")
    DIGEST = "digest", _("Digest of the day")


RINGS = frozenset(
    {
        Topic.APPROVAL,
        Topic.PROMISE,
        Topic.QUESTION,
        Topic.CASE,
        Topic.BIG,
        Topic.UNHAPPY,
        Topic.REFUSED,
        Topic.FAULT,
        Topic.BULK,
    }
)
NEVER_OFF = frozenset({Topic.APPROVAL, Topic.PROMISE})


@dataclass(frozen=True)
class Kind:
    """`text` takes the parameters by name; those in `words` are values of a list of choices and shown by their labels."""

    name: str
    topic: Topic
    text: str | Promise
    words: Mapping[str, type[models.TextChoices]] = field(default_factory=dict)

    def render(self, params: Mapping[str, Any]) -> str:
        """The sentence in the language of the moment."""
        labels = {name: str(dict(choices.choices)[params[name]]) for name, choices in self.words.items()}
        return str(self.text % {**params, **labels})


def table(*kinds: Iterable[Kind]) -> dict[str, Kind]:
    """All kinds by their names, which are unique."""
    every = [kind for some in kinds for kind in some]
    by_name = {kind.name: kind for kind in every}
    if len(by_name) != len(every):
        raise ValueError("two kinds of messages have one name")
    return by_name
