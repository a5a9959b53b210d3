"""Money: integer minor units in the database, `Decimal` in Python, decimal strings in the API."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

MINOR_UNITS = 100
LARGEST = Decimal("1e14")


def to_minor(amount: Decimal | int | str) -> int:
    """Whole minor units (fen) of an amount with at most two decimals.

    Raises ValidationError when the amount is not finite, has more decimals or is out of range.
    """
    try:
        value = Decimal(amount)
    except (ArithmeticError, ValueError, TypeError):
        raise ValidationError(_("“%(value)s” is not an amount. Write it like 1234.50.") % {"value": amount}) from None
    if not value.is_finite() or abs(value) > LARGEST:
        raise ValidationError(_("“%(value)s” is not an amount that can be stored.") % {"value": amount})
    minor = value * MINOR_UNITS
    if minor != minor.to_integral_value():
        raise ValidationError(_("“%(value)s” has more than two decimals.") % {"value": amount})
    return int(minor)


def from_minor(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)


class MoneyField(models.BigIntegerField):  # type: ignore[type-arg]
    """A `Decimal` with two decimals, stored as a bigint of minor units: NaN cannot exist."""

    _pyi_private_set_type: Decimal | int | str  # type: ignore[assignment]
    _pyi_private_get_type: Decimal  # type: ignore[assignment]

    def from_db_value(self, value: int | None, expression: Any, connection: Any) -> Decimal | None:
        # Aggregates over bigint come back as Decimal; both are whole minor units.
        return None if value is None else from_minor(int(value))

    def to_python(self, value: Any) -> Decimal | None:
        return None if value is None else from_minor(to_minor(value))

    def get_prep_value(self, value: Any) -> int | None:
        return None if value is None else to_minor(value)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))

    @property
    def validators(self) -> list[Any]:  # the bigint range validators compare minor units
        return []
