"""Choices: rows are read once for a page, however many forms offer them; that nothing is chosen is said in words."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.db.models.fields import BLANK_CHOICE_DASH
from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.translation import gettext as _

NOTHING = dict(BLANK_CHOICE_DASH)[""]


def read_once(same: Iterable[forms.BaseForm]) -> None:
    """These forms, all of one class, share what is read for the first of them, however often each is shown."""
    known: dict[str, list[Any]] = {}
    for form in same:
        for name, field in form.fields.items():
            if isinstance(field, forms.ModelChoiceField):
                if name not in known:
                    known[name] = list(cast(Iterable[Any], field.choices))
                field.choices = known[name]


def in_words(label: Any, *, required: bool) -> Any:
    """The label of a choice; instead of a line of dashes that one is to be chosen, or that none need be."""
    if label != NOTHING:
        return label
    return _("Choose…") if required else "–"


class Renderer(DjangoTemplates):
    """Lists of choices are drawn `in_words`."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> str:
        widget = context.get("widget", {})
        for _group, options, _index in widget.get("optgroups", ()):
            for option in options:
                option["label"] = in_words(option["label"], required=widget["required"])
        return super().render(template_name, context, request)
