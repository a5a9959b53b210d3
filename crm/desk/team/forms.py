"""What is asked about days away and hand-overs."""

from datetime import date
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from core.accounts.models import Absence, Role, User
from core.accounts.roles import Scope, holders, union
from crm.desk.date_input import DateInput
from crm.flows.mall import ALL_ROLES
from customers import managers

NOBODY = gettext_lazy("nobody")


def colleagues(user: User) -> QuerySet[User]:
    """Who could stand in for this person: whose role works with books, those of the same team first."""
    able = [Role(role) for role in ALL_ROLES if union([role]).scopes & {Scope.OWN, Scope.TEAM, Scope.DELEGATED}]
    return holders(*able).exclude(pk=user.pk).order_by("full_name", "pk")


def _choose(field: forms.Field, people: QuerySet[User]) -> None:
    cast("forms.ModelChoiceField[User]", field).queryset = people


class DaysForm(forms.Form):
    """From when until when, and who stands in."""

    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DateInput())
    ends_on = forms.DateField(label=gettext_lazy("Last day"), widget=DateInput())
    cover = forms.ModelChoiceField(
        label=gettext_lazy("Who stands in"), queryset=User.objects.none(), required=False, empty_label=NOBODY
    )


class AskForm(DaysForm):
    words = forms.CharField(label=gettext_lazy("What for"), max_length=200, required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self.fields["cover"], colleagues(user))


class NoteForm(DaysForm):
    """A lead notes the days of somebody of the team."""

    user = forms.ModelChoiceField(label=gettext_lazy("Who is away"), queryset=User.objects.none())
    field_order = ("user", "starts_on", "ends_on", "cover")

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self.fields["user"], managers.choosable(by))
        _choose(self.fields["cover"], colleagues(User()))


class GrantForm(forms.Form):
    cover = forms.ModelChoiceField(
        label=gettext_lazy("Who stands in"), queryset=User.objects.none(), required=False, empty_label=NOBODY
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self.fields["cover"], colleagues(user))


class WhyForm(forms.Form):
    why = forms.CharField(label=gettext_lazy("Why"), max_length=200)


class ChangeForm(forms.Form):
    ends_on = forms.DateField(label=gettext_lazy("Last day"), widget=DateInput())


class CoverForm(forms.Form):
    """From that day on somebody else stands in."""

    by_whom = forms.ModelChoiceField(label=gettext_lazy("Who stands in"), queryset=User.objects.none())
    starts_on = forms.DateField(label=gettext_lazy("From"), widget=DateInput())

    def __init__(self, *args: Any, leave: Absence, today: date, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"starts_on": max(today, leave.starts_on)})
        super().__init__(*args, **kwargs)
        _choose(self.fields["by_whom"], colleagues(leave.user))
