"""gunicorn as in production, over the test database, and a client that sends and reads."""

import json
import socket
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.utils import timezone

from core.accounts import tokens
from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from tests.faults.processes import Processes, until

Served = Callable[..., str]


def port_of_nobody() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def serve(processes: Processes, *, seconds_ahead: float = 0, **environment: str) -> str:
    """gunicorn listens; what its environment has besides is given, and how far its clock is ahead."""
    return _served(processes, ["--threads", "4"], seconds_ahead, environment)


def serve_as_shipped(processes: Processes, **environment: str) -> str:
    """The same with the settings of `deploy/`: one process for pages, and those for long requests."""
    return _served(processes, ["-c", "deploy/gunicorn.conf.py", "--workers", "1"], 0, environment)


def _served(processes: Processes, options: list[str], seconds_ahead: float, environment: dict[str, str]) -> str:
    port = port_of_nobody()
    before, processes.environment = processes.environment, processes.environment | environment
    command = ["gunicorn", "crm.wsgi", "--bind", f"127.0.0.1:{port}", *options]
    processes.start("-m", *processes.elsewhen(seconds_ahead), *command)
    processes.environment = before
    until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)), "gunicorn listens")
    return f"http://127.0.0.1:{port}"


def answer(
    address: str, sent: dict[str, object] | None = None, *, by: str = "PUT", seconds: float = 60, **headers: str
) -> tuple[int, str, str]:
    """(status, Retry-After, body)"""
    data = None if sent is None else json.dumps(sent).encode()
    request = Request(address, data, {"Content-Type": "application/json", **headers}, method=by if sent else "GET")
    try:
        with urlopen(request, timeout=seconds) as response:
            return response.status, "", response.read().decode()
    except HTTPError as error:
        return error.code, error.headers.get("Retry-After", ""), error.read().decode()


def client_token() -> str:
    user = User.objects.create_user(username=f"mall{User.objects.count()}", roles=[Role.CLIENT])
    return tokens.issue(user, name="mall", scopes=list(ApiScope), at=timezone.now())[1]
