"""What can happen to a case after it was logged. Each verb holds the case, refuses, changes and records once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from complaints import orders
from complaints.cases import handover, intake, mail, messages, notices, priority, prompts, routing, surveys, transitions
from complaints.cases.transitions import NotNow
from complaints.models import (
    Case,
    CaseEvent,
    CaseMessage,
    Category,
    Clock,
    Draft,
    Metric,
    Pause,
    Queue,
    Remedy,
    RootCause,
)
from complaints.models.cases import OPEN
from complaints.promises import sla
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib.errors import DomainError, Invalid
from customers.models import Customer, Promise, Standing
from customers.promises import ledger

Status = Case.Status
Kind = CaseEvent.Kind
Actor = CaseEvent.Actor
# Reopened by ourselves within this time, a case goes on as if it had never been solved.
SECOND_THOUGHTS = timedelta(hours=24)
EDITABLE = (
    "title",
    "description",
    "order_ref",
    "product_ref",
    "remedy_sought",
    "external_case",
    "justified",
    "root_cause_id",
)


# Who has it ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def acknowledge(case_id: int, *, by: User, at: datetime, version: int | None = None) -> Case:
    """Somebody has read it and work begins. The customer has no answer by that."""
    case = transitions.lock(case_id, version=version, relies_on=["status"])
    if case.status != Status.NEW:
        raise NotNow(_("Case %(number)s has been acknowledged already.") % {"number": case.number})
    case.acknowledged_at = case.acknowledged_at or at
    transitions.record(case, Kind.ACKNOWLEDGED, by=by, at=at, to=Status.IN_PROGRESS)
    return case


@transaction.atomic
def claim(case_id: int, *, by: User, at: datetime) -> Case:
    """The case is mine, if it was nobody's. Of several at once, one has it and the others are told who."""
    case = transitions.lock(case_id)
    if case.owner_id == by.pk:
        return case
    transitions.must_be_open(case)
    if case.owner is not None:
        raise DomainError(
            _("%(name)s has taken case %(number)s already.") % {"name": case.owner, "number": case.number}, code="taken"
        )
    case.owner = by
    case.acknowledged_at = case.acknowledged_at or at
    to = Status.IN_PROGRESS if case.status == Status.NEW else None
    transitions.record(case, Kind.CLAIMED, by=by, at=at, to=to, touched=["owner"], owner=by.pk)
    return case


@transaction.atomic
def assign(case_id: int, owner: User, *, by: User, at: datetime, reason: str = "", version: int | None = None) -> Case:
    """The case has this owner, whoever had it before; who gets it is told, and so is who loses it to a colleague."""
    case = transitions.lock(case_id, version=version, relies_on=["owner"])
    transitions.must_be_open(case)
    if not may(owner, Permission.WORK_COMPLAINTS):
        raise DomainError(_("%(name)s does not work complaints.") % {"name": owner}, code="not_of_the_desk")
    if case.owner_id == owner.pk:
        return case
    before, case.owner = case.owner_id, owner
    transitions.record(
        case, Kind.ASSIGNED, by=by, at=at, touched=["owner"], owner=owner.pk, before=before, reason=reason.strip()[:200]
    )
    routing.tell_owner(case, at=at)
    notices.tell(
        [before] if before != by.pk else [],
        notices.TAKEN,
        case,
        key=f"taken:{case.pk}:{case.version}",
        at=at,
        name=str(owner),
    )
    _freed(case, at)
    return case


@transaction.atomic
def release(case_id: int, *, by: User, at: datetime, reason: str, version: int | None = None) -> Case:
    """The case is nobody's again and lies in its queue with its priority."""
    case = transitions.lock(case_id, version=version, relies_on=["owner"])
    transitions.must_be_open(case)
    _with_reason(reason)
    if case.owner_id is None:
        raise NotNow(_("Case %(number)s has no owner.") % {"number": case.number})
    before, case.owner = case.owner_id, None
    transitions.record(
        case, Kind.RELEASED, by=by, at=at, touched=["owner"], owner=None, before=before, reason=reason.strip()[:200]
    )
    return case


