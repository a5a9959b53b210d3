"""The forms of My day and of the alerts."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

from django import forms
from django.http import QueryDict
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from core.accounts.roles import Permission, who_may
from core.lib.periods import mall_time
from core.outbox.kinds import NEVER_OFF, Topic
from core.outbox.models import NoticeChoice
from crm.desk.date_input import DateInput, TimeInput
from customers import managers
from customers.access import in_reach
from customers.models import Contact, Customer, Promise, Todo
from customers.work import stakes
from segmentation.models import Alert

Level = NoticeChoice.Level
TOPICS: list[Topic] = [topic for topic in Topic if topic != Topic.DIGEST]


class SnoozeForm(forms.Form):
    reason = forms.CharField(
        label=_("Why it can wait"), max_length=200, widget=forms.TextInput(attrs={"autofocus": True})
    )
    until = forms.DateField(label=_("Show again on"), widget=DateInput())


class ContactForm(forms.Form):
    channel = forms.ChoiceField(label=_("Channel"), choices=Contact.Channel.choices)
    direction = forms.ChoiceField(label=_("Direction"), choices=Contact.Direction.choices)
    outcome = forms.ChoiceField(label=_("Outcome"), choices=Contact.Outcome.choices)
    mood = forms.ChoiceField(label=_("Mood"), choices=Contact.Mood.choices, initial=Contact.Mood.NEUTRAL)
    note = forms.CharField(label=_("Note"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    promise = forms.CharField(label=_("Promise"), max_length=200, required=False)
    promise_due_on = forms.DateField(label=_("Promised for"), required=False, widget=DateInput())
    promise_due_time = forms.TimeField(label=_("At what time"), required=False, widget=TimeInput())
    next_contact_on = forms.DateField(label=_("Next contact"), required=False, widget=DateInput())


class TalkForm(ContactForm):
    """A talk from a row of My day: what was said, and whether the row is done with it."""

    closes = forms.BooleanField(label=_("This is done with it"), required=False, initial=True)
    field_order = ("outcome", "note", "closes", "channel", "direction", "mood")

    def __init__(self, data: QueryDict | None = None, *, task: Todo) -> None:
        super().__init__(data)
        self.fields["outcome"].widget.attrs["autofocus"] = True
        elsewhere = task.promise and task.promise.source == Promise.Source.REMEDY
        if elsewhere or task.reason == Todo.Reason.LETTER:
            # Talking gives nobody the remedy, and sends no letter.
            del self.fields["closes"]
        elif task.promise:
            self.fields["closes"].label = _("The promise is kept with it")


class DecideForm(forms.Form):
    decision = forms.ChoiceField(
        label=_("What we do"),
        choices=list(Alert.Decision.choices)[1:],
        widget=forms.RadioSelect(attrs={"autofocus": True}),
        initial=Alert.Decision.CONTACT,
    )
    due_on = forms.DateField(
        label=_("Until"),
        required=False,
        widget=DateInput(),
        help_text=_("Empty: contact and offer tomorrow, visit in three days, watch for a week."),
    )
    owner = forms.ModelChoiceField(label=_("Who does it"), queryset=User.objects.none(), required=False)

    def __init__(self, data: QueryDict | None = None, *, by: User, customer: Customer, today: date) -> None:
        super().__init__(data)
        people = managers.choosable(by) | User.objects.filter(pk=by.pk, is_active=True)
        # Who cannot open the customer cannot do it.
        seeing = in_reach(people.distinct(), [customer.pk], today)
        people = User.objects.filter(pk__in=[pk for pk, seen in seeing.items() if seen]).order_by("full_name", "pk")
        cast("forms.ModelChoiceField[User]", self.fields["owner"]).queryset = people
        cast("forms.ModelChoiceField[User]", self.fields["owner"]).empty_label = str(_("The manager of the customer"))


class MoveForm(forms.Form):
    """Another time, which begins as the one that holds, or as tomorrow where that is over."""

    due_on = forms.DateField(label=_("Promised for"), widget=DateInput(attrs={"autofocus": True}))
    due_time = forms.TimeField(
        label=_("At what time"),
        required=False,
        widget=TimeInput(),
        help_text=_("Empty: until the desk closes that day"),
    )
    reason = forms.CharField(label=_("Why it is moved"), max_length=200)
    agreed_with_customer = forms.BooleanField(
        label=_("The customer has agreed"),
        required=False,
        help_text=_("Moved once and before its hour it counts at the new one; otherwise it is kept late."),
    )

    def __init__(self, data: QueryDict | None = None, *, promise: Promise, today: date) -> None:
        due = mall_time(promise.due_at)
        initial: dict[str, object] = {"due_on": max(due.date(), today + timedelta(days=1))}
        if promise.grain == Promise.Grain.HOUR:
            initial["due_time"] = due.time()
        super().__init__(data, initial=initial)


class ReleaseForm(forms.Form):
    how = forms.CharField(
        label=_("Why it need not be kept"), max_length=200, widget=forms.TextInput(attrs={"autofocus": True})
    )


class HandOverForm(forms.Form):
    to = forms.ModelChoiceField(label=_("Who keeps it"), queryset=User.objects.none())

    def __init__(self, data: QueryDict | None = None, *, promise: Promise) -> None:
        super().__init__(data)
        people = who_may(Permission.MY_DAY).exclude(pk=promise.owner_id).order_by("full_name", "pk")
        cast("forms.ModelChoiceField[User]", self.fields["to"]).queryset = people


class NoticesForm(forms.Form):
    """What happens with each topic; a topic that is never off does not offer it."""

    mail = forms.BooleanField(label=_("The digest also by e-mail"), required=False)

    def __init__(self, data: QueryDict | None, *, levels: Mapping[Topic, Level]) -> None:
        super().__init__(data, initial={"mail": levels[Topic.DIGEST] == Level.MAIL})
        for topic in TOPICS:
            choices = [(level.value, level.label) for level in (Level.RING, Level.NEWS, Level.OFF)]
            self.fields[topic.value] = forms.ChoiceField(
                label=topic.label,
                choices=[choice for choice in choices if choice[0] != Level.OFF or topic not in NEVER_OFF],
                initial=levels[topic].value,
            )

    def topics(self) -> list[forms.BoundField]:
        return [self[topic.value] for topic in TOPICS]

    def chosen(self) -> list[tuple[Topic, Level]]:
        """What is to be stored, of a valid form."""
        told: list[tuple[Topic, Level]] = [(topic, Level(self.cleaned_data[topic.value])) for topic in TOPICS]
        return [*told, (Topic.DIGEST, Level.MAIL)] if self.cleaned_data["mail"] else told


class RisksForm(forms.Form):
    """The share of each reason that has one in per cent, why it changes, and from when."""

    starts_on = forms.DateField(
        label=_("In force from"), help_text=_("Empty: from today on"), widget=DateInput(), required=False
    )
    reason = forms.CharField(label=_("Why the rules change"), max_length=300, required=False)

    def __init__(self, data: QueryDict | None = None, *, table: stakes.Table) -> None:
        super().__init__(data)
        for reason, share in table.shares.items():
            self.fields[reason] = forms.DecimalField(
                label=format_lazy("{} (%)", Todo.Reason(reason).label),
                initial=stakes.percent(share),
                min_value=Decimal("0.01"),
                max_value=100,
                decimal_places=2,
                widget=forms.NumberInput(attrs={"step": "any"}),
            )
        self.order_fields([*table.shares, "starts_on", "reason"])

    def shares(self) -> dict[str, str]:
        """As they are stored, of a valid form."""
        return {reason: str(self.cleaned_data[reason] / 100) for reason in stakes.FIRST.shares}


class CommentForm(forms.Form):
    text = forms.CharField(label=_("Comment"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
