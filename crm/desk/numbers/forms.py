"""What staff type on the pages of the numbers."""

from itertools import groupby
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from crm.desk.date_input import DateInput
from segmentation import rules


class CutForm(forms.Form):
    cut = forms.DateField(label=gettext_lazy("Cut on"), widget=DateInput())


class RulesForm(forms.Form):
    """The constants of the night as people read them, within their bounds, and why they change."""

    reason = forms.CharField(label=gettext_lazy("Why the rules change"), max_length=300, required=False)
    starts_on = forms.DateField(
        label=gettext_lazy("In force from the night of"),
        help_text=gettext_lazy("Empty: as soon as the notice that was promised is over"),
        widget=DateInput(),
        required=False,
    )

    def __init__(self, data: Any = None, *, parameters: dict[str, float]) -> None:
        super().__init__(data)
        for constant in rules.CONSTANTS:
            self.fields[constant.name] = forms.FloatField(
                label=format_lazy("{} (%)", constant.label) if constant.percent else constant.label,
                initial=constant.shown(parameters[constant.name]),
                min_value=constant.shown(constant.low),
                max_value=constant.shown(constant.high),
                widget=forms.NumberInput(attrs={"step": "1" if constant.whole else "any"}),
            )
        self.order_fields([*(constant.name for constant in rules.CONSTANTS), "starts_on", "reason"])

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The constants under the headings they belong to."""
        return [
            (str(group), [self[constant.name] for constant in constants])
            for group, constants in groupby(rules.CONSTANTS, key=lambda constant: constant.group)
        ]

    @property
    def parameters(self) -> dict[str, float]:
        """The constants as they are stored."""
        return {constant.name: constant.meant(self.cleaned_data[constant.name]) for constant in rules.CONSTANTS}
