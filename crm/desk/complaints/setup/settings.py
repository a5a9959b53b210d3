"""What the desk is made of: queues and people, categories and causes, limits, words, priorities and promises."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from django import forms
from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints.cases import priority, routing
from complaints.models import (
    BusinessCalendar,
    Category,
    Department,
    Metric,
    PriorityMatrix,
    Queue,
    QueueMember,
    RemedyLimit,
    ReplyTemplate,
    RootCause,
    SlaPolicy,
)
from complaints.models.catalogue import Severity
from complaints.setup import policies, priorities, reference, rulebook
from core.accounts.models import Absence, User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from core.rulebook import changes
from core.rulebook.models import RuleChange
from crm.desk.acting import submit
from crm.desk.choices import read_once
from crm.desk.complaints.setup.forms import (
    AwayForm,
    CapacityForm,
    CategoryForm,
    DepartmentForm,
    GoneForm,
    LeaveForm,
    MatrixForm,
    MemberForm,
    PromisesForm,
    RowForm,
)
from crm.desk.editing import edit, onto
from crm.desk.paging import page_of
from crm.desk.today import now, today


@dataclass(frozen=True)
class Part:
    """One kind of rows: how they are listed and edited."""

    title: str | Promise
    help: str | Promise
    rows: QuerySet[Any]
    form: type[RowForm]
    columns: tuple[str, ...]


def _form(
    model: type[Model],
    *fields: str,
    labels: dict[str, Any] | None = None,
    help_texts: dict[str, Any] | None = None,
) -> type[RowForm]:
    """`labels` and `help_texts` where the model has no words of its own for a field."""
    form = forms.modelform_factory(model, form=RowForm, fields=fields, labels=labels, help_texts=help_texts)
    return cast(type[RowForm], form)


PARTS: dict[str, Part] = {
    "queues": Part(
        gettext_lazy("Queues"),
        gettext_lazy("Where cases lie until somebody has them."),
        Queue.objects.select_related("department").order_by("name"),
        _form(Queue, "code", "name", "department", "routing", "is_vip", "is_default"),
        ("name", "department", "routing", "is_vip", "is_default"),
    ),
    "departments": Part(
        gettext_lazy("Departments"),
        gettext_lazy("Who is asked, and how long they have to answer."),
        Department.objects.select_related("head", "calendar").order_by("name"),
        DepartmentForm,
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
        _form(RootCause, "code", "name", "department", "controllable", "active"),
        ("name", "department", "controllable", "active"),
    ),
    "templates": Part(
        gettext_lazy("Ready words"),
        gettext_lazy("Fields: {name} {number} {agent} {mall}."),
        ReplyTemplate.objects.select_related("category").order_by("name"),
        _form(
            ReplyTemplate,
            *("code", "name", "body", "category", "active"),
            labels={"category": gettext_lazy("Category")},
        ),
        ("name", "body", "category", "active"),
    ),
    "limits": Part(
        gettext_lazy("Limits of remedies"),
        gettext_lazy("What a role may give by itself; above it a second person is asked."),
        RemedyLimit.objects.order_by("role", "customer_class", "kind"),
        _form(RemedyLimit, "role", "customer_class", "kind", "at_once", "per_case", "per_customer", "per_day"),
        ("role", "customer_class", "kind", "at_once", "per_case", "per_customer", "per_day"),
    ),
    "calendars": Part(
        gettext_lazy("Names of the working hours"),
        gettext_lazy("Names and zones; the hours have a page of their own."),
        BusinessCalendar.objects.order_by("name"),
        _form(
            BusinessCalendar,
            *("code", "name", "zone", "day_and_night", "country"),
            help_texts={"country": gettext_lazy("Two letters, such as CN. Empty: no public holidays.")},
        ),
        ("name", "zone", "day_and_night", "country"),
    ),
}
TITLES: dict[str, str | Promise] = {
    **{name: part.title for name, part in PARTS.items()},
    "members": gettext_lazy("Members of the queues"),
    "priorities": gettext_lazy("Priorities"),
    "promises": gettext_lazy("Promises"),
}


# Pages ----------------------------------------------------------------------------------------------------------------


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
def settings_page(request: StaffRequest, part: str) -> HttpResponse:
    return _page(request, part)


def _page(request: StaffRequest, name: str, status: int = 200, **more: Any) -> HttpResponse:
    if name not in TITLES:
        raise Http404
    template = "settings" if name in PARTS else f"settings_{name}"
    context = _rows(PARTS[name], name) if name in PARTS else SHOWN[name](request)
    context |= {
        "part": name,
        "tabs": [Tab(tab, title, tab == name) for tab, title in TITLES.items()],
        "title": TITLES[name],
    }
    return render(request, f"desk/complaints/{template}.html", context | more, status=status)


class Tab(NamedTuple):
    name: str
    title: str | Promise
    active: bool


class Row(NamedTuple):
    row: Model
    cells: list[Any]
    form: forms.ModelForm[Any]


def _rows(part: Part, name: str) -> dict[str, Any]:
    new = part.form(auto_id=f"{name}-new-%s")
    rows = [
        Row(
            row,
            [_cell(row, column) for column in part.columns],
            part.form(instance=row, auto_id=f"{name}-{row.pk}-%s"),
        )
        for row in part.rows.all()
    ]
    read_once([new, *(row.form for row in rows)])
    return {
        "help": part.help,
        "columns": [new.fields[column].label for column in part.columns],
        "rows": rows,
        "new": new,
    }


def _cell(row: Model, column: str) -> Any:
    display = getattr(row, f"get_{column}_display", None)
    value = display() if display else getattr(row, column)
    if isinstance(value, bool):
        return "✓" if value else "–"
    return "–" if value in (None, "") else value


class Member(NamedTuple):
    """Somebody of a queue, with the days on which they are or will be away."""

    member: QueueMember
    form: CapacityForm
    away_form: AwayForm
    away: list[Absence]


def _members(_request: StaffRequest) -> dict[str, Any]:
    return {"members": _member_rows(), "form": MemberForm(), "gone_form": GoneForm()}


def members_page(request: StaffRequest, away: tuple[int, AwayForm]) -> HttpResponse:
    """The page with the days away that were refused as they were typed."""
    return _page(request, "members", 422, members=_member_rows(away=away))


def _member_rows(
    capacity: tuple[int, CapacityForm] | None = None, away: tuple[int, AwayForm] | None = None
) -> list[Member]:
    """Everybody's form opens with what they have; one that was refused stands as it was typed."""
    members = QueueMember.objects.select_related("queue", "user").order_by("queue__name", "user__full_name")
    days: dict[int, list[Absence]] = defaultdict(list)
    for absence in Absence.objects.filter(ends_on__gte=today()).order_by("starts_on", "pk"):
        days[absence.user_id].append(absence)
    typed, typed_days = dict([capacity] if capacity else []), dict([away] if away else [])
    return [
        Member(
            row,
            typed.get(row.pk) or _capacity_form(row),
            typed_days.get(row.pk) or AwayForm(auto_id=f"away-{row.pk}-%s"),
            days[row.user_id],
        )
        for row in members
    ]


