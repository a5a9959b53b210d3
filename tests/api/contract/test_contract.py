"""The schema against the living API: whatever is sent, the answer is one that the schema tells of, and none is a bug.

Schemathesis makes up what is sent, both fitting and unfitting; half of what fits goes to rows that there are, with a
body in which some fields are as they should be, so that more than the first check is reached. Seeds are fixed.
"""

import copy
import io
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from requests.adapters import HTTPAdapter
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks
from urllib3.response import HTTPResponse

from complaints.setup import defaults
from core.accounts import tokens
from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from tests.api.contract import operations
from tests.api.test_reach import Asked
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
HERE = "http://testserver"
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# How many of each are sent to every operation.
FITTING, UNFITTING = 8, 4
# How many of what fits are about what there is.
MIXED = 0.75
FEW = [ApiScope.CUSTOMERS_READ, ApiScope.COMPLAINTS_WRITE, ApiScope.POINTS_READ, ApiScope.ORDERS_WRITE]


class Here(HTTPAdapter):
    """Hands to Django what would go over a network, and takes back what it changed."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Client(raise_request_exception=False)

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = dict(request.headers)
        kind = headers.pop("Content-Type", "")
        with transaction.atomic():
            told = self.client.generic(str(request.method), request.path_url, body, kind, headers=headers)
            transaction.set_rollback(True)
        raw = HTTPResponse(
            io.BytesIO(told.content),
            dict(told.headers),
            told.status_code,
            version=11,
            reason=told.reason_phrase,
            preload_content=False,
        )
        return self.build_response(request, raw)


def mixed(case: Any, asked: Asked, operation: str, chance: random.Random) -> None:
    """What was made up, about a row that there is: with a part of what should be sent about it."""
    case.path_parameters = operations.path_values(operation, asked.url)
    if isinstance(case.body, dict) and asked.data:
        whole = copy.deepcopy(asked.data)
        kept = [name for name in whole if chance.random() < 0.7]
        case.body = whole if len(kept) == len(whole) else case.body | {name: whole[name] for name in kept}


def made_up(operation: Any, mode: GenerationMode, most: int, ask: Callable[[Any], None]) -> None:
    """Asks what schemathesis makes up, the same each time."""

    @settings(
        max_examples=most,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        ask(case)

    send()


def answers(operation: Any, label: str, asked: Asked, token: str) -> tuple[Counter[int], dict[str, str]]:
    """How often each status came, and the first of each kind of contradiction to the schema."""
    session, came, wrong = requests.Session(), Counter[int](), dict[str, str]()
    session.mount(HERE, Here())
    chance = random.Random(label)

    def ask(case: Any) -> None:
        answer = case.call(session=session, headers={"Authorization": f"Token {token}"})
        came[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                wrong.setdefault(f"{label}: {failure.title}", f"{failure} {case.as_curl_command()}"[:1500])

    def ask_of_what_there_is(case: Any) -> None:
        if chance.random() < MIXED:
            mixed(case, asked, label, chance)
        ask(case)

    made_up(operation, GenerationMode.POSITIVE, FITTING, ask_of_what_there_is)
    made_up(operation, GenerationMode.NEGATIVE, UNFITTING, ask)
    return came, wrong


def a_boss(make_user: MakeUser) -> tuple[User, list[ApiScope]]:
    """An administrator who has every role, as in a shop of one: the token opens everything."""
    return make_user(roles=[role for role in Role if role != Role.CLIENT], name="Boss"), list(ApiScope)


def a_manager(make_user: MakeUser) -> tuple[User, list[ApiScope]]:
    return make_user(Role.ACCOUNT_MANAGER, "Chen"), FEW


@pytest.mark.parametrize("who", [a_boss, a_manager])
def test_every_answer_is_one_that_the_schema_tells_of(
    make_user: MakeUser, make_customer: MakeCustomer, who: Any
) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))
    user, scopes = who(make_user)
    _token, secret = tokens.issue(user, name="t", scopes=scopes, at=timezone.now())
    document = schemathesis.openapi.from_dict(operations.schema())
    document.config.update(base_url=HERE)
    came, wrong = Counter[int](), dict[str, str]()
    for result in document.get_all_operations():
        operation = result.ok()
        label = operation.label.replace(operations.BASE, "")
        with transaction.atomic():
            customer = make_customer("李雷", email="li.lei@example.com", external_id="c-1", manager=user)
            statuses, contradictions = answers(operation, label, operations.ALL[label](customer), secret)
            transaction.set_rollback(True)
        came += statuses
        wrong |= contradictions

    print(f"{sum(came.values())} answers: {dict(sorted(came.items()))}")
    assert not wrong, "\n".join(f"{what}: {how}" for what, how in wrong.items())
