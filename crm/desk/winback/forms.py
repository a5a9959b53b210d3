"""What is asked about customers who leave."""

from datetime import date, datetime, timedelta
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from crm.desk.date_input import DateInput
from crm.desk.editing import EditForm
from customers.models import Category
from segmentation.alerts import INTERVIEW
from segmentation.leaving import discussing
from segmentation.leaving.lost import Filters
from segmentation.models import Alert, AlertComment


class SuspectForm(forms.Form):
    sign = forms.ChoiceField(
        label=gettext_lazy("What you have noticed"), choices=AlertComment.Sign.choices, widget=forms.RadioSelect
    )
    words = forms.CharField(
        label=gettext_lazy("What you have heard"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
        help_text=gettext_lazy("The manager reads it at once, and begins with it."),
    )


class AgreeForm(forms.Form):
    """One piece of work that was agreed: what, by whom, until when."""

    words = forms.CharField(label=gettext_lazy("What is to be done"), max_length=200)
    owner = forms.ModelChoiceField(label=gettext_lazy("Who does it"), queryset=User.objects.none())
    due_on = forms.DateField(label=gettext_lazy("Until"), widget=DateInput())

    def __init__(self, data: QueryDict | None = None, *, alert: Alert, by: User, at: datetime, today: date) -> None:
        first = alert.customer.manager_id or by.pk
        tomorrow = min(today + timedelta(days=1), max(today, alert.window_ends_on))
        super().__init__(data, initial={"owner": first, "due_on": tomorrow})
        people = discussing.can_do(alert, by=by, at=at)
        cast("forms.ModelChoiceField[User]", self.fields["owner"]).queryset = people


class InterviewForm(forms.Form):
    """What a lost customer answers, asked or corrected after the end."""

    why = forms.CharField(
        label=gettext_lazy("Why did they leave?"), widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    chance = forms.ChoiceField(
        label=gettext_lazy("Could they come back?"),
        choices=[("", gettext_lazy("Not asked")), *Alert.Chance.choices],
        required=False,
    )
    recoverable = forms.CharField(label=gettext_lazy("Can we win them back, and how?"), max_length=300, required=False)
    rival = forms.CharField(label=gettext_lazy("Which rival do they buy from now?"), max_length=120, required=False)
    rival_service = forms.TypedChoiceField(
        label=gettext_lazy("The rival's service is"),
        choices=[("", gettext_lazy("Not asked")), *Alert.Compared.choices],
        coerce=int,
        empty_value=None,
        required=False,
    )
    compared = forms.CharField(
        label=gettext_lazy("How does the rival's service compare?"), max_length=300, required=False
    )


class LostForm(InterviewForm):
    cause = forms.ChoiceField(label=gettext_lazy("Cause"), choices=Alert.Cause.choices, widget=forms.RadioSelect)
    not_reached = forms.BooleanField(
        label=gettext_lazy("Not reached: ask again in 30 days"),
        required=False,
        help_text=gettext_lazy("The manager has it on their day then, once."),
    )
    field_order = ("cause", "not_reached")


def interview_of(alert: Alert) -> list[tuple[str, str]]:
    """What a lost customer answered: the questions that have an answer, with it."""
    answers: dict[str, Any] = {
        **alert.interview,
        "chance": alert.get_chance_display() if alert.chance else "",
        "rival_service": alert.get_rival_service_display() if alert.rival_service is not None else "",
    }
    fields = InterviewForm.base_fields
    return [(str(fields[name].label), str(answers[name])) for name in fields if answers.get(name)]


class AnswersForm(EditForm, InterviewForm):
    """The same once the customer is lost: asked later, or corrected."""

    def __init__(self, data: QueryDict | None = None, *, alert: Alert) -> None:
        super().__init__(data, initial=self.shown(alert))

    def shown(self, row: Alert) -> dict[str, Any]:
        words = {question: row.interview.get(question, "") for question in INTERVIEW}
        return {**words, "chance": row.chance, "rival_service": row.rival_service}


class FilterForm(forms.Form):
    """How the list of the lost is narrowed; what is not understood narrows nothing."""

    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=DateInput())
    until = forms.DateField(label=gettext_lazy("Until"), required=False, widget=DateInput())
    cause = forms.ChoiceField(
        label=gettext_lazy("Cause"), choices=[("", gettext_lazy("All")), *Alert.Cause.choices], required=False
    )
    line = forms.ChoiceField(label=gettext_lazy("Product line"), required=False)
    rival = forms.CharField(label=gettext_lazy("Rival"), max_length=120, required=False)
    chance = forms.ChoiceField(
        label=gettext_lazy("Could they come back?"),
        choices=[("", gettext_lazy("All")), *Alert.Chance.choices, ("-", gettext_lazy("Not asked"))],
        required=False,
    )
    returned = forms.ChoiceField(
        label=gettext_lazy("Came back after all"),
        choices=[("", gettext_lazy("All")), ("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))],
        required=False,
    )

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        lines = Category.objects.filter(pk__in=Alert.objects.filter(state=Alert.State.LOST).values("line"))
        cast("forms.ChoiceField", self.fields["line"]).choices = [
            ("", _("All")),
            *((str(pk), name) for pk, name in lines.order_by("name").values_list("pk", "name")),
            ("0", _("Not known")),
        ]

    def filters(self) -> Filters:
        self.full_clean()
        data = self.cleaned_data
        return Filters(
            since=data.get("since"),
            until=data.get("until"),
            cause=data.get("cause", ""),
            line=int(data["line"]) if data.get("line") else None,
            rival=data.get("rival", ""),
            chance=data.get("chance", ""),
            returned={"yes": True, "no": False}.get(data.get("returned", "")),
        )
