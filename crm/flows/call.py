"""What is said in a call is work: a complaint logged with its promises, a talk that ends the task it came from."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, Unpack

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from complaints import webhooks
from complaints.cases import intake, remedies, transitions
from complaints.models import Case, CaseEvent, Category
from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from crm.flows.planning import talks
from customers import contacts, todo
from customers.models import Contact, Customer, Promise, Todo
from customers.promises import ledger
from segmentation import alerts

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
        _promise(case, call_at, 0, by=by, at=at)
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

    What was promised before and not kept is over: nobody has two calls to make about one case. One whose time had not
    come is moved to the new one; one that was missed stays missed in the history.
    """
    case = transitions.lock(case_id)
    transitions.must_be_open(case)
    earlier = list(_calls(case).select_for_update(of=("self",)).order_by("pk"))
    missed = [call for call in earlier if call.state == Todo.State.OPEN]
    _must_be_ahead(call_at, at)
    was_due = [row.due_at.isoformat() for row in missed if row.due_at]
    call = None
    for row in missed:
        if row.promise and call is None and not row.is_late(at):
            call = _moved(row.promise, call_at, by=by, at=at)
        elif row.promise:
            ledger.keep(row.promise.pk, by=by, at=at, how=_("Missed; promised anew"))
    if call is None:
        call = _promise(case, call_at, len(earlier), by=by, at=at)
    transitions.record(
        case,
        CaseEvent.Kind.PROMISED,
        by=by,
        at=at,
        call_at=call_at.isoformat(),
        instead=was_due,
    )
    webhooks.promised(case, "call", call_at, at=at)
    return call


class Talked(NamedTuple):
    contact: Contact
    closed: bool


@transaction.atomic
def talk(task_id: int, *, closes: bool, by: User, at: datetime, **said: Any) -> Talked:
    """The talk is on record (see `talks.log`), and the task that it was about is done with it if `closes`.

    An alert is decided by it, a promise is kept. Where nobody answered the task stays open whatever was ticked.
    """
    task = todo.open_task_of(by, task_id, at)
    contact = talks.log(task.customer, by=by, at=at, **said)
    task.refresh_from_db()
    if not closes or contact.outcome == Contact.Outcome.NO_ANSWER:
        return Talked(contact, closed=task.state != Todo.State.OPEN)
    if task.alert_id and not task.agreed:
        alerts.talked(task.alert_id, by=by, at=at)
    elif task.reason in todo.BY_A_TALK:
        # What the plan asks for it has been, or not: the talk itself has ended it.
        return Talked(contact, closed=task.state != Todo.State.OPEN)
    elif task.state == Todo.State.OPEN:
        todo.complete(task.pk, by=by, at=at)
    return Talked(contact, closed=True)


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


def _must_be_ahead(call_at: datetime, at: datetime) -> None:
    if not at <= call_at <= at + FURTHEST:
        raise Invalid(
            _("A call can be promised for a time from now on, within %(days)d days.") % {"days": FURTHEST.days},
            code="call_at",
        )


def _promise(case: Case, call_at: datetime, ordinal: int, *, by: User | None, at: datetime) -> Todo:
    """The call is in the ledger: the `ordinal`-th of the case."""
    customer = transitions.customer_of(case)
    _must_be_ahead(call_at, at)
    promise = ledger.make(
        customer,
        words=case.title or case.number,
        due=ledger.to_the_hour(call_at),
        owner=ledger.somebody(by, case.owner, customer.manager, case.queue.department.head),
        by=by,
        at=at,
        source=Promise.Source.COMPLAINT,
        source_id=case.pk,
        ordinal=ordinal,
        text={"call": case.number, "case": case.pk},
        dedupe_key=f"{_key(case)}:{ordinal}" if ordinal else _key(case),
    )
    return Todo.objects.select_related("owner").get(promise=promise)


def _moved(promise: Promise, call_at: datetime, *, by: User, at: datetime) -> Todo:
    """The call that is not due yet is made by then, by who says so now."""
    ledger.move(
        promise.pk,
        due=ledger.to_the_hour(call_at),
        reason=_("Promised anew"),
        agreed_with_customer=True,
        by=by,
        at=at,
    )
    if promise.owner_id != by.pk:
        ledger.hand_over(promise.pk, to=by, by=by, at=at)
    return Todo.objects.select_related("owner").get(promise=promise)


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
            from_complaint=True,
        )
