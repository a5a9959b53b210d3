"""Of the demo only: the mails and messages that arrived outside, as whoever gets them sees them."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, rights_of
from crm.demo.outside.arrived import Arrival, Arrivals
from crm.desk.letters import outgoing_page
from crm.desk.today import today
from customers import contact_points
from customers.access import scope_filter
from customers.models import Letter

SHOWN = 60
SEEN = 500


class Row(NamedTuple):
    """What came, whose letter it is, and how far Laoke thinks that it has come. `source` is empty but for mails."""

    shown: outgoing_page.Row
    at: datetime
    to: str
    subject: str
    text: str
    source: str
    times: int


@needs(Permission.VIEW_LETTERS)
def arrived(request: StaffRequest) -> HttpResponse:
    if not settings.DEMO or not settings.DEMO_ARRIVED:
        raise Http404
    came = Arrivals(Path(settings.DEMO_ARRIVED)).latest(SEEN)
    letters = _letters(request, came)
    rows = [_row(arrival, letters[arrival.name]) for arrival in came if arrival.name in letters][:SHOWN]
    return render(request, "desk/letters/arrived.html", {"rows": rows, "seen": SHOWN})


def _letters(request: StaffRequest, came: list[Arrival]) -> dict[str, Letter]:
    """The letters of customers in reach, by the name under which they came."""
    if not rights_of(request.user).sees_customers:
        return {}
    mine = Letter.objects.filter(scope_filter(request.user, today(), "customer__")).select_related("customer", "point")
    by_id = mine.filter(pk__in=[one.name for one in came if one.channel != "email"])
    by_mail = mine.filter(own_id__in=[one.name for one in came if one.channel == "email"])
    return {str(row.pk): row for row in by_id} | {row.own_id: row for row in by_mail}


def _row(came: Arrival, letter: Letter) -> Row:
    shown = outgoing_page.row_of(letter)
    at = datetime.fromtimestamp(came.at, UTC)
    mask = contact_points.veil(came.recipient)
    if came.channel != "email":
        return Row(shown, at, mask, "", came.text, "", came.times)
    mail = message_from_bytes(came.text.encode(), policy=policy.default)
    body = mail.get_body(("plain",))
    text = body.get_content() if body else ""
    return Row(shown, at, mask, str(mail["Subject"]), text.strip(), came.text.replace(came.recipient, mask), came.times)
