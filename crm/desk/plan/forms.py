"""The forms of plans, appointments and visits."""

from datetime import date, timedelta
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from care.models import Appointment, Means, Who
from care.plans import Asked
from care.rules import LONGEST, Table
from core.accounts.models import User
from crm.desk.date_input import DateInput, TimeInput
from customers.models import Contact, Standing

SPARE_ROWS = 3


def leaders() -> Any:
    """Who goes along to visits of the best customers."""
    return User.objects.filter(is_leader=True, is_active=True).order_by("full_name", "pk")


class BookForm(forms.Form):
    """What is agreed with a customer; its key makes a form sent twice one appointment."""

    on = forms.DateField(label=_("Day"), widget=DateInput(attrs={"autofocus": True}))
    hour = forms.TimeField(
        label=_("At what time"), required=False, widget=TimeInput(), help_text=_("Empty: some time that day")
    )
    how = forms.ChoiceField(label=_("How"), choices=Appointment.How.choices)
    minutes = forms.IntegerField(label=_("Minutes"), min_value=5, max_value=480, initial=30)
    purpose = forms.ChoiceField(label=_("What for"), choices=Appointment.Purpose.choices)
    attendees = forms.ModelMultipleChoiceField(
        label=_("Leaders who come along"), queryset=User.objects.none(), required=False
    )
    place = forms.CharField(label=_("Where"), max_length=120, required=False)
    note = forms.CharField(label=_("Note"), max_length=200, required=False)
    client_key = forms.UUIDField(widget=forms.HiddenInput())

    def __init__(self, data: QueryDict | None = None, *, first: date, purpose: str = "", how: str = "") -> None:
        initial = {"on": first, "purpose": purpose or Appointment.Purpose.PLAN, "how": how, "client_key": uuid4()}
        super().__init__(data, initial=initial)
        people = leaders()
        cast("forms.ModelMultipleChoiceField[User]", self.fields["attendees"]).queryset = people
        if not people:
            del self.fields["attendees"]


class MoveForm(forms.Form):
    on = forms.DateField(label=_("Day"), widget=DateInput(attrs={"autofocus": True}))
    hour = forms.TimeField(
        label=_("At what time"), required=False, widget=TimeInput(), help_text=_("Empty: some time that day")
    )

    def __init__(self, data: QueryDict | None = None, *, appointment: Appointment, today: date) -> None:
        on = max(appointment.on, today + timedelta(days=1))
        super().__init__(data, initial={"on": on, "hour": appointment.hour})


class CancelForm(forms.Form):
    reason = forms.CharField(
        label=_("Why it is called off"), max_length=200, widget=forms.TextInput(attrs={"autofocus": True})
    )


class OwnPlanForm(forms.Form):
    every_days = forms.IntegerField(
        label=_("Talk with them every so many days"),
        min_value=1,
        max_value=LONGEST,
        widget=forms.NumberInput(attrs={"autofocus": True}),
    )
    means = forms.ChoiceField(label=_("How at least"), choices=Means.choices)
    who = forms.ChoiceField(label=_("Who talks"), choices=Who.choices)
    visits_a_year = forms.IntegerField(label=_("Visits a year"), min_value=0, max_value=52, initial=0)
    leader_visits_a_year = forms.IntegerField(
        label=_("Visits of a leader a year"), min_value=0, max_value=12, initial=0
    )
    until = forms.DateField(
        label=_("Until"), required=False, widget=DateInput(), help_text=_("Empty: until somebody ends it")
    )
    why = forms.CharField(label=_("Why a plan of their own"), max_length=200)

    def asked(self) -> Asked:
        """What a valid form says."""
        return Asked(**self.cleaned_data)


