"""The forms in which a record is written."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field
from core.lib.almanac.days import LifeDay
from core.lib.errors import Invalid
from crm.desk.date_input import DateInput
from crm.desk.editing import EditForm
from customers import contact_points
from customers.models import ContactPoint, Customer, CustomField
from customers.record import fields as custom_fields
from customers.record.facts import NOT_TOLD, Facts

CUSTOM = "custom-"
CALENDARS = (("", _("Usual calendar")), ("lunar", _("Lunar calendar")), ("leap", _("Lunar calendar, leap month")))
# What a form says as it is typed.
PLAIN = ("name", "region", "city", "mindset", "preferred_channel", "is_reseller", "influencers", "notes")
NOT_ASKED = ("birth_month", "birth_day", "birth_year", "birth_calendar")


class _Profile(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    region = forms.CharField(label=_("Province"), max_length=60, required=False)
    city = forms.CharField(label=_("City"), max_length=60, required=False)
    birth_month = forms.IntegerField(label=_("Month of birth"), min_value=1, max_value=12, required=False)
    birth_day = forms.IntegerField(label=_("Day of birth"), min_value=1, max_value=31, required=False)
    birth_year = forms.IntegerField(
        label=_("Year of birth"), required=False, help_text=_("Leave it empty when it is not known.")
    )
    birth_calendar = forms.ChoiceField(label=_("Birthday by the"), choices=CALENDARS, required=False)
    interests = forms.CharField(
        label=_("Interests"), max_length=1000, required=False, help_text=_("Several with commas between them.")
    )
    mindset = forms.ChoiceField(label=_("Mindset"), choices=Customer.Mindset.choices)
    preferred_channel = forms.ChoiceField(label=_("Preferred channel"), choices=Customer.Channel.choices)
    is_reseller = forms.BooleanField(label=_("Buys to resell"), required=False)
    influencers = forms.CharField(
        label=_("Who influences what they buy"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Family, colleagues, friends, and what these like"),
    )
    notes = forms.CharField(label=_("Notes"), required=False, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, data: Any = None, *, reader: User, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.asked = custom_fields.in_use()
        for asked in self.asked:
            self.fields[CUSTOM + asked.key] = _field(asked)
        if not sees(reader, Field.BIRTHDAY):
            for name in NOT_ASKED:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        month, day = data.get("birth_month"), data.get("birth_day")
        if (month is None) != (day is None) and not {"birth_month", "birth_day"} & self.errors.keys():
            self.add_error("birth_day" if day is None else "birth_month", _("A birthday needs its month and its day."))
        elif month is None and data.get("birth_year") and "birth_month" not in self.errors:
            self.add_error("birth_month", _("A birthday needs its month and its day."))
        return data

    def facts(self, **more: Any) -> Facts:
        """What the settled form tells."""
        data = self.cleaned_data
        told: dict[str, Any] = {name: data[name] for name in PLAIN}
        told["interests"] = tuple(data["interests"].replace("，", ",").replace("、", ",").split(","))
        told["custom"] = {asked.key: data[CUSTOM + asked.key] for asked in self.asked}
        told["birthday"] = NOT_TOLD if "birth_month" not in self.fields else _birthday(data)
        return Facts(**told, **more)

    @property
    def custom(self) -> list[forms.BoundField]:
        """The mall's own fields, as the page shows them."""
        return [self[CUSTOM + asked.key] for asked in self.asked]


def _birthday(data: Mapping[str, Any]) -> LifeDay | None:
    if data["birth_month"] is None:
        return None
    calendar = data["birth_calendar"]
    return LifeDay(data["birth_month"], data["birth_day"], data["birth_year"], calendar != "", calendar == "leap")


def _field(asked: CustomField) -> forms.Field:
    if asked.kind == CustomField.Kind.NUMBER:
        return forms.DecimalField(label=asked.name, required=False)
    if asked.kind == CustomField.Kind.DATE:
        return forms.DateField(label=asked.name, required=False, widget=DateInput())
    if asked.kind == CustomField.Kind.CHOICE:
        return forms.ChoiceField(
            label=asked.name, required=False, choices=[("", "–"), *((text, text) for text in asked.choices)]
        )
    return forms.CharField(label=asked.name, required=False, max_length=custom_fields.LONGEST_ANSWER)


class RecordForm(EditForm, _Profile):
    """What is on record of one customer, to be corrected."""

    def shown(self, row: Customer) -> dict[str, Any]:
        shown = {name: getattr(row, name) for name in PLAIN}
        born = row.birthday
        shown |= {f"birth_{name}": getattr(born, name, None) for name in ("month", "day", "year")}
        shown["birth_calendar"] = "" if born is None else "leap" if born.is_leap else "lunar" if born.is_lunar else ""
        shown["interests"] = ", ".join(row.interests)
        shown |= {CUSTOM + asked.key: row.custom.get(asked.key) or "" for asked in self.asked}
        return {name: value for name, value in shown.items() if name in self.fields}

    @classmethod
    def of(cls, row: Customer, *, reader: User) -> "RecordForm":
        """The form as it opens."""
        form = cls(reader=reader)
        form.initial = form.shown(row)
        return form


class NewCustomerForm(_Profile):
    """Somebody who is not on record yet."""

    phone = forms.CharField(
        label=_("Phone"), max_length=40, required=False, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    email = forms.CharField(
        label=_("E-mail"), max_length=254, required=False, widget=forms.TextInput(attrs={"inputmode": "email"})
    )
    address = forms.CharField(label=_("Address"), max_length=300, required=False)
    anyway = forms.BooleanField(required=False, widget=forms.HiddenInput())
    field_order = ("name", "phone", "email", "address")

    def clean_phone(self) -> str:
        return _usable(contact_points.Kind.PHONE, self.cleaned_data["phone"])

    def clean_email(self) -> str:
        return _usable(contact_points.Kind.EMAIL, self.cleaned_data["email"])

    def clean_address(self) -> str:
        return _usable(contact_points.Kind.ADDRESS, self.cleaned_data["address"])

    def told(self) -> Facts:
        reached = {name: (data,) if (data := self.cleaned_data[name]) else () for name in ("phone", "email", "address")}
        return self.facts(phones=reached["phone"], emails=reached["email"], addresses=reached["address"])


def _usable(kind: str, value: str) -> str:
    """As it was typed; a value that is not one of its kind stands with the sentence that the REST API answers."""
    if value:
        try:
            contact_points.normalise(kind, value)
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal)) from None
    return value


class ContactPointForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), choices=ContactPoint.Kind.choices)
    value = forms.CharField(
        label=_("Number or address"), max_length=300, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class TestForm(forms.Form):
    """What was only a test is named once more, with the reason."""

    number = forms.CharField(
        label=_("Type its number to confirm"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    reason = forms.CharField(label=_("Why is it a test?"), max_length=200)


class RemovalForm(TestForm):
    """A customer is named by number alone: whoever removes tests need not see who it was."""

    number = forms.CharField(
        label=_("Customer number"), max_length=20, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    again = forms.CharField(
        label=_("The same number once more"), max_length=20, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    field_order = ("number", "again", "reason")
