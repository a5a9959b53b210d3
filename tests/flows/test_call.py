"""What is promised while a complaint is logged is work: owned, due to the minute, whatever way the complaint came."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from complaints.models import Case, Category, Department, Queue, QueueMember
from complaints.setup import defaults
from core.accounts.models import Role, User
from core.lib.errors import Invalid
from crm.flows import call
from customers import todo
from customers.models import Contact, Customer, Todo
from tests.conftest import MakeCustomer, MakeUser

TUESDAY = datetime(2026, 11, 17, 2, 0, tzinfo=UTC)
FIVE_PM = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _desk(db: None) -> None:
    defaults.install(at=TUESDAY - timedelta(days=1))


@pytest.fixture
def liu(make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_AGENT, "Liu Fang")


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


def log(customer: Customer, by: User | None, channel: str = "phone", **more: Any) -> call.Taken:
    late = Category.objects.get(code="delivery-late")
    given = {"call_at": FIVE_PM, "description": "包裹三天没到", "client_key": "k-1"} | more
    return call.log(customer, category=late, channel=channel, by=by, at=TUESDAY, **given)


@pytest.mark.parametrize("channel", Case.Channel.values)
def test_a_promised_call_is_due_at_its_minute_and_owned_by_who_promised_it(
    li_lei: Customer, liu: User, channel: str
) -> None:
    case = log(li_lei, liu, channel).case

    todo = li_lei.todos.get()
    assert (todo.reason, todo.owner, todo.due_at, todo.due_on) == ("promise", liu, FIVE_PM, FIVE_PM.date())
    assert todo.promised == f"{case.number}: call back by 11-17 17:00"
    with translation.override("zh-hans"):
        assert todo.promised == f"{case.number}：11-17 17:00 前回电"
    assert list(call.waiting(liu, TUESDAY)) == [todo]


def test_a_program_promises_for_who_has_the_case(li_lei: Customer, liu: User) -> None:
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=liu)

    taken = log(li_lei, None, "shop")

    assert taken.case.owner == liu
    assert taken.call is not None
    assert taken.call.owner == liu


def test_a_program_promises_for_the_manager_while_nobody_has_the_case(
    make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    taken = log(make_customer("韩梅梅", manager=make_user(name="Chen Jing")), None, "shop")

    assert taken.case.owner is None
    assert str(taken.call.owner) == "Chen Jing"  # type: ignore[union-attr]


def test_a_program_promises_for_the_head_of_the_department_while_there_is_no_manager(
    li_lei: Customer, make_user: MakeUser
) -> None:
    head = make_user(Role.SERVICE_LEAD, "Zheng Kai")
    Department.objects.update(head=head)

    assert log(li_lei, None, "shop").call.owner == head  # type: ignore[union-attr]


def test_told_again_the_first_promise_stands(li_lei: Customer, liu: User) -> None:
    first = log(li_lei, liu)
    again = log(li_lei, liu, call_at=FIVE_PM + timedelta(hours=3))

    assert (again.created, again.case, again.call) == (False, first.case, first.call)
    assert li_lei.todos.get().due_at == FIVE_PM


def test_a_complaint_without_a_promise_is_nobodys_call(li_lei: Customer, liu: User) -> None:
    assert log(li_lei, liu, call_at=None).call is None
    assert not Todo.objects.exists()


@pytest.mark.parametrize("moment", [TUESDAY - timedelta(minutes=1), TUESDAY + call.FURTHEST + timedelta(minutes=1)])
def test_a_call_in_the_past_or_next_year_is_refused_and_nothing_is_stored(
    li_lei: Customer, liu: User, moment: datetime
) -> None:
    with pytest.raises(Invalid):
        log(li_lei, liu, call_at=moment)

    assert not Case.objects.exists()


def test_a_conversation_is_on_record_with_the_customer_and_a_web_form_is_not(li_lei: Customer, liu: User) -> None:
    log(li_lei, liu, "wechat")
    log(li_lei, liu, "web", client_key="k-2")

    assert [(contact.channel, contact.outcome) for contact in Contact.objects.all()] == [("wechat", "promised")]


@pytest.mark.parametrize("role", [Role.ACCOUNT_MANAGER, Role.TEAM_LEAD])
def test_a_call_promised_by_somebody_who_has_left_is_the_work_of_the_managers(
    li_lei: Customer, liu: User, make_user: MakeUser, role: str
) -> None:
    reader = make_user(role, "Chen", team="east")
    if role == Role.ACCOUNT_MANAGER:
        Customer.objects.filter(pk=li_lei.pk).update(manager=reader, manager_since=TUESDAY.date())
    promised = log(li_lei, liu).call
    assert list(todo.queue(reader, FIVE_PM.date())) == []

    User.objects.filter(pk=liu.pk).update(is_active=False)

    assert list(todo.queue(reader, FIVE_PM.date())) == [promised]