@transaction.atomic
def transfer(case_id: int, queue: Queue, *, by: User, at: datetime, reason: str, version: int | None = None) -> Case:
    """The case lies in another queue; its clocks run on. An owner who does not work there gives it up."""
    case = transitions.lock(case_id, version=version, relies_on=["queue", "owner"])
    transitions.must_be_open(case)
    _with_reason(reason)
    if case.queue_id == queue.pk:
        raise NotNow(_("Case %(number)s is in %(queue)s already.") % {"number": case.number, "queue": queue})
    before, had = case.queue_id, case.owner_id
    routing.hold(before, queue.pk)
    case.queue = queue
    if not queue.members.filter(user=case.owner_id).exists():
        place = routing.place(queue, customer=case.customer, served_as=case.served_as, priority=case.priority, at=at)
        routing.hand_to(case, place.member, at=at)
    transitions.record(
        case,
        Kind.TRANSFERRED,
        by=by,
        at=at,
        touched=["queue", "owner"],
        queue=queue.pk,
        before=before,
        owner=case.owner_id,
        reason=reason.strip()[:200],
    )
    if case.owner_id != had:
        routing.tell_owner(case, at=at)
    routing.pull(before, at=at)
    return case


# What it is ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def edit(case_id: int, changes: dict[str, Any], *, by: User, at: datetime, version: int) -> Case:
    """These fields are changed. Two editors of different fields both win; of the same one the second is shown both texts."""
    if unknown := sorted(set(changes) - set(EDITABLE)):
        raise Invalid(_("“%(field)s” cannot be changed here.") % {"field": unknown[0]}, code="field_unknown")
    yours = {name: str(value) for name, value in changes.items()}
    case = transitions.lock(case_id, version=version, relies_on=list(changes), yours=yours)
    if case.status in (Status.MERGED, Status.WITHDRAWN, Status.INVALID):
        transitions.must_be_open(case)
    changed: dict[str, list[Any]] = {}
    for name, value in changes.items():
        value = value.strip() if isinstance(value, str) else value
        before = getattr(case, name)
        if value != before:
            changed[name] = [before, value]
            setattr(case, name, value)
    if not changed:
        return case
    if "order_ref" in changed:
        _first_order(case, changed["order_ref"][0])
        changed["order_ref"][1] = case.order_ref
    case.full_clean(exclude=[f.name for f in Case._meta.fields if f.attname not in changed], validate_constraints=False)
    transitions.record(case, Kind.EDITED, by=by, at=at, touched=list(changed), changed=changed)
    return case


def _first_order(case: Case, before: str) -> None:
    """The order that the case names first is another one; the others stay."""
    told = orders.numbers([case.order_ref, *(number for number in orders.numbers_of(case) if number != before)])
    case.order_ref = told[0] if told else ""
    orders.put(case, told)


@transaction.atomic
def set_orders(
    case_id: int, numbers: Sequence[str], *, by: User | None, at: datetime, version: int | None = None
) -> Case:
    """The case is about these orders, the first of them foremost; a number that nobody knows yet is kept as told."""
    told = orders.numbers(numbers)
    case = transitions.lock(case_id, version=version, relies_on=["orders", "order_ref"])
    if case.status in (Status.MERGED, Status.WITHDRAWN, Status.INVALID):
        transitions.must_be_open(case)
    before = orders.numbers_of(case)
    if told == before:
        return case
    orders.put(case, told)
    case.order_ref = told[0] if told else ""
    transitions.record(
        case,
        Kind.EDITED,
        by=by,
        at=at,
        touched=["orders", "order_ref"],
        changed={"orders": [", ".join(before), ", ".join(told)]},
    )
    return case


@transaction.atomic
def link(case_id: int, customer: Customer, *, by: User, at: datetime, version: int | None = None) -> Case:
    """The case of an anonymous caller is this customer's, and is served as theirs; its clocks never get easier by it.

    A wrong link is corrected by another one, as long as nothing has been given or said to somebody by it.
    """
    case = transitions.lock(case_id, version=version, relies_on=["customer"])
    if case.status in (Status.MERGED, Status.INVALID):
        transitions.must_be_open(case)
    if case.customer_id == customer.pk:
        return case
    if not may_be_linked(case):
        raise DomainError(
            _("Case %(number)s is %(name)s’s already.") % {"number": case.number, "name": case.who}, code="linked"
        )
    before, case.customer = case.customer.number if case.customer else "", customer
    case.class_at_open = served_as = intake.class_of(customer)
    standing = Standing.objects.filter(customer=customer).first()
    case.value_at_open = standing.value if standing else Decimal(0)
    if served_as > case.served_as:
        case.served_as = served_as
        if case.is_open:
            _promise_again(case, at=at, note="linked")
    transitions.record(
        case,
        Kind.LINKED,
        by=by,
        at=at,
        touched=["customer", "priority"],
        changed={"customer": [before, customer.number]},
        priority=case.priority,
    )
    intake.tell_manager(case, at=at)
    return case


