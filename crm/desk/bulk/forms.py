"""What is asked before many rows are changed or taken away, a form for each kind."""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.http import QueryDict
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from complaints.models import Queue
from core.accounts.models import User
from core.accounts.roles import Permission, who_may
from crm.desk.bulk import export
from crm.desk.date_input import DateInput
from crm.desk.lists.asking import Asked
from crm.desk.today import now, today
from crm.flows.bulk import alerts, cases
from crm.flows.bulk import customers as bulk
from crm.flows.bulk.exports import EXPORT
from customers import managers
from customers.models import Label
from customers.record import labels
from customers.todo import LONGEST_SNOOZE
from customers.work import capacity
from segmentation.models import Alert

# What a list is taken away for.
PURPOSES = (
    ("calls", gettext_lazy("A list to call from")),
    ("mailing", gettext_lazy("Letters or parcels that go out by hand")),
    ("report", gettext_lazy("A report for inside")),
    ("mall", gettext_lazy("Another system of the mall")),
    ("person", gettext_lazy("The customers’ own wish")),
)
OFF = "off"


class BulkForm(forms.Form):
    """`params` is what the run keeps; `reason` why; `note` a sentence about what will come of it."""

    title: Any = ""
    button: Any = ""
    expected = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=10**7)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, by: User, known: Asked, count: int) -> None:
        self.by, self.known, self.count = by, known, count
        super().__init__(data, initial={"expected": count, "key": uuid4()})

    def params(self, at: Any) -> dict[str, Any]:
        raise NotImplementedError

    def reason(self) -> str:
        return str(self.cleaned_data.get("reason", ""))

    def note(self) -> str:
        return ""


class AssignForm(BulkForm):
    title = gettext_lazy("Assign a manager")
    button = gettext_lazy("Assign")
    manager = forms.ChoiceField(label=gettext_lazy("Manager"))
    why = forms.CharField(label=gettext_lazy("Reason"), max_length=200)

    def __init__(self, data: QueryDict | None = None, *, by: User, known: Asked, count: int) -> None:
        super().__init__(data, by=by, known=known, count=count)
        people = managers.choosable(by)
        books = managers.books(people)
        most = capacity.most_of(list(people), on=today(), at=now())
        said = _("%(name)s: %(book)d + %(more)d of %(most)d")
        cast(forms.ChoiceField, self.fields["manager"]).choices = [("", _("Choose"))] + [
            (
                str(person.pk),
                said % {"name": person, "book": books.get(person.pk, 0), "more": count, "most": most[person.pk]},
            )
            for person in people
        ]

    def params(self, at: Any) -> dict[str, Any]:
        return {"manager": int(self.cleaned_data["manager"])}

    def reason(self) -> str:
        return str(self.cleaned_data["why"])


class TaskForm(BulkForm):
    title = gettext_lazy("Add a task")
    button = gettext_lazy("Add")
    words = forms.CharField(label=gettext_lazy("What is to be done"), max_length=120)
    due_on = forms.DateField(label=gettext_lazy("By when"), widget=DateInput)
    owner = forms.ChoiceField(label=gettext_lazy("Whose task"))

    def __init__(self, data: QueryDict | None = None, *, by: User, known: Asked, count: int) -> None:
        super().__init__(data, by=by, known=known, count=count)
        people = [(str(person.pk), str(person)) for person in managers.choosable(by).exclude(pk=by.pk)]
        chooser = cast(forms.ChoiceField, self.fields["owner"])
        chooser.choices = [("", _("Each customer’s manager")), ("me", _("me")), *people]
        chooser.required = False

    def clean_due_on(self) -> date:
        day: date = self.cleaned_data["due_on"]
        if day < today():
            raise forms.ValidationError(_("Choose today or a later day."))
        return day

    def params(self, at: Any) -> dict[str, Any]:
        owner = self.cleaned_data["owner"]
        return {
            "words": self.cleaned_data["words"],
            "due_on": self.cleaned_data["due_on"].isoformat(),
            "owner": self.by.pk if owner == "me" else int(owner) if owner else None,
        }

    def note(self) -> str:
        return _("It stands on My day from that day on. Logging a contact with the customer finishes it.")


