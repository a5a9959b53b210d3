"""The forms of the page of tokens."""

import re
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.accounts.models import Role, User
from crm.desk.admin.tokens.words import SCOPES
from crm.desk.date_input import DateInput
from crm.desk.today import today

# A token that outlives its reason is one that nobody remembers.
LONGEST = timedelta(days=3653)
CONTROL = {"class": "form-control"}


class AccountField(forms.ModelChoiceField[User]):
    def label_from_instance(self, obj: User) -> str:
        return f"{obj} · {obj.get_roles_display()}"


class TokenForm(forms.Form):
    name = forms.CharField(label=_("What it is for"), max_length=80, widget=forms.TextInput(CONTROL))
    user = AccountField(
        User.objects.none(),
        label=_("Works with the rights of"),
        required=False,
        empty_label=_("a new service account"),
        help_text=_("A service account reaches every customer; a colleague's token those whom the colleague may see."),
        widget=forms.Select({"class": "form-select"}),
    )
    account = forms.CharField(
        label=_("Name of the new service account"), max_length=60, required=False, widget=forms.TextInput(CONTROL)
    )
    sources = forms.CharField(
        label=_("Sources"),
        max_length=400,
        required=False,
        help_text=_("The shops and tills it tells orders of, with commas between them. Empty: all of them."),
        widget=forms.TextInput(CONTROL),
    )
    ends_on = forms.DateField(
        label=_("Last day"), required=False, help_text=_("Empty: good until it is revoked."), widget=DateInput()
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(str(scope), words) for scope, words in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True).order_by("full_name", "username")
        field = self.fields["user"]
        assert isinstance(field, AccountField)  # noqa: S101 (for the type checker)
        field.queryset = people
        shops = people.filter(roles__contains=[Role.CLIENT])
        field.initial = shops.values_list("pk", flat=True).first()

    def clean_sources(self) -> list[str]:
        return [word for word in re.split(r"[,，、;；\s]+", self.cleaned_data["sources"]) if word]

    def clean_ends_on(self) -> date | None:
        day: date | None = self.cleaned_data["ends_on"]
        if day and day > today() + LONGEST:
            raise forms.ValidationError(_("Choose a day within ten years, or leave it empty."))
        return day

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("user") and not data.get("account", "").strip() and "user" not in self.errors:
            self.add_error("account", _("Choose an account, or name a new service account."))
        return data


class RotateForm(forms.Form):
    hours = forms.IntegerField(
        label=_("Hours for which the old secret works beside the new one"),
        min_value=0,
        max_value=24 * 30,
        initial=24,
        help_text=_("0 ends it at once: do that when it may have been seen by somebody."),
        widget=forms.NumberInput(CONTROL),
    )
