"""The forms of the customer pages."""

from typing import cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.accounts.models import Role, User
from core.accounts.roles import holders
from crm.desk.editing import EditForm
from customers import managers
from customers.contact_points import PURPOSES
from customers.models import Customer

MANAGERS = holders(Role.ACCOUNT_MANAGER).order_by("full_name", "pk")


class ProfileForm(EditForm, forms.ModelForm[Customer]):
    class Meta:
        model = Customer
        fields = ("mindset", "preferred_channel", "notes")
        widgets = {"notes": forms.Textarea(attrs={"rows": 3})}


class RevealForm(forms.Form):
    purpose = forms.ChoiceField(label=_("Purpose"), choices=PURPOSES)


class AssignForm(forms.Form):
    manager = forms.ModelChoiceField(
        label=_("Manager"),
        queryset=MANAGERS,
        error_messages={"invalid_choice": _("Choose somebody from the list: these look after customers.")},
    )
    reason = forms.CharField(label=_("Reason"), max_length=200)
    over = forms.BooleanField(label=_("Also where a book is fuller than agreed"), required=False)

    def __init__(self, data: QueryDict | None = None, *, by: User) -> None:
        super().__init__(data)
        cast("forms.ModelChoiceField[User]", self.fields["manager"]).queryset = managers.choosable(by)


class MergeForm(forms.Form):
    reason = forms.CharField(
        label=_("Why these are one person"), max_length=200, widget=forms.Textarea(attrs={"rows": 2})
    )


class UnmergeForm(forms.Form):
    reason = forms.CharField(
        label=_("Why these are two people"), max_length=200, widget=forms.Textarea(attrs={"rows": 2})
    )
