"""A desk in Shanghai with two agents, their head, and customers of each class."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from complaints.cases import intake
from complaints.models import Case, Category, Queue, QueueMember, RootCause
from complaints.setup import defaults
from core.accounts.models import Role, User
from customers.models import Customer, Standing
from tests.conftest import MakeCustomer, MakeUser

# A Wednesday in the mall, 09:30; the office is open from 9 to 12 and from 13 to 18.
WEDNESDAY = datetime(2026, 6, 3, 1, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MORNING_RUSH = timedelta(minutes=30)

LogCase = Callable[..., Case]


@pytest.fixture
def desk(db: None) -> None:
    defaults.install(at=WEDNESDAY)


@pytest.fixture
def lead(desk: None, make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_LEAD, "Zhao Min")


@pytest.fixture
def wang(desk: None, make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_AGENT, "Wang Fang")


@pytest.fixture
def sun(desk: None, make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_AGENT, "Sun Li")


@pytest.fixture
def chen(desk: None, make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing")


@pytest.fixture
def li_lei(desk: None, make_customer: MakeCustomer) -> Customer:
    """A random customer."""
    return classed(make_customer("李雷"), Standing.Class.RANDOM)


@pytest.fixture
def madam_gao(desk: None, make_customer: MakeCustomer, chen: User) -> Customer:
    """A big customer, looked after by Chen Jing."""
    return classed(make_customer("高女士", manager=chen), Standing.Class.BIG)


@pytest.fixture
def log_case(desk: None) -> LogCase:
    """Through the front door, with everything filled in that the story does not mention."""
    numbers = itertools.count(1)

    def log(customer: Customer, *, category: str = "delivery-late", at: datetime = WEDNESDAY, **told: Any) -> Case:
        fields = {"channel": "phone", "by": None, "description": f"包裹没到 {next(numbers)}", "at": at}
        return intake.log(customer, category=category_of(category), **fields | told).case

    return log


def classed(customer: Customer, customer_class: int) -> Customer:
    Standing.objects.update_or_create(customer=customer, defaults={"customer_class": customer_class})
    return Customer.objects.get(pk=customer.pk)


def category_of(code: str) -> Category:
    return Category.objects.get(code=code)


def cause_of(code: str) -> RootCause:
    return RootCause.objects.get(code=code)


def queue_of(code: str) -> Queue:
    return Queue.objects.get(code=code)


def join(user: User, queue: str, *, capacity: int = 20, available: bool = True) -> QueueMember:
    return QueueMember.objects.create(queue=queue_of(queue), user=user, capacity=capacity, available=available)


def again(case: Case) -> Case:
    return Case.objects.get(pk=case.pk)


SOLVED = {"outcome": "fixed", "resolution": "重新发货", "reply": "今天已重新发出"}


def solved(**more: Any) -> dict[str, Any]:
    return SOLVED | {"root_cause": cause_of("carrier-late")} | more
