"""A complaint is logged, and what was promised with it is somebody's work: one verb for every channel and every door."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Unpack

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from complaints import webhooks
from complaints.cases import intake, remedies, transitions
from complaints.models import Case, CaseEvent, Category
from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from customers import contacts, todo
from customers.models import Contact, Customer, Todo

FURTHEST = timedelta(days=90)
_CALL = "call:"
# What came by another way than these is on record in the case alone.
CONVERSATIONS = {
    Case.Channel.PHONE: Contact.Channel.PHONE,
    Case.Channel.WECHAT: Contact.Channel.WECHAT,
    Case.Channel.EMAIL: Contact.Channel.EMAIL,
    Case.Channel.VISIT: Contact.Channel.VISIT,
}


class Offer(NamedTuple):
    """What the customer is to have at once."""

    kind: str
    amount: Decimal
    client_key: str


class Taken(NamedTuple):
    case: Case
    created: bool
    call: Todo | None


@transaction.atomic
def log(
    customer: Customer | None,
    *,
    category: Category,
    channel: str,
    by: User | None,
    at: datetime,
    call_at: datetime | None = None,
    offer: Offer | None = None,
    **facts: Unpack[intake.Complaint],
) -> Taken:
    """The complaint is a case, the call promised by `call_at` is a task, and what was offered is proposed.

    The task is due at that very moment, and is owned by who promised it. A program (`by` None) promises for the owner
    of the case, else for the customer's manager, else for the head of the department whose queue has it. Telling the
    same complaint again finds its first case and the call promised then, and starts nothing anew.
    """
    logged = intake.log(customer, category=category, channel=channel, by=by, at=at, **facts)
    case = logged.case
    if logged.created and call_at:
        _promise(case, call_at, _key(case), by=by, at=at)
        webhooks.promised(case, "call", call_at, at=at)
        _talked(case, by=by, at=at)
    if logged.created and offer and by:
        remedies.propose(
            case.pk,
            kind=offer.kind,
            amount=offer.amount,
            reason=case.title,
            by=by,
            at=at,
            client_key=offer.client_key,
        )
    return Taken(case, logged.created, promised(case))


@transaction.atomic
def promise(case_id: int, call_at: datetime, *, by: User, at: datetime) -> Todo:
    """The customer was promised a call by then, and it is this person's task until it is kept.

    What was promised before and not kept is moved to it: nobody has two calls to make about one case. That the first
    was missed stays in the history.
    """
    case = transitions.lock(case_id)
    transitions.must_be_open(case)
    earlier = list(_calls(case).select_for_update(of=("self",)).order_by("pk"))
    missed = [call for call in earlier if call.state == Todo.State.OPEN]
    key = f"{_key(case)}:{len(earlier)}" if earlier else _key(case)
    call = _promise(case, call_at, key, by=by, at=at)
    for row in missed:
        # One that is over counts as missed; one whose time had not come was only moved.
        state = Todo.State.DONE if row.is_late(at) else Todo.State.DROPPED
        Todo.objects.filter(pk=row.pk).update(state=state, closed_at=at, closed_by=by)
    transitions.record(
        case,
        CaseEvent.Kind.PROMISED,
        by=by,
        at=at,
        call_at=call_at.isoformat(),
        instead=[row.due_at.isoformat() for row in missed if row.due_at],
    )
    webhooks.promised(case, "call", call_at, at=at)
    return call


def promised(case: Case) -> Todo | None:
    """The call that was promised last with the case, kept or not."""
    return _calls(case).select_related("owner").order_by("-pk").first()


def everybodys(at: datetime) -> QuerySet[Todo]:
    """The calls that anybody promised and has not made, the soonest first."""
    rows = Todo.objects.filter(state=Todo.State.OPEN, dedupe_key__startswith=_CALL)
    return rows.select_related("customer", "owner").order_by("due_at", "pk")


def _calls(case: Case) -> QuerySet[Todo]:
    return Todo.objects.filter(Q(dedupe_key=_key(case)) | Q(dedupe_key__startswith=f"{_key(case)}:"))


def waiting(user: User, at: datetime) -> QuerySet[Todo]:
    """The calls this person promised and has not made, the soonest first."""
    rows = Todo.objects.filter(owner=user, state=Todo.State.OPEN, dedupe_key__startswith=_CALL)
    shown = rows.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=mall_day(at)))
    return shown.select_related("customer").order_by("due_at", "pk")


def _key(case: Case) -> str:
    return f"{_CALL}{case.pk}"


def _promise(case: Case, call_at: datetime, key: str, *, by: User | None, at: datetime) -> Todo:
    customer = transitions.customer_of(case)
    if not at <= call_at <= at + FURTHEST:
        raise Invalid(
            _("A call can be promised for a time from now on, within %(days)d days.") % {"days": FURTHEST.days},
            code="call_at",
        )
    return todo.open_task(
        customer,
        owner=by or case.owner or customer.manager or case.queue.department.head,
        reason=Todo.Reason.PROMISE,
        text={"call": case.number, "case": case.pk},
        due_on=mall_day(call_at),
        due_at=call_at,
        at=at,
        dedupe_key=key,
    )


def _talked(case: Case, *, by: User | None, at: datetime) -> None:
    """The talk in which the call was promised is in the customer's history."""
    if by and case.customer and case.channel in CONVERSATIONS:
        contacts.log_contact(
            case.customer,
            by=by,
            at=at,
            channel=CONVERSATIONS[Case.Channel(case.channel)],
            direction=Contact.Direction.IN,
            outcome=Contact.Outcome.PROMISED,
            mood=Contact.Mood.BAD,
            note=f"{case.number} {case.title}",
        )
