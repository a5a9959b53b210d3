"""What is asked in the settings of the complaint desk."""

import re
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from complaints.cases import priority
from complaints.models import (
    BusinessCalendar,
    Case,
    Category,
    Department,
    Metric,
    PriorityMatrix,
    Queue,
    QueueMember,
    ServicePrompt,
    SlaPolicy,
)
from complaints.models.cases import OPEN
from complaints.models.catalogue import Severity
from complaints.promises.calendars import working_time
from complaints.setup.policies import StepFact, TargetFact
from core.accounts.models import User
from core.accounts.roles import Permission, who_may
from core.lib.errors import Invalid
from crm.desk.date_input import DateInput, DateTimeInput
from crm.desk.editing import EditForm
from customers.models import Standing

CLASSES = (*sorted(Standing.Class.values, reverse=True)[:3], None)
SEVERITIES = (*Severity.values, None)

Hours = list[tuple[int, int]]
_SPAN = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~至到]\s*(\d{1,2})[:：](\d{2})")
MOST_MINUTES = 60 * 24 * 90


def parse_hours(text: str) -> Hours:
    """Minutes of the day from “09:00–12:00, 13:00–18:00”. Raises Invalid when anything else is in it."""
    if _SPAN.sub("", text).strip(" ,，、;；"):
        raise Invalid(_("Write hours like 09:00–12:00, 13:00–18:00."), code="hours_unclear")
    return [(int(a) * 60 + int(b), int(c) * 60 + int(d)) for a, b, c, d in _SPAN.findall(text)]


