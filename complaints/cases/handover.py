"""The desk asks a department: a named person, a due moment, an answer. Our own delay never stops the customer's clock."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from complaints.cases import messages, notices, transitions
from complaints.models import Case, CaseEvent, Department, Handover
from complaints.models.cases import OPEN
from complaints.promises import calendars
from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.lib.errors import DomainError, Invalid
from core.lib.money import from_minor
from core.outbox import bell
from customers.models import Standing, Todo

Status = Handover.Status
UNANSWERED = (Status.PENDING, Status.ACCEPTED)
RIGHT = Permission.ANSWER_QUESTIONS

# Who answers ----------------------------------------------------------------------------------------------------------


def answerers(department: Department) -> QuerySet[User]:
    """Its head and its people, as far as they are here and may answer."""
    return who_may(RIGHT).filter(Q(heads=department) | Q(departments=department)).distinct()


def questions_for(user: User) -> QuerySet[Handover]:
    """What is asked of this person, by name or as one of a department; not what they asked themselves."""
    if not may(user, RIGHT):
        return Handover.objects.none()
    theirs = Department.objects.filter(Q(head=user) | Q(members=user)).values("pk")
    rows = Handover.objects.filter(Q(assignee=user) | Q(to_department__in=theirs)).exclude(asked_by=user)
    return rows.select_related("case__category__parent", "to_department", "assignee", "asked_by")


def may_answer(user: User, handed: Handover) -> bool:
    """Somebody of the desk, or whom it is asked; never who asked."""
    if user.pk == handed.asked_by_id or not may(user, RIGHT):
        return False
    return may(user, Permission.WORK_COMPLAINTS) or questions_for(user).filter(pk=handed.pk).exists()


# The question ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def ask(
    case_id: int,
    department: Department,
    *,
    question: str,
    by: User,
    at: datetime,
    assignee: User | None = None,
    blocking: bool = True,
    with_files: bool = False,
    version: int | None = None,
) -> Handover:
    """The department has a question to answer within its own hours; the case waits for it, its clocks run on.
    `with_files`: whoever answers sees the files of the case, also those that come meanwhile."""
    case = transitions.lock(case_id, version=version, relies_on=["status"], yours={"question": question})
    transitions.must_be_open(case)
    question = messages.words(question)
    if not department.active:
        raise DomainError(_("%(name)s is not in use any more.") % {"name": department}, code="department_closed")
    if assignee is not None and not assignee.is_active:
        raise DomainError(_("%(name)s does not work here any more.") % {"name": assignee}, code="assignee_left")
    _refuse_nobody(department, assignee, by)
    handed = Handover.objects.create(
        case=case,
        from_department=case.queue.department,
        to_department=department,
        assignee=assignee,
        asked_by=by,
        ask=question,
        brief=brief_of(case),
        blocking=blocking,
        with_files=with_files,
        asked_at=at,
        due_at=calendars.due(department.calendar, at, department.answer_minutes),
    )
    # A case that waits for the customer goes on waiting for the customer: both can be true at once.
    to = None if case.status == Case.Status.WAITING_CUSTOMER else Case.Status.WAITING_INTERNAL
    transitions.record(
        case,
        CaseEvent.Kind.HANDED_OVER,
        by=by,
        at=at,
        to=to,
        touched=["handovers"],
        handover=handed.pk,
        department=department.pk,
        assignee=assignee.pk if assignee else None,
    )
    notices.tell(
        [assignee.pk] if assignee else answerers(department).exclude(pk=by.pk).values_list("pk", flat=True),
        notices.ASKED,
        case,
        key=f"handover:{handed.pk}",
        thread=_thread(handed),
        at=at,
        link=_page(handed),
        department=str(department),
    )
    return handed


def _refuse_nobody(department: Department, assignee: User | None, by: User) -> None:
    if assignee is None and not answerers(department).exclude(pk=by.pk).exists():
        raise DomainError(
            _("Nobody answers for %(department)s yet. Ask somebody by name, or have its people named under Staff.")
            % {"department": department},
            code="nobody_answers",
        )
    if assignee is not None and assignee.pk == by.pk:
        raise DomainError(_("Nobody asks themselves. Choose somebody else."), code="own_question")
    if assignee is not None and not may(assignee, RIGHT):
        raise DomainError(_("%(name)s may not answer questions.") % {"name": assignee}, code="may_not_answer")


@transaction.atomic
def accept(handover_id: int, *, by: User, at: datetime) -> Handover:
    """Somebody of the department has taken the question: from now on it is theirs by name."""
    case, handed = _unanswered(handover_id)
    _refuse_others(handed, by)
    handed.status, handed.accepted_at, handed.assignee = Status.ACCEPTED, at, by
    handed.save(update_fields=["status", "accepted_at", "assignee"])
    bell.settle(_thread(handed), [notices.ASKED], at=at)
    transitions.record(case, CaseEvent.Kind.HANDOVER_ACCEPTED, by=by, at=at, touched=["handovers"], handover=handed.pk)
    return handed


@transaction.atomic
def answer(handover_id: int, *, by: User, at: datetime, text: str) -> Handover:
    """The department has answered; the case goes on as soon as no question is open."""
    return _end(handover_id, Status.DONE, CaseEvent.Kind.HANDOVER_ANSWERED, by, at, messages.words(text))


@transaction.atomic
def reject(handover_id: int, *, by: User, at: datetime, reason: str) -> Handover:
    """Not this department's matter, and why; the desk asks elsewhere."""
    if not reason.strip():
        raise Invalid(_("Say why the question is declined, and who could answer it."), code="reason_missing")
    return _end(handover_id, Status.REJECTED, CaseEvent.Kind.HANDOVER_REJECTED, by, at, messages.words(reason))


