"""What holds for every answer: by which methods a page is asked for, and what of it a browser keeps."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import User
from customers.privacy import budget

METHODS = ("GET", "HEAD", "POST")
REST = re.compile(r"/api(?:/|\Z)")


class EdgeMiddleware:
    """Pages are read and sent, nothing else; answers are one reader's, and those of REST are stored nowhere.

    A browser may show a page again when its reader goes back, with the words in it and the key that tells a form sent
    twice; at sign-out it forgets them all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        rest = REST.match(request.path_info) is not None
        if not rest and request.method not in METHODS:
            return HttpResponse(status=405, headers={"Allow": ", ".join(METHODS)})
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store" if rest else "private, no-cache")
        if request.method == "POST" and request.path_info == reverse("account_logout"):
            response.headers["Clear-Site-Data"] = '"cache"'
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Whoever has seen as many customers as one person may is told so, and it is on record."""
        if not isinstance(exception, budget.TooMany):
            return None
        if isinstance(request.user, User):
            budget.tell(request.user, at=timezone.now())
        return render(request, "429.html", {"sentence": str(exception)}, status=exception.status)
