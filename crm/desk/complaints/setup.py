"""What the desk is made of: queues and people, categories and causes, limits, words, priorities and promises."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints.cases import priority, routing
from complaints.models import (
    BusinessCalendar,
    Category,
    Department,
    EscalationStep,
    Metric,
    PriorityMatrix,
    Queue,
    QueueMember,
    RemedyLimit,
    ReplyTemplate,
    RootCause,
    ServicePrompt,
    SlaPolicy,
)
from complaints.models.catalogue import Severity
from complaints.setup import policies, reference
from complaints.setup.policies import StepFact, TargetFact
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import RIGHTS, Permission
from core.lib.errors import DomainError
from crm.desk.today import now
from customers.models import Standing

CLASSES = (*sorted(Standing.Class.values, reverse=True)[:3], None)
SEVERITIES = (*Severity.values, None)


def _form_of(model: type[Model], *fields: str) -> type[forms.ModelForm]:
    return forms.modelform_factory(model, fields=fields)


class CategoryForm(forms.ModelForm):
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parent = self.fields["parent"]
        assert isinstance(parent, forms.ModelChoiceField)  # noqa: S101
        parent.queryset = Category.objects.filter(parent__isnull=True)
        self.fields["prompt_trigger"] = forms.ChoiceField(
            label=_("prompt at"), choices=[("", "–"), *ServicePrompt.Trigger.choices], required=False
        )


@dataclass(frozen=True)
class Part:
    """One kind of rows: how they are listed and edited."""

    title: Any
    help: Any
    rows: QuerySet[Any]
    form: type[forms.ModelForm]
    columns: tuple[str, ...]


PARTS: dict[str, Part] = {
    "queues": Part(
        gettext_lazy("Queues"),
        gettext_lazy("Where cases lie until somebody has them."),
        Queue.objects.select_related("department").order_by("name"),
        _form_of(Queue, "code", "name", "department", "routing", "is_vip", "is_default"),
        ("name", "department", "routing", "is_vip", "is_default"),
    ),
    "departments": Part(
        gettext_lazy("Departments"),
        gettext_lazy("Who is asked, and how long they have to answer."),
        Department.objects.select_related("head", "calendar").order_by("name"),
        _form_of(Department, "code", "name", "head", "calendar", "answer_minutes", "active"),
        ("name", "head", "calendar", "answer_minutes", "active"),
    ),
    "categories": Part(
        gettext_lazy("Categories"),
        gettext_lazy("What customers complain about, in two levels."),
        Category.objects.select_related("parent", "queue").order_by("parent__position", "parent_id", "position", "id"),
        CategoryForm,
        ("parent", "name", "default_severity", "queue", "needs_root_cause", "active"),
    ),
    "causes": Part(
        gettext_lazy("Root causes"),
        gettext_lazy("Why it happened, and who can change it."),
        RootCause.objects.select_related("department").order_by("department__name", "name"),
        _form_of(RootCause, "code", "name", "department", "controllable", "active"),
        ("name", "department", "controllable", "active"),
    ),
    "templates": Part(
        gettext_lazy("Ready words"),
        gettext_lazy("Fields: {name} {number} {agent} {mall}."),
        ReplyTemplate.objects.select_related("category").order_by("name"),
        _form_of(ReplyTemplate, "code", "name", "body", "category", "active"),
        ("name", "body", "category", "active"),
    ),
    "limits": Part(
        gettext_lazy("Remedy limits"),
        gettext_lazy("What a role may give by itself; above it a second person is asked."),
        RemedyLimit.objects.order_by("role", "customer_class", "kind"),
        _form_of(RemedyLimit, "role", "customer_class", "kind", "at_once", "per_case", "per_customer", "per_day"),
        ("role", "customer_class", "kind", "at_once", "per_case", "per_customer", "per_day"),
    ),
    "calendars": Part(
        gettext_lazy("Calendars"),
        gettext_lazy("Names and zones; the hours have a page of their own."),
        BusinessCalendar.objects.order_by("name"),
        _form_of(BusinessCalendar, "code", "name", "zone", "day_and_night", "country"),
        ("name", "zone", "day_and_night", "country"),
    ),
}
TABS = (
    *((name, part.title) for name, part in PARTS.items()),
    ("members", gettext_lazy("People")),
    ("priorities", gettext_lazy("Priorities")),
    ("promises", gettext_lazy("Promises")),
)


class MemberForm(forms.Form):
    queue = forms.ModelChoiceField(label=gettext_lazy("Queue"), queryset=Queue.objects.order_by("name"))
    user = forms.ModelChoiceField(label=gettext_lazy("Name"), queryset=User.objects.none())
    capacity = forms.IntegerField(label=gettext_lazy("Cases at most"), min_value=1, max_value=500, initial=20)
    available = forms.BooleanField(label=gettext_lazy("takes cases now"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = [role for role, rights in RIGHTS.items() if Permission.WORK_COMPLAINTS in rights.permissions]
        user = self.fields["user"]
        assert isinstance(user, forms.ModelChoiceField)  # noqa: S101
        user.queryset = User.objects.filter(is_active=True, role__in=roles).order_by("full_name")


class MatrixForm(forms.Form):
    """One select per class and severity."""

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

    def cells(self) -> dict[str, list[int]]:
        return {
            str(c.value): [self.cleaned_data[f"cell_{c.value}_{s.value}"] for s in Severity] for c in priority.CLASSES
        }

    def grid(self) -> list[dict[str, Any]]:
        return [
            {"label": c.label, "fields": [self[f"cell_{c.value}_{s.value}"] for s in Severity]}
            for c in priority.CLASSES
        ]


class PromisesForm(forms.Form):
    """The draft as a grid: minutes of each promise by class and severity, the hours of each class, the terms."""

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
            "One line each: per cent, whom to tell (owner, manager, head), “raise” to raise the priority."
        ),
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
                "steps": _told_steps(policy),
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
                    found = known.get((customer_class, severity, metric))
                    self.fields[f"min_{customer_class}_{severity}_{metric}"] = forms.IntegerField(
                        min_value=1,
                        max_value=525_600,
                        required=False,
                        initial=found.minutes if found else None,
                        label=Metric(metric).label,
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


def _told_steps(policy: SlaPolicy) -> str:
    steps = {step.at_percent: step for step in policy.steps.all()}
    return "\n".join(
        " ".join([f"{percent}%", *step.notify, *(["raise"] if step.raise_priority else [])])
        for percent, step in sorted(steps.items())
    )


def _read_steps(text: str) -> list[StepFact]:
    """The same steps for each of the promises."""
    facts, people = [], set(EscalationStep.Notify.values)
    for line in filter(None, (line.strip() for line in text.splitlines())):
        percent, *words = line.replace("%", " ").split()
        if not percent.isdecimal() or not 1 <= int(percent) <= 1000 or set(words) - people - {"raise"}:
            raise forms.ValidationError(
                _("“%(line)s” is not a step. Write for example: 80%% owner raise") % {"line": line}
            )
        told = tuple(word for word in words if word in people)
        facts += [StepFact(metric, int(percent), told, "raise" in words) for metric in Metric.values]
    return facts


# Pages ----------------------------------------------------------------------------------------------------------------


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
def settings_page(request: StaffRequest, part: str) -> HttpResponse:
    return _page(request, part)


def _page(request: StaffRequest, name: str, status: int = 200, **more: Any) -> HttpResponse:
    if name not in dict(TABS):
        raise Http404
    told: dict[str, Any] = {
        "part": name,
        "tabs": [{"name": tab, "title": title, "active": tab == name} for tab, title in TABS],
        "title": dict(TABS)[name],
    }
    if name in PARTS:
        told |= _rows(PARTS[name], name)
        template = "desk/complaints/settings.html"
    elif name == "members":
        told["members"] = QueueMember.objects.select_related("queue", "user").order_by("queue__name", "user__full_name")
        told["form"] = MemberForm()
        template = "desk/complaints/settings_members.html"
    elif name == "priorities":
        matrix = priority.matrix()
        told["form"] = MatrixForm(cells=matrix.cells)
        told["matrix"] = matrix
        told["severities"] = list(Severity)
        told["versions"] = PriorityMatrix.objects.select_related("by").order_by("-version")[:10]
        template = "desk/complaints/settings_priorities.html"
    else:
        told |= _promises()
        template = "desk/complaints/settings_promises.html"
    return render(request, template, told | more, status=status)


def _rows(part: Part, name: str) -> dict[str, Any]:
    labels = {field.name: field.verbose_name for field in part.form._meta.model._meta.fields}
    rows = list(part.rows)
    return {
        "help": part.help,
        "columns": [labels[column] for column in part.columns],
        "rows": [
            {
                "row": row,
                "cells": [_cell(row, column) for column in part.columns],
                "form": part.form(instance=row, auto_id=f"{name}-{row.pk}-%s"),
            }
            for row in rows
        ],
        "new": part.form(auto_id=f"{name}-new-%s"),
    }


def _cell(row: Any, column: str) -> Any:
    shown = getattr(row, f"get_{column}_display", None)
    value = shown() if shown else getattr(row, column)
    if isinstance(value, bool):
        return "✓" if value else "–"
    return "–" if value in (None, "") else value


def _promises() -> dict[str, Any]:
    draft = SlaPolicy.objects.filter(status=SlaPolicy.Status.DRAFT).order_by("-version").first()
    current = SlaPolicy.objects.filter(status=SlaPolicy.Status.PUBLISHED).order_by("-version").first()
    shown = draft or current
    concerned = policies.affected(shown) if shown else {}
    return {
        "draft": draft,
        "current": current,
        "form": PromisesForm(policy=shown) if shown else None,
        "metrics": [label for _value, label in Metric.choices],
        "open_cases": sum(concerned.values()),
        "versions": SlaPolicy.objects.filter(status=SlaPolicy.Status.PUBLISHED)
        .select_related("by")
        .order_by("-version")[:10],
    }


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def store(request: StaffRequest, part: str) -> HttpResponse:
    """One row, new or changed."""
    if part not in PARTS:
        raise Http404
    kind = PARTS[part]
    pk = request.POST.get("row", "")
    row = get_object_or_404(kind.rows, pk=int(pk)) if pk.isdecimal() and len(pk) < 19 else None
    form = kind.form(request.POST, instance=row)
    if form.is_valid():
        try:
            reference.store(form.instance, by=request.user, at=now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Saved"))
            return redirect("desk:complaint_settings", part)
    return _page(request, part, 422, unfinished=form, unfinished_row=pk)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def member(request: StaffRequest) -> HttpResponse:
    """Somebody works a queue, or leaves it."""
    form = MemberForm(request.POST)
    if not form.is_valid():
        return _page(request, "members", 422, form=form)
    told = form.cleaned_data
    try:
        if "remove" in request.POST:
            count = routing.remove_member(told["queue"].pk, told["user"], by=request.user, at=now())
            messages.success(request, _("Removed; %(count)d open cases went back to the queue.") % {"count": count})
        else:
            routing.set_member(
                told["queue"].pk,
                told["user"],
                capacity=told["capacity"],
                available=told["available"],
                by=request.user,
                at=now(),
            )
            messages.success(request, _("Saved"))
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        return _page(request, "members", 422, form=form)
    return redirect("desk:complaint_settings", "members")


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def priorities(request: StaffRequest) -> HttpResponse:
    form = MatrixForm(request.POST, cells=priority.matrix().cells)
    if form.is_valid():
        try:
            saved = priority.save_matrix(form.cells(), by=request.user, reason=form.cleaned_data["reason"], at=now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(
                request, _("Version %(version)d holds for cases logged from now on.") % {"version": saved.version}
            )
            return redirect("desk:complaint_settings", "priorities")
    return _page(request, "priorities", 422, form=form)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def promises(request: StaffRequest) -> HttpResponse:
    """Draft the next version, save the draft, or put it in force."""
    by, at = request.user, now()
    draft = policies.draft(by=by, at=at)
    if request.POST.get("do") == "draft":
        return redirect("desk:complaint_settings", "promises")
    form = PromisesForm(request.POST, policy=draft)
    if form.is_valid():
        told = form.cleaned_data
        try:
            policies.set_targets(draft.pk, form.targets(), by=by, at=at)
            policies.set_steps(draft.pk, form.step_facts(), by=by, at=at)
            policies.set_terms(
                draft.pk,
                resolution_mode=told["resolution_mode"],
                reopen_days=told["reopen_days"],
                auto_close_days=told["auto_close_days"],
                by=by,
                at=at,
            )
            if request.POST.get("do") == "publish":
                saved = policies.publish(draft.pk, by=by, reason=told["reason"], at=at)
                messages.success(
                    request, _("Version %(version)d holds for cases logged from now on.") % {"version": saved.version}
                )
            else:
                messages.success(request, _("The draft is saved; nothing has changed yet."))
            return redirect("desk:complaint_settings", "promises")
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _page(request, "promises", 422, form=form)
