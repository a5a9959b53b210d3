"""A complaint comes in: by phone, mail, form or program, once however often it is told."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypedDict, Unpack

from django.db import transaction
from django.utils.translation import gettext as _

from complaints import orders
from complaints.cases import messages, notices, priority, routing, transitions
from complaints.models import Case, CaseEvent, Category, Metric, Queue
from complaints.promises import calendars, sla
from core.accounts.models import User
from core.lib.errors import Invalid, SameKey
from customers import locks
from customers.models import Customer, Standing

LATEST = timedelta(days=30)
# Somebody who logs what was said earlier than this says why only now.
SAME_DAY = timedelta(days=1)
# What belongs to the telling, not to what is told.
UNSAID = ("client_key", "source", "source_ref", "received_at")


class Logged(NamedTuple):
    case: Case
    created: bool


class Complaint(TypedDict, total=False):
    """What may be said of a complaint besides its category and channel; whatever is left out is empty."""

    title: str
    description: str
    kind: str  # a complaint, unless something else is said
    severity: int | None  # the category's, unless another is said
    order_ref: str
    orders: Sequence[str]  # the numbers of all orders it is about; `order_ref` is one of them
    product_ref: str
    remedy_sought: str
    external_case: str
    received_at: datetime | None
    late_reason: str
    answered: str
    client_key: str
    source: str
    source_ref: str


@transaction.atomic
def log(
    customer: Customer | None,
    *,
    category: Category,
    channel: str,
    by: User | None,
    at: datetime,
    queue: Queue | None = None,
    follows: Case | None = None,
    **complaint: Unpack[Complaint],
) -> Logged:
    """The complaint is a case with priority, promises and, if somebody has room, an owner.

    `customer` None is an anonymous caller: the case is nobody's until it is linked.

    The same `client_key`, or the same (`source`, `source_ref`), finds the first case and starts nothing anew; with
    other words it raises SameKey, and nothing is stored.
    Clocks run from `received_at`, so a complaint logged late may be born overdue. `answered` is what the customer was
    answered in the same conversation; it counts as the first answer. A remark in passing has no clocks.
    """
    told = _told(category, channel, complaint) if follows is None else _digest(complaint.get("description", "").strip())
    if known := _hold_and_find(complaint):
        # One of nobody may have been linked meanwhile.
        if (customer and known.customer_id != customer.pk) or known.told not in ("", told):
            raise SameKey()
        return Logged(known, False)
    received_at = _received(complaint, by, at)
    _refuse(category, channel, complaint)

    case = _assessed(customer, category, complaint, queue=queue, at=at)
    case.channel, case.follows, case.told = channel, follows, told
    case.received_at, case.opened_at, case.opened_by = received_at, at, by
    place = routing.place(case.queue, customer=customer, served_as=case.served_as, priority=case.priority, at=at)
    routing.hand_to(case, place.member, at=at)
    about = _orders(complaint)
    case.order_ref = about[0] if about else ""
    case.save()
    orders.put(case, about)
    if case.kind == Case.Kind.COMPLAINT:
        sla.start(case, Metric.FIRST_RESPONSE, at=received_at)
        sla.start(case, Metric.RESOLUTION, at=received_at)
    _record(case, complaint.get("answered", ""), by=by, at=at)
    _tell(case, at)
    return Logged(case, True)


def class_of(customer: Customer | None) -> int:
    """What a case of theirs would be served as; whoever is not known, as somebody who has not bought yet."""
    standing = Standing.objects.filter(customer=customer).first() if customer else None
    return standing.serve_class if standing else Standing.Class.PROSPECT


def answer_due(customer: Customer | None, *, severity: int, at: datetime) -> datetime:
    """By when a complaint of this customer, made now, is owed its first answer: what `log` will store.

    Raises DomainError when no promises are in force.
    """
    target = sla.target_for(sla.policy_at(at), class_of(customer), severity, Metric.FIRST_RESPONSE)
    return calendars.due(target.calendar, at, target.minutes)


def find(*, client_key: str = "", source: str = "", source_ref: str = "") -> Case | None:
    """The case that was logged with this key or under this number."""
    if client_key and (case := Case.objects.filter(client_key=client_key).first()):
        return case
    if source_ref:
        return Case.objects.filter(source=source, source_ref=source_ref).first()
    return None


def _hold_and_find(complaint: Complaint) -> Case | None:
    """The case of this key or number. Whoever tells the same at the same time follows, and finds what we make of it."""
    key, source, number = complaint.get("client_key", ""), complaint.get("source", ""), complaint.get("source_ref", "")
    if bool(number) != bool(source):
        raise Invalid(_("A source and its number belong together."), code="source_incomplete")
    locks.hold(*[f"complaint:{kind}:{name}" for kind, name in (("key", key), (source, number)) if name])
    return find(client_key=key, source=source, source_ref=number)


def _told(category: Category, channel: str, complaint: Complaint) -> str:
    """A digest of what is told: times are not words, and whoever tells it again may tell them anew."""
    said = {
        name: str(value).strip()
        for name, value in complaint.items()
        if name not in UNSAID and value not in ("", None, [], ())
    }
    return _digest([category.pk, channel, said])


def _digest(content: object) -> str:
    whole = json.dumps(content, sort_keys=True)
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _received(complaint: Complaint, by: User | None, at: datetime) -> datetime:
    received_at = complaint.get("received_at")
    if received_at is None:
        return at
    if received_at.tzinfo is None:
        raise Invalid(_("The time needs its offset, like 2026-11-17T09:30+08:00."), code="time_without_offset")
    if not at - LATEST <= received_at <= at:
        raise Invalid(
            _("Choose a time within the last %(days)d days, not later than now.") % {"days": LATEST.days},
            code="received_at",
        )
    if by and received_at < at - SAME_DAY and not complaint.get("late_reason", "").strip():
        raise Invalid(_("Say why this is logged only now."), code="late_reason")
    return received_at


def _refuse(category: Category, channel: str, complaint: Complaint) -> None:
    if not category.active or category.children.exists():
        raise Invalid(_("Choose a category of the second level."), code="category_not_a_leaf")
    if not complaint.get("description", "").strip() and not _orders(complaint):
        raise Invalid(_("Say what happened, or which order it is about."), code="nothing_said")
    if complaint.get("kind", Case.Kind.COMPLAINT) not in Case.Kind.values or channel not in Case.Channel.values:
        raise Invalid(_("This kind of complaint, or this channel, does not exist."), code="unknown_choice")
    if not 1 <= _severity(category, complaint) <= 4:
        raise Invalid(_("Choose a severity from 1 to 4."), code="severity")


def _orders(complaint: Complaint) -> list[str]:
    return orders.numbers([complaint.get("order_ref", ""), *complaint.get("orders", ())])


def _severity(category: Category, complaint: Complaint) -> int:
    severity = complaint.get("severity")
    return category.default_severity if severity is None else severity


def _assessed(
    customer: Customer | None, category: Category, complaint: Complaint, *, queue: Queue | None, at: datetime
) -> Case:
    """A case, not stored yet, with its priority and the queue it belongs into."""
    standing = Standing.objects.filter(customer=customer).first() if customer else None
    served_as = class_of(customer)
    severity = _severity(category, complaint)
    assessed = priority.assess(customer, severity=severity, served_as=served_as, at=at)
    description = complaint.get("description", "").strip()
    return Case(
        customer=customer,
        kind=complaint.get("kind", Case.Kind.COMPLAINT),
        client_key=complaint.get("client_key", ""),
        source=complaint.get("source", ""),
        source_ref=complaint.get("source_ref", ""),
        product_ref=complaint.get("product_ref", "").strip()[:80],
        category=category,
        title=(complaint.get("title", "").strip() or _headline(category, description))[:200],
        description=description,
        remedy_sought=complaint.get("remedy_sought", "").strip()[:300],
        external_case=complaint.get("external_case", "").strip()[:80],
        late_reason=complaint.get("late_reason", "").strip()[:200],
        severity=severity,
        class_at_open=served_as,
        served_as=served_as,
        value_at_open=standing.value if standing else 0,
        priority=assessed.priority,
        priority_reason=assessed.reason,
        queue=queue or routing.queue_for(category, served_as),
        policy=sla.policy_at(at),
    )


def _headline(category: Category, description: str) -> str:
    first = description.strip().split("\n", 1)[0].strip()
    return first[:80] or category.name


def _record(case: Case, answered: str, *, by: User | None, at: datetime) -> None:
    """That it was logged, and what the customer was answered there and then."""
    transitions.record(
        case,
        CaseEvent.Kind.LOGGED,
        by=by,
        at=at,
        actor=None if by else CaseEvent.Actor.CUSTOMER,
        touched=["status", "owner", "messages"],
        priority=case.priority,
        owner=case.owner_id,
        queue=case.queue_id,
    )
    if answered.strip() and by:
        message = messages.say(case, by=by, at=at, body=answered, channel=case.channel, has_been_said=True)
        transitions.record(
            case,
            CaseEvent.Kind.REPLIED,
            by=by,
            at=at,
            to=Case.Status.IN_PROGRESS,
            touched=["messages"],
            message=message.pk,
        )


def _tell(case: Case, at: datetime) -> None:
    if case.owner_id:
        routing.tell_owner(case, at=at)
    else:
        by_hand = case.queue.routing == Queue.Routing.MANUAL
        notices.tell(
            [case.queue.department.head_id],
            notices.TO_BE_TAKEN if by_hand else notices.NO_ROOM,
            case,
            key=f"unassigned:{case.pk}",
            at=at,
            queue=str(case.queue),
        )
    tell_manager(case, at=at)


def tell_manager(case: Case, *, at: datetime) -> None:
    """Whoever looks after a big customer is told once that they complain, unless the case is theirs anyway."""
    if case.served_as == Standing.Class.BIG and case.customer and case.customer.manager_id != case.owner_id:
        notices.tell(
            [case.customer.manager_id],
            notices.BIG,
            case,
            key=f"big:{case.pk}",
            at=at,
            priority=case.priority,
        )
