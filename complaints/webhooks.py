"""What the mall's other systems are told of complaints, as webhooks.

Stored within the transaction of the change, through the one service that changes a case; while nobody listens a change
costs one small query. Told are numbers, codes and hours: no names, nothing that anybody said, wrote or typed.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from complaints import orders
from complaints.models import Case, CaseEvent, CaseMail, CaseMessage, Metric
from complaints.promises import sla
from core.outbox import webhooks
from core.outbox.webhooks import Event

Done = CaseEvent.Kind
Data = dict[str, Any]


class Kind(models.TextChoices):
    """The events, by the name that travels."""

    OPENED = "complaint.opened", _("A complaint was logged")
    ANSWERED = "complaint.answered", _("A customer was answered on a complaint")
    PROMISED = "complaint.promised", _("A call or a remedy was promised for an hour")
    RESOLVED = "complaint.resolved", _("A complaint was solved")
    REOPENED = "complaint.reopened", _("A complaint was opened again")
    ENDED = "complaint.ended", _("A complaint was closed, withdrawn, merged or set aside")


OF_CHANGE = {
    Done.LOGGED: Kind.OPENED,
    Done.REPLIED: Kind.ANSWERED,
    Done.MAILED: Kind.ANSWERED,
    Done.RESOLVED: Kind.RESOLVED,
    Done.KEPT_RESOLVED: Kind.RESOLVED,
    Done.REOPENED: Kind.REOPENED,
    Done.CLOSED: Kind.ENDED,
    Done.WITHDRAWN: Kind.ENDED,
    Done.MERGED: Kind.ENDED,
    Done.INVALIDATED: Kind.ENDED,
}


def changed(case: Case, event: CaseEvent) -> None:
    """Whoever wants to know of such a change of the held case is told it. One that the mall does not learn is not told.

    An answer that Laoke itself sends is told when it has left, not when it was written.
    """
    kind = OF_CHANGE.get(Done(event.kind))
    if kind is not None:
        _tell(kind, case, lambda: _WORDS[kind](case, event), at=event.at)


def promised(case: Case, what: str, due_at: datetime, *, at: datetime) -> None:
    """The customer was promised this (`call`, or the kind of a remedy) by then."""
    _tell(Kind.PROMISED, case, lambda: {"what": what, "due_at": due_at.isoformat()}, at=at)


def _tell(kind: Kind, case: Case, more: Callable[[], Data | None], *, at: datetime) -> None:
    """`more` is asked only while somebody listens, and may find that there is nothing to tell."""
    if (to := webhooks.wanted(kind)) and (data := more()) is not None:
        webhooks.store([Event(kind, at, _who(case) | data)], to, at=at)


def _who(case: Case) -> Data:
    return {
        "complaint": case.number,
        "customer": case.customer.number if case.customer else None,
        "status": case.status,
        "change": case.version,
    }


def _opened(case: Case, event: CaseEvent) -> Data:
    known = (about.order for about in orders.of(case))
    return _owed(case) | {
        "kind": case.kind,
        "channel": case.channel,
        "category": case.category.code,
        "severity": case.severity,
        "priority": case.priority,
        "orders": [f"{order.source}:{order.external_id}" for order in known if order],
        "follows": case.follows.number if case.follows else None,
        "received_at": case.received_at.isoformat(),
    }


def _answered(case: Case, event: CaseEvent) -> Data | None:
    message = CaseMessage.objects.get(pk=event.data["message"])
    leaves = message.channel == Case.Channel.EMAIL or CaseMail.objects.filter(message=message, state="waiting").exists()
    is_written_only = event.kind == Done.REPLIED and leaves
    said = {"direction": CaseMessage.Direction.OUT, "counts_as_response": True}
    earlier = CaseMessage.objects.filter(case=case, **said).exclude(pk=message.pk)
    return None if is_written_only else {"channel": message.channel, "first": not earlier.exists()}


def _resolved(case: Case, event: CaseEvent) -> Data:
    return {
        "outcome": case.outcome,
        "cause": case.root_cause.code if case.root_cause else None,
        "justified": case.justified,
        "reopened": case.reopen_count,
    }


def _reopened(case: Case, event: CaseEvent) -> Data:
    return _owed(case) | {"by": event.actor_kind, "reopened": case.reopen_count}


def _ended(case: Case, event: CaseEvent) -> Data:
    return {"into": case.merged_into.number if case.merged_into else None}


def _owed(case: Case) -> Data:
    """By when an answer and the solution are owed, as far as a clock runs for it."""
    due = {clock.metric: clock.due_at for clock in sla.live(case, [*Metric])}
    answer = due.get(Metric.FIRST_RESPONSE) or due.get(Metric.NEXT_RESPONSE)
    solution = due.get(Metric.RESOLUTION)
    return {
        "answer_due_at": answer.isoformat() if answer else None,
        "solution_due_at": solution.isoformat() if solution else None,
    }


_WORDS: Mapping[Kind, Callable[[Case, CaseEvent], Data | None]] = {
    Kind.OPENED: _opened,
    Kind.ANSWERED: _answered,
    Kind.RESOLVED: _resolved,
    Kind.REOPENED: _reopened,
    Kind.ENDED: _ended,
}
