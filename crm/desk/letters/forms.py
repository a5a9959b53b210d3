"""Forms about letters and consent."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib.periods import mall_moment
from core.outbox.switches import EVERY
from crm.desk.date_input import DateInput
from crm.desk.editing import EditForm
from crm.desk.today import now, today
from customers.letters import consent
from customers.letters.consent import Kind
from customers.models import ConsentWording, Customer, ReachLimit
from customers.models.consent import ASKED_FOR, BY_CONSENT, Channel, ConsentState, Purpose

CHANNELS = [(channel.value, channel.label) for channel in BY_CONSENT]
PURPOSES = [(purpose.value, purpose.label) for purpose in ASKED_FOR]
SAID = [
    (ConsentState.GRANTED, gettext_lazy("Agrees")),
    (ConsentState.WITHDRAWN, gettext_lazy("Does not want it any more")),
    (ConsentState.REFUSED, gettext_lazy("Was asked and refused")),
]


class ConsentForm(forms.Form):
    """What a customer has said, to whom, when, and how it is known."""

    state = forms.ChoiceField(label=gettext_lazy("What the customer says"), choices=SAID)
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), choices=[*CHANNELS, (EVERY, gettext_lazy("every way"))], initial=Channel.EMAIL
    )
    purpose = forms.ChoiceField(
        label=gettext_lazy("Purpose"),
        choices=[*PURPOSES, (EVERY, gettext_lazy("everything"))],
        initial=Purpose.MARKETING,
    )
    said_on = forms.DateField(label=gettext_lazy("Said on"), required=False, widget=DateInput())
    wording = forms.ModelChoiceField(
        label=gettext_lazy("Asked with these words"), required=False, queryset=ConsentWording.objects.none()
    )
    where = forms.CharField(
        label=gettext_lazy("How you know"),
        max_length=200,
        required=False,
        help_text=gettext_lazy(
            "On the phone, on a form with its number, in the shop. A yes needs it, or the words above."
        ),
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["wording"].queryset = consent.wordings()  # type: ignore[attr-defined]

    def told(self) -> dict[Kind, str]:
        data = self.cleaned_data
        channels = BY_CONSENT if data["channel"] == EVERY else (data["channel"],)
        purposes = ASKED_FOR if data["purpose"] == EVERY else (data["purpose"],)
        return {(str(channel), str(purpose)): data["state"] for channel in channels for purpose in purposes}

    def said_at(self) -> datetime:
        """Noon of the day it was said on; now, for today."""
        on: date | None = self.cleaned_data["said_on"]
        return now() if on is None or on >= today() else mall_moment(on, 12)

    def clean_said_on(self) -> date | None:
        on: date | None = self.cleaned_data["said_on"]
        if on and on > today():
            raise ValidationError(_("Nobody can have said this at a time to come."))
        return on


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=200)


class LimitsForm(EditForm, forms.Form):
    """What a customer has set apart from consent."""

    no_profiling = forms.BooleanField(
        label=gettext_lazy("Does not want to be chosen by what they bought"), required=False
    )
    restricted = forms.CharField(
        label=gettext_lazy("The data rests, because"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Nothing goes out while it rests. Empty: it rests no more."),
    )

    @staticmethod
    def shown(row: Customer) -> dict[str, Any]:
        limit = ReachLimit.objects.filter(customer=row).first() or ReachLimit()
        return {"no_profiling": limit.no_profiling_at is not None, "restricted": limit.restricted_why}


class WordingForm(forms.Form):
    code = forms.SlugField(label=gettext_lazy("Code"), max_length=40)
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), choices=[("zh-hans", "简体中文"), ("zh-hant", "繁體中文"), ("en", "English")]
    )
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=CHANNELS)
    purpose = forms.ChoiceField(label=gettext_lazy("Purpose"), choices=PURPOSES)
    text = forms.CharField(label=gettext_lazy("Words"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000)


class PolicyForm(forms.Form):
    """How often and at which hours."""

    base = forms.IntegerField(widget=forms.HiddenInput())
    opens = forms.IntegerField(label=gettext_lazy("Not before (hour)"), min_value=8, max_value=20)
    closes = forms.IntegerField(label=gettext_lazy("Not after (hour)"), min_value=9, max_value=21)
    a_day = forms.IntegerField(label=gettext_lazy("Letters a day"), min_value=1, max_value=10)
    in_7_days = forms.IntegerField(label=gettext_lazy("Offers in 7 days"), min_value=1, max_value=50)
    in_30_days = forms.IntegerField(label=gettext_lazy("Offers in 30 days"), min_value=1, max_value=100)
    survey_days = forms.IntegerField(label=gettext_lazy("Days between two questions"), min_value=1, max_value=365)
    asks_by_letter = forms.BooleanField(
        label=gettext_lazy("Laoke sends the question after a case by e-mail"),
        required=False,
        help_text=gettext_lazy("Off: a system of the mall takes the questions from the API and sends them itself."),
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=200, required=False)
