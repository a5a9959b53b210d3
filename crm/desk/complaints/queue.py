"""The work list and the board: the same named lists, the same order, the same counts."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.cases import lifecycle, priority, routing
from complaints.models import Case, Category, Department, Queue, QueueMember, RootCause
from complaints.models.cases import OPEN
from complaints.queries import Filters
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs, sees
from core.accounts.roles import Field, Permission
from core.lib.errors import DomainError
from crm.desk.complaints.case import TONES, Status
from crm.desk.long_select import LongSelect
from crm.desk.today import now
from customers.models import Standing

PAGE = 50
TILES = 20
TIMES = ("opened_from", "opened_until", "resolved_from", "resolved_until")
LAST = 4_000_000_000
LISTS = {
    "mine": gettext_lazy("Mine"),
    "all": gettext_lazy("Open"),
    "unassigned": gettext_lazy("Nobody's"),
    "due_soon": gettext_lazy("Due within the hour"),
    "breached": gettext_lazy("Promise missed"),
    "big": gettext_lazy("Big customers"),
    "look": gettext_lazy("Wrote again"),
    "asked": gettext_lazy("Asked of me"),
    "approve": gettext_lazy("To approve"),
    "owed": gettext_lazy("Remedy late"),
    "finished": gettext_lazy("Solved"),
    "every": gettext_lazy("All"),
}
WAITING = ("asked", "approve", "owed")
UNCOUNTED = ("finished", "every")
ONLY_WHEN_SOME = ("unassigned", "big", "look", "asked", "approve", "owed")
COLUMNS = (Status.NEW, Status.IN_PROGRESS, Status.WAITING_CUSTOMER, Status.WAITING_INTERNAL, Status.RESOLVED)


class FilterForm(forms.Form):
    status = forms.ChoiceField(
        label=gettext_lazy("Status"), choices=[("", gettext_lazy("Every status")), *Status.choices], required=False
    )
    queue = forms.ModelChoiceField(
        label=gettext_lazy("Queue"),
        queryset=Queue.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("Every queue"),
    )
    served_as = forms.TypedChoiceField(
        label=gettext_lazy("Class"),
        choices=[("", gettext_lazy("Every class")), *Standing.Class.choices],
        coerce=int,
        empty_value=None,
        required=False,
    )
    category = forms.ModelChoiceField(
        label=gettext_lazy("About"),
        required=False,
        empty_label=gettext_lazy("Everything"),
        queryset=Category.objects.filter(parent__isnull=True).order_by("position"),
    )
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Owner"),
        required=False,
        widget=LongSelect,
        empty_label=gettext_lazy("Everybody"),
        queryset=User.objects.filter(pk__in=QueueMember.objects.values("user")).order_by("full_name"),
    )
    root_cause = forms.ModelChoiceField(queryset=RootCause.objects.all(), required=False, widget=forms.HiddenInput)
    department = forms.ModelChoiceField(queryset=Department.objects.all(), required=False, widget=forms.HiddenInput)
    customer = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    product = forms.CharField(required=False, max_length=80, widget=forms.HiddenInput)
    open = forms.TypedChoiceField(
        choices=[("", ""), ("1", "1"), ("0", "0")],
        coerce=lambda told: told == "1",
        empty_value=None,
        required=False,
        widget=forms.HiddenInput,
    )
    breached = forms.BooleanField(required=False, widget=forms.HiddenInput)
    unassigned = forms.BooleanField(required=False, widget=forms.HiddenInput)
    reopened = forms.BooleanField(required=False, widget=forms.HiddenInput)
    logged_late = forms.BooleanField(required=False, widget=forms.HiddenInput)
    counted = forms.BooleanField(required=False, widget=forms.HiddenInput)
    opened_from = forms.IntegerField(required=False, min_value=0, max_value=LAST, widget=forms.HiddenInput)
    opened_until = forms.IntegerField(required=False, min_value=0, max_value=LAST, widget=forms.HiddenInput)
    resolved_from = forms.IntegerField(required=False, min_value=0, max_value=LAST, widget=forms.HiddenInput)
    resolved_until = forms.IntegerField(required=False, min_value=0, max_value=LAST, widget=forms.HiddenInput)
    after = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)


def the_list(name: str, user: User, at: datetime) -> QuerySet[Case]:
    """One of the lists, unordered: its length is the number on its tab."""
    if name in WAITING:
        return queries.cases_for(user, at).filter(pk__in=queries.waiting_for(user, at)[name])
    if name in UNCOUNTED:
        return queries.cases_for(user, at, Filters(open=False) if name == "finished" else Filters())
    return queries.cases_for(user, at, Filters(open=True)).filter(queries.work_lists(user, at)[name])


def _filters(chosen: dict[str, Any]) -> Filters:
    """What the form, or a number of the reports, narrows the list to."""
    rows = ("queue", "owner", "category", "root_cause", "department")
    more: dict[str, Any] = {f"{name}_id": chosen[name].pk for name in rows if chosen.get(name)}
    more |= {name: _instant(chosen.get(name)) for name in TIMES}
    return Filters(
        status=chosen.get("status") or "",
        served_as=chosen.get("served_as"),
        customer_id=chosen.get("customer"),
        product_ref=chosen.get("product") or "",
        reopened=bool(chosen.get("reopened")),
        open=chosen.get("open"),
        logged_late=bool(chosen.get("logged_late")),
        counted=bool(chosen.get("counted")),
        breached=True if chosen.get("breached") else None,
        unassigned=bool(chosen.get("unassigned")),
        **more,
    )


def _instant(stamp: int | None) -> datetime | None:
    return datetime.fromtimestamp(stamp, UTC) if stamp else None


def address_of(filters: Filters) -> str:
    """The list behind a number: the same filter, as an address."""
    told: dict[str, Any] = {"list": "every"}
    for name, value in vars(filters).items():
        if value in (None, "", False):
            continue
        if name in TIMES:
            told[name] = int(value.timestamp())
        else:
            told["product" if name == "product_ref" else name.removesuffix("_id")] = 1 if value is True else value
    if filters.open is False:
        told["open"] = 0
    return f"{reverse('desk:complaints')}?{urlencode(told)}"


def _which(request: StaffRequest) -> str:
    """The list asked for; at first what is mine, or everything open when nothing is."""
    name = request.GET.get("list", "")
    if name in LISTS:
        return name
    return "mine" if the_list("mine", request.user, now()).exists() else "all"


def _tabs(request: StaffRequest, chosen: str, page: str) -> list[dict[str, Any]]:
    at, tabs = now(), []
    counts = queries.counts(request.user, at)
    counts |= {name: the_list(name, request.user, at).count() for name in WAITING}
    for name, label in LISTS.items():
        count = counts.get(name, "")
        if count == 0 and name in ONLY_WHEN_SOME and name != chosen:
            continue
        tabs.append({"href": f"{reverse(page)}?list={name}", "label": label, "count": count, "active": name == chosen})
    return tabs


@needs(Permission.WORK_COMPLAINTS)
def queue(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    chosen: dict[str, Any] = form.cleaned_data if form.is_valid() else {}
    name = _which(request)
    rows = queries.narrowed(the_list(name, request.user, now()), _filters(chosen))
    found = _page_after(rows, chosen.get("after", ""), newest_first=name in UNCOUNTED)
    # The order is found on the cases alone: only those of the page are joined with their people.
    ids = list(found.values_list("pk", flat=True)[: PAGE + 1])
    cases = Case.objects.select_related("customer", "category", "owner", "queue").in_bulk(ids)
    page = [cases[pk] for pk in ids]
    kept = {key: value for key, value in request.GET.items() if key != "after" and value}
    more = len(page) > PAGE
    return render(
        request,
        "desk/complaints/queue.html",
        {
            "form": form,
            "chosen": name,
            "tabs": _tabs(request, name, "desk:complaints"),
            "rows": [_row(case, request.user) for case in page[:PAGE]],
            "filtered": any(value not in (None, "", False) for key, value in chosen.items() if key != "after"),
            "next": "?" + urlencode({**kept, "after": _cursor(page[PAGE - 1])}) if more else "",
        },
    )


def _cursor(case: Case) -> str:
    return f"{case.priority}_{case.next_due_at.timestamp() if case.next_due_at else ''}_{case.pk}"


def _page_after(rows: QuerySet[Case], after: str, *, newest_first: bool) -> QuerySet[Case]:
    """The rows behind the cursor: no page is read twice and none is skipped, however long the list."""
    found = re.fullmatch(r"([1-4])_(\d+(?:\.\d+)?)?_(\d{1,18})", after)
    if newest_first:
        return (rows.filter(pk__lt=int(found[3])) if found else rows).order_by("-pk")
    if found:
        priority_, stamp, pk = int(found[1]), found[2], int(found[3])
        if stamp:
            due = datetime.fromtimestamp(float(stamp), UTC)
            later = Q(next_due_at__gt=due) | Q(next_due_at=due, pk__gt=pk) | Q(next_due_at__isnull=True)
        else:
            later = Q(next_due_at__isnull=True, pk__gt=pk)
        rows = rows.filter(Q(priority__gt=priority_) | Q(priority=priority_) & later)
    return queries.in_order(rows)


def _row(case: Case, user: User) -> dict[str, Any]:
    return {
        "case": case,
        "tone": TONES.get(Status(case.status), "grey"),
        "why": priority.wording(case, with_value=sees(user, Field.VALUE)),
        "claimable": case.owner_id is None and case.is_open,
    }


@needs(Permission.WORK_COMPLAINTS)
def board(request: StaffRequest) -> HttpResponse:
    name = _which(request)
    user, at = request.user, now()
    rows = the_list(name, user, at)
    shown = COLUMNS if name in UNCOUNTED else [status for status in COLUMNS if status in OPEN]
    columns = []
    for status in shown:
        here = rows.filter(status=status)
        count = here.count()
        top = queries.in_order(here).select_related("customer", "owner")[:TILES]
        columns.append(
            {
                "label": status.label,
                "count": count,
                "rows": [_row(case, user) for case in top],
                "more": max(0, count - TILES),
            }
        )
    return render(
        request,
        "desk/complaints/board.html",
        {
            "chosen": name,
            "tabs": _tabs(request, name, "desk:complaint_board"),
            "columns": columns,
            "loads": _loads() if may(user, Permission.LEAD_COMPLAINTS) else [],
        },
    )


def _loads() -> list[dict[str, Any]]:
    rows = []
    for found in Queue.objects.order_by("name"):
        loads = routing.load_of(found)
        for member in found.members.select_related("user").order_by("user__full_name"):
            load = loads.get(member.user_id, 0)
            full = load >= member.capacity
            rows.append(
                {
                    "queue": found,
                    "user": member.user,
                    "available": member.available,
                    "load": load,
                    "capacity": member.capacity,
                    "tone": "red" if full else "blue",
                }
            )
    return rows


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def claim(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a case from the list and stay there."""
    case = queries.case_for(request.user, pk, now())
    try:
        lifecycle.claim(case.pk, by=request.user, at=now())
        messages.success(request, _("%(number)s is yours") % {"number": case.number})
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return (
        redirect(request.META.get("HTTP_REFERER") or "desk:complaints")
        if _own_page(request)
        else redirect("desk:complaints")
    )


def _own_page(request: StaffRequest) -> bool:
    """The list the button stood in, with its filters; never another site."""
    return request.META.get("HTTP_REFERER", "").startswith(request.build_absolute_uri(reverse("desk:complaints")))


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def find_number(request: StaffRequest) -> HttpResponse:
    """C-2043, or 2043, opens the case."""
    number = queries.by_number(request.POST.get("number", "")[:30])
    case = queries.cases_for(request.user, now()).filter(pk=number).first() if number else None
    if case is None:
        messages.error(request, _("There is no case with this number that you may see."))
        return redirect("desk:complaints")
    return redirect("desk:complaint", case.pk)
