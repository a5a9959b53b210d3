"""Choices that are rows: read once for a page, however many forms offer them."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms


def read_once(same: Iterable[forms.BaseForm]) -> None:
    """These forms, all of one class, share what is read for the first of them, however often each is shown."""
    known: dict[str, list[Any]] = {}
    for form in same:
        for name, field in form.fields.items():
            if isinstance(field, forms.ModelChoiceField):
                if name not in known:
                    known[name] = list(cast(Iterable[Any], field.choices))
                field.choices = known[name]
