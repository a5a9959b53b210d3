"""Remedies and warnings of callers that wait for a second person, as the list of everything that waits shows them."""

from datetime import datetime

from django.utils.translation import gettext as _

from complaints.calls import marks
from complaints.cases import remedies
from complaints.models import Remedy
from core.accounts.deciding import Waiting
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.lib.periods import mall_day

RULE = Permission.LEAD_COMPLAINTS


def waiting(user: User, *, at: datetime) -> list[Waiting]:
    """Everything of the desk that waits for a decision, as `user` would see it."""
    leads = list(who_may(RULE))
    rows = Remedy.objects.filter(status=Remedy.Status.PROPOSED).select_related("case__customer", "proposed_by")
    return _warnings(user, leads, at=at) + [
        Waiting(
            kind="remedy",
            pk=remedy.pk,
            what=_("%(number)s: %(kind)s") % {"number": remedy.case.number, "kind": remedy.get_kind_display()},
            why=f"{remedy.reason} · {remedies.wording(remedy.limits)}",
            by=remedy.proposed_by,
            since=remedy.proposed_at,
            due_at=remedy.promised_at,
            url=f"/complaints/{remedy.case_id}/",
            others=tuple(lead for lead in leads if lead.pk != remedy.proposed_by_id),
            reader=user,
            right=may(user, RULE),
            who=remedy.case.who,
            customer_id=remedy.customer_id,
            amount=str(remedy.amount.normalize() if remedy.kind == "points" else remedy.amount),
        )
        for remedy in rows
    ]


def _warnings(user: User, leads: list[User], *, at: datetime) -> list[Waiting]:
    return [
        Waiting(
            kind="caller",
            pk=mark.pk,
            what=_("Warning of an abusive caller, until %(day)s") % {"day": mark.until.isoformat()},
            why=mark.reason,
            by=mark.marked_by,
            since=mark.marked_at,
            due_at=None,
            url=f"/customers/{mark.customer_id}/",
            others=tuple(lead for lead in leads if lead.pk != mark.marked_by_id),
            reader=user,
            right=may(user, RULE),
            who=mark.customer.name,
            customer_id=mark.customer_id,
        )
        for mark in marks.waiting(today=mall_day(at))
    ]
