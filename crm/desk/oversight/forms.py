"""The forms of the audit trail and of the privacy desk."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from crm.desk.date_input import DateInput
from crm.desk.oversight.words import ACTIONS, SUBJECTS, action
from customers.models import PrivacyRequest

CONTROL, SELECT = {"class": "form-control"}, {"class": "form-select"}
# Nobody of the staff: the night, an import, a command.
LAOKE = "laoke"


class SearchForm(forms.Form):
    """What the trail is narrowed to. An address that makes no sense narrows nothing, and says so."""

    person = forms.ChoiceField(label=_("Person"), required=False, widget=forms.Select(SELECT))
    action = forms.ChoiceField(label=_("Action"), required=False, widget=forms.Select(SELECT))
    about = forms.ChoiceField(label=_("About"), required=False, widget=forms.Select(SELECT))
    number = forms.CharField(
        label=_("Number"), required=False, max_length=30, widget=forms.TextInput({**CONTROL, "placeholder": "C0000012"})
    )
    since = forms.DateField(label=_("From"), required=False, widget=DateInput())
    until = forms.DateField(label=_("Until"), required=False, widget=DateInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        anybody = [("", _("anybody")), (LAOKE, _("Laoke itself"))]
        self.people = {str(user.pk): str(user) for user in User.objects.order_by("full_name", "username")}
        choices: dict[str, list[tuple[str, Any]]] = {
            "person": [*anybody, *self.people.items()],
            "action": [
                ("", _("anything")),
                *sorted(((code, _offered(code)) for code in ACTIONS), key=lambda row: row[1]),
            ],
            "about": [
                ("", _("anything")),
                *sorted(((name, str(words)) for name, words in SUBJECTS.items()), key=lambda row: row[1]),
            ],
        }
        for name, offered in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 (for the type checker)
            field.choices = offered

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("since") and data.get("until") and data["since"] > data["until"]:
            self.add_error("until", _("The last day lies before the first."))
        return data


class NumberForm(forms.Form):
    number = forms.CharField(label=_("Customer number"), max_length=30, widget=forms.TextInput(CONTROL))


class RequestForm(forms.Form):
    number = forms.CharField(label=_("Customer number"), max_length=30, widget=forms.TextInput(CONTROL))
    kind = forms.ChoiceField(label=_("What is asked"), choices=PrivacyRequest.Kind.choices, widget=forms.Select(SELECT))
    asked_on = forms.DateField(label=_("Asked on"), widget=DateInput())
    due_on = forms.DateField(
        label=_("Due on"), required=False, widget=DateInput(), help_text=_("Empty: fifteen days after it was asked.")
    )
    note = forms.CharField(
        label=_("Note"), required=False, max_length=500, widget=forms.Textarea({**CONTROL, "rows": 2})
    )


class EndForm(forms.Form):
    outcome = forms.CharField(
        label=_("What was done, or why it is refused"), max_length=500, widget=forms.Textarea({**CONTROL, "rows": 2})
    )
    done = forms.ChoiceField(
        label=_("The request is"),
        choices=[("1", _("done")), ("", _("refused"))],
        required=False,
        initial="1",
        widget=forms.Select(SELECT),
    )


class EraseForm(forms.Form):
    reason = forms.CharField(label=_("Why"), max_length=200, widget=forms.TextInput(CONTROL))


def _offered(code: str) -> str:
    """The action in a list of all of them, where what is done with a case needs to say so."""
    words = action(code)
    return gettext("Complaint: %(what)s") % {"what": words} if code.startswith("complaint.") else words
