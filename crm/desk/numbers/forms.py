"""What staff type on the pages of the numbers."""

from itertools import groupby
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from crm.desk.days import DayInput
from segmentation import rules


class CutForm(forms.Form):
    cut = forms.DateField(label=gettext_lazy("Cut on"), widget=DayInput())


class RulesForm(forms.Form):
    """The constants of the night, within their bounds, and why they change."""

    reason = forms.CharField(label=gettext_lazy("Why the rules change"), max_length=300, required=False)

    def __init__(self, data: Any = None, *, parameters: dict[str, float]) -> None:
        super().__init__(data)
        for constant in rules.CONSTANTS:
            self.fields[constant.name] = forms.FloatField(
                label=constant.label,
                initial=int(parameters[constant.name]) if constant.whole else parameters[constant.name],
                min_value=constant.low,
                max_value=constant.high,
                widget=forms.NumberInput(attrs={"step": "1" if constant.whole else "any"}),
            )
        self.order_fields([*(constant.name for constant in rules.CONSTANTS), "reason"])

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The constants under the headings they belong to."""
        return [
            (str(group), [self[constant.name] for constant in constants])
            for group, constants in groupby(rules.CONSTANTS, key=lambda constant: constant.group)
        ]

    @property
    def parameters(self) -> dict[str, float]:
        return {constant.name: self.cleaned_data[constant.name] for constant in rules.CONSTANTS}
