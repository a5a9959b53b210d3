"""What is answered when a page, or anything before it, broke."""

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import get_template
from django.views.decorators.csrf import requires_csrf_token

from core.lib import busy, problems


@requires_csrf_token
def broken(request: HttpRequest) -> HttpResponse:
    """500 for a fault of ours; 503 with Retry-After while the database is away or too busy. Asks the database nothing."""
    is_busy = busy.is_busy(sys.exc_info()[1])
    status = 503 if is_busy else 500
    if request.path.startswith("/api/"):
        response: HttpResponse = JsonResponse(_problem(status), status=status, content_type="application/problem+json")
    else:
        response = HttpResponse(get_template(f"{status}.html").render(), status=status)
    if is_busy:
        response["Retry-After"] = str(busy.RETRY_AFTER)
    return response


def _problem(status: int) -> dict[str, Any]:
    code, detail = ("busy", busy.sentence()) if status == 503 else ("error", "A server error occurred.")
    return problems.problem("server error", status, [{"path": None, "code": code, "detail": detail}])
