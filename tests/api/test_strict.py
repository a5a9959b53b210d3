"""What is not declared is refused, never ignored: at every address, in its parameters, its body and within the body."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from rest_framework.serializers import BaseSerializer, ListSerializer

from core.accounts.models import Role
from core.accounts.roles import ApiScope
from crm.api.serializers.customers import Strict
from crm.api.urls import urlpatterns
from tests.api.test_scopes import SCOPES
from tests.conftest import ApiFor, MakeUser

VERBS = {"hold-end": "release", "redemption-end": "cancel"}
NAMES = {
    "source": "shop",
    "external_id": "8812",
    "number": "L1",
    "code": "autumn",
    "pk": 1,
    "version": 1,
    "kind": "points",
}
BY_LEAD = {"tier-draft-publish", "tier-version-withdraw", "customer-points-freeze", "customer-points-thaw"}
ROUTES = {str(route.name): route for route in urlpatterns}
DOORS = [(name, method) for name, methods in SCOPES.items() for method in methods]
UNHEARD_OF = "unheard_of"


def address(name: str) -> str:
    values = NAMES | {"verb": VERBS.get(name, "")}
    return reverse(name, kwargs={part: values[part] for part in ROUTES[name].pattern.converters})


def send(api_for: ApiFor, make_user: MakeUser, name: str, method: str, url: str, body: Any) -> Any:
    scope: ApiScope = SCOPES[name][method]
    # By somebody who may do it: whose tokens may not is told that first.
    role = Role.TEAM_LEAD if name in BY_LEAD else Role.ADMINISTRATOR
    client = api_for(scope, user=make_user(role))
    key = {"HTTP_IDEMPOTENCY_KEY": "once"}
    if method == "GET":
        return client.get(url, **key)
    return getattr(client, method.lower())(url, json.dumps(body), content_type="application/json", **key)


@pytest.mark.parametrize(("name", "method"), DOORS)
def test_a_parameter_that_is_not_known(api_for: ApiFor, make_user: MakeUser, name: str, method: str) -> None:
    answer = send(api_for, make_user, name, method, f"{address(name)}?{UNHEARD_OF}=1", {})

    assert (answer.status_code, UNHEARD_OF in answer.content.decode()) == (400, True), answer.content


@pytest.mark.parametrize(("name", "method"), [door for door in DOORS if door[1] != "GET"])
def test_a_field_that_is_not_known(api_for: ApiFor, make_user: MakeUser, name: str, method: str) -> None:
    answer = send(api_for, make_user, name, method, address(name), {UNHEARD_OF: 1})

    assert (answer.status_code, UNHEARD_OF in answer.content.decode()) == (400, True), answer.content


def bodies(kind: type[Strict] = Strict) -> Iterator[type[Strict]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from bodies(sub)


@pytest.mark.parametrize("kind", sorted(set(bodies()), key=lambda kind: kind.__name__))
def test_a_field_within_a_field_is_as_strict(kind: type[Strict]) -> None:
    for name, field in kind().fields.items():
        inner = field.child if isinstance(field, ListSerializer) else field
        assert not isinstance(inner, BaseSerializer) or isinstance(inner, Strict), name


def test_a_field_of_one_order_in_a_batch_that_is_not_known(api_for: ApiFor) -> None:
    order = {
        "external_id": "8812",
        "version": 1,
        "customer": {"external_id": "c-1"},
        "ordered_at": "2026-11-16T20:00:00+08:00",
        "paid": "10.00",
    }
    url = reverse("order-batch", kwargs={"source": "shop"})

    answer = api_for(ApiScope.ORDERS_WRITE).post(url, {"orders": [order | {UNHEARD_OF: 1}, order]}, format="json")

    wrong, right = answer.json()["results"]
    assert (wrong["status"], UNHEARD_OF in wrong["detail"]) == (400, True)
    assert right["status"] == 201
