"""Named reads of cases. Every list, tile and count goes through `cases_for`, so their numbers cannot disagree."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import Http404

from complaints.matters import Matter
from complaints.models import Case, CaseMail, Department, Draft, Handover, Remedy
from complaints.models.cases import OPEN
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, Scope, rights_of
from core.lib.periods import mall_day
from customers import contact_points
from customers.access import standing_in_for, standings_of
from customers.models import Customer

SOON = timedelta(hours=1)
NOT_COUNTED = (Case.Status.MERGED, Case.Status.INVALID)


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; None or empty means anything. Times are instants, the later bound not included."""

    status: str = ""
    open: bool | None = None
    queue_id: int | None = None
    owner_id: int | None = None
    unassigned: bool = False
    served_as: int | None = None
    category_id: int | None = None
    root_cause_id: int | None = None
    department_id: int | None = None
    product_ref: str = ""
    customer_id: int | None = None
    breached: bool | None = None
    due_before: datetime | None = None
    opened_from: datetime | None = None
    opened_until: datetime | None = None
    resolved_from: datetime | None = None
    resolved_until: datetime | None = None
    reopened: bool = False
    logged_late: bool = False
    counted: bool = False
    kind: str = ""
    matter: Matter | None = None


def reach(user: User, today: date) -> Q:
    """Cases the user may open: their own, a colleague's for whom they stand in, their queues', asked of them, and those
    of customers they may see.
    """
    if not user.is_active or not may(user, Permission.WORK_COMPLAINTS):
        return Q(pk__in=[])
    if Scope.ALL in rights_of(user).scopes:
        return Q()
    departments = Department.objects.filter(Q(head=user) | Q(members=user)).values("pk")
    questions = Handover.objects.filter(Q(assignee=user) | Q(to_department__in=departments)).values("case")
    queues = user.complaint_queues.values("queue")
    # A subquery, not a join: joined, the planner reads every customer for the few thousand open cases.
    seen = standings_of(user, today).values("pk")
    return owned(user, today) | Q(queue__in=queues) | Q(pk__in=questions) | Q(customer__in=seen)


def owned(user: User, today: date) -> Q:
    """Their own cases, and those of a colleague for whom they stand in."""
    theirs = standing_in_for(user, today)
    return Q(owner__in=[user.pk, *theirs]) if theirs else Q(owner=user)


def cases_for(user: User, at: datetime, filters: Filters | None = None) -> QuerySet[Case]:
    """The cases the user may open, narrowed. Unordered: its length is the number on every tile that opens it."""
    return narrowed(Case.objects.filter(reach(user, mall_day(at))), filters or Filters())


def case_for(user: User, pk: int, at: datetime) -> Case:
    """The case, or Http404 whether it is missing or out of reach: the two cannot be told apart."""
    rows = cases_for(user, at).select_related(
        "customer__standing",
        "customer__manager",
        "category__parent",
        "queue__department",
        "owner",
        "root_cause",
        "policy",
    )
    case = rows.filter(pk=pk).first()
    if case is None:
        raise Http404
    return case


def narrowed(cases: QuerySet[Case], filters: Filters) -> QuerySet[Case]:
    equal = {
        "status": filters.status,
        "queue": filters.queue_id,
        "owner": filters.owner_id,
        "served_as": filters.served_as,
        "root_cause": filters.root_cause_id,
        "root_cause__department": filters.department_id,
        "product_ref": filters.product_ref,
        "customer": filters.customer_id,
        "breached": filters.breached,
        "kind": filters.kind,
        "next_due_at__lt": filters.due_before,
        "opened_at__gte": filters.opened_from,
        "opened_at__lt": filters.opened_until,
        "resolved_at__gte": filters.resolved_from,
        "resolved_at__lt": filters.resolved_until,
    }
    cases = cases.filter(**{name: value for name, value in equal.items() if value is not None and value != ""})
    if filters.open is not None:
        cases = cases.filter(status__in=OPEN) if filters.open else cases.exclude(status__in=OPEN)
    if filters.unassigned:
        cases = cases.filter(owner__isnull=True)
    if filters.category_id is not None:
        cases = cases.filter(Q(category=filters.category_id) | Q(category__parent=filters.category_id))
    if filters.reopened:
        cases = cases.filter(reopen_count__gt=0)
    if filters.logged_late:
        cases = cases.filter(received_at__lt=F("opened_at") - timedelta(days=1))
    if filters.counted:
        cases = cases.exclude(status__in=NOT_COUNTED)
    if filters.matter:
        cases = cases.filter(filters.matter.condition())
    return cases


