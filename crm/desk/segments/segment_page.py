"""What the page of one segment shows: what it says, how many, since when, and by whose word."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.http import urlencode

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import Permission, rights_of
from core.lib.conditions import address, tree
from core.lib.conditions.catalogue import NotYours
from core.lib.conditions.tree import BadCondition, Node
from core.lib.errors import DomainError
from crm.desk.segments import counting
from crm.desk.segments import draft as drafts
from crm.desk.segments.builder import editor
from crm.desk.segments.draft import Draft
from crm.desk.segments.forms import RenameForm, ReviseForm
from crm.desk.today import now, today
from crm.flows.catalogue import CUSTOMERS
from segmentation.models import Segment, SegmentDay, SegmentMember, SegmentVersion
from segmentation.segments import inside, reach

DAYS_SHOWN = 14


@dataclass
class VersionRow:
    n: int
    sentence: str
    reason: str
    by: User
    at: Any
    entered: str = ""
    left: str = ""


@dataclass
class DayRow:
    on: Any
    size: str
    entered: str
    left: str
    step: int = 0


def page(
    request: StaffRequest,
    segment: Segment,
    *,
    draft: Draft | None = None,
    node: Node | None = None,
    form: ReviseForm | None = None,
    status: int = 200,
    **changed: Any,
) -> HttpResponse:
    """The page; with the lines as they were sent where something is wrong with them."""
    context = _context(request, segment)
    if context["refusal"]:
        return render(request, "desk/segments/segment.html", context | changed, status=status)
    stored = context["node"]
    if not context["owns"]:
        context["panel"] = counting.panel(request.user, stored, today(), at=now())
        context["copies"] = _builder_with(stored)
        return render(request, "desk/segments/segment.html", context | changed, status=status)
    shown = draft or drafts.of(stored)
    if draft is None:
        drafts.tree(shown, CUSTOMERS)
    context |= editor(request.user, shown, node if node is not None else stored, segment.code)
    context["form"] = form or ReviseForm(initial={"based_on": context["last"].n})
    if form is not None and form.is_bound and form.data.get("based_on") != str(context["last"].n):
        # Both are shown now: sent once more, it is meant.
        data = MultiValueDict(form.data)
        data["based_on"] = str(context["last"].n)
        form.data = data
        context["theirs"] = CUSTOMERS.sentence(stored)
    return render(request, "desk/segments/segment.html", context | changed, status=status)


def _builder_with(node: Node) -> str:
    """The builder begun with this tree; empty where it is too long for an address."""
    try:
        return f"{reverse('desk:segment_new')}?{urlencode(address.write(node))}"
    except BadCondition:
        return ""


def _context(request: StaffRequest, segment: Segment) -> dict[str, Any]:
    user = request.user
    last = segment.versions.select_related("by").latest("n")
    owns = segment.owner_id == user.pk and segment.archived_at is None
    context: dict[str, Any] = {
        "segment": segment,
        "last": last,
        "owns": owns,
        "shares": owns and may(user, Permission.SHARE_SEGMENTS),
        "visibilities": Segment.Visibility.choices,
        "used_by": [other for other in inside.used_by(segment) if other in reach.seen_by(user)],
        "rename_form": RenameForm(instance=segment),
        "by_name": rights_of(user).sees_customers,
        "refusal": "",
        "code": segment.code,
    }
    try:
        context["node"] = node = CUSTOMERS.parse(last.tree)
        CUSTOMERS.refuse_hidden(node, rights_of(user).hidden, user.pk)
        CUSTOMERS.in_full(node, user.pk)
    except (NotYours, BadCondition, DomainError) as refusal:
        labels = [CUSTOMERS.by_key[leaf.field].label for _path, leaf in _leaves(last) if leaf.field in CUSTOMERS.by_key]
        return context | {"refusal": str(refusal), "speaks_of": list(dict.fromkeys(map(str, labels)))}
    versions = list(segment.versions.select_related("by").order_by("-n"))
    return context | {
        "versions": _moves(segment, [_version(version) for version in versions], by_name=context["by_name"]),
        "days": _days(segment, by_name=context["by_name"]),
    }


def _leaves(version: SegmentVersion) -> list[tuple[str, tree.Leaf]]:
    try:
        return list(tree.leaves(tree.parse(version.tree)))
    except BadCondition:
        return []


def _version(version: SegmentVersion) -> VersionRow:
    try:
        sentence = CUSTOMERS.sentence(CUSTOMERS.parse(version.tree))
    except BadCondition:
        sentence = version.sentence
    return VersionRow(version.n, sentence, version.reason, version.by, version.at)


def _moves(segment: Segment, rows: list[VersionRow], *, by_name: bool) -> list[VersionRow]:
    """Each version with how many it brought in and sent away at once, where the history was kept."""
    by_rule = SegmentMember.Why.RULE
    came = segment.members.filter(why=by_rule).values_list("entered_at").annotate(n=Count("pk"))
    gone = segment.members.filter(left_why=by_rule).values_list("left_at").annotate(n=Count("pk"))
    entered, left = dict(came), dict(gone)
    for row in rows:
        if row.at in entered or row.at in left:
            row.entered = counting.said(entered.get(row.at, 0), by_name)
            row.left = counting.said(left.get(row.at, 0), by_name)
    return rows


def _days(segment: Segment, *, by_name: bool) -> list[DayRow]:
    """The last nights, newest first; a step is the first day of another version."""
    rows = list(SegmentDay.objects.filter(segment=segment).select_related("version").order_by("-on")[: DAYS_SHOWN + 1])
    shown = []
    for number, row in enumerate(rows[:DAYS_SHOWN]):
        before = rows[number + 1] if number + 1 < len(rows) else None
        step = row.version.n if before is not None and before.version_id != row.version_id else 0
        size, entered, left = (counting.said(count, by_name) for count in (row.size, row.entered, row.left))
        shown.append(DayRow(row.on, size, entered, left, step))
    return shown
