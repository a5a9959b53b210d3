"""Each field of each operation with every value that nobody means: never a bug, and never an answer of its own kind.

First all fields are hostile at once: the answer says which of them refuse the value by themselves. Then the others have
it in a body that fits otherwise, so that it goes all the way. The same with the parameters of the address.
"""

import json
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from complaints.setup import defaults
from core.accounts import tokens
from core.accounts.models import Role
from core.accounts.roles import ApiScope
from tests.api.contract import operations
from tests.api.contract.operations import Path, fields, with_values
from tests.api.contract.values import OTHERS, TEXTS, VALUES
from tests.api.test_reach import KEY, Asked
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
JSON = "application/json"
# How many values the path and the headers of one operation get, and in how many parts the operations are asked.
FEW, PARTS = 12, 3


class Talk:
    """One operation about what there is: sends bodies, takes back what they did, and notes what is no answer."""

    def __init__(self, client: APIClient, label: str, document: dict[str, Any], asked: Asked) -> None:
        self.client, self.label, self.asked = client, label, asked
        self.operation = operations.operations(document)[label]
        self.body = operations.whole(document, label, asked)
        self.documented = {int(status) for status in self.operation["responses"]} - {503}
        self.wrong: dict[str, str] = {}
        self.sent = Counter[int]()

    def send(self, body: Any = None, url: str = "", **headers: str) -> dict[str, Any]:
        text = "" if self.asked.method == "get" else json.dumps(body if body is not None else self.asked.data)
        with transaction.atomic():
            answer = self.client.generic(
                self.asked.method.upper(), f"{operations.BASE}{url or self.asked.url}", text, JSON, **(KEY | headers)
            )
            transaction.set_rollback(True)
        self.sent[answer.status_code] += 1
        kind = answer["Content-Type"] if answer.content else ""
        if answer.status_code not in self.documented or (answer.status_code >= 400 and "problem+json" not in kind):
            what = f"{answer.status_code} {url} {headers} {text[:300]} {getattr(answer, 'exc_info', None)}"
            self.wrong.setdefault(f"{self.label} {answer.status_code}", what[:900])
        told = json.loads(answer.content) if answer.content else {}
        return told if isinstance(told, dict) else {}


def talk_of_bodies(talk: Talk) -> int:
    """Each value in all fields; then in those that do not refuse it themselves. Returns how many fields there are."""
    body = talk.body
    paths = list(fields(body))
    leaves = [path for path in paths if not any(other[: len(path)] == path and other != path for other in paths)]
    for value in VALUES if leaves else ():
        problem = talk.send(with_values(body, leaves, value))
        refused = {str(error["path"] or "") for error in problem.get("errors", ())}
        if taken := [path for path in leaves if not _is_among(path, refused)]:
            talk.send(with_values(body, taken, value))
    for path in sorted(set(paths) - set(leaves), key=str):
        for value in OTHERS:
            talk.send(with_values(body, [path], value))
    return len(paths)


def _is_among(path: Path, refused: set[str]) -> bool:
    dotted = ".".join(map(str, path))
    return any(dotted == name or dotted.startswith(f"{name}.") or name.startswith(f"{dotted}.") for name in refused)


def talk_of_addresses(talk: Talk, turn: int) -> int:
    """Each value in the parameters of the address; in the path and the headers a few, others for each operation."""
    path = talk.asked.url.partition("?")[0]
    known = talk.operation.get("parameters", ())
    queries = [parameter["name"] for parameter in known if parameter["in"] == "query"]
    headers = [parameter["name"] for parameter in known if parameter["in"] == "header"]
    parts = operations.path_values(talk.label, path)
    for text in TEXTS if queries else ():
        raw = text[:2000].encode("utf-8", "surrogatepass")
        problem = talk.send(url=f"{path}?{urlencode(dict.fromkeys(queries, raw))}")
        refused = {str(error["path"]) for error in problem.get("errors", ())}
        if taken := [name for name in queries if name not in refused]:
            talk.send(url=f"{path}?{urlencode(dict.fromkeys(taken, raw))}")
    few = [TEXTS[(turn * FEW + n) % len(TEXTS)][:2000] for n in range(FEW)]
    for text in few:
        raw = text.encode("utf-8", "surrogatepass")
        for name in headers:
            if text.isprintable():
                talk.send(**{f"HTTP_{name.upper().replace('-', '_')}": text})
        for name in parts if raw.strip(b"./") else ():
            filled = {other: quote(value) for other, value in parts.items()} | {name: quote(raw, safe="")}
            talk.send(url=talk.label.partition(" ")[2].format(**filled))
    return len(queries) + len(headers) + len(parts)


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_that_is_sent_to_rest_is_a_bug(make_user: MakeUser, make_customer: MakeCustomer, part: int) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))
    boss = make_user(roles=[role for role in Role if role != Role.CLIENT], name="Boss")
    _token, secret = tokens.issue(boss, name="t", scopes=list(ApiScope), at=timezone.now())
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    document, wrong, sent, known = operations.schema(), dict[str, str](), Counter[int](), 0
    for turn, (label, build) in list(enumerate(operations.ALL.items()))[part::PARTS]:
        with transaction.atomic():
            customer = make_customer("李雷", email="li.lei@example.com", external_id="c-1")
            talk = Talk(client, label, document, build(customer))
            known += (talk_of_bodies(talk) if talk.asked.method != "get" else 0) + talk_of_addresses(talk, turn)
            transaction.set_rollback(True)
        wrong |= talk.wrong
        sent += talk.sent

    print(f"{len(VALUES)} values, {known} fields, {sum(sent.values())} answers: {dict(sorted(sent.items()))}")
    assert not wrong, "\n".join(f"{what}: {how}" for what, how in wrong.items())


def test_there_are_enough_of_them() -> None:
    assert len(set(TEXTS)) == len(TEXTS) >= 45
