"""The list of segments: one's own, what is shared, what has been put away."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, rights_of
from core.lib.conditions.tree import BadCondition
from core.lib.errors import DomainError
from crm.desk.paging import page_of
from crm.desk.segments import counting
from crm.flows.catalogue import CUSTOMERS
from segmentation.models import Segment, SegmentDay, SegmentVersion
from segmentation.segments import reach

AT_ONCE = 50
TABS = ("mine", "shared", "archived")


@dataclass
class Row:
    segment: Segment
    sentence: str
    n: int
    on: Any = None
    size: str = ""
    entered: str = ""
    left: str = ""


@needs(Permission.USE_SEGMENTS)
def segments(request: StaffRequest) -> HttpResponse:
    """The list opens with one's own; while there is none, with what is shared, where there is something."""
    own = Segment.objects.filter(owner=request.user)
    chosen = {
        "mine": own.filter(archived_at__isnull=True),
        "shared": reach.seen_by(request.user).exclude(owner=request.user),
        "archived": own.filter(archived_at__isnull=False),
    }
    counts = {name: rows.count() for name, rows in chosen.items()}
    tab = request.GET.get("show", "")
    if tab not in TABS:
        tab = "shared" if counts["shared"] and not counts["mine"] else "mine"
    page = page_of(request, chosen[tab].select_related("owner", "team").order_by("name", "pk"), AT_ONCE)
    context = {"tab": tab, "counts": counts, "page": page.of(_rows(page.rows, request.user))}
    return render(request, "desk/segments/segments.html", context)


def _rows(found: Any, user: User) -> list[Row]:
    ids = [segment.pk for segment in found]
    last = SegmentVersion.objects.filter(segment__in=ids).order_by("segment", "-n").distinct("segment")
    versions = {version.segment_id: version for version in last}
    nights = SegmentDay.objects.filter(segment__in=ids).order_by("segment", "-on").distinct("segment")
    days = {day.segment_id: day for day in nights}
    return [_row(segment, versions[segment.pk], days.get(segment.pk), user) for segment in found]


def _row(segment: Segment, version: SegmentVersion, day: SegmentDay | None, user: User) -> Row:
    rights = rights_of(user)
    try:
        node = CUSTOMERS.parse(version.tree)
        CUSTOMERS.refuse_hidden(node, rights.hidden, user.pk)
        row = Row(segment, CUSTOMERS.sentence(node), version.n)
    except (BadCondition, DomainError) as refusal:
        return Row(segment, str(refusal), version.n)
    if day is not None and segment.tracked:
        row.on = day.on
        row.size, row.entered, row.left = (
            counting.said(count, rights.sees_customers) for count in (day.size, day.entered, day.left)
        )
    return row
