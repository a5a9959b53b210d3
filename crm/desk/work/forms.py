"""The forms of My day and of the alerts."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.desk.days import DayInput
from segmentation.models import Alert


class SnoozeForm(forms.Form):
    reason = forms.CharField(
        label=_("Why it can wait"), max_length=200, widget=forms.TextInput(attrs={"autofocus": True})
    )
    until = forms.DateField(label=_("Show again on"), widget=DayInput())


class FilterForm(forms.Form):
    kind = forms.ChoiceField(choices=[("", _("Both kinds")), *Alert.Kind.choices], required=False)
    undecided = forms.BooleanField(label=_("Not decided yet"), required=False)


class LostForm(forms.Form):
    cause = forms.ChoiceField(label=_("Cause"), choices=Alert.Cause.choices, widget=forms.RadioSelect)
    why = forms.CharField(label=_("Why did they leave?"), widget=forms.Textarea(attrs={"rows": 2}), required=False)
    recoverable = forms.CharField(label=_("Can we win them back, and how?"), max_length=300, required=False)
    rival = forms.CharField(label=_("Which rival do they buy from now?"), max_length=120, required=False)
    compared = forms.CharField(label=_("How does the rival's service compare?"), max_length=300, required=False)


class CommentForm(forms.Form):
    text = forms.CharField(label=_("Comment"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