def may_be_linked(case: Case) -> bool:
    """It is nobody's, or was once and nothing has followed from whose it is said to be."""
    if case.customer_id is None:
        return True
    if case.remedies.exists() or case.prompts.exists() or case.surveys.exists():
        return False
    return case.events.filter(kind=Kind.LINKED).exists()


@transaction.atomic
def classify(
    case_id: int, *, category: Category, severity: int, by: User, at: datetime, version: int | None = None
) -> Case:
    """Category and severity are these; promises and priority follow. Easier promises need the head of the desk."""
    case = transitions.lock(case_id, version=version, relies_on=["category", "severity", "priority"])
    transitions.must_be_open(case)
    if category.children.exists() or not category.active:
        raise Invalid(_("Choose a category of the second level."), code="category_not_a_leaf")
    if not 1 <= severity <= 4:
        raise Invalid(_("Choose a severity from 1 to 4."), code="severity")
    if severity > case.severity and not may(by, Permission.LEAD_COMPLAINTS):
        raise DomainError(
            _("Only the head of the desk may make a case less severe while its clocks run."), code="not_looser"
        )
    if (category.pk, severity) == (case.category_id, case.severity):
        return case
    changed: dict[str, list[object]] = {}
    if category.pk != case.category_id:
        changed["category"] = [str(case.category), str(category)]
    if moved := severity != case.severity:
        changed["severity"] = [case.severity, severity]
    case.category, case.severity = category, severity
    if moved:
        _promise_again(case, at=at, note="severity changed")
    transitions.record(
        case,
        Kind.EDITED,
        by=by,
        at=at,
        touched=["category", "severity", "priority"],
        changed=changed,
        priority=case.priority,
    )
    return case


@transaction.atomic
def prioritise(case_id: int, to: int, *, by: User, at: datetime, reason: str, version: int | None = None) -> Case:
    """The priority is set by hand, with the reason; putting a case further back needs the head of the desk."""
    case = transitions.lock(case_id, version=version, relies_on=["priority"])
    transitions.must_be_open(case)
    _with_reason(reason)
    if not priority.HIGHEST <= to <= priority.LOWEST:
        raise Invalid(_("Choose a priority from 1 to 4."), code="priority")
    if to > case.priority and not may(by, Permission.LEAD_COMPLAINTS):
        raise DomainError(_("Only the head of the desk may put a case further back."), code="not_looser")
    if to == case.priority:
        return case
    before, case.priority = case.priority, to
    case.priority_source = Case.PrioritySource.MANUAL
    case.priority_reason = {**case.priority_reason, "why": reason.strip()[:200]}
    transitions.record(
        case,
        Kind.PRIORITISED,
        by=by,
        at=at,
        touched=["priority"],
        changed={"priority": [before, to]},
        reason=reason.strip()[:200],
    )
    return case


@transaction.atomic
def prioritise_back(case_id: int, to: int, *, source: str, why: str, by: User, at: datetime, reason: str) -> Case:
    """The priority set by hand is taken back: it is what it was, and comes from where it came from."""
    case = transitions.lock(case_id)
    transitions.must_be_open(case)
    before, case.priority, case.priority_source = case.priority, to, source
    told = {name: value for name, value in case.priority_reason.items() if name != "why"}
    case.priority_reason = told | ({"why": why} if why else {})
    transitions.record(
        case,
        Kind.PRIORITISED,
        by=by,
        at=at,
        touched=["priority"],
        changed={"priority": [before, to]},
        reason=reason,
    )
    return case


@transaction.atomic
def follow_class(case_id: int, *, at: datetime) -> bool:
    """A customer who has risen meanwhile is served as what they are now; one who has fallen, as before."""
    case = transitions.lock(case_id)
    standing = Standing.objects.filter(customer=case.customer_id).first()
    if not case.is_open or standing is None or standing.serve_class <= case.served_as:
        return False
    before, case.served_as = case.served_as, standing.serve_class
    _promise_again(case, at=at, note="class rose")
    transitions.record(
        case,
        Kind.PRIORITISED,
        by=None,
        at=at,
        touched=["priority"],
        changed={"served_as": [before, case.served_as]},
        priority=case.priority,
    )
    return True


