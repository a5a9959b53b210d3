"""What has been decided about a file: how it is read, which column is what, what its spellings mean."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from customers.imports import fields
from customers.imports.reading.shape import How
from customers.imports.spellings import amounts, dates, statuses

PRICES = ("line", "piece")


@dataclass(frozen=True)
class Choices:
    """ "" and {} are not chosen. `mapping` is field -> column, `statuses` word of the file -> meaning.

    `price` says whether an amount is that of the line or the price of a piece of it.
    """

    kind: str = "orders"
    profile: str = ""
    how: How = field(default_factory=How)
    mapping: Mapping[str, str] = field(default_factory=dict)
    date_order: str = ""
    decimal: str = ""
    price: str = ""
    statuses: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        said = asdict(self) | {"how": self.how.as_json()}
        return {name: value for name, value in said.items() if value}

    @classmethod
    def of_json(cls, said: Any) -> "Choices":
        """Without what this version does not know. Raises Invalid for what cannot be meant."""
        if not isinstance(said, dict):
            raise _bad()
        known = {name: said[name] for name in cls.__dataclass_fields__ if said.get(name)}
        if isinstance(known.get("how"), dict):
            known["how"] = How.of_json(known["how"])
        try:
            choices = cls(**known)
        except TypeError:
            raise _bad() from None
        choices.check()
        return choices

    def check(self) -> None:
        """Raises Invalid for a choice that there is not."""
        texts = (self.kind, self.profile, self.date_order, self.decimal, self.price)
        maps = (self.mapping, self.statuses)
        shaped = (
            isinstance(self.how, How)
            and all(isinstance(text, str) for text in texts)
            and all(isinstance(said, Mapping) for said in maps)
            and all(isinstance(text, str) for said in maps for pair in said.items() for text in pair)
        )
        if not shaped or self.kind not in fields.KINDS:
            raise _bad()
        for chosen, known in (
            (self.date_order, dates.ORDERS),
            (self.decimal, amounts.DECIMALS),
            (self.price, PRICES),
            *((meaning, statuses.CHOICES) for meaning in self.statuses.values()),
        ):
            if chosen and chosen not in known:
                raise Invalid(
                    _("“%(value)s” cannot be chosen. Choose one of: %(values)s.")
                    % {"value": chosen, "values": ", ".join(known)},
                    code="bad_choice",
                )

    def with_mapping(self, mapping: Mapping[str, str]) -> "Choices":
        return replace(self, mapping=dict(mapping))


def _bad() -> Invalid:
    return Invalid(_("This is no profile of an import. Export one to see how it is written."), code="bad_profile")
