"""The forms of the customer pages."""

from typing import cast

from django import forms
from django.core.cache import cache
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.accounts.models import Role, User
from core.accounts.roles import Scope, holders, rights_of
from crm.desk.editing import EditForm
from crm.desk.long_select import LongSelect
from customers import managers, queries
from customers.contact_points import PURPOSES
from customers.models import Customer, Standing

AN_HOUR = 3600
MANAGERS = holders(Role.ACCOUNT_MANAGER).order_by("full_name", "pk")
CLASSES = [("", _("Every class")), *Standing.Class.choices]
TYPES = [("", _("Every type")), *((code, label) for code, label in Standing.Type.choices if code)]
NOT_HERE = _("Look for a phone or an e-mail in the search at the top: it does not belong in an address.")
# Eight digits are no customer number: a phone, like an e-mail, does not belong in an address.
CONTACT_DATA = r"^(?!.*@)(?!(?:[^0-9]*[0-9]){8}).*$"


class FilterForm(forms.Form):
    customer_class = forms.TypedChoiceField(
        label=_("Class"), choices=CLASSES, coerce=int, empty_value=None, required=False
    )
    matrix_type = forms.TypedChoiceField(label=_("Type"), choices=TYPES, coerce=int, empty_value=None, required=False)
    manager = forms.ModelChoiceField(
        label=_("Manager"),
        queryset=MANAGERS,
        widget=LongSelect,
        required=False,
        empty_label=_("Every manager"),
    )
    unassigned = forms.BooleanField(label=_("Without a manager"), required=False)
    region = forms.CharField(label=_("Province"), max_length=60, required=False, widget=LongSelect)
    absent_days = forms.IntegerField(label=_("Days without purchase"), min_value=1, max_value=3650, required=False)
    text = forms.RegexField(
        regex=CONTACT_DATA,
        label=_("Name, number or city"),
        max_length=60,
        required=False,
        error_messages={"invalid": NOT_HERE},
        widget=forms.TextInput(attrs={"type": "search", "pattern": CONTACT_DATA.strip("^$"), "title": NOT_HERE}),
    )
    after = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, *, user: User) -> None:
        super().__init__(data)
        region = cast(forms.CharField, self.fields["region"])
        known = cast(list[str], cache.get_or_set("regions", queries.regions, AN_HOUR))
        typed = [data["region"]] if data.get("region") and data["region"] not in known else []
        cast(LongSelect, region.widget).choices = [("", _("Every province")), *((name, name) for name in known + typed)]
        scopes = rights_of(user).scopes
        chosen = cast("forms.ModelChoiceField[User]", self.fields["manager"])
        if scopes <= {Scope.OWN, Scope.DELEGATED}:
            # Whoever sees one book has nothing to choose; an old link may still name a manager.
            chosen.widget = forms.HiddenInput()
            self.fields["unassigned"].widget = forms.HiddenInput()
        elif Scope.TEAM in scopes and Scope.ALL not in scopes:
            chosen.queryset = MANAGERS.filter(team=user.team_id).order_by("full_name")

    def filters(self) -> queries.Filters:
        """What can be understood; the rest is said beside its field."""
        self.is_valid()
        data = self.cleaned_data
        return queries.Filters(
            customer_class=data.get("customer_class"),
            matrix_type=data.get("matrix_type"),
            manager_id=data["manager"].pk if data.get("manager") else None,
            unassigned=bool(data.get("unassigned")),
            region=data.get("region", ""),
            text=data.get("text", ""),
            absent_days=data.get("absent_days"),
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether somebody wanted less than the whole list, even if it was not understood."""
        return bool(self.errors) or self.filters() != queries.Filters()


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