def follow_classes(*, at: datetime) -> int:
    """After a night: every open case of a customer who has risen. Returns how many."""
    rows = Case.objects.filter(status__in=OPEN).values_list("pk", "served_as", "customer__standing__serve_class")
    risen = [pk for pk, served_as, now in rows if now is not None and now > served_as]
    return sum(follow_class(pk, at=at) for pk in sorted(risen))


# What is said --------------------------------------------------------------------------------------------------------


@transaction.atomic
def reply(
    case_id: int,
    *,
    by: User,
    at: datetime,
    body: str,
    channel: str,
    version: int | None = None,
    request_key: str = "",
    then_wait: str = "",
) -> Case:
    """The customer has been answered. `then_wait` (a reason) also waits for their answer: the message counts first.

    Raises Conflict when something was said since `version`; what was said to a merged case is said in its target.
    """
    case = transitions.hold_target(case_id)
    if transitions.repeated(case, request_key, body):
        return case
    if case.pk == case_id:
        transitions.check(case, version=version, relies_on=["messages"], yours={"message": body})
    transitions.must_be_open(case)
    message = messages.say(case, by=by, at=at, body=body, channel=channel)
    to = Status.IN_PROGRESS if case.status == Status.NEW else None
    transitions.record(
        case, Kind.REPLIED, by=by, at=at, to=to, touched=["messages"], message=message.pk, request_key=request_key
    )
    Draft.objects.filter(case=case_id, author=by).delete()
    if then_wait:
        _wait(case, reason=then_wait, by=by, at=at)
    return case


@transaction.atomic
def note(case_id: int, *, by: User, at: datetime, body: str, request_key: str = "") -> Case:
    """A note for colleagues; the customer never sees it and no clock notices."""
    case = transitions.hold_target(case_id)
    if transitions.repeated(case, request_key, body):
        return case
    message = messages.note(case, by=by, at=at, body=body)
    transitions.record(case, Kind.NOTED, by=by, at=at, touched=["notes"], message=message.pk, request_key=request_key)
    Draft.objects.filter(case=case_id, author=by).delete()
    return case


@transaction.atomic
def customer_replied(
    case_id: int, *, at: datetime, body: str, channel: str, external_ref: str = "", by: User | None = None
) -> Case:
    """What the customer wrote is on record in the case that it now belongs to.

    An open case goes on; a solved one, or one closed not too long ago, is reopened; after that it is a new case which
    follows the old one. The same `external_ref` again changes nothing, and raises SameKey with other words. `by`: the
    colleague who took it down.
    """
    if known := messages.told_before(external_ref, body):
        return known.case
    case = transitions.hold_target(case_id)
    if known := messages.told_before(external_ref, body):
        return known.case
    if case.status in (Status.WITHDRAWN, Status.INVALID) or _too_late(case, at):
        return _follow_up_case(case, at=at, body=body, channel=channel, external_ref=external_ref, by=by)

    actor = Actor.USER if by else Actor.CUSTOMER
    if not case.is_open:
        message = messages.hear(case, at=at, body=body, channel=channel, external_ref=external_ref)
        _open_again(case, at=at)
        case.needs_a_look = True
        message.cycle = case.cycle
        message.save(update_fields=["cycle"])
        transitions.record(
            case,
            Kind.REOPENED,
            by=by,
            at=at,
            to=Status.IN_PROGRESS,
            actor=actor,
            touched=["messages"],
            message=message.pk,
        )
        _tell_of_reopening(case, at=at)
        return case

    to = None
    if case.status == Status.WAITING_CUSTOMER:
        sla.resume(case, at=at)
        to = handover.after_waiting(case)
    message = messages.hear(case, at=at, body=body, channel=channel, external_ref=external_ref)
    transitions.record(
        case, Kind.CUSTOMER_REPLIED, by=by, at=at, to=to, actor=actor, touched=["messages"], message=message.pk
    )
    return case


@transaction.atomic
def redact(case_id: int, message_id: int, *, by: User, at: datetime, reason: str) -> Case:
    """The words of one message are gone (a card number, somebody else's data); that it was there stays."""
    case = transitions.lock(case_id)
    _with_reason(reason)
    message = case.messages.select_for_update().get(pk=message_id)
    message.body, message.redacted_at = _("[removed]"), at
    message.save(update_fields=["body", "redacted_at"])
    mail.drop(message, at=at)
    transitions.record(
        case, Kind.REDACTED, by=by, at=at, touched=["notes"], removed=message.pk, reason=reason.strip()[:200]
    )
    return case


