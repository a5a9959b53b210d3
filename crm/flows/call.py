"""A complaint is logged, and what was promised with it is somebody's work: one verb for every channel and every door."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Unpack

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from complaints.cases import intake, remedies
from complaints.models import Case, Category
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
    customer: Customer,
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
        _promise(case, call_at, by=by, at=at)
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


def promised(case: Case) -> Todo | None:
    """The call that was promised when the case was logged, kept or not."""
    return Todo.objects.select_related("owner").filter(dedupe_key=_key(case)).first()


def waiting(user: User, at: datetime) -> QuerySet[Todo]:
    """The calls this person promised and has not made, the soonest first."""
    rows = Todo.objects.filter(owner=user, state=Todo.State.OPEN, dedupe_key__startswith=_CALL)
    shown = rows.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=mall_day(at)))
    return shown.select_related("customer").order_by("due_at", "pk")


def _key(case: Case) -> str:
    return f"{_CALL}{case.pk}"


def _promise(case: Case, call_at: datetime, *, by: User | None, at: datetime) -> None:
    if not at <= call_at <= at + FURTHEST:
        raise Invalid(
            _("A call can be promised for a time from now on, within %(days)d days.") % {"days": FURTHEST.days},
            code="call_at",
        )
    todo.open_task(
        case.customer,
        owner=by or case.owner or case.customer.manager or case.queue.department.head,
        reason=Todo.Reason.PROMISE,
        text={"call": case.number, "case": case.pk},
        due_on=mall_day(call_at),
        due_at=call_at,
        at=at,
        dedupe_key=_key(case),
    )
    if by and case.channel in CONVERSATIONS:
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
