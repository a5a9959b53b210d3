"""Which queue and whose desk: big customers to their own manager first, everybody else to the least loaded.

Handing out holds the queue's row, so that two cases cannot take the same last place; and whoever holds a queue never
waits for a case.
"""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from django.db import transaction
from django.db.models import Case as When_
from django.db.models import F, IntegerField, QuerySet, Sum, Value, When
from django.utils.translation import gettext as _

from complaints.cases import notices, transitions
from complaints.models import Case, CaseEvent, Category, Queue, QueueMember
from complaints.models.cases import OPEN
from core.accounts import audit, staff
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers.models import Customer, Standing


class Place(NamedTuple):
    queue: Queue
    member: QueueMember | None


def weight(priority: int) -> int:
    """What a case counts against a member's capacity."""
    return 2 if priority == 1 else 1


def hold(*queue_ids: int) -> None:
    """Nothing is handed out in these queues by anybody else until the transaction ends."""
    for queue_id in sorted(set(queue_ids)):
        Queue.objects.select_for_update(no_key=True).get(pk=queue_id)


def queue_for(category: Category, served_as: int) -> Queue:
    """The big customers' queue, else the category's own or its parent's, else the default one."""
    chosen = None
    if served_as == Standing.Class.BIG:
        chosen = Queue.objects.filter(is_vip=True).first()
    chosen = chosen or category.queue or (category.parent.queue if category.parent else None)
    chosen = chosen or Queue.objects.filter(is_default=True).first()
    if chosen is None:
        raise DomainError(_("There is no queue to put cases in. An administrator must add one."), code="no_queue")
    return chosen


def place(queue: Queue, *, customer: Customer | None, served_as: int, priority: int, at: datetime) -> Place:
    """The queue with the member who is to have the case, if somebody has room. Holds the queue's row."""
    hold(queue.pk)
    if queue.is_vip and served_as == Standing.Class.BIG and customer and customer.manager_id:
        loads = _free(queue, priority, at)
        own = next((m for m in loads if m.user_id == customer.manager_id), None)
        if own:
            return Place(queue, own)
    return Place(queue, _least_loaded(queue, priority, at))


def hand_to(case: Case, member: QueueMember | None, *, at: datetime) -> None:
    """The case is this member's; recorded by the caller."""
    case.owner = member.user if member else None
    if member:
        QueueMember.objects.filter(pk=member.pk).update(last_assigned_at=at)


@transaction.atomic
def pull(queue_id: int, *, at: datetime) -> int:
    """Hand out what lies unassigned, most urgent first, while somebody has room; returns how many cases."""
    hold(queue_id)
    queue = Queue.objects.get(pk=queue_id)
    handed = 0
    while True:
        waiting = Case.objects.filter(queue=queue, owner__isnull=True, status__in=OPEN)
        urgent = waiting.order_by("priority", F("next_due_at").asc(nulls_last=True), "id")
        free = urgent.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True).first()
        case = transitions.hold(free) if free else None
        member = _least_loaded(queue, case.priority, at) if case else None
        if case is None or member is None:
            return handed
        hand_to(case, member, at=at)
        transitions.record(case, CaseEvent.Kind.ROUTED, by=None, at=at, touched=["owner"], owner=member.user_id)
        tell_owner(case, at=at)
        handed += 1


def pull_all(*, at: datetime) -> int:
    """Every queue with unassigned cases, so that none waits longer than one tick while somebody has room."""
    ids = Case.objects.filter(owner__isnull=True, status__in=OPEN).values_list("queue_id", flat=True).distinct()
    return sum(pull(queue_id, at=at) for queue_id in sorted(set(ids)))


def tell_owner(case: Case, *, at: datetime) -> None:
    """The owner knows that the case is theirs; a colleague who had it, or lacked room, no longer has it on the bell."""
    notices.handed(case, at=at)
    notices.tell(
        [case.owner_id],
        notices.YOURS,
        case,
        key=f"case:{case.pk}:{case.version}",
        at=at,
        priority=case.priority,
    )


