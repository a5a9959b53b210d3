"""Requests that take long, a batch of orders or a simulation: they work in processes of their own, so that pages go on.

A process has one interpreter: whoever computes in it for seconds holds up every page that falls to it, whatever threads
there are. `deploy/gunicorn.conf.py` therefore runs API_LONG_AT_ONCE processes more, which nobody reaches from outside.
A web process that is sent something long hands it over whole and waits for the answer, which holds up nobody. Where
there are no such processes, in tests or `runserver`, it is worked on where it came.
"""

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.urls import Resolver404, resolve

# What gunicorn says to each of its processes: whether long requests are worked on "here" or "elsewhere".
PLACE = "LONG_REQUESTS"
# Seconds for which a handed-over request is waited for: longer than any statement may take, shorter than nginx waits.
PATIENCE = 60.0
# What concerns one connection and not the next.
_OF_THE_WAY = {"connection", "keep-alive", "transfer-encoding", "expect", "te", "upgrade", "server", "date"}
_KEY = "laoke.turn"


class Turn(StrEnum):
    """What became of a long request that cannot be worked on."""

    TAKEN = "taken"  # others have all the turns: nothing was done
    GONE = "gone"  # the process that worked on it gave no answer


def missed(request: HttpRequest) -> Turn | None:
    """Why this request is not to be worked on; None when it is."""
    return request.META.get(_KEY)


class Turns:
    """So many at once on this machine (API_LONG_AT_ONCE, 0 is without limit): pages have threads and a processor.

    Each is a locked file, so all processes of one gunicorn share them, and whoever dies gives back what it held.
    """

    @contextmanager
    def one(self) -> Iterator[int | None]:
        """The number of a free turn, None without one; it is given back when the block ends. Nobody waits for one."""
        most = settings.API_LONG_AT_ONCE
        with ExitStack() as held:
            yield next((n for n in range(most) if self._is_free(n, held)), None) if most else 0

    def _is_free(self, number: int, held: ExitStack) -> bool:
        file = (_folder() / f"long-{number}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        held.callback(file.close)
        return True


LONG = Turns()


@cache
def _folder() -> Path:
    """That of this gunicorn, gone with it; of a process without one, its own."""
    return Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or tempfile.mkdtemp(prefix="laoke-turns-"))


def door(folder: str, number: int) -> str:
    """The socket at which the process of this turn listens."""
    return f"{folder}/long-{number}.sock"


class LongMiddleware:
    """Stands before whatever counts requests and asks for a sign-in: both is done where the work is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        place = os.environ.get(PLACE)
        if place == "here" or not _is_long(request):
            return self.get_response(request)
        # Whoever is refused has been heard out: a connection that is closed over what he still sends loses the answer.
        is_whole = _is_whole(request)
        with LONG.one() as number:
            if number is None:
                request.META[_KEY] = Turn.TAKEN
            elif place == "elsewhere" and is_whole:
                try:
                    return _handed_over(request, door(str(_folder()), number))
                except (OSError, HTTPException):
                    request.META[_KEY] = Turn.GONE
            return self.get_response(request)


def _is_long(request: HttpRequest) -> bool:
    if request.method != "POST" or not request.path_info.startswith("/api/"):
        return False
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return False
    return getattr(getattr(view, "cls", None), "is_long", False)


def _is_whole(request: HttpRequest) -> bool:
    """What is too large, or was not sent to its end, is refused where it is."""
    try:
        return request.body is not None
    except (RequestDataTooBig, UnreadablePostError):
        return False


class _Wire(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def _handed_over(request: HttpRequest, path: str) -> HttpResponse:
    """The answer of the process that listens there. Raises OSError or HTTPException when it gives none."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_THE_WAY}
    headers |= {"X-Forwarded-Proto": str(request.scheme), "Connection": "close"}
    wire = _Wire(path)
    try:
        wire.request(
            str(request.method),
            request.META.get("RAW_URI", request.get_full_path()),
            body=request.body,
            headers=headers,
        )
        answer = wire.getresponse()
        response = HttpResponse(answer.read(), status=answer.status)
    finally:
        wire.close()
    for name, value in answer.getheaders():
        if name.lower() not in _OF_THE_WAY:
            response[name] = value
    return response