def hours_text(hours: Hours | tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{a // 60:02d}:{a % 60:02d}–{b // 60:02d}:{b % 60:02d}" for a, b in hours)


class WeekForm(EditForm, forms.Form):
    """One line of hours per weekday; empty means closed."""

    def __init__(self, *args: Any, week: dict[int, Hours] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, name in WEEKDAYS.items():
            self.fields[f"day_{number + 1}"] = forms.CharField(
                label=name,
                required=False,
                max_length=80,
                initial=hours_text((week or {}).get(number + 1, [])),
                widget=forms.TextInput(attrs={"placeholder": "–", "autocomplete": "off"}),
            )
        self.fields["starts_on"] = forms.DateField(
            label=gettext_lazy("In force from"),
            help_text=gettext_lazy("Empty: as soon as it is confirmed"),
            widget=DateInput(),
            required=False,
        )
        self.fields["reason"] = forms.CharField(label=gettext_lazy("Why the hours change"), max_length=200)

    def shown(self, row: BusinessCalendar) -> dict[str, str]:
        week = working_time(row).weekly
        return {f"day_{number + 1}": hours_text(tuple(week.get(number + 1, ()))) for number in WEEKDAYS}

    def shifts(self) -> list[tuple[int, int, int]]:
        return [
            (weekday, start, end)
            for weekday in range(1, 8)
            for start, end in parse_hours(self.cleaned_data[f"day_{weekday}"])
        ]


class DayForm(forms.Form):
    CLOSED, WORKED, USUAL = "closed", "worked", "usual"
    date = forms.DateField(label=gettext_lazy("Date"), widget=DateInput())
    kind = forms.ChoiceField(
        label=gettext_lazy("That day is"),
        choices=[
            (CLOSED, gettext_lazy("closed")),
            (WORKED, gettext_lazy("worked at these hours")),
            (USUAL, gettext_lazy("like its weekday again")),
        ],
    )
    hours = forms.CharField(
        label=gettext_lazy("Hours"), required=False, max_length=80, initial="09:00–12:00, 13:00–18:00"
    )
    name = forms.CharField(label=gettext_lazy("Name of the day"), required=False, max_length=80)

    def chosen(self) -> Hours | None:
        """The hours of that day; None makes it like its weekday again."""
        if self.cleaned_data["kind"] == self.USUAL:
            return None
        if self.cleaned_data["kind"] == self.CLOSED:
            return []
        hours = parse_hours(self.cleaned_data["hours"])
        if not hours:
            raise Invalid(_("Write hours like 09:00–12:00, 13:00–18:00."), code="hours_unclear")
        return hours


class DeadlineForm(forms.Form):
    start = forms.DateTimeField(
        label=gettext_lazy("From"),
        widget=DateTimeInput(),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("Working minutes"), min_value=1, max_value=MOST_MINUTES, initial=480
    )


class MonthForm(forms.Form):
    month = forms.RegexField(r"^\d{4}-(0[1-9]|1[0-2])$", required=False)


class YearForm(forms.Form):
    year = forms.IntegerField(min_value=2000, max_value=2100)


class RowForm(EditForm, forms.ModelForm[Any]):
    """A row of what the desk chooses from."""


class DepartmentForm(RowForm):
    """Its people are chosen on their own pages, under Staff."""

    class Meta:
        model = Department
        fields = ("code", "name", "head", "calendar", "answer_minutes", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        head = self.fields["head"]
        assert isinstance(head, forms.ModelChoiceField)  # noqa: S101
        head.queryset = who_may(Permission.ANSWER_QUESTIONS).order_by("full_name")


class CategoryForm(RowForm):
    class Meta:
        model = Category
        fields = (
            "parent",
            "code",
            "name",
            "position",
            "default_severity",
            "queue",
            "needs_root_cause",
            "prompt_trigger",
            "prompt_department",
            "prompt_text",
            "active",
        )
        labels = {
            "parent": gettext_lazy("Part of"),
            "position": gettext_lazy("Place in the list"),
            "prompt_department": gettext_lazy("Department that is prompted"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parent = self.fields["parent"]
        assert isinstance(parent, forms.ModelChoiceField)  # noqa: S101
        parent.queryset = Category.objects.filter(parent__isnull=True)
        self.fields["prompt_trigger"] = forms.ChoiceField(
            label=_("prompt at"), choices=[("", "–"), *ServicePrompt.Trigger.choices], required=False
        )


class LeaveForm(forms.Form):
    """Who leaves which queue."""

    queue = forms.ModelChoiceField(label=gettext_lazy("Queue"), queryset=Queue.objects.order_by("name"))
    user = forms.ModelChoiceField(label=gettext_lazy("Name"), queryset=User.objects.none())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = self.fields["user"]
        assert isinstance(user, forms.ModelChoiceField)  # noqa: S101
        user.queryset = who_may(Permission.WORK_COMPLAINTS).order_by("full_name")


class GoneForm(forms.Form):
    """Who leaves the desk altogether: whoever works a queue or has an open case."""

    user = forms.ModelChoiceField(label=gettext_lazy("Name"), queryset=User.objects.none())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        user = self.fields["user"]
        assert isinstance(user, forms.ModelChoiceField)  # noqa: S101
        owners = Case.objects.filter(status__in=OPEN, owner__isnull=False).values("owner")
        here = Q(pk__in=QueueMember.objects.values("user")) | Q(pk__in=owners)
        user.queryset = User.objects.filter(here).order_by("full_name")


class MemberForm(LeaveForm):
    """Who works which queue from now on."""

    capacity = forms.IntegerField(label=gettext_lazy("Cases at most"), min_value=1, max_value=500, initial=20)
    available = forms.BooleanField(label=gettext_lazy("takes cases now"), required=False, initial=True)


class AwayForm(forms.Form):
    """The days on which somebody is handed no cases."""

    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DateInput())
    ends_on = forms.DateField(label=gettext_lazy("Last day"), widget=DateInput())


class CapacityForm(EditForm, forms.Form):
    """How much somebody who works a queue takes."""

    capacity = MemberForm.base_fields["capacity"]
    available = MemberForm.base_fields["available"]

    def shown(self, row: QueueMember) -> dict[str, Any]:
        return {"capacity": row.capacity, "available": row.available}


class MatrixForm(EditForm, forms.Form):
    """One select per class and severity."""

    starts_on = forms.DateField(
        label=gettext_lazy("In force from"),
        help_text=gettext_lazy("Empty: as soon as it is confirmed"),
        widget=DateInput(),
        required=False,
    )
    reason = forms.CharField(label=gettext_lazy("Why the priorities change"), max_length=200)

    def __init__(self, *args: Any, cells: dict[str, list[int]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for customer_class in priority.CLASSES:
            for severity in Severity:
                self.fields[f"cell_{customer_class.value}_{severity.value}"] = forms.TypedChoiceField(
                    label=f"{customer_class.label} · {severity.label}",
                    choices=[(n, f"P{n}") for n in (1, 2, 3, 4)],
                    coerce=int,
                    initial=cells[str(customer_class.value)][severity.value - 1],
                )

    def shown(self, row: PriorityMatrix) -> dict[str, int]:
        return {
            f"cell_{c.value}_{s.value}": row.cells[str(c.value)][s.value - 1]
            for c in priority.CLASSES
            for s in Severity
        }

    def cells(self) -> dict[str, list[int]]:
        return {
            str(c.value): [self.cleaned_data[f"cell_{c.value}_{s.value}"] for s in Severity] for c in priority.CLASSES
        }

    def grid(self) -> list[dict[str, Any]]:
        return [
            {"label": c.label, "fields": [self[f"cell_{c.value}_{s.value}"] for s in Severity]}
            for c in priority.CLASSES
        ]


SPAN = re.compile(r"([0-9]{1,4}):([0-5][0-9])")
# 80 %: owner, priority rises
STEP = re.compile(r"([0-9]{1,4})\s*[%％]?\s*[:：]?\s*(.*)")
APART = re.compile("[,，、;；]")
RISES = "raise"


class SpanField(forms.IntegerField):
    """Minutes, shown and typed as hours and minutes: 4:00; a whole number is minutes."""

    widget = forms.TextInput

    def prepare_value(self, value: Any) -> Any:
        return f"{value // 60}:{value % 60:02}" if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        if match := SPAN.fullmatch(str(value or "").strip().replace("：", ":")):
            value = int(match[1]) * 60 + int(match[2])
        return super().to_python(value)


class PromisesForm(EditForm, forms.Form):
    """The draft as a grid: the time of each promise by class and severity, the hours of each class, the terms."""

    resolution_mode = forms.ChoiceField(label=gettext_lazy("After reopening"), choices=SlaPolicy.ResolutionMode.choices)
    reopen_days = forms.IntegerField(label=gettext_lazy("Days to reopen"), min_value=1, max_value=90)
    auto_close_days = forms.IntegerField(
        label=gettext_lazy("Days until a solved case closes"), min_value=1, max_value=90
    )
    steps = forms.CharField(
        label=gettext_lazy("Steps as time runs out"),
        widget=forms.Textarea(attrs={"rows": 4}),
        required=False,
        help_text=gettext_lazy(
            "One line each, such as “80 %: owner, priority rises”: when, who is told, whether the priority rises."
        ),
    )
    starts_on = forms.DateField(
        label=gettext_lazy("In force from"),
        help_text=gettext_lazy("Empty: as soon as the notice that was promised is over"),
        widget=DateInput(),
        required=False,
    )
    reason = forms.CharField(label=gettext_lazy("Why the promises change"), max_length=200, required=False)

    def __init__(self, *args: Any, policy: SlaPolicy, **kwargs: Any) -> None:
        known = {(t.customer_class, t.severity, t.metric): t for t in policy.targets.all()}
        kwargs.setdefault(
            "initial",
            {
                "resolution_mode": policy.resolution_mode,
                "reopen_days": policy.reopen_days,
                "auto_close_days": policy.auto_close_days,
                "steps": _steps_text(policy),
            },
        )
        super().__init__(*args, **kwargs)
        calendars = list(BusinessCalendar.objects.order_by("name"))
        for customer_class in CLASSES:
            # A class without promises of its own starts from the hours of everybody else.
            mine = [t for key, t in known.items() if key[0] == customer_class] or list(known.values())[-1:]
            self.fields[f"hours_{customer_class}"] = forms.TypedChoiceField(
                label=_("Hours"),
                choices=[(c.pk, c.name) for c in calendars],
                coerce=int,
                initial=mine[0].calendar_id if mine else None,
            )
            for severity in SEVERITIES:
                for metric in Metric.values:
                    target = known.get((customer_class, severity, metric))
                    self.fields[f"min_{customer_class}_{severity}_{metric}"] = SpanField(
                        min_value=1,
                        max_value=525_600,
                        required=False,
                        initial=target.minutes if target else None,
                        label=Metric(metric).label,
                        widget=forms.TextInput(attrs={"inputmode": "numeric", "aria-label": Metric(metric).label}),
                        error_messages={"invalid": _("Write hours and minutes like 4:00, or minutes like 240.")},
                    )

    def grid(self) -> list[dict[str, Any]]:
        return [
            {
                "label": Standing.Class(customer_class).label if customer_class is not None else _("Everybody else"),
                "hours": self[f"hours_{customer_class}"],
                "rows": [
                    {
                        "label": Severity(severity).label if severity is not None else _("Any other"),
                        "fields": [self[f"min_{customer_class}_{severity}_{metric}"] for metric in Metric.values],
                    }
                    for severity in SEVERITIES
                ],
            }
            for customer_class in CLASSES
        ]

    def shown(self, row: SlaPolicy) -> dict[str, Any]:
        form = PromisesForm(policy=row)
        return {name: form[name].initial for name in form.fields if name not in ("reason", "starts_on")}

    def targets(self) -> list[TargetFact]:
        return [
            TargetFact(customer_class, severity, metric, minutes, self.cleaned_data[f"hours_{customer_class}"])
            for customer_class in CLASSES
            for severity in SEVERITIES
            for metric in Metric.values
            if (minutes := self.cleaned_data[f"min_{customer_class}_{severity}_{metric}"])
        ]

    def clean_steps(self) -> str:
        _read_steps(self.cleaned_data["steps"])
        return str(self.cleaned_data["steps"])

    def step_facts(self) -> list[StepFact]:
        return _read_steps(self.cleaned_data["steps"])


def _people() -> dict[str, str]:
    """The word of each step, as it is read in the reader's language and as it is stored."""
    return {
        "owner": _("owner"),
        "manager": _("account manager"),
        "head": _("head of department"),
        RISES: _("priority rises"),
    }


def _steps_text(policy: SlaPolicy) -> str:
    steps, words = {step.at_percent: step for step in policy.steps.all()}, _people()
    return "\n".join(
        f"{percent} %: "
        + str(_(", ")).join(words[code] for code in [*step.notify, *([RISES] if step.raise_priority else [])])
        for percent, step in sorted(steps.items())
    )


def _read_steps(text: str) -> list[StepFact]:
    """The same steps for each of the promises."""
    facts, codes = [], {word.casefold(): code for code, word in _people().items()}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = STEP.fullmatch(line)
        parts = [part.strip().casefold() for part in APART.split(match[2])] if match else []
        told = [codes.get(part, part) for part in parts if part]
        if match is None or not 1 <= int(match[1]) <= 1000 or set(told) - set(_people()):
            raise forms.ValidationError(
                _("“%(line)s” is not a step. Write for example: %(example)s")
                % {"line": line, "example": f"80 %: {_people()['owner']}{_(', ')}{_people()[RISES]}"}
            )
        notify = tuple(code for code in told if code != RISES)
        facts += [StepFact(metric, int(match[1]), notify, RISES in told) for metric in Metric.values]
    return facts