@transaction.atomic
def set_member(queue_id: int, user: User, *, capacity: int, available: bool, by: User, at: datetime) -> QueueMember:
    """The user works this queue with this capacity; what lies unassigned is handed out at once."""
    if not 1 <= capacity <= 500:
        raise Invalid(_("Choose a capacity from 1 to 500 cases."), code="capacity")
    hold(queue_id)
    member, _created = QueueMember.objects.update_or_create(
        queue_id=queue_id, user=user, defaults={"capacity": capacity, "available": available}
    )
    audit.record(by, "queue.member_set", member, at=at, user=user.pk, capacity=capacity, available=available)
    if available:
        pull(queue_id, at=at)
    return member


@transaction.atomic
def remove_member(queue_id: int, user: User, *, by: User, at: datetime) -> int:
    """The user leaves the queue; their open cases there go back to it. Returns how many."""
    member = QueueMember.objects.filter(queue_id=queue_id, user=user).first()
    if member is None:
        return 0
    audit.record(by, "queue.member_removed", member, at=at, user=user.pk)
    member.delete()
    returned = give_back(Case.objects.filter(queue_id=queue_id, owner=user), at=at)
    pull(queue_id, at=at)
    return returned


@transaction.atomic
def leave(user: User, *, by: User | None, at: datetime) -> int:
    """The user has left: no queue, and every open case goes back to its queue with its priority. Closed ones keep the name."""
    queues = list(QueueMember.objects.filter(user=user).values_list("queue_id", flat=True))
    queues += Case.objects.filter(owner=user, status__in=OPEN).values_list("queue_id", flat=True)
    QueueMember.objects.filter(user=user).delete()
    returned = give_back(Case.objects.filter(owner=user), at=at)
    audit.record(by, "queue.member_left", user, at=at, cases=returned)
    for queue_id in sorted(set(queues)):
        pull(queue_id, at=at)
    return returned


def give_back(cases: Iterable[Case], *, at: datetime) -> int:
    returned = 0
    for pk in sorted(case.pk for case in cases if case.is_open):
        case = transitions.hold(pk)
        before, case.owner = case.owner_id, None
        transitions.record(case, CaseEvent.Kind.RELEASED, by=None, at=at, touched=["owner"], owner=None, before=before)
        notices.handed(case, at=at)
        notices.tell(
            [case.queue.department.head_id],
            notices.BACK,
            case,
            key=f"back:{case.pk}:{case.version}",
            at=at,
            queue=str(case.queue),
        )
        returned += 1
    return returned


def loads() -> dict[tuple[int, int], int]:
    """Open cases of each queue and owner, weighted."""
    return {(queue, owner): load for queue, owner, load in _weighted()}


def load_of(queue: Queue) -> dict[int, int]:
    """Open cases of this queue per owner, weighted."""
    return {owner: load for _queue, owner, load in _weighted().filter(queue=queue)}


def _weighted() -> QuerySet[Case, tuple[int, int, int]]:
    weights = When_(When(priority=1, then=Value(2)), default=Value(1), output_field=IntegerField())
    rows = Case.objects.filter(owner__isnull=False, status__in=OPEN).values("queue", "owner")
    return rows.annotate(load=Sum(weights)).values_list("queue", "owner", "load")


def _free(queue: Queue, priority: int, at: datetime) -> list[QueueMember]:
    """Members here who have room for a case of this priority, the least loaded first, then who has waited longest."""
    loads = load_of(queue)
    here = QueueMember.objects.filter(queue=queue, available=True, user__is_active=True)
    members = here.exclude(user__in=staff.away(mall_day(at))).select_related("user")
    room = [m for m in members if loads.get(m.user_id, 0) + weight(priority) <= m.capacity]

    def order(member: QueueMember) -> tuple[Fraction, float, int]:
        last = member.last_assigned_at.timestamp() if member.last_assigned_at else 0.0
        return Fraction(loads.get(member.user_id, 0), member.capacity), last, member.pk

    return sorted(room, key=order)


def _least_loaded(queue: Queue, priority: int, at: datetime) -> QueueMember | None:
    if queue.routing == Queue.Routing.MANUAL:
        return None
    return next(iter(_free(queue, priority, at)), None)
