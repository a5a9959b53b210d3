"""What is asked of and about the people who work here."""

from collections.abc import Mapping
from typing import Any, cast
from zoneinfo import available_timezones

import phonenumbers
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from complaints.models import Department
from complaints.setup.defaults import Week
from core.accounts.models import Role, Team, User
from core.accounts.roles import Scope, holders, union
from core.lib.mall import SYMBOLS
from crm.desk.date_input import DateInput
from crm.desk.editing import EditForm
from crm.desk.long_select import LongSelect
from crm.flows import books
from crm.flows.mall import ALL_ROLES
from customers.models import Standing
from loyalty.tiers import membership

LANGUAGES = [("zh-hans", "简体中文"), ("zh-hant", "繁體中文"), ("en", "English")]
OVER = gettext_lazy("Also where a book is fuller than agreed")
DAYS = {"5": range(1, 6), "6": range(1, 7), "7": range(1, 8)}


def _secret(label: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "form-control"})
    return forms.CharField(label=label, strip=False, max_length=200, widget=widget)


class TwicePassword(forms.Form):
    """A new password, typed twice; what is wrong with it says the verb."""

    password = _secret(gettext_lazy("Password"))
    again = _secret(gettext_lazy("The password again"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "password" in data and "again" in data and data["password"] != data["again"]:
            self.add_error("again", _("The two are not the same."))
        return data


class JoinForm(TwicePassword):
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES)
    field_order = ("language", "password", "again")


class SetupForm(TwicePassword):
    """The mall and its first administrator, on one page."""

    code = forms.CharField(
        label=gettext_lazy("Setup code"),
        max_length=40,
        help_text=gettext_lazy("bin/laoke serve shows it, and bin/laoke code makes a new one."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    name = forms.CharField(label=gettext_lazy("Name of the mall"), max_length=80)
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"), choices=[(code, f"{code} {sign}".strip()) for code, sign in SYMBOLS.items()]
    )
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), widget=LongSelect)
    language = forms.ChoiceField(label=gettext_lazy("Language of the mall"), choices=LANGUAGES)
    region = forms.ChoiceField(
        label=gettext_lazy("Country"),
        widget=LongSelect,
        help_text=gettext_lazy("Whose phone numbers are written without a country code, and whose holidays are kept."),
    )
    days = forms.ChoiceField(
        label=gettext_lazy("Customer service works"),
        choices=[
            ("5", gettext_lazy("Monday to Friday")),
            ("6", gettext_lazy("Monday to Saturday")),
            ("7", gettext_lazy("every day")),
        ],
    )
    opens = forms.TimeField(label=gettext_lazy("From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    closes = forms.TimeField(
        label=gettext_lazy("Until"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    full_name = forms.CharField(label=gettext_lazy("Your name"), max_length=80)
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=150,
        help_text=gettext_lazy("With this you sign in."),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    alone = forms.BooleanField(
        label=gettext_lazy("I work alone"),
        required=False,
        help_text=gettext_lazy("You hold every role, see everything and may do everything. Colleagues can come later."),
    )
    MALL = ("name", "currency", "language", "region", "time_zone", "days", "opens", "closes")
    PERSON = ("full_name", "username", "email", "password", "again", "alone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        cast(forms.ChoiceField, self.fields["time_zone"]).choices = [(zone, zone.replace("_", " ")) for zone in zones]
        regions = sorted(phonenumbers.SUPPORTED_REGIONS)
        cast(forms.ChoiceField, self.fields["region"]).choices = [
            (code, f"{code} +{phonenumbers.country_code_for_region(code)}") for code in regions
        ]

    def week(self) -> Week:
        opens, closes = self.cleaned_data["opens"], self.cleaned_data["closes"]
        start, end = opens.hour * 60 + opens.minute, closes.hour * 60 + closes.minute
        return [(day, start, end or 1440) for day in DAYS[self.cleaned_data["days"]]]


def proposed(language: str) -> Mapping[str, Any]:
    """What the setup page opens with: the environment's word."""
    return {
        "name": "" if settings.MALL_NAME == "Laoke" else settings.MALL_NAME,
        "currency": settings.MALL_CURRENCY,
        "time_zone": settings.MALL_TIME_ZONE,
        "language": language,
        "region": settings.PHONE_REGION,
        "days": "5",
        "opens": "09:00",
        "closes": "18:00",
    }


class PersonForm(EditForm, forms.ModelForm[User]):
    """A colleague: what an administrator decides about them."""

    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles"),
        choices=[(role.value, role.label) for role in ALL_ROLES],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Rights add up: somebody with two roles may do what one of them may."),
    )

    class Meta:
        model = User
        fields = ("full_name", "email", "roles", "team", "capacity")
        labels = {
            "full_name": gettext_lazy("Name"),
            "email": gettext_lazy("E-mail"),
            "team": gettext_lazy("Team"),
            "capacity": gettext_lazy("Customers at most"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["full_name"].required = True
        cast("forms.ModelChoiceField[Team]", self.fields["team"]).queryset = Team.objects.order_by("name")
        if self.instance.pk and self.instance.holds(Role.CLIENT):
            self.fields["roles"].disabled = True
            cast(forms.MultipleChoiceField, self.fields["roles"]).choices = [(Role.CLIENT.value, Role.CLIENT.label)]


class InviteForm(PersonForm):
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    field_order = ("full_name", "username", "email", "roles", "team", "capacity")


class DepartmentsForm(EditForm, forms.Form):
    """Whose questions somebody answers."""

    departments = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Departments"),
        queryset=Department.objects.filter(active=True).order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def shown(self, row: User) -> dict[str, list[int]]:
        return {"departments": [department.pk for department in row.departments.order_by("name")]}


class LeaveForm(forms.Form):
    """Somebody leaves, and these take over."""

    to = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Who takes over"),
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Several share the customers, each as their capacity allows."),
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=200)

    def __init__(self, *args: Any, leaver: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = holders(*(role for role in ALL_ROLES)).exclude(pk=leaver.pk).order_by("full_name", "pk")
        if leaver.holds(Role.ACCOUNT_MANAGER, Role.TEAM_LEAD):
            people = people.filter(roles__overlap=[Role.ACCOUNT_MANAGER, Role.TEAM_LEAD])
        cast("forms.ModelMultipleChoiceField[User]", self.fields["to"]).queryset = people


class HandOverForm(forms.Form):
    """Which of a colleague's customers go, and to whom; `seen` is the plan that the page has shown."""

    giver = forms.ModelChoiceField(label=gettext_lazy("Whose customers"), queryset=User.objects.none())
    customer_class = forms.TypedChoiceField(
        label=gettext_lazy("Class"),
        choices=[("", gettext_lazy("Every class")), *Standing.Class.choices],
        coerce=int,
        empty_value=None,
        required=False,
    )
    level = forms.ChoiceField(label=gettext_lazy("Level"), required=False)
    quiet = forms.BooleanField(label=gettext_lazy("Only those with an open alert"), required=False)
    absent_days = forms.IntegerField(
        label=gettext_lazy("Days without purchase"), min_value=1, max_value=3650, required=False
    )
    to = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Who takes over"),
        queryset=User.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Several share the customers, each as their capacity allows."),
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=200)
    over = forms.BooleanField(label=OVER, required=False)
    seen = forms.CharField(required=False, max_length=40)

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("giver", "to"):
            cast("forms.ModelChoiceField[User]", self.fields[name]).queryset = books.givers(by)
        rules = membership.applied()
        levels = [(level["code"], level["name"]) for level in rules.levels] if rules else []
        cast(forms.ChoiceField, self.fields["level"]).choices = [("", gettext_lazy("Every level")), *levels]

    def part(self) -> books.Part:
        data = self.cleaned_data
        return books.Part(data["customer_class"], data["level"], data["quiet"], data["absent_days"])


class AwayForm(forms.Form):
    """Days away, and who works the book meanwhile."""

    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DateInput())
    ends_on = forms.DateField(label=gettext_lazy("Last day"), widget=DateInput())
    cover = forms.ModelChoiceField(
        label=gettext_lazy("Who works their customers meanwhile"),
        queryset=User.objects.none(),
        required=False,
        empty_label=gettext_lazy("nobody"),
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose_stand_in(self.fields["cover"], person)


class DelegateForm(forms.Form):
    """Who works somebody's book on these days, also while they are here: their assistant."""

    assistant = forms.ModelChoiceField(label=gettext_lazy("Who stands in"), queryset=User.objects.none())
    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DateInput())
    ends_on = forms.DateField(label=gettext_lazy("Last day"), widget=DateInput())

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose_stand_in(self.fields["assistant"], person)


def _choose_stand_in(field: forms.Field, person: User) -> None:
    able = [role for role in ALL_ROLES if union([role]).scopes & {Scope.OWN, Scope.TEAM, Scope.DELEGATED}]
    people = cast("forms.ModelChoiceField[User]", field)
    people.queryset = holders(*able).exclude(pk=person.pk).order_by("full_name", "pk")


class TeamForm(EditForm, forms.ModelForm[Team]):
    class Meta:
        model = Team
        fields = ("name", "centre")
        labels = {"name": gettext_lazy("Name"), "centre": gettext_lazy("Centre")}
        help_texts = {"centre": gettext_lazy("The lead of a centre sees the customers of all its teams.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        centres = Team.objects.filter(centre__isnull=True).exclude(pk=self.instance.pk).order_by("name")
        cast("forms.ModelChoiceField[Team]", self.fields["centre"]).queryset = centres
