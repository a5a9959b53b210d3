"""The form in which one statement is chosen: a field of the list, how it is compared, and with what."""

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.forms.utils import flatatt
from django.http import QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.fields import Field
from core.lib.conditions.kinds import OPERATORS, Kind, Takes, name_of
from core.lib.conditions.tree import BadCondition, Leaf
from core.lib.conditions.words import MONTHS

SET = "set"
AT = "at"
# Of the inputs in an address: a field of a list may be called like one of them.
PREFIX = "c"
# Up to so many choices stand as boxes to tick.
BOXES = 8


class ManySelect(forms.SelectMultiple):
    """Several of hundreds, whose options are not a template each."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        shown = {str(one) for one in value or ()}
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if str(key) in shown else "", label) for key, label in self.choices),
        )
        built = self.build_attrs(self.attrs, {**(attrs or {}), "name": name})
        return format_html("<select{} multiple>{}</select>", flatatt(built), options)


# Which input holds what an operator takes.
INPUTS: Mapping[Takes, tuple[str, ...]] = {
    Takes.NOTHING: (),
    Takes.MANY: ("many",),
    Takes.THINGS: ("many", "at_least", "money", "within"),
    Takes.NUMBER: ("number",),
    Takes.TWO: ("number", "until"),
    Takes.DAY: ("day",),
    Takes.DAYS: ("days",),
    Takes.MONTH: ("month",),
    Takes.TEXT: ("text",),
}


class ConditionForm(forms.Form):
    """One statement about a field. `leaf()` is the statement, or None where it was not understood and the form says why."""

    op = forms.ChoiceField(label=_("Comparison"))

    def __init__(self, field: Field, data: QueryDict | None = None, *, leaf: Leaf | None = None, at: int = -1) -> None:
        self.field, self.at = field, at
        place = f"id_{field.key}_{at}" if at >= 0 else f"id_new_{field.key}"
        super().__init__(data, initial=_initial(leaf) if leaf else None, auto_id=f"{place}_%s", prefix=PREFIX)
        takes = OPERATORS[field.kind]
        chooser = cast(forms.ChoiceField, self.fields["op"])
        chooser.choices = [(op, name_of(field.kind, op)) for op in field.operators]
        wanted = {name for op in field.operators for name in INPUTS[takes[op]]}
        if field.kind is not Kind.HAPPENING:
            wanted -= {"at_least", "money", "within"}
        for name, made in _made(field, leaf).items():
            if name in wanted:
                self.fields[name] = made
        if len(field.operators) == 1:
            chooser.widget = forms.HiddenInput()
            self.initial.setdefault("op", field.operators[0])
        for name in self.fields.keys() - {"op"}:
            ops = [op for op in field.operators if name in INPUTS[takes[op]] and not (op == "never" and name in _OFTEN)]
            self.fields[name].widget.attrs["data-for-op"] = " ".join(ops)

    def leaf(self, catalogue: Catalogue) -> Leaf | None:
        if not self.is_valid():
            return None
        data, op = self.cleaned_data, self.cleaned_data["op"]
        takes = OPERATORS[self.field.kind][op]
        values: list[str] = []
        for name in INPUTS[takes]:
            if name not in ("at_least", "money", "within") and data.get(name) not in (None, ""):
                values += data[name] if name == "many" else [str(data[name]).strip()]
        extras: dict[str, Any] = {}
        if takes is Takes.THINGS:
            names = ("within",) if op == "never" else ("within", "at_least", "money")
            extras = {name: data[name] or None for name in names if name in data}
        try:
            checked = catalogue.checked(Leaf(self.field.key, op, tuple(values), **extras))
        except BadCondition as wrong:
            self.add_error(None, wrong.sentence)
            return None
        return checked if isinstance(checked, Leaf) else None


_OFTEN = ("at_least", "money")


def _initial(leaf: Leaf) -> dict[str, Any]:
    first = leaf.values[0] if leaf.values else ""
    return {
        "op": leaf.op,
        "many": list(leaf.values),
        "number": first,
        "until": leaf.values[1] if len(leaf.values) > 1 else "",
        "day": first,
        "days": first,
        "month": first,
        "text": first,
        "within": leaf.within,
        "at_least": leaf.at_least,
        "money": leaf.money,
    }


def _made(field: Field, leaf: Leaf | None) -> dict[str, forms.Field]:
    label = str(field.label)
    figure = forms.TextInput(attrs={"inputmode": "decimal", "size": 8})
    return {
        "many": _many(field, leaf),
        "number": forms.CharField(label=label, max_length=20, required=False, widget=figure),
        "until": forms.CharField(label=_("to"), max_length=20, required=False, widget=figure),
        "day": forms.CharField(
            label=_("Day"), max_length=10, required=False, widget=forms.DateInput(attrs={"type": "date"})
        ),
        "days": forms.IntegerField(label=_("Days"), min_value=1, max_value=36_500, required=False),
        "month": forms.TypedChoiceField(
            label=_("Month"), choices=[(str(n), name) for n, name in enumerate(MONTHS, 1)], required=False
        ),
        "text": forms.CharField(label=label, max_length=60, required=False),
        "at_least": forms.IntegerField(
            label=_("At least so many times"), min_value=1, max_value=10_000, required=False
        ),
        "money": forms.CharField(label=_("For at least (amount)"), max_length=20, required=False, widget=figure),
        "within": forms.IntegerField(
            label=_("In the last so many days"), min_value=1, max_value=36_500, required=False
        ),
    }


def _many(field: Field, leaf: Leaf | None) -> forms.Field:
    label = str(field.label)
    options = list(field.options()) if field.options else []
    known = {key for key, _label in options}
    options += [(value, value) for value in (leaf.values if leaf else ()) if value not in known]
    if not options:
        return _Words(label=label, required=False, help_text=_("Several with a comma between them"))
    boxes = len(options) <= BOXES and not field.open
    widget = forms.CheckboxSelectMultiple() if boxes else ManySelect(attrs={"size": min(8, len(options))})
    return _Choices(label=label, choices=options, required=False, widget=widget)


class _Choices(forms.MultipleChoiceField):
    """Which values are known is asked by the catalogue."""

    def valid_value(self, value: str) -> bool:
        return True


class _Words(forms.CharField):
    """Several words, told apart by commas."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return [word.strip() for word in text.replace("，", ",").split(",") if word.strip()]

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value
