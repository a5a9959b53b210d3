"""The forms of one's own account."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from crm.desk.editing import EditForm

# Each in its own language: whoever has the wrong one must find theirs.
LANGUAGES = [("", _("As the browser says")), ("en", "English"), ("zh-hans", "简体中文"), ("zh-hant", "繁體中文")]


class ProfileForm(EditForm, forms.ModelForm[User]):
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES, required=False)

    class Meta:
        model = User
        fields = ("full_name", "language")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["full_name"].required = True
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-control"


def _secret(label: Any, complete: str) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": complete, "class": "form-control"})
    return forms.CharField(label=label, strip=False, max_length=200, widget=widget)


class PasswordForm(forms.Form):
    old = _secret(_("Your password now"), "current-password")
    new = _secret(_("New password"), "new-password")
    again = _secret(_("The new one again"), "new-password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new"].help_text = " ".join(password_validators_help_texts())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "new" in data and "again" in data and data["new"] != data["again"]:
            self.add_error("again", _("The two are not the same."))
        return data