class LabelForm(BulkForm):
    title = gettext_lazy("Labels")
    button = gettext_lazy("Carry out")
    way = forms.ChoiceField(
        label=gettext_lazy("Put on or take off"),
        choices=[("on", gettext_lazy("Put on")), (OFF, gettext_lazy("Take off"))],
        initial="on",
    )
    label = forms.ChoiceField(label=gettext_lazy("Label"), required=False)
    name = forms.CharField(label=gettext_lazy("Or a new label"), max_length=30, required=False)

    def __init__(self, data: QueryDict | None = None, *, by: User, known: Asked, count: int) -> None:
        super().__init__(data, by=by, known=known, count=count)
        chooser = cast(forms.ChoiceField, self.fields["label"])
        chooser.choices = [("", _("Choose")), *((str(label.pk), label.name) for label in labels.in_use())]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if bool(data.get("label")) == bool(data.get("name")):
            self.add_error("label", _("Choose a label, or write the name of a new one."))
        if data.get("name") and data.get("way") == OFF:
            self.add_error("name", _("A new label can only be put on."))
        return data

    def params(self, at: Any) -> dict[str, Any]:
        pk = self.cleaned_data["label"]
        if not pk:
            pk = labels.make(self.cleaned_data["name"], Label.Colour.BLUE, by=self.by, at=at).pk
        return {"label": int(pk), "off": self.cleaned_data["way"] == OFF}


class ExportForm(BulkForm):
    title = gettext_lazy("Export")
    button = gettext_lazy("Export")
    format = forms.ChoiceField(
        label=gettext_lazy("File"),
        choices=[(export.XLSX, gettext_lazy("Workbook (XLSX)")), (export.CSV, gettext_lazy("Table (CSV)"))],
    )
    purpose = forms.ChoiceField(label=gettext_lazy("What for"), choices=[("", gettext_lazy("Choose")), *PURPOSES])

    def params(self, at: Any) -> dict[str, Any]:
        columns = [column.key for column in self.known.columns]
        data = self.cleaned_data
        return {
            "format": data["format"],
            "columns": columns,
            "purpose": data["purpose"],
            "language": get_language() or "en",
        }

    def reason(self) -> str:
        return str(dict(PURPOSES)[self.cleaned_data["purpose"]])

    def note(self) -> str:
        most = export.most_of(self.by)
        columns = ", ".join(export.head_of(self.known.definition, self.known.columns))
        said = _("Columns: %(columns)s. The file is yours to fetch once, within 24 hours.") % {"columns": columns}
        if self.count > most:
            said += " " + ngettext(
                "Beyond %(n)d row a second person has to agree.",
                "Beyond %(n)d rows a second person has to agree.",
                most,
            ) % {"n": most}
        return said


class CaseForm(BulkForm):
    why = forms.CharField(label=gettext_lazy("Reason"), max_length=200)

    def reason(self) -> str:
        return str(self.cleaned_data["why"])

    def note(self) -> str:
        return _("Of each case that is open still. Its own page says who did it, and why.")


class CaseAssignForm(CaseForm):
    title = gettext_lazy("Give cases to somebody")
    button = gettext_lazy("Give")
    owner = forms.ModelChoiceField(label=gettext_lazy("New owner"), queryset=User.objects.none())
    field_order = ("owner", "why")

    def __init__(self, data: QueryDict | None = None, *, by: User, known: Asked, count: int) -> None:
        super().__init__(data, by=by, known=known, count=count)
        chooser = cast("forms.ModelChoiceField[User]", self.fields["owner"])
        chooser.queryset = who_may(Permission.WORK_COMPLAINTS).order_by("full_name", "pk")

    def params(self, at: Any) -> dict[str, Any]:
        return {"owner": self.cleaned_data["owner"].pk}