def in_order(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Total and stable: priority, then what is due first, then the older case."""
    return cases.order_by("priority", F("next_due_at").asc(nulls_last=True), "id")


def unsent() -> QuerySet[CaseMail]:
    """Answers in writing that only a colleague gets on their way; that came back, as long as nothing was said since."""
    state = CaseMail.State
    back = Q(state=state.BOUNCED) & ~Q(message__case__next_due_at=None)
    return CaseMail.objects.filter(Q(state__in=(state.FAILED, state.BY_HAND)) | back)


def who_complain(customer_ids: Collection[int]) -> set[int]:
    """Those of these customers with an open complaint: they are sent no offers meanwhile."""
    cases = Case.objects.filter(customer__in=customer_ids, status__in=OPEN, kind=Case.Kind.COMPLAINT)
    return set(cases.values_list("customer_id", flat=True))


_NUMBER = re.compile(r"[cC]-?([0-9]{1,18})")


def is_case_number(text: str) -> bool:
    """Whether this is written like the number of a case (C-104, c104) and of nothing else: C0000104 is a customer."""
    match = _NUMBER.fullmatch(contact_points.plain(text))
    return match is not None and not match[1].startswith("0")


def named(user: User, text: str, at: datetime) -> Case | None:
    """The case of this number (C-104, c104, 104), if the user may open it."""
    pk = by_number(contact_points.plain(text)) if is_case_number(text) or text.strip().isdecimal() else None
    return cases_for(user, at).select_related("customer").filter(pk=pk).first() if pk else None


def by_number(text: str) -> int | None:
    """The id behind what people write: C-2043, c2043, 2043."""
    digits = text.strip().upper().removeprefix("C").removeprefix("-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def of_customer(customer: Customer) -> QuerySet[Case]:
    return Case.objects.filter(customer=customer).select_related("category", "owner").order_by("-opened_at")


def similar(case: Case, *, at: datetime, days: int = 30) -> QuerySet[Case]:
    """Other cases about the same product in the last days, or of the same category when no product is named."""
    since = (
        Case.objects.filter(opened_at__gt=at - timedelta(days=days)).exclude(pk=case.pk).exclude(status__in=NOT_COUNTED)
    )
    same = since.filter(product_ref=case.product_ref) if case.product_ref else since.filter(category=case.category_id)
    return same.select_related("category").order_by("-opened_at")


def handovers_for(user: User) -> QuerySet[Handover]:
    """Questions waiting for this person: theirs by name, and their departments' without a name."""
    theirs = Department.objects.filter(Q(head=user) | Q(members=user)).values("pk")
    mine = Q(assignee=user) | Q(assignee__isnull=True, to_department__in=theirs)
    waiting = Handover.objects.filter(mine, status__in=(Handover.Status.PENDING, Handover.Status.ACCEPTED))
    waiting = waiting.exclude(asked_by=user)
    return waiting.select_related("case__customer", "to_department", "asked_by").order_by("due_at", "id")


def waiting_for(user: User, at: datetime) -> dict[str, QuerySet[Any]]:
    """The lists of what others wait for, by case: questions asked of this person, remedies to approve, to give and
    late, answers that have to be sent by hand."""
    return {
        "asked": handovers_for(user).order_by().values("case"),
        "approve": to_approve(user).order_by().values("case"),
        "give": to_give(user).values("case"),
        "owed": promised(before=at).order_by().values("case"),
        "unsent": unsent().values("message__case"),
    }


def to_approve(user: User) -> QuerySet[Remedy]:
    """Remedies that wait for a second person, if this one may be that: without the user's own."""
    if not may(user, Permission.LEAD_COMPLAINTS):
        return Remedy.objects.none()
    rows = Remedy.objects.filter(status=Remedy.Status.PROPOSED).exclude(proposed_by=user)
    return rows.select_related("case__customer", "proposed_by").order_by("proposed_at", "id")


def to_give(user: User) -> QuerySet[Remedy]:
    """Remedies that nothing stands against and that this person gives: in their cases, or proposed while nobody has it."""
    owed = (Remedy.Status.APPROVED, Remedy.Status.FAILED)
    theirs = Q(case__owner=user) | Q(case__owner__isnull=True, proposed_by=user)
    return Remedy.objects.filter(theirs, status__in=owed)


def promised(*, before: datetime) -> QuerySet[Remedy]:
    """Remedies promised for a moment before this one and not given: the promises to keep."""
    owed = (Remedy.Status.PROPOSED, Remedy.Status.APPROVED, Remedy.Status.FAILED)
    return Remedy.objects.filter(status__in=owed, promised_at__lt=before).select_related("case").order_by("promised_at")


def draft_of(case: Case, user: User) -> Draft | None:
    return Draft.objects.filter(case=case, author=user).first()
