"""The mall's own questions about every customer, and what counts as an answer."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _
from pypinyin import lazy_pinyin

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid
from customers.contact_points import plain
from customers.models import CustomField

Kind = CustomField.Kind
MOST_FIELDS = 30
LONGEST_ANSWER = 500


def asked() -> QuerySet[CustomField]:
    """The questions that are asked, in their order."""
    return CustomField.objects.filter(active=True).order_by("position", "pk")


def in_use() -> list[CustomField]:
    return list(asked())


@transaction.atomic
def define(
    *, name: str, kind: str, choices: Sequence[str] = (), position: int = 100, by: User, at: datetime
) -> CustomField:
    """The question is asked of every customer from now on. Raises Invalid for one that is asked already."""
    if CustomField.objects.filter(active=True).count() >= MOST_FIELDS:
        raise Invalid(
            _("There are %(most)d fields already. Take one out of use first.") % {"most": MOST_FIELDS},
            code="too_many_fields",
        )
    field = CustomField(key=_free_key(name), kind=kind)
    return _store(field, name, choices, position, by=by, at=at, action="custom_field.defined")


@transaction.atomic
def change(
    field: CustomField, *, name: str, choices: Sequence[str], position: int, active: bool, by: User, at: datetime
) -> CustomField:
    """The question reads like this now. What was answered stays, also while the field is out of use."""
    field.active = active
    return _store(field, name, choices, position, by=by, at=at, action="custom_field.changed")


def _store(
    field: CustomField, name: str, choices: Sequence[str], position: int, *, by: User, at: datetime, action: str
) -> CustomField:
    field.name, field.position = plain(name)[:60], position
    field.choices = list(dict.fromkeys(text for choice in choices if (text := plain(choice)[:60])))
    if not field.name:
        raise Invalid(_("Give the field a name."), code="name_missing")
    if field.kind == Kind.CHOICE and not field.choices:
        raise Invalid(_("Write at least one choice, one on each line."), code="choices_missing")
    try:
        with transaction.atomic():
            field.save()
    except IntegrityError:
        raise Invalid(_("There is a field of this name already."), code="name_taken") from None
    audit.record(by, action, field, at=at, name=field.name, kind=field.kind, active=field.active)
    return field


def _free_key(name: str) -> str:
    stem = slugify(" ".join(lazy_pinyin(name)))[:32].strip("-") or "field"
    taken = set(CustomField.objects.filter(key__startswith=stem).values_list("key", flat=True))
    return next(key for n in range(1, len(taken) + 2) if (key := stem if n == 1 else f"{stem}-{n}") not in taken)


def answers(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of the mall's own fields, by their key, as it is stored; an empty answer is None.

    Raises Invalid for a field that is not asked, and for what is no answer of its kind.
    """
    if not told:
        return {}
    asked = {field.key: field for field in in_use()}
    if unknown := sorted(set(told) - asked.keys()):
        raise Invalid(
            _("The mall has no field “%(key)s”. An administrator defines it first.") % {"key": unknown[0]},
            code="custom_unknown",
        )
    return {key: answer(asked[key], value) for key, value in told.items()}


def answer(field: CustomField, value: Any) -> Any:
    """The answer as it is stored, None for an empty one. Raises Invalid for what is no answer of its kind."""
    text = "" if value is None else plain(str(value))
    if not text:
        return None
    if field.kind == Kind.NUMBER:
        return _number(field, text)
    if field.kind == Kind.DATE:
        return _day(field, value, text)
    if field.kind == Kind.CHOICE and text not in field.choices:
        raise _no_answer(field, _("%(name)s: choose one of %(choices)s."), choices=", ".join(field.choices))
    if len(text) > LONGEST_ANSWER:
        raise _no_answer(field, _("%(name)s: at most %(most)d characters."), most=LONGEST_ANSWER)
    return text


def _number(field: CustomField, text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= Decimal("1e15"):
        raise _no_answer(field, _("%(name)s: write a number like 12 or 12.5."))
    return f"{number.normalize():f}"


def _day(field: CustomField, value: Any, text: str) -> str:
    try:
        return (value if isinstance(value, date) else date.fromisoformat(text)).isoformat()
    except ValueError:
        raise _no_answer(field, _("%(name)s: write a day like 2026-11-30.")) from None


def _no_answer(field: CustomField, sentence: str, **more: Any) -> Invalid:
    return Invalid(sentence % {"name": field.name, **more}, code="custom_invalid")
