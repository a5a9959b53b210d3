"""What is asked on the pages of the levels. The editor's fields stand in its own template: see `editor`."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from crm.desk.date_input import DateInput
from crm.desk.editing import EditForm
from loyalty.maths.tiers import Transition
from loyalty.models import TierDraft, TierRules
from loyalty.tier_rules import CHOICE_WORDS, OPTION_WORDS


class TransitionForm(EditForm, forms.Form):
    """What becomes of those whom the draft would lower, from when on, and in which words they can be told."""

    transition = forms.ChoiceField(label=OPTION_WORDS["transition"], widget=forms.RadioSelect)
    starts_on = forms.DateField(label=gettext_lazy("In force from"), widget=DateInput())
    reason = forms.CharField(label=gettext_lazy("Why the rules change"), max_length=300)
    notice = forms.CharField(
        label=gettext_lazy("Words for the members concerned"),
        help_text=gettext_lazy("Publishing hands them to the systems of the mall that hear of new rules."),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Any = None, *, draft: TierDraft) -> None:
        super().__init__(data, initial=self.shown(draft))
        restores = draft.rolls_back_id is not None
        field = self.fields["transition"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [
            (value, words)
            for value, words in CHOICE_WORDS["transition"].items()
            if (value == Transition.RESTORE) == restores
        ]

    def shown(self, row: TierDraft) -> dict[str, Any]:
        return {
            "transition": row.content["transition"],
            "starts_on": row.starts_on,
            "reason": row.reason,
            "notice": row.notice,
        }


class PromiseForm(forms.Form):
    level = forms.ChoiceField(label=gettext_lazy("At least this level"))
    ends_on = forms.DateField(label=gettext_lazy("Until before"), widget=DateInput())
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300)

    def __init__(self, *args: Any, rules: TierRules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["level"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [(level["code"], level["name"]) for level in rules.levels[1:]]
