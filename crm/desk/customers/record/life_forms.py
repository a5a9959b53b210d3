"""The forms of the days of somebody's life, and of those who must not be reached."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.lib.almanac.days import LifeDay
from crm.desk.customers.record.forms import CALENDARS
from crm.desk.date_input import DateInput
from crm.desk.editing import EditForm
from crm.desk.today import today
from customers.models import ContactStop, Customer, LifeDate
from customers.record.life_dates import Told


class LifeDateForm(EditForm, forms.Form):
    """One day; `of` is the row that is corrected."""

    kind = forms.ChoiceField(label=_("What day it is"), choices=LifeDate.Kind.choices)
    of_whom = forms.CharField(
        label=_("Whose day"),
        max_length=60,
        required=False,
        help_text=_("Empty: the customer's own. Else a child, a partner."),
    )
    label = forms.CharField(label=_("What for"), max_length=60, required=False)
    month = forms.IntegerField(label=_("Month"), min_value=1, max_value=12)
    day = forms.IntegerField(
        label=_("Day"), min_value=1, max_value=31, required=False, help_text=_("Empty: only the month is known.")
    )
    year = forms.IntegerField(label=_("Year"), required=False, help_text=_("Leave it empty when it is not known."))
    calendar = forms.ChoiceField(label=_("By the"), choices=CALENDARS, required=False)
    greet = forms.BooleanField(label=_("Greet on this day"), required=False, initial=True)

    def __init__(self, data: Any = None, *, of: LifeDate | None = None) -> None:
        self.of = of
        super().__init__(data, initial=self._says(of) if of else {})

    def shown(self, row: Customer) -> dict[str, Any]:
        kept = row.life_dates.filter(pk=self.of.pk).first() if self.of else None
        return self._says(kept) if kept else {}

    def told(self) -> Told:
        """What the settled form tells."""
        data = self.cleaned_data
        calendar = data["calendar"]
        day = LifeDay(data["month"], data["day"], data["year"], calendar != "", calendar == "leap")
        return Told(data["kind"], day, data["label"], data["of_whom"], data["greet"])

    @staticmethod
    def _says(row: LifeDate) -> dict[str, Any]:
        says = {name: getattr(row, name) for name in ("kind", "of_whom", "label", "month", "day", "year", "greet")}
        return says | {"calendar": "leap" if row.leap else "lunar" if row.life_day.is_lunar else ""}


class StopForm(forms.Form):
    """Why nobody is to reach the customer."""

    kind = forms.ChoiceField(label=_("Why"), choices=ContactStop.Kind.choices, widget=forms.RadioSelect)
    since = forms.DateField(label=_("Since"), initial=today, widget=DateInput())
    said_by = forms.CharField(
        label=_("Who said so"), max_length=120, required=False, help_text=_("The customer, their family, a colleague")
    )
    note = forms.CharField(label=_("Note"), max_length=200, required=False)


class StopUndoForm(forms.Form):
    reason = forms.CharField(label=_("Why they may be reached again"), max_length=200)
