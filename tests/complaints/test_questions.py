"""A question goes to who can answer it: told to them, answered by them, and by nobody who asked it."""

import pytest

from complaints.cases import handover
from complaints.models import Case, Department, Handover
from complaints.setup import reference
from core.accounts.models import AuditEntry, Role, User
from core.accounts.roles import RIGHTS, Permission
from core.lib.errors import DomainError, Invalid
from core.outbox import bell
from core.outbox.models import Message
from crm.flows import staff as flows
from customers.models import Customer
from tests.complaints.conftest import HOUR, MINUTE, WEDNESDAY, LogCase
from tests.conftest import MakeUser

pytestmark = pytest.mark.django_db
SOON = WEDNESDAY + 10 * MINUTE


@pytest.fixture
def finance(desk: None) -> Department:
    return Department.objects.get(code="finance")


@pytest.fixture
def ma(finance: Department, make_user: MakeUser) -> User:
    user = make_user(Role.DEPARTMENT, "Ma Qiang")
    finance.members.add(user)
    return user


@pytest.fixture
def case(log_case: LogCase, li_lei: Customer) -> Case:
    return log_case(li_lei)


def told(kind: str) -> list[tuple[str, str]]:
    rows = Message.objects.filter(kind=kind).order_by("recipient__full_name")
    return [(str(message.recipient), message.link) for message in rows]


def test_everybody_of_the_department_is_told_and_led_to_the_question(
    case: Case, finance: Department, ma: User, wang: User, make_user: MakeUser
) -> None:
    head, gone = make_user(Role.SERVICE_LEAD, "Zhao Min"), make_user(Role.DEPARTMENT, "Gone")
    finance.head = head
    finance.save()
    finance.members.add(gone, make_user(Role.ANALYST, "Xu Wen"))
    User.objects.filter(pk=gone.pk).update(is_active=False)

    asked = handover.ask(case.pk, finance, question="退款到了吗？", by=wang, at=SOON)

    assert told("question") == [("Ma Qiang", f"/questions/{asked.pk}/"), ("Zhao Min", f"/questions/{asked.pk}/")]
    assert bell.count(ma) == 1
    handover.accept(asked.pk, by=ma, at=SOON)
    assert (bell.count(ma), bell.count(head)) == (0, 0)
    handover.escalate_due(now=asked.due_at + HOUR)
    page = f"/questions/{asked.pk}/"
    late = [("Ma Qiang", page), ("Wang Fang", f"/complaints/{case.pk}/"), ("Zhao Min", page)]
    assert told("question_late") == late


def test_a_question_is_asked_only_of_who_can_answer(
    case: Case, finance: Department, wang: User, sun: User, make_user: MakeUser
) -> None:
    def code(assignee: User | None = None, by: User = wang) -> str:
        with pytest.raises(DomainError) as refusal:
            handover.ask(case.pk, finance, question="退款到了吗？", by=by, at=SOON, assignee=assignee)
        return refusal.value.code

    assert code() == "nobody_answers"
    finance.members.add(wang)  # who asks is nobody to be asked
    assert code() == "nobody_answers"
    assert code(assignee=wang) == "own_question"
    may_not = [role for role in Role if Permission.ANSWER_QUESTIONS not in RIGHTS[role].permissions]
    assert {code(assignee=make_user(role)) for role in may_not} == {"may_not_answer"}
    assert handover.ask(case.pk, finance, question="退款到了吗？", by=sun, at=SOON).status == "pending"


def test_who_asked_does_not_answer_and_neither_does_another_department(
    case: Case, finance: Department, ma: User, wang: User, sun: User, make_user: MakeUser
) -> None:
    depot = make_user(Role.DEPARTMENT, "Depot")
    Department.objects.get(code="warehouse").members.add(depot)
    finance.members.add(wang)
    asked = handover.ask(case.pk, finance, question="退款到了吗？", by=wang, at=SOON)

    for by, code in ((wang, "own_question"), (depot, "may_not_answer")):
        for verb, words in (
            (handover.accept, {}),
            (handover.answer, {"text": "到了"}),
            (handover.reject, {"reason": "不归我们"}),
        ):
            with pytest.raises(DomainError) as refusal:
                verb(asked.pk, by=by, at=SOON, **words)
            assert refusal.value.code == code
    assert [list(handover.questions_for(user)) for user in (wang, depot, ma)] == [[], [], [asked]]

    handover.cancel(asked.pk, by=wang, at=SOON, reason="打电话问到了")
    again = handover.ask(case.pk, finance, question="退款到了吗？", by=wang, at=SOON)
    handover.answer(again.pk, by=sun, at=SOON, text="到了")  # the desk has heard it by phone
    assert Handover.objects.get(pk=again.pk).answer == "到了"


def test_the_departments_of_a_colleague_are_chosen_and_end_with_them(
    case: Case, finance: Department, ma: User, wang: User, sun: User, make_user: MakeUser
) -> None:
    admin, analyst = make_user(Role.ADMINISTRATOR), make_user(Role.ANALYST, "Xu Wen")
    with pytest.raises(Invalid):
        reference.set_departments(analyst, [finance], by=admin, at=SOON)

    depot = Department.objects.get(code="warehouse")
    for _time in range(2):
        reference.set_departments(ma, [depot], by=admin, at=SOON)
    assert list(ma.departments.all()) == [depot]
    [line] = AuditEntry.objects.filter(action="person.departments")
    assert line.detail["departments"] == [["finance"], ["warehouse"]]

    asked = handover.ask(case.pk, depot, question="在哪？", by=wang, at=SOON)
    handover.accept(asked.pk, by=ma, at=SOON)
    flows.deactivate(ma.pk, to=[analyst, sun], by=admin, reason="离职", at=SOON)
    asked.refresh_from_db()
    assert (asked.assignee, ma.departments.count()) == (sun, 0)


def test_nobody_who_may_answer_takes_over_the_whole_department_is_asked(
    case: Case, finance: Department, ma: User, wang: User, make_user: MakeUser
) -> None:
    admin, analyst = make_user(Role.ADMINISTRATOR), make_user(Role.ANALYST, "Xu Wen")
    asked = handover.ask(case.pk, finance, question="退款到了吗？", by=wang, at=SOON, assignee=ma)
    flows.deactivate(ma.pk, to=[analyst], by=admin, reason="离职", at=SOON)
    asked.refresh_from_db()
    assert asked.assignee is None
