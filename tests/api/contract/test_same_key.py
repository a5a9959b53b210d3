"""The same key with another content is refused, whichever of its fields is the other one: nobody is answered in vain."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from complaints.setup import defaults
from core.accounts import tokens
from core.accounts.models import Role
from core.accounts.roles import ApiScope
from crm.desk.today import today
from customers.models import Customer
from tests.api.contract import operations
from tests.api.contract.operations import fields, with_values
from tests.api.test_reach import KEY, Asked
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.tiers.stories import content, night, put_in_force

pytestmark = pytest.mark.django_db


def after_a_change(customer: Customer) -> Asked:
    for months, days in ((12, 9), (3, 2)):
        day = today() - timedelta(days=days)
        version = put_in_force(content(window_months=months), day).version
        night(day)
    return Asked("post", f"tier-rules/versions/{version}/roll-back", {"reason": "退回"})


def another_rate(customer: Customer) -> Asked:
    day = (today() + timedelta(days=40)).isoformat()
    told = {"content": {"rate": "5"}, "reason": "新", "starts_on": day}
    return Asked("post", f"rules/{operations.of_points()}/changes", told)


BUILT = operations.ALL | {
    "POST rules/{kind}/changes": another_rate,
    "POST tier-rules/versions/{version}/roll-back": after_a_change,
}


def another(value: Any) -> Any:
    """A value of the same kind that says something else."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return (read(value) + timedelta(days=1)).isoformat()
        except ValueError:
            pass
    try:
        return str(Decimal(value) + 1)
    except InvalidOperation:
        return f"{value}改"


def keyed(document: dict[str, Any]) -> list[str]:
    """The operations that are told under a key of their client."""
    return [
        label
        for label, operation in operations.operations(document).items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    ]


def test_a_key_is_good_for_one_content(make_user: MakeUser, make_customer: MakeCustomer) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))
    boss = make_user(roles=[role for role in Role if role != Role.CLIENT], name="Boss")
    _token, secret = tokens.issue(boss, name="t", scopes=list(ApiScope), at=timezone.now())
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    document = operations.schema()
    tried, taken, unheard = 0, [], []

    def send(asked: Asked, body: Any) -> int:
        answer = client.generic("POST", f"{operations.BASE}{asked.url}", json.dumps(body), "application/json", **KEY)
        return int(answer.status_code)

    for label in keyed(document):
        with transaction.atomic():
            asked = BUILT[label](make_customer("李雷", email="li.lei@example.com", external_id="c-1"))
            body = asked.data
            if (status := send(asked, body)) >= 300:
                unheard.append((label, status))
            for path in fields(body):
                value = body
                for name in path:
                    value = value[name]
                if isinstance(value, str | int) and value != "":
                    with transaction.atomic():
                        tried += 1
                        if send(asked, with_values(body, [path], another(value))) < 300:
                            taken.append((label, path))
                        transaction.set_rollback(True)
            transaction.set_rollback(True)

    assert unheard == []
    assert taken == [], "another content was answered with the outcome of the first"
    assert tried >= 15