class VisitForm(forms.Form):
    """A talk logged on the way, with a thumb: what must be chosen is one press away."""

    channel = forms.ChoiceField(label=_("Channel"), choices=Contact.Channel.choices, widget=forms.RadioSelect)
    direction = forms.ChoiceField(
        label=_("Direction"), choices=Contact.Direction.choices, initial=Contact.Direction.OUT
    )
    outcome = forms.ChoiceField(label=_("Outcome"), choices=Contact.Outcome.choices, widget=forms.RadioSelect)
    mood = forms.ChoiceField(
        label=_("Mood"), choices=Contact.Mood.choices, initial=Contact.Mood.NEUTRAL, widget=forms.RadioSelect
    )
    attendees = forms.ModelMultipleChoiceField(
        label=_("With"), queryset=User.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    note = forms.CharField(label=_("What was said"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    promise = forms.CharField(label=_("Promise"), max_length=200, required=False)
    promise_due_on = forms.DateField(label=_("Promised for"), required=False, widget=DateInput())
    promise_due_time = forms.TimeField(label=_("At what time"), required=False, widget=TimeInput())
    next_in = forms.ChoiceField(label=_("Next contact"), required=False, widget=forms.RadioSelect)
    place = forms.CharField(label=_("Where"), max_length=120, required=False)
    minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=480, required=False)
    client_key = forms.UUIDField(widget=forms.HiddenInput())

    def __init__(
        self, data: QueryDict | None = None, *, appointment: Appointment | None = None, every_days: int | None = None
    ) -> None:
        is_call = appointment is not None and appointment.how == Appointment.How.CALL
        initial: dict[str, Any] = {
            "channel": Contact.Channel.PHONE if is_call else Contact.Channel.VISIT,
            "client_key": uuid4(),
            "next_in": "",
        }
        if appointment:
            initial |= {"place": appointment.place, "attendees": [person.pk for person in appointment.attendees.all()]}
        super().__init__(data, initial=initial)
        choices = [
            ("", _now("As the plan says")) if every_days else ("", _now("Not planned")),
            ("7", "+7"),
            ("14", "+14"),
        ]
        cast("forms.ChoiceField", self.fields["next_in"]).choices = choices
        people = leaders()
        cast("forms.ModelMultipleChoiceField[User]", self.fields["attendees"]).queryset = people
        if not people:
            del self.fields["attendees"]


class RuleRowForm(forms.Form):
    """A row of the rules; one without its days is none."""

    served = forms.TypedChoiceField(required=False, coerce=int, empty_value=None, label=_("Served as"))
    type = forms.TypedChoiceField(required=False, coerce=int, empty_value=None, label=_("Type"))
    rank = forms.IntegerField(required=False, min_value=0, max_value=99, label=_("Level from"))
    every = forms.IntegerField(required=False, min_value=1, max_value=LONGEST, label=_("Every so many days"))
    means = forms.ChoiceField(choices=Means.choices, label=_("How at least"))
    who = forms.ChoiceField(choices=Who.choices, label=_("Who talks"))
    visits = forms.IntegerField(min_value=0, max_value=52, initial=0, label=_("Visits a year"))
    leader_visits = forms.IntegerField(min_value=0, max_value=12, initial=0, label=_("Visits of a leader a year"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        anybody = [("", _now("any"))]
        cast("forms.ChoiceField", self.fields["served"]).choices = [*anybody, *Standing.Class.choices]
        cast("forms.ChoiceField", self.fields["type"]).choices = [*anybody, *Standing.Type.choices]
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = field.label


class RulesForm(forms.Form):
    starts_on = forms.DateField(
        label=_("In force from"), help_text=_("Empty: from tomorrow on"), widget=DateInput(), required=False
    )
    reason = forms.CharField(label=_("Why the rules change"), max_length=300, required=False)

    def __init__(self, data: QueryDict | None = None, *, table: Table) -> None:
        super().__init__(data)
        begun = [row._asdict() for row in table.rows]
        factory = forms.formset_factory(RuleRowForm, extra=SPARE_ROWS)
        self.table = factory(data, prefix="row", initial=begun)

    def is_valid(self) -> bool:
        return all([super().is_valid(), self.table.is_valid()])

    def rows(self) -> list[dict[str, Any]]:
        """The rows that ask for something, of a valid form."""
        return [row.cleaned_data for row in self.table if row.cleaned_data.get("every")]