def _capacity_form(member: QueueMember, data: QueryDict | None = None) -> CapacityForm:
    form = CapacityForm(data, auto_id=f"member-{member.pk}-%s")
    form.initial = form.shown(member)
    return form


def _priorities(request: StaffRequest) -> dict[str, Any]:
    matrix = priority.matrix()
    return {
        "form": MatrixForm(cells=matrix.cells),
        "matrix": priority.matrix(at=now()),
        "severities": list(Severity),
        "waits": changes.waiting(priorities.RULES),
        "versions": page_of(
            request,
            PriorityMatrix.objects.filter(withdrawn_at=None).select_related("by").order_by("-version"),
            VERSIONS,
        ),
    }


def _promises(request: StaffRequest) -> dict[str, Any]:
    draft = SlaPolicy.objects.filter(status=SlaPolicy.Status.DRAFT).order_by("-version").first()
    published = SlaPolicy.objects.filter(status=SlaPolicy.Status.PUBLISHED)
    # One that is confirmed for a later day is among the versions, and not yet the rule.
    current = published.filter(effective__contains=now()).first() or published.order_by("-version").first()
    shown = draft or current
    concerned = policies.affected(shown) if shown else {}
    return {
        "draft": draft,
        "current": current,
        "form": PromisesForm(policy=shown) if shown else None,
        "metrics": [label for _value, label in Metric.choices],
        "open_cases": sum(concerned.values()),
        "waits": changes.waiting(rulebook.RULES),
        "versions": page_of(request, published.select_related("by").order_by("-version"), VERSIONS),
    }


VERSIONS = 10
SHOWN = {"members": _members, "priorities": _priorities, "promises": _promises}


