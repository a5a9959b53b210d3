"""Every operation, for each role's token, about a customer of theirs, of somebody else, and about merged records.

One rule: who may not do it is told so (403); of whom they may not see there is nothing (404, or not in the list); the
rest is done. What a merged record left behind is its winner's.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from complaints.setup import defaults
from core.accounts import tokens
from core.accounts.models import Delegation, Role, User
from core.accounts.roles import ApiScope
from crm.flows.record import merging
from customers.models import Lookup
from tests.api.contract import operations
from tests.api.test_reach import KEY, Asked, hand_to
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
# Whose customers a role's token reaches.
OWN, EVERYBODY, NOBODY = {"own"}, {"own", "foreign"}, set[str]()
REACHES = {
    Role.ADMINISTRATOR: NOBODY,
    Role.TEAM_LEAD: OWN,
    Role.ACCOUNT_MANAGER: OWN,
    Role.ASSISTANT: OWN,
    Role.SERVICE_AGENT: OWN,
    Role.SERVICE_LEAD: EVERYBODY,
    Role.ANALYST: NOBODY,
    Role.PRIVACY_OFFICER: NOBODY,
    Role.DEPARTMENT: NOBODY,
    Role.CLIENT: EVERYBODY,
}
# Beyond the scope, the right that a page would ask for.
ONLY_BY = {
    "POST customers/{number}/points/freeze": {Role.TEAM_LEAD, Role.SERVICE_LEAD},
    "POST customers/{number}/points/thaw": {Role.TEAM_LEAD, Role.SERVICE_LEAD},
}


class Row(NamedTuple):
    of: str
    merged: bool

    def __str__(self) -> str:
        return f"{self.of}, merged" if self.merged else self.of


ROWS = [Row(of, merged) for of in ("own", "foreign") for merged in (False, True)]


class Staff(NamedTuple):
    """One person of each role, Chen whose customers are theirs, and Zhou of another team."""

    clients: dict[Role, APIClient]
    users: dict[Role, User]
    chen: User
    zhou: User


@pytest.fixture
def staff(make_user: MakeUser) -> Staff:
    defaults.install(at=timezone.now() - timedelta(days=1))
    users = {role: make_user(role, f"The {role}", team="east") for role in Role}
    zhou, today = make_user(Role.ACCOUNT_MANAGER, "Zhou", team="west"), timezone.localdate()
    chen = users[Role.ACCOUNT_MANAGER]
    Delegation.objects.create(manager=chen, assistant=users[Role.ASSISTANT], starts_on=today, ends_on=today)
    clients = {}
    for role, user in users.items():
        _token, secret = tokens.issue(user, name="t", scopes=list(ApiScope), at=timezone.now())
        clients[role] = APIClient(raise_request_exception=False)
        clients[role].credentials(HTTP_AUTHORIZATION=f"Token {secret}", **KEY)
    return Staff(clients, users, chen, zhou)


def expected(role: Role, operation: str, row: Row) -> str:
    if role not in ONLY_BY.get(operation, {role}):
        return "403"
    reached = row.of in REACHES[role]
    if operation in operations.LISTS:
        return "200 with it" if reached else "200 without it"
    return "2xx" if reached else "404"


def outcome(client: APIClient, operation: str, asked: Asked) -> str:
    data, kind = asked.data, "json"
    if operation.endswith("/files") and asked.method == "post":
        data, kind = {"file": SimpleUploadedFile("x.pdf", data["file"].encode(), "application/pdf")}, "multipart"
    answer = getattr(client, asked.method)(f"/api/v1/{asked.url}", data, format=kind)
    status = int(answer.status_code)
    if asked.url.endswith("/batch") and status == 200:
        status = int(answer.json()["results"][0]["status"])
    if operation in operations.LISTS and status == 200:
        return f"200 {'with' if answer.json()['results'] else 'without'} it"
    return "2xx" if 200 <= status < 300 else str(status)


def arranged(staff: Staff, operation: str, row: Row, make_customer: MakeCustomer) -> Asked:
    """The customer, whose they are, and what has to be there, made so that `row` is what it says."""
    customer = make_customer("李雷", email="li.lei@example.com", external_id="c-1")
    merged_into = make_customer("李磊", external_id="c-2") if row.merged else customer
    # What a merged record was before makes no difference: here it was of the other manager.
    mine = row.of == "own"
    hand_to(staff.chen if mine else staff.zhou, merged_into)
    if row.merged:
        hand_to(staff.zhou if mine else staff.chen, customer)
    build = operations.ALL[operation]
    asked = operations.BEFORE_MERGING.get(operation, build)(customer) if row.merged else build(customer)
    if row.merged:
        customer.refresh_from_db()
        merging.merge(customer, merged_into, by=staff.chen, at=timezone.now(), reason="同一人")
    agent = staff.users[Role.SERVICE_AGENT]
    looked_up = merged_into if mine else customer if row.merged else None
    if looked_up:
        Lookup.objects.get_or_create(user=agent, customer=looked_up, on=timezone.localdate())
    return asked


def cells(staff: Staff, make_customer: MakeCustomer, row: Row) -> Iterator[tuple[str, str, str]]:
    """What is asked by whom, what should come of it, and what does."""
    for operation in sorted(operations.OF_A_CUSTOMER | operations.LISTS):
        with transaction.atomic():
            asked = arranged(staff, operation, row, make_customer)
            for role in Role:
                with transaction.atomic():
                    came = outcome(staff.clients[role], operation, asked)
                    transaction.set_rollback(True)
                yield f"{role}: {operation}, {row}", expected(role, operation, row), came
            transaction.set_rollback(True)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_token_does_what_its_user_may_with_whom_they_see(staff: Staff, make_customer: MakeCustomer, row: Row) -> None:
    walked = list(cells(staff, make_customer, row))
    wrong = [f"{cell}: {came} instead of {right}" for cell, right, came in walked if came != right]

    print(f"{len(walked)} cells, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)


def test_every_operation_stands_in_one_table() -> None:
    named = operations.operations(operations.schema()).keys()

    assert sorted(named) == sorted([*operations.OF_A_CUSTOMER, *operations.LISTS, *operations.OF_THE_MALL])