def save_draft(case_id: int, *, by: User, body: str, base_version: int, at: datetime) -> Draft | None:
    """Unsent words, safe on the server; empty words discard them."""
    if not body.strip():
        Draft.objects.filter(case_id=case_id, author=by).delete()
        return None
    draft, _created = Draft.objects.update_or_create(
        case_id=case_id,
        author=by,
        defaults={"body": body[: messages.LONGEST], "base_version": base_version, "updated_at": at},
    )
    return draft


# Waiting -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def wait_for_customer(case_id: int, *, reason: str, by: User, at: datetime, version: int | None = None) -> Case:
    """The clocks stand still, except the first answer's, until the customer writes or work goes on.

    Only after a question to the customer in this cycle: waiting is no way to stop the clock.
    """
    case = transitions.lock(case_id, version=version, relies_on=["messages", "status"])
    transitions.must_be_open(case)
    _wait(case, reason=reason, by=by, at=at)
    return case


@transaction.atomic
def resume(case_id: int, *, by: User, at: datetime, version: int | None = None) -> Case:
    """Work goes on without the customer's answer; the clocks run again."""
    case = transitions.lock(case_id, version=version, relies_on=["status"])
    if case.status != Status.WAITING_CUSTOMER:
        raise NotNow(_("Case %(number)s does not wait for the customer.") % {"number": case.number})
    sla.resume(case, at=at)
    transitions.record(case, Kind.RESUMED, by=by, at=at, to=handover.after_waiting(case))
    return case


# The end, and back ---------------------------------------------------------------------------------------------------


@transaction.atomic
def resolve(
    case_id: int,
    *,
    by: User,
    at: datetime,
    outcome: str,
    resolution: str,
    root_cause: RootCause | None = None,
    justified: str = "",
    reply: str = "",
    channel: str = "",
    survey: bool = True,
    version: int | None = None,
    request_key: str = "",
) -> Case:
    """The case is solved: clocks stopped, the next colleague prompted, the customer asked a day later.

    The customer must know: an answer was given before, or `reply` gives it now. Refused while a blocking question, an
    unsettled remedy without a promised date, or a missing root cause stands in the way.
    """
    yours = {"resolution": resolution, "reply": reply}
    case = transitions.lock(case_id, version=version, relies_on=["messages", "status", "resolution"], yours=yours)
    if transitions.repeated(case, request_key):
        return case
    transitions.must_be_open(case)
    _may_be_resolved(case, outcome, resolution, root_cause, reply)
    if reply.strip():
        message = messages.say(case, by=by, at=at, body=reply, channel=channel or case.channel)
        transitions.record(case, Kind.REPLIED, by=by, at=at, touched=["messages"], message=message.pk)
    case.outcome, case.resolution, case.resolved_at, case.resolved_by = outcome, resolution.strip(), at, by
    case.root_cause = root_cause or case.root_cause
    if justified:
        case.justified = justified
    case.needs_a_look = False
    case.close_at = at + timedelta(days=case.policy.auto_close_days)
    # An answer that has not left yet is still owed.
    sla.stop(case, at=at, metrics=[Metric.RESOLUTION] if mail.is_under_way(case) else Metric.values)
    transitions.record(
        case,
        Kind.RESOLVED,
        by=by,
        at=at,
        to=Status.RESOLVED,
        touched=["resolution", "root_cause_id", "justified"],
        outcome=outcome,
        root_cause=case.root_cause_id,
        request_key=request_key,
    )
    handover.cancel_open(case, at=at)
    Draft.objects.filter(case=case, author=by).delete()
    prompts.arm_usual(case, at=at, by=by)
    if survey:
        surveys.plan(case, at=at)
    _freed(case, at)
    return case


@transaction.atomic
def keep_resolved(case_id: int, *, by: User, at: datetime, version: int | None = None) -> Case:
    """The customer only wrote to say thanks: solved as before, and not asked a second time."""
    case = transitions.lock(case_id, version=version, relies_on=["messages", "status"])
    if not case.needs_a_look or not case.is_open:
        raise NotNow(_("Case %(number)s was not reopened by a message of the customer.") % {"number": case.number})
    case.needs_a_look, case.resolved_at, case.resolved_by = False, at, by
    case.close_at = at + timedelta(days=case.policy.auto_close_days)
    sla.cancel(case, at=at, note="only thanks")
    transitions.record(case, Kind.KEPT_RESOLVED, by=by, at=at, to=Status.RESOLVED)
    prompts.arm_usual(case, at=at, by=by)
    _freed(case, at)
    return case


