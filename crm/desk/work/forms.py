"""The forms of My day and of the alerts."""

from collections.abc import Mapping

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.outbox.kinds import NEVER_OFF, Topic
from core.outbox.models import NoticeChoice
from crm.desk.date_input import DateInput
from segmentation.alerts import INTERVIEW
from segmentation.models import Alert

Level = NoticeChoice.Level
TOPICS: list[Topic] = [topic for topic in Topic if topic != Topic.DIGEST]


class SnoozeForm(forms.Form):
    reason = forms.CharField(
        label=_("Why it can wait"), max_length=200, widget=forms.TextInput(attrs={"autofocus": True})
    )
    until = forms.DateField(label=_("Show again on"), widget=DateInput())


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


class FilterForm(forms.Form):
    kind = forms.ChoiceField(choices=[("", _("Both kinds")), *Alert.Kind.choices], required=False)
    state = forms.ChoiceField(
        label=_("State"),
        choices=[("", _("Open")), ("closed", _("Closed")), *list(Alert.State.choices)[1:]],
        required=False,
    )
    undecided = forms.BooleanField(label=_("Not decided yet"), required=False)


class LostForm(forms.Form):
    cause = forms.ChoiceField(label=_("Cause"), choices=Alert.Cause.choices, widget=forms.RadioSelect)
    why = forms.CharField(label=_("Why did they leave?"), widget=forms.Textarea(attrs={"rows": 2}), required=False)
    recoverable = forms.CharField(label=_("Can we win them back, and how?"), max_length=300, required=False)
    rival = forms.CharField(label=_("Which rival do they buy from now?"), max_length=120, required=False)
    compared = forms.CharField(label=_("How does the rival's service compare?"), max_length=300, required=False)


def interview_of(alert: Alert) -> list[tuple[str, str]]:
    """What a lost customer answered: the questions that have an answer, with it."""
    answers = ((question, alert.interview.get(question)) for question in INTERVIEW)
    return [(str(LostForm.base_fields[question].label), str(answer)) for question, answer in answers if answer]


class CommentForm(forms.Form):
    text = forms.CharField(label=_("Comment"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