# What is saved --------------------------------------------------------------------------------------------------------


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
    by, at = request.user, now()
    if (
        submit(request, form, lambda data: reference.store(form.instance, by=by, at=at), _("Saved"))
        if row is None
        else edit(request, form, row, lambda held, data: reference.store(onto(form, held), by=by, at=at), _("Saved"))
    ):
        return redirect("desk:complaint_settings", part)
    return _page(request, part, 422, unfinished=form, unfinished_row=pk)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def set_member(request: StaffRequest) -> HttpResponse:
    """Somebody works a queue."""

    def verb(data: dict[str, Any]) -> None:
        routing.set_member(
            data["queue"].pk,
            data["user"],
            capacity=data["capacity"],
            available=data["available"],
            by=request.user,
            at=now(),
        )

    form = MemberForm(request.POST)
    if submit(request, form, verb, _("Saved")):
        return redirect("desk:complaint_settings", "members")
    return _page(request, "members", 422, form=form)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def change_member(request: StaffRequest, pk: int) -> HttpResponse:
    """How many cases somebody takes, and whether they take any now."""
    member = get_object_or_404(QueueMember.objects.select_related("user"), pk=pk)
    form = _capacity_form(member, request.POST)

    def verb(row: QueueMember, data: dict[str, Any]) -> QueueMember:
        return routing.set_member(row.queue_id, member.user, by=request.user, at=now(), **data)

    if edit(request, form, member, verb, _("Saved")):
        return redirect("desk:complaint_settings", "members")
    return _page(request, "members", 422, members=_member_rows(capacity=(pk, form)))


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def remove_member(request: StaffRequest) -> HttpResponse:
    """Somebody leaves a queue."""

    def verb(data: dict[str, Any]) -> int:
        return routing.remove_member(data["queue"].pk, data["user"], by=request.user, at=now())

    form = LeaveForm(request.POST)
    submit(
        request, form, verb, lambda count: _("Removed; %(count)d open cases went back to the queue.") % {"count": count}
    )
    return redirect("desk:complaint_settings", "members")


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def member_left(request: StaffRequest) -> HttpResponse:
    """Somebody leaves the desk: out of every queue, and every open case goes back to its own."""
    form = GoneForm(request.POST)

    def verb(data: dict[str, Any]) -> int:
        return routing.leave(data["user"], by=request.user, at=now())

    submit(
        request,
        form,
        verb,
        lambda count: _("Out of every queue; %(count)d open cases went back to theirs.") % {"count": count},
    )
    if form.errors:
        messages.error(request, _("Choose somebody who works a queue."))
    return redirect("desk:complaint_settings", "members")


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def save_priorities(request: StaffRequest) -> HttpResponse:
    """The table waits for a second person, with what it would have done to the cases of late."""
    proposed: list[RuleChange] = []

    def verb(before: PriorityMatrix, data: dict[str, Any]) -> None:
        if priority.matrix().version > before.version:
            raise DomainError(
                _("Somebody has just put another version in force. Save again to change that one."), code="changed"
            )
        content = {"cells": form.cells()}
        proposed.append(
            changes.propose(
                priorities.RULES, content, starts_on=data["starts_on"], reason=data["reason"], by=request.user, at=now()
            )
        )

    current = priority.matrix()
    form = MatrixForm(request.POST, cells=current.cells)
    if edit(request, form, current, verb, ""):
        return redirect("desk:rule_change", proposed[0].pk)
    return _page(request, "priorities", 422, form=form)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def draft_promises(request: StaffRequest) -> HttpResponse:
    """The next version begins as a copy of the one in force."""
    policies.draft(by=request.user, at=now())
    return redirect("desk:complaint_settings", "promises")


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def save_promises(request: StaffRequest) -> HttpResponse:
    draft = policies.draft(by=request.user, at=now())
    form = PromisesForm(request.POST, policy=draft)
    thanks = _("The draft is saved; nothing has changed yet.")
    if edit(request, form, draft, lambda row, data: _save_draft(row, form, request.user), thanks):
        return redirect("desk:complaint_settings", "promises")
    return _page(request, "promises", 422, form=form)


@needs(Permission.EDIT_COMPLAINT_SETTINGS)
@require_POST
def publish_promises(request: StaffRequest) -> HttpResponse:
    """The draft is saved, worked out, and waits for a second person."""
    draft = policies.draft(by=request.user, at=now())
    form = PromisesForm(request.POST, policy=draft)
    proposed: list[RuleChange] = []

    def verb(row: SlaPolicy, data: dict[str, Any]) -> None:
        _save_draft(row, form, request.user)
        content = rulebook.content_of(SlaPolicy.objects.get(pk=row.pk))
        reason = data["reason"]
        proposed.append(
            changes.propose(
                rulebook.RULES, content, starts_on=data["starts_on"], reason=reason, by=request.user, at=now()
            )
        )

    if edit(request, form, draft, verb, ""):
        return redirect("desk:rule_change", proposed[0].pk)
    return _page(request, "promises", 422, form=form)


def _save_draft(draft: SlaPolicy, form: PromisesForm, by: User) -> None:
    at, data = now(), form.cleaned_data
    policies.set_targets(draft.pk, form.targets(), by=by, at=at)
    policies.set_steps(draft.pk, form.step_facts(), by=by, at=at)
    policies.set_terms(
        draft.pk,
        resolution_mode=data["resolution_mode"],
        reopen_days=data["reopen_days"],
        auto_close_days=data["auto_close_days"],
        by=by,
        at=at,
    )