@transaction.atomic
def reopen(
    case_id: int, *, by: User | None, at: datetime, reason: str, version: int | None = None, owner: User | None = None
) -> Case:
    """The case is worked on again. By ourselves within a day, the old clock goes on; otherwise a new cycle begins.

    One that was withdrawn (a click beside, or the customer thinks again) goes on as if it never had been.
    """
    case = transitions.lock(case_id, version=version, relies_on=["status"])
    _with_reason(reason)
    if case.status == Status.WITHDRAWN:
        return _never_withdrawn(case, by=by, at=at, reason=reason)
    if case.status not in (Status.RESOLVED, Status.CLOSED):
        raise NotNow(_("Only a solved or closed case can be reopened."))
    if _too_late(case, at):
        raise DomainError(
            _("Case %(number)s was closed more than %(days)d days ago. Log a new one that follows it.")
            % {"number": case.number, "days": case.policy.reopen_days},
            code="too_late",
        )
    if owner is not None:
        case.owner = owner
    ours = by is not None and case.resolved_at is not None and at - case.resolved_at < SECOND_THOUGHTS
    _open_again(case, at=at, same_cycle=ours)
    transitions.record(
        case,
        Kind.REOPENED,
        by=by,
        at=at,
        to=Status.IN_PROGRESS,
        touched=["owner"],
        owner=case.owner_id,
        reason=reason.strip()[:200],
    )
    _tell_of_reopening(case, at=at)
    return case


@transaction.atomic
def close(case_id: int, *, by: User | None, at: datetime, version: int | None = None) -> Case:
    """The customer has accepted, or has said nothing for the agreed days: the case rests."""
    case = transitions.lock(case_id, version=version, relies_on=["messages", "status"])
    if by is None and (case.status != Status.RESOLVED or case.close_at is None or case.close_at > at):
        raise NotNow(_("It is not time yet to close case %(number)s.") % {"number": case.number})
    case.closed_at, case.close_at = at, None
    transitions.record(case, Kind.CLOSED, by=by, at=at, to=Status.CLOSED)
    return case


def close_due(*, now: datetime, limit: int = 500) -> int:
    """Close what has been solved for the agreed days; a case somebody works on at this moment waits for the next turn."""
    due = Case.objects.filter(status=Status.RESOLVED, close_at__lte=now).order_by("close_at")
    closed = 0
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            free = Case.objects.select_for_update(no_key=True, skip_locked=True).filter(
                pk=pk, status=Status.RESOLVED, close_at__lte=now
            )
            if free.first() is not None:
                close(pk, by=None, at=now)
                closed += 1
    return closed


@transaction.atomic
def merge(case_id: int, into_id: int, *, by: User, at: datetime, reason: str = "") -> Case:
    """Two cases of one customer are one: the second, which keeps the earlier start and so the earlier due moments.

    What was said in the first is read in the second, and what still comes in goes there.
    """
    if case_id == into_id:
        raise Invalid(_("A case cannot be merged into itself."), code="merge_self")
    held = {pk: transitions.hold(pk) for pk in sorted((case_id, into_id))}
    case, target = held[case_id], held[into_id]
    transitions.must_be_open(case)
    transitions.must_be_open(target)
    if case.customer_id != target.customer_id:
        raise DomainError(_("These cases belong to two customers."), code="merge_customers")
    sla.cancel(case, at=at, note="merged")
    case.merged_into, case.needs_a_look = target, False
    transitions.record(
        case,
        Kind.MERGED,
        by=by,
        at=at,
        to=Status.MERGED,
        touched=["messages"],
        into=target.pk,
        reason=reason.strip()[:200],
    )
    Case.objects.filter(merged_into=case).update(merged_into=target)
    told = orders.numbers([*orders.numbers_of(target), *orders.numbers_of(case)][: orders.MOST])
    orders.put(target, told)
    target.order_ref = told[0] if told else ""
    handover.cancel_open(case, at=at)
    surveys.cancel(case)
    if case.received_at < target.received_at:
        target.received_at = case.received_at
        _start_earlier(target, at=at)
    transitions.record(
        target,
        Kind.ABSORBED,
        by=by,
        at=at,
        touched=["messages"],
        absorbed=case.pk,
        received_at=target.received_at.isoformat(),
    )
    _freed(case, at)
    return target


