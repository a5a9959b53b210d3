"""Somebody leaves: what they looked after goes to colleagues in the same moment, so that nothing is nobody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from complaints.cases import lifecycle, routing
from complaints.models import Case, CorrectiveAction, Department, Handover
from complaints.models.cases import OPEN
from core.accounts import staff
from core.accounts.models import Role, User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from core.outbox import delivery
from core.views import saved as views
from crm.flows import notices
from customers import todo
from customers.books import handing, leaves
from customers.books import moving as books
from customers.models import Customer, Todo
from segmentation.segments import writing as segments

ASKED = ("pending", "accepted")


@dataclass(frozen=True)
class Held:
    """What somebody looks after."""

    customers: int
    work: int
    promises: int
    cases: int
    questions: int
    departments: int

    @property
    def anything(self) -> bool:
        return any((self.customers, self.work, self.cases, self.questions, self.departments))


def held_by(user: User) -> Held:
    open_work = Todo.objects.filter(owner=user, state=Todo.State.OPEN)
    return Held(
        customers=Customer.objects.filter(manager=user).count(),
        work=open_work.count(),
        promises=open_work.filter(reason=Todo.Reason.PROMISE).count(),
        cases=Case.objects.filter(owner=user, status__in=OPEN).count(),
        questions=Handover.objects.filter(assignee=user, status__in=ASKED).count(),
        departments=Department.objects.filter(head=user).count(),
    )


@transaction.atomic
def deactivate(user_id: int, *, to: Sequence[User], by: User | None, reason: str, at: datetime) -> Held:
    """The person is out at once; their customers, open work, promises and cases are with these colleagues, who are told.

    Cases of customers who change hands go along to whoever works complaints; others go back to their queue, which hands
    them out. Returns what was handed over. Raises Invalid when there is something to hand over and nobody to have it.
    """
    handing.drop_of(user_id, by=by, at=at)
    leaves.pass_on(user_id, to=to, by=by, at=at)
    user = staff.deactivate(user_id, by=by, reason=reason, at=at)
    held = held_by(user)
    if held.anything and not to:
        raise Invalid(
            _("%(name)s looks after %(n)d customers and open work: say who takes over.")
            % {"name": user, "n": held.customers},
            code="to",
        )
    if held.customers:
        books.hand_over(user, to=to, by=by, on=mall_day(at), reason=reason, at=at)
    todo.hand_over(user, to=to, by=by, at=at)
    _hand_over_cases(user, to, by or user, at)
    segments.pass_on(user, _heir(user, to, Permission.SHARE_SEGMENTS), by=by, at=at)
    views.pass_on(user, _heir(user, to, Permission.SHARE_VIEWS), by=by, at=at)
    delivery.tell(
        [receiver.pk for receiver in to],
        notices.TAKES_OVER,
        {"name": str(user)},
        key=f"handed-over:{user.pk}:{at.isoformat()}",
        thread=f"handed-over:{user.pk}",
        at=at,
        link="/",
    )
    return held


def _hand_over_cases(user: User, to: Sequence[User], by: User, at: datetime) -> None:
    workers = [person for person in to if may(person, Permission.WORK_COMPLAINTS)]
    for case in Case.objects.filter(owner=user, status__in=OPEN).select_related("customer__manager").order_by("pk"):
        manager = case.customer.manager if case.customer else None
        if manager and manager in workers:
            lifecycle.assign(case.pk, manager, by=by, at=at, reason=_("Taken over"))
    routing.leave(user, by=by, at=at)
    # A question goes on to who may answer it; otherwise to the whole department again.
    able = [person for person in to if may(person, Permission.ANSWER_QUESTIONS)]
    Handover.objects.filter(assignee=user, status__in=ASKED).update(assignee=able[0] if able else None)
    user.departments.clear()
    if to:
        CorrectiveAction.objects.filter(owner=user, status=CorrectiveAction.Status.OPEN).update(owner=to[0])
    leads = [person for person in to if may(person, Permission.LEAD_COMPLAINTS)]
    Department.objects.filter(head=user).update(head=leads[0] if leads else None)


def _heir(user: User, to: Sequence[User], right: Permission) -> User | None:
    """Who keeps what others see, segments or views: the lead of the team, else who takes over, else whoever else may."""
    sharers = who_may(right).exclude(pk=user.pk).order_by("pk")
    lead = sharers.filter(team=user.team_id, roles__contains=[Role.TEAM_LEAD]).first() if user.team_id else None
    return (
        lead
        or next((person for person in to if may(person, right) or may(person, Permission.USE_SEGMENTS)), None)
        or sharers.first()
    )
