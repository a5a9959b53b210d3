"""The work list and the board: the same named lists, the same order, the same counts."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints import lifecycle, priority, routing
from complaints.models import Case, Category, Queue, QueueMember, RootCause
from complaints.models.cases import OPEN
from crm.accounts.models import User
from crm.accounts.permissions import StaffRequest, may, needs, sees
from crm.accounts.roles import Field, Permission
from crm.desk import cases
from crm.desk.complaint_case import TONES, Status
from crm.desk.today import now, today
from crm.lib.errors import DomainError
from customers.models import Standing

PAGE = 50
TILES = 20
LISTS = {
    "mine": gettext_lazy("Mine"),
    "open": gettext_lazy("Open"),
    "unassigned": gettext_lazy("Nobody's"),
    "soon": gettext_lazy("Due within the hour"),
    "missed": gettext_lazy("Promise missed"),
    "big": gettext_lazy("Big customers"),
    "look": gettext_lazy("Wrote again"),
    "asked": gettext_lazy("Asked of me"),
    "solved": gettext_lazy("Solved"),
    "all": gettext_lazy("All"),
}
COLUMNS = (Status.NEW, Status.IN_PROGRESS, Status.WAITING_CUSTOMER, Status.WAITING_INTERNAL, Status.RESOLVED)


class FilterForm(forms.Form):
    status = forms.ChoiceField(
        label=gettext_lazy("Status"), choices=[("", gettext_lazy("Every status")), *Status.choices], required=False
    )
    queue = forms.ModelChoiceField(
        label=gettext_lazy("Queue"), queryset=Queue.objects.order_by("name"), required=False,
        empty_label=gettext_lazy("Every queue"),
    )  # fmt: skip
    served_as = forms.TypedChoiceField(
        label=gettext_lazy("Class"), choices=[("", gettext_lazy("Every class")), *Standing.Class.choices], coerce=int,
        empty_value=None, required=False,
    )  # fmt: skip
    category = forms.ModelChoiceField(
        label=gettext_lazy("About"), required=False, empty_label=gettext_lazy("Everything"),
        queryset=Category.objects.filter(parent__isnull=True).order_by("position"),
    )  # fmt: skip
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Owner"), required=False, empty_label=gettext_lazy("Everybody"),
        queryset=User.objects.filter(pk__in=QueueMember.objects.values("user")).order_by("full_name"),
    )  # fmt: skip
    root_cause = forms.ModelChoiceField(
        queryset=RootCause.objects.all(), required=False, widget=forms.HiddenInput
    )
    customer = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    since = forms.DateField(required=False, widget=forms.HiddenInput)
    until = forms.DateField(required=False, widget=forms.HiddenInput)
    after = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)


def _narrowed(rows: QuerySet[Case], chosen: dict[str, Any]) -> QuerySet[Case]:
    if chosen.get("status"):
        rows = rows.filter(status=chosen["status"])
    for name in ("queue", "owner", "root_cause", "customer"):
        if chosen.get(name):
            rows = rows.filter(**{name: chosen[name]})
    if chosen.get("served_as") is not None:
        rows = rows.filter(served_as=chosen["served_as"])
    if chosen.get("category"):
        rows = rows.filter(Q(category=chosen["category"]) | Q(category__parent=chosen["category"]))
    if chosen.get("since"):
        rows = rows.filter(opened_at__date__gte=chosen["since"])
    if chosen.get("until"):
        rows = rows.filter(opened_at__date__lte=chosen["until"])
    return rows


def _which(request: StaffRequest) -> str:
    """The list asked for; at first what is mine, or everything open when nothing is."""
    name = request.GET.get("list", "")
    if name in LISTS:
        return name
    return "mine" if cases.named_list("mine", request.user, today(), now()).exists() else "open"


def _tabs(request: StaffRequest, chosen: str, page: str) -> list[dict[str, Any]]:
    user, day, at = request.user, today(), now()
    tabs = []
    for name, label in LISTS.items():
        count = cases.named_list(name, user, day, at).count() if name not in ("solved", "all") else ""
        if count == 0 and name in ("look", "asked", "big", "unassigned") and name != chosen:
            continue
        tabs.append({"href": f"{reverse(page)}?list={name}", "label": label, "count": count, "active": name == chosen})
    return tabs


@needs(Permission.WORK_COMPLAINTS)
def queue(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    chosen: dict[str, Any] = form.cleaned_data if form.is_valid() else {}
    name = _which(request)
    rows = _narrowed(cases.named_list(name, request.user, today(), now()), chosen)
    finished = name in ("solved", "all")
    found = _page_after(rows, chosen.get("after", ""), newest_first=finished)
    page = list(found.select_related("customer", "category", "owner", "queue")[: PAGE + 1])
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
            "filtered": any(value not in (None, "") for key, value in chosen.items() if key != "after"),
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
            due = datetime.fromtimestamp(float(stamp), tz=localtime(now()).tzinfo)
            later = Q(next_due_at__gt=due) | Q(next_due_at=due, pk__gt=pk) | Q(next_due_at__isnull=True)
        else:
            later = Q(next_due_at__isnull=True, pk__gt=pk)
        rows = rows.filter(Q(priority__gt=priority_) | Q(priority=priority_) & later)
    return cases.in_order(rows)


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
    user, day, at = request.user, today(), now()
    rows = cases.named_list(name, user, day, at)
    shown = COLUMNS if name in ("solved", "all") else [status for status in COLUMNS if status in OPEN]
    columns = []
    for status in shown:
        here = rows.filter(status=status)
        count = here.count()
        top = cases.in_order(here).select_related("customer", "owner")[:TILES]
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
                    "queue": found, "user": member.user, "available": member.available, "load": load,
                    "capacity": member.capacity, "tone": "red" if full else "blue",
                }
            )  # fmt: skip
    return rows


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def claim(request: StaffRequest, pk: int) -> HttpResponse:
    """Take a case from the list and stay there."""
    case = cases.case_for(request.user, pk, today())
    try:
        lifecycle.claim(case.pk, by=request.user, at=now())
        messages.success(request, _("%(number)s is yours") % {"number": case.number})
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect(request.META.get("HTTP_REFERER") or "desk:complaints") if _own_page(request) else redirect("desk:complaints")


def _own_page(request: StaffRequest) -> bool:
    """The list the button stood in, with its filters; never another site."""
    return request.META.get("HTTP_REFERER", "").startswith(request.build_absolute_uri(reverse("desk:complaints")))


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def find_number(request: StaffRequest) -> HttpResponse:
    """C-2043, or 2043, opens the case."""
    found = re.fullmatch(r"\s*[cC]?-?\s*(\d{1,18})\s*", request.POST.get("number", ""))
    case = cases.visible(request.user, today()).filter(pk=int(found[1])).first() if found else None
    if case is None:
        messages.error(request, _("There is no case with this number that you may see."))
        return redirect("desk:complaints")
    return redirect("desk:complaint", case.pk)
