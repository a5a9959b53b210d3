"""Each request is counted, and leaves one line: which page, by whom, how it ended, how long it took."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from core.accounts.models import User
from crm.operating.logs import request_id

# What a proxy in front may call a request by.
GIVEN = re.compile(r"[\w-]{8,64}")
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
COUNT = Counter("laoke_requests", "Requests answered", ["route", "method", "status"])
DURATION = Histogram("laoke_request_seconds", "How long a request took", ["route"], buckets=SECONDS)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
log = logging.getLogger("laoke.request")


def _route(request: HttpRequest) -> str:
    """The name of the page: there are as many as the code has, whatever addresses are asked for."""
    match = request.resolver_match
    return (match.view_name or match.route) if match else "unknown"


def _user(request: HttpRequest) -> int | None:
    """The id of whoever was recognised; nobody is looked for only to be written down."""
    user = request.__dict__.get("_cached_user") or request.__dict__.get("user")
    return user.pk if type(user) is User else None


class RequestMiddleware:
    """Gives the request the id under which all its lines stand, and the answer the same in `X-Request-ID`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        name = given if GIVEN.fullmatch(given) else secrets.token_hex(8)
        token = request_id.set(name)
        start = time.monotonic()
        try:
            response = self.get_response(request)
            self._tell(request, response, time.monotonic() - start)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = name
        return response

    def _tell(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        route = _route(request)
        method = request.method if request.method in METHODS else "other"
        COUNT.labels(route, method, response.status_code).inc()
        DURATION.labels(route).observe(seconds)
        told = {"route": route, "method": method, "status": response.status_code, "ms": round(seconds * 1000)}
        log.info("answered", extra=told | {"user": _user(request)})