@transaction.atomic
def cancel(handover_id: int, *, by: User, at: datetime, reason: str) -> Handover:
    if not reason.strip():
        raise Invalid(_("Say why the answer is no longer needed."), code="reason_missing")
    return _end(handover_id, Status.CANCELLED, CaseEvent.Kind.HANDOVER_CANCELLED, by, at, messages.words(reason))


def cancel_open(case: Case, *, at: datetime) -> int:
    """The case has ended: nobody needs to answer any more."""
    open_ones = case.handovers.select_for_update().filter(status__in=UNANSWERED)
    for handed in open_ones:
        bell.settle(_thread(handed), at=at)
    return open_ones.update(status=Status.CANCELLED, ended_at=at)


def after_waiting(case: Case) -> Case.Status:
    """Where a case goes when the customer is no longer waited for."""
    is_asked = case.handovers.filter(status__in=UNANSWERED).exists()
    return Case.Status.WAITING_INTERNAL if is_asked else Case.Status.IN_PROGRESS


def escalate_due(*, now: datetime, limit: int = 200) -> int:
    """Tell those who answer, the head of their department and who asked, once, about each question that is overdue."""
    ids = Handover.objects.filter(status__in=UNANSWERED, escalated_at__isnull=True, due_at__lt=now)
    count = 0
    for pk in list(ids.order_by("due_at").values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            rows = Handover.objects.select_for_update(skip_locked=True, of=("self",)).select_related(
                "to_department", "case"
            )
            handed = rows.filter(pk=pk, status__in=UNANSWERED, escalated_at__isnull=True).first()
            if handed is None:
                continue
            handed.escalated_at = now
            handed.save(update_fields=["escalated_at"])
            audit.record(None, "handover.overdue", handed, at=now, case=handed.case_id)
            _tell_late(handed, now)
            count += 1
    return count


def _tell_late(handed: Handover, at: datetime) -> None:
    """Whoever answers is led to the question, whoever asked to the case."""
    answering = answerers(handed.to_department).exclude(pk=handed.asked_by_id)
    if handed.assignee_id:
        answering = answering.filter(Q(heads=handed.to_department) | Q(pk=handed.assignee_id))
    asked = [*answering.values_list("pk", flat=True), handed.assignee_id]
    for people, link in ((asked, _page(handed)), ([handed.asked_by_id], "")):
        notices.tell(
            people,
            notices.ASKED_LATE,
            handed.case,
            key=f"handover-late:{handed.pk}",
            thread=_thread(handed),
            at=at,
            link=link,
            department=str(handed.to_department),
        )


def brief_of(case: Case) -> dict[str, object]:
    """What a department needs to know of the customer, as figures; no name and no way to reach them."""
    standing = Standing.objects.filter(customer=case.customer_id).first()
    others = Case.objects.filter(customer=case.customer_id, status__in=OPEN).exclude(pk=case.pk)
    promises = Todo.objects.filter(customer=case.customer_id, reason=Todo.Reason.PROMISE, state=Todo.State.OPEN)
    return {
        "class": standing.serve_class if standing else Standing.Class.PROSPECT,
        "type": standing.matrix_type if standing else Standing.Type.NONE,
        "value": str(standing.value if standing else from_minor(0)),
        "open_cases": others.count(),
        "promises": promises.count(),
        "priority": case.priority,
    }


def _unanswered(handover_id: int) -> tuple[Case, Handover]:
    case = transitions.hold(Handover.objects.values_list("case_id", flat=True).get(pk=handover_id))
    handed = Handover.objects.select_for_update().get(pk=handover_id)
    if handed.status not in UNANSWERED:
        raise DomainError(
            _("This question is closed already: %(how)s.") % {"how": handed.get_status_display()},
            code="handover_closed",
        )
    return case, handed


def _end(
    handover_id: int, status: Handover.Status, kind: CaseEvent.Kind, by: User, at: datetime, text: str
) -> Handover:
    case, handed = _unanswered(handover_id)
    if status != Status.CANCELLED:
        _refuse_others(handed, by)
    handed.status, handed.ended_at, handed.answer = status, at, text
    handed.save(update_fields=["status", "ended_at", "answer"])
    to = after_waiting(case) if case.status == Case.Status.WAITING_INTERNAL else None
    transitions.record(case, kind, by=by, at=at, to=to, touched=["handovers"], handover=handed.pk)
    bell.settle(_thread(handed), at=at)
    if status != Status.CANCELLED:
        notices.tell(
            {case.owner_id, handed.asked_by_id},
            notices.ANSWERED if status == Status.DONE else notices.DECLINED,
            case,
            key=f"handover-end:{handed.pk}",
            at=at,
            department=str(handed.to_department),
        )
    return handed


def _refuse_others(handed: Handover, by: User) -> None:
    if by.pk == handed.asked_by_id:
        raise DomainError(
            _("You have asked this yourself: wait for the answer, or withdraw the question."), code="own_question"
        )
    if not may_answer(by, handed):
        raise DomainError(_("%(name)s may not answer questions.") % {"name": by}, code="may_not_answer")


def _thread(handed: Handover) -> str:
    return f"question:{handed.pk}"


def _page(handed: Handover) -> str:
    return f"/questions/{handed.pk}/"
