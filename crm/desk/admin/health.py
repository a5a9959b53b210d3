"""Whether something burns: every condition as it is now, since when, what to do, and what was told of it."""

from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.outbox import mailing
from crm.desk.paging import page_of
from crm.desk.today import now
from crm.flows.notices import Burning
from crm.operating.models import Heartbeat, OperatorMail, Trouble
from crm.operating.watch import looking, mails
from crm.operating.watch.conditions import BY_NAME, CLOCKS, LONG, OUT, RELAY

ENDED_SHOWN = 20
PARTS = {
    CLOCKS: gettext_lazy("Workers: promises, reservations"),
    LONG: gettext_lazy("Workers: nights, imports"),
    OUT: gettext_lazy("Workers: mails, webhooks"),
    RELAY: gettext_lazy("Relay"),
    looking.WATCH: gettext_lazy("The watch itself"),
}


class Burns(NamedTuple):
    """One thing that is so now. `since` is empty when this page is the first to see it."""

    title: str
    text: str
    advice: str
    link: str
    since: datetime | None


class Past(NamedTuple):
    """What was so, and is over."""

    title: str
    text: str
    began_at: datetime
    ended_at: datetime


@needs(Permission.RUN_NIGHT)
@never_cache
def health(request: StaffRequest) -> HttpResponse:
    at = now()
    burning, fine, unknown = _burning(at)
    ended = page_of(request, Trouble.objects.filter(ended_at__isnull=False).order_by("-ended_at", "-pk"), ENDED_SHOWN)
    heard = dict(Heartbeat.objects.values_list("name", "at"))
    context = {
        "burning": burning,
        "fine": fine,
        "unknown": unknown,
        "ended": ended,
        "past": [_past(row) for row in ended.rows],
        "heard": [(label, heard.get(name)) for name, label in PARTS.items()],
        "readers": [reader.address for reader in mails.readers()],
        "loses_mail": mailing.loses_mail(),
        "unsent": OperatorMail.objects.filter(sent_at=None).count(),
    }
    return render(request, "desk/admin/health.html", context)


def _burning(at: datetime) -> tuple[list[Burns], list[str], list[str]]:
    """What is so now, and the names of what is well and of what could not be asked. What asks the network is as told."""
    known = {(row.what, row.about): row for row in Trouble.objects.filter(ended_at=None)}
    burning, fine, unknown = [], [], []
    for condition, found in looking.see(at=at, far=False):
        label = str(condition.what.label)
        for one in found or ():
            row = known.get((condition.what.value, one.about[:120]))
            burning.append(_burns(condition.what, one.case, one.params, row.began_at if row else None))
        if found is None:
            unknown.append(label)
        elif not found:
            fine.append(str(condition.fine))
    for condition in BY_NAME.values():
        if condition.is_far:
            rows = [row for (what, _about), row in known.items() if what == condition.what]
            burning += [_burns(condition.what, row.case, row.params, row.began_at) for row in rows]
            fine += [] if rows else [str(condition.fine)]
    return burning, fine, unknown


def _burns(what: Burning, case: str, params: dict[str, Any], since: datetime | None) -> Burns:
    condition = BY_NAME[what.value]
    link = reverse(condition.link) if condition.link else ""
    return Burns(str(what.label), condition.text(case, params), str(condition.advice), link, since)


def _past(row: Trouble) -> Past:
    condition = BY_NAME.get(row.what)
    title = str(condition.what.label) if condition else row.what
    text = condition.text(row.case, row.params) if condition and row.case in condition.says else ""
    return Past(title, text, row.began_at, row.ended_at or row.seen_at)


def in_words() -> str:
    """For the settings room: how many things burn."""
    count = Trouble.objects.filter(ended_at=None, told_at__isnull=False).count()
    return _("all is well") if not count else _("%(n)d to see to") % {"n": count}