@transaction.atomic
def withdraw(case_id: int, *, by: User | None, at: datetime, reason: str, version: int | None = None) -> Case:
    """The customer has taken the complaint back."""
    case = transitions.lock(case_id, version=version, relies_on=["messages", "status"])
    transitions.must_be_open(case)
    _with_reason(reason)
    return _abandon(case, Kind.WITHDRAWN, Status.WITHDRAWN, by=by, at=at, reason=reason)


@transaction.atomic
def invalidate(case_id: int, *, by: User, at: datetime, reason: str, version: int | None = None) -> Case:
    """This never was a complaint (spam, a test, a wrong number). Said by the head of the desk, or by a second person."""
    case = transitions.lock(case_id, version=version, relies_on=["messages", "status"])
    transitions.must_be_open(case)
    _with_reason(reason)
    if by.pk in (case.opened_by_id, case.owner_id) and not may(by, Permission.LEAD_COMPLAINTS):
        raise DomainError(
            _("Ask a colleague: nobody declares their own case not to be a complaint."), code="second_person"
        )
    return _abandon(case, Kind.INVALIDATED, Status.INVALID, by=by, at=at, reason=reason)


@transaction.atomic
def take_up(case_id: int, *, by: User, at: datetime) -> Case:
    """A remark in passing is a complaint after all: its promises run from now on."""
    case = transitions.lock(case_id, relies_on=[])
    transitions.must_be_open(case)
    if case.kind != Case.Kind.GRUMBLE:
        raise NotNow(_("Case %(number)s is a complaint already.") % {"number": case.number})
    case.kind = Case.Kind.COMPLAINT
    if case.first_response_at is None:
        sla.start(case, Metric.FIRST_RESPONSE, at=at)
    sla.start(case, Metric.RESOLUTION, at=at)
    if case.status == Status.WAITING_CUSTOMER:
        sla.pause(case, reason=Pause.Reason.ANSWER, by=by, at=at)
    transitions.record(case, Kind.EDITED, by=by, at=at, touched=["kind"], changed={"kind": ["grumble", "complaint"]})
    return case


# ---------------------------------------------------------------------------------------------------------------------


def _wait(case: Case, *, reason: str, by: User, at: datetime) -> None:
    if reason not in case.policy.pause_reasons:
        raise Invalid(_("Say what is waited for: one of the reasons that pause the clock."), code="wait_reason")
    if case.status == Status.WAITING_CUSTOMER:
        raise NotNow(_("Case %(number)s waits for the customer already.") % {"number": case.number})
    questions = case.messages.filter(direction=CaseMessage.Direction.OUT, cycle=case.cycle, counts_as_response=True)
    if not questions.exists():
        raise DomainError(_("Ask the customer something first, then wait for the answer."), code="ask_first")
    if mail.is_stuck(case):
        raise DomainError(
            _("Your e-mail has not left yet. Send it by hand and press Sent, then wait for the answer."),
            code="mail_unsent",
        )
    sla.pause(case, reason=reason, by=by, at=at)
    transitions.record(case, Kind.WAITED, by=by, at=at, to=Status.WAITING_CUSTOMER, reason=reason)


def _may_be_resolved(case: Case, outcome: str, resolution: str, root_cause: RootCause | None, reply: str) -> None:
    if outcome not in Case.Outcome.values or not resolution.strip():
        raise Invalid(_("Say how the case ended and what was done."), code="resolution_missing")
    if case.category.needs_root_cause and root_cause is None and case.root_cause_id is None:
        raise Invalid(_("Say why it happened: this category needs a root cause."), code="root_cause_missing")
    answered = case.first_response_at is not None or mail.is_under_way(case)
    if not answered and not reply.strip() and case.kind == Case.Kind.COMPLAINT:
        raise DomainError(_("The customer has had no answer yet. Tell them the solution."), code="answer_first")
    blocking = (
        case.handovers.filter(status__in=handover.UNANSWERED, blocking=True).select_related("to_department").first()
    )
    if blocking:
        raise DomainError(
            _("%(department)s has not answered yet. Wait for it, or withdraw the question.")
            % {"department": blocking.to_department},
            code="handover_open",
        )
    unsettled = (Remedy.Status.PROPOSED, Remedy.Status.APPROVED, Remedy.Status.FAILED)
    if case.remedies.filter(status__in=unsettled, promised_at__isnull=True).exists():
        raise DomainError(
            _("A remedy is not settled. Give it, take it back, or promise it for a date."), code="remedy_open"
        )


