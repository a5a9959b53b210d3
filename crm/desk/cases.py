"""Which cases a user may see, and the lists of the desk: every tab's number is the count of the list it opens."""

from datetime import date, datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.http import Http404

from complaints.models import Case, Handover, QueueMember
from complaints.models.cases import OPEN
from crm.accounts.models import User
from crm.accounts.permissions import may
from crm.accounts.roles import Permission
from customers.access import visible_to

SOON = timedelta(hours=1)


def visible(user: User, today: date) -> QuerySet[Case]:
    """Cases of the user's customers, of their queues, their own, and those in which they are asked something."""
    if not may(user, Permission.WORK_COMPLAINTS):
        return Case.objects.none()
    if may(user, Permission.LEAD_COMPLAINTS):
        return Case.objects.all()
    return Case.objects.filter(
        Q(owner=user)
        | Q(queue__in=QueueMember.objects.filter(user=user).values("queue"))
        | Q(pk__in=Handover.objects.filter(Q(assignee=user) | Q(to_department__head=user)).values("case"))
        | Q(customer__in=visible_to(user, today).values("pk"))
    )


def case_for(user: User, pk: int, today: date) -> Case:
    """The case, or Http404 whether it is missing or out of reach: the two cannot be told apart."""
    found = visible(user, today).select_related(
        "customer__standing", "customer__manager", "category__parent", "queue__department", "owner", "policy",
        "root_cause__department", "merged_into", "follows",
    )  # fmt: skip
    case = found.filter(pk=pk).first()
    if case is None:
        raise Http404
    return case


def open_cases(customer_id: int) -> QuerySet[Case]:
    return Case.objects.filter(customer=customer_id, status__in=OPEN).order_by("-opened_at")


def similar_count(case: Case, *, days: int, at: datetime) -> int:
    """Other cases of the same category, on the same product when one is named, in the last days."""
    like = Case.objects.filter(category=case.category_id, opened_at__gt=at - timedelta(days=days)).exclude(pk=case.pk)
    return (like.filter(product_ref=case.product_ref) if case.product_ref else like).count()


def in_order(rows: QuerySet[Case]) -> QuerySet[Case]:
    return rows.order_by("priority", F("next_due_at").asc(nulls_last=True), "id")


def named_list(name: str, user: User, today: date, now: datetime) -> QuerySet[Case]:
    """One of the lists of the desk, unordered."""
    rows = visible(user, today)
    open_ = rows.filter(status__in=OPEN)
    if name == "mine":
        return open_.filter(owner=user)
    if name == "unassigned":
        return open_.filter(owner__isnull=True)
    if name == "missed":
        return open_.filter(Q(breached=True) | Q(next_due_at__lt=now))
    if name == "soon":
        return open_.filter(next_due_at__gte=now, next_due_at__lt=now + SOON)
    if name == "big":
        return open_.filter(queue__is_vip=True)
    if name == "look":
        return open_.filter(needs_a_look=True)
    if name == "asked":
        asked = Handover.objects.filter(Q(assignee=user) | Q(assignee__isnull=True, to_department__head=user))
        return rows.filter(pk__in=asked.filter(status__in=["pending", "accepted"]).values("case"))
    if name == "solved":
        return rows.filter(status__in=["resolved", "closed"])
    if name == "all":
        return rows
    return open_
