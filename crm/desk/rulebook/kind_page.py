"""What the page of one kind of rules shows: its versions, each with what it changed, and what waits."""

from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from core.accounts.permissions import StaffRequest, may
from core.rulebook import changes
from core.rulebook.kinds import Kind, Version
from core.rulebook.models import RuleChange
from crm.desk.rulebook.rules_page import written_at

SHOWN = 50


class VersionRow(NamedTuple):
    """`change`: how it came, where it came by the rulebook; `state` is a word where it is not simply of the past."""

    version: Version
    change: RuleChange | None
    state: str
    icon: str
    differences: list[str]


def context_of(request: StaffRequest, kind: Kind, *, at: datetime) -> dict[str, Any]:
    versions = kind.versions(SHOWN + 1)
    by_version = {
        change.version: change
        for change in RuleChange.objects.filter(
            kind=kind.name, state=RuleChange.State.CONFIRMED, version__in=[row.number for row in versions]
        ).select_related("by", "decided_by")
    }
    in_force = next((row for row in versions if row.starts_at is None or row.starts_at <= at), None)
    current = in_force.number if in_force else None
    rows = [
        _row(kind, row, before, by_version.get(row.number), current, at)
        for row, before in zip_longest(versions, versions[1:])
        if row is not None and row.number
    ]
    ended = RuleChange.objects.filter(
        kind=kind.name, state__in=(RuleChange.State.DROPPED, RuleChange.State.WITHDRAWN)
    ).select_related("by")
    newest = versions[0].number if versions else None
    edits = may(request.user, kind.edits)
    back_from = newest if edits and newest and changes.before_it(kind, newest, at=at) else None
    return {
        "kind": kind,
        "stays": kind.stays(back_from) if back_from else [],
        "rows": rows[:SHOWN],
        "says": kind.says(in_force.content) if in_force else [],
        "in_force": in_force,
        "waiting": changes.waiting(kind),
        "ended": ended.order_by("-pk")[:SHOWN],
        "edit_url": written_at(kind, request.user),
        "edits": edits,
        "back_from": back_from,
    }


def _row(
    kind: Kind, row: Version, before: Version | None, change: RuleChange | None, current: int | None, at: datetime
) -> VersionRow:
    differences = kind.differences(before.content, row.content) if before else []
    if row.number == current:
        return VersionRow(row, change, _("in force"), "check", differences)
    if row.starts_at is not None and row.starts_at > at:
        return VersionRow(row, change, _("scheduled"), "clock", differences)
    return VersionRow(row, change, "", "history", differences)