def _promise_again(case: Case, *, at: datetime, note: str) -> None:
    """Priority and clocks after a change of class or severity. A priority raised or set by hand is not lowered by it."""
    assessed = priority.assess(case.customer, severity=case.severity, served_as=case.served_as, at=at)
    if case.priority_source == Case.PrioritySource.RULE or assessed.priority < case.priority:
        case.priority, case.priority_reason = assessed.priority, assessed.reason
        case.priority_source = Case.PrioritySource.RULE
    sla.retarget(case, at=at, note=note)


def _open_again(case: Case, *, at: datetime, same_cycle: bool = False) -> None:
    case.reopen_count += 1
    if same_cycle:
        sla.continue_cycle(case, at=at)
    else:
        case.cycle += 1
        if case.kind == Case.Kind.COMPLAINT:
            sla.start_cycle(case, at=at)
    if case.reopen_count >= 2 and case.priority > priority.HIGHEST:
        case.priority = priority.raised(case.priority)
        case.priority_source = Case.PrioritySource.ESCALATION
    if case.owner and not case.owner.is_active:
        case.owner = None
    case.closed_at = case.close_at = None
    prompts.cancel_of(case)
    surveys.cancel(case)


def _never_withdrawn(case: Case, *, by: User | None, at: datetime, reason: str) -> Case:
    """Every clock that was dropped runs on from its own start, with its own pauses."""
    withdrawn = case.events.filter(kind=Kind.WITHDRAWN).order_by("-seq")[0]
    if at - withdrawn.at > timedelta(days=case.policy.reopen_days):
        raise DomainError(
            _("Case %(number)s was withdrawn more than %(days)d days ago. Log a new one that follows it.")
            % {"number": case.number, "days": case.policy.reopen_days},
            code="too_late",
        )
    dropped = Clock.objects.filter(case=case, state=Clock.State.CANCELLED, stopped_at=withdrawn.at)
    for clock_ in dropped.filter(note=Status.WITHDRAWN.value).order_by("pk"):
        sla.start(
            case,
            clock_.metric,
            at=clock_.started_at,
            pauses=list(clock_.pauses.all()),
            breached_at=clock_.breached_at,
        )
    if case.owner and not case.owner.is_active:
        case.owner = None
    transitions.record(
        case,
        Kind.REOPENED,
        by=by,
        at=at,
        to=Status.IN_PROGRESS,
        touched=["owner"],
        owner=case.owner_id,
        reason=reason.strip()[:200],
    )
    return case


def _start_earlier(target: Case, *, at: datetime) -> None:
    """The same promises, owed since the earlier of two complaints."""
    for clock_ in sla.live(target, [Metric.FIRST_RESPONSE, Metric.RESOLUTION]):
        if clock_.cycle == 1:
            clock_.started_at = min(clock_.started_at, target.received_at)
            sla.work_out(clock_)


def _too_late(case: Case, at: datetime) -> bool:
    return case.closed_at is not None and at - case.closed_at > timedelta(days=case.policy.reopen_days)


def _follow_up_case(old: Case, *, at: datetime, body: str, channel: str, external_ref: str, by: User | None) -> Case:
    return intake.log(
        old.customer,
        category=old.category,
        channel=channel,
        by=by,
        at=at,
        title=old.title,
        description=body,
        orders=orders.numbers_of(old),
        product_ref=old.product_ref,
        follows=old,
        source="message" if external_ref else "",
        source_ref=external_ref,
    ).case


def _abandon(case: Case, kind: CaseEvent.Kind, to: Case.Status, *, by: User | None, at: datetime, reason: str) -> Case:
    sla.cancel(case, at=at, note=to.value)
    case.needs_a_look = False
    transitions.record(case, kind, by=by, at=at, to=to, reason=reason.strip()[:200])
    handover.cancel_open(case, at=at)
    surveys.cancel(case)
    ledger.settle(Promise.Source.COMPLAINT, case.pk, kept=False, how=reason, by=by, at=at)
    _freed(case, at)
    return case


def _freed(case: Case, at: datetime) -> None:
    """Somebody may have room again: whoever waits longest with the highest priority gets it."""
    routing.pull(case.queue_id, at=at)


def _tell_of_reopening(case: Case, *, at: datetime) -> None:
    head = case.queue.department.head_id
    notices.tell(
        [case.owner_id, head],
        notices.REOPENED,
        case,
        key=f"reopened:{case.pk}:{case.version}",
        at=at,
    )


def _with_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