class CaseQueueForm(CaseForm):
    title = gettext_lazy("Cases to another queue")
    button = gettext_lazy("Move")
    queue = forms.ModelChoiceField(label=gettext_lazy("Queue"), queryset=Queue.objects.order_by("name"))
    field_order = ("queue", "why")

    def params(self, at: Any) -> dict[str, Any]:
        return {"queue": self.cleaned_data["queue"].pk}


class CasePriorityForm(CaseForm):
    title = gettext_lazy("Priority of cases")
    button = gettext_lazy("Set")
    to = forms.TypedChoiceField(
        label=gettext_lazy("Priority"), choices=[(n, f"P{n}") for n in (1, 2, 3, 4)], coerce=int, initial=2
    )
    field_order = ("to", "why")

    def params(self, at: Any) -> dict[str, Any]:
        return {"to": self.cleaned_data["to"]}


class DecideForm(BulkForm):
    title = gettext_lazy("Decide alerts")
    button = gettext_lazy("Decide")
    decision = forms.ChoiceField(
        label=gettext_lazy("What is done about it"), choices=[pair for pair in Alert.Decision.choices if pair[0]]
    )
    due_on = forms.DateField(label=gettext_lazy("By when"), widget=DateInput, required=False)
    owner = forms.ChoiceField(label=gettext_lazy("Whose task"), required=False)

    def __init__(self, data: QueryDict | None = None, *, by: User, known: Asked, count: int) -> None:
        super().__init__(data, by=by, known=known, count=count)
        people = [(str(person.pk), str(person)) for person in managers.choosable(by).exclude(pk=by.pk)]
        chooser = cast(forms.ChoiceField, self.fields["owner"])
        chooser.choices = [("", _("Each customer’s manager")), ("me", _("me")), *people]

    def clean_due_on(self) -> date | None:
        day: date | None = self.cleaned_data["due_on"]
        if day and day < today():
            raise forms.ValidationError(_("Choose today or a later day."))
        return day

    def params(self, at: Any) -> dict[str, Any]:
        owner, day = self.cleaned_data["owner"], self.cleaned_data["due_on"]
        return {
            "decision": self.cleaned_data["decision"],
            "due_on": day.isoformat() if day else None,
            "owner": self.by.pk if owner == "me" else int(owner) if owner else None,
        }

    def note(self) -> str:
        return _("Without a day: contact and offer by tomorrow, a visit within 3 days, watching for a week.")


class PutOffForm(BulkForm):
    title = gettext_lazy("Put alerts off")
    button = gettext_lazy("Put off")
    until = forms.DateField(label=gettext_lazy("Show again on"), widget=DateInput)
    why = forms.CharField(label=gettext_lazy("Why it can wait"), max_length=200)

    def clean_until(self) -> date:
        day: date = self.cleaned_data["until"]
        if not today() < day <= today() + LONGEST_SNOOZE:
            raise forms.ValidationError(
                _("Choose a day within the next %(days)d days.") % {"days": LONGEST_SNOOZE.days}
            )
        return day

    def reason(self) -> str:
        return str(self.cleaned_data["why"])

    def params(self, at: Any) -> dict[str, Any]:
        return {"until": self.cleaned_data["until"].isoformat()}

    def note(self) -> str:
        return _("Until then they stand on nobody’s day. The alerts stay open, and end when the customers buy.")


FORMS: Mapping[str, type[BulkForm]] = {
    bulk.ASSIGN: AssignForm,
    bulk.TASK: TaskForm,
    bulk.LABEL: LabelForm,
    cases.ASSIGN: CaseAssignForm,
    cases.QUEUE: CaseQueueForm,
    cases.PRIORITY: CasePriorityForm,
    cases.LABEL: LabelForm,
    alerts.DECIDE: DecideForm,
    alerts.PUT_OFF: PutOffForm,
    alerts.LABEL: LabelForm,
    EXPORT: ExportForm,
}
