"""Addresses that only take what is posted to them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from core.accounts.permissions import StaffRequest, View


def posted(page: str, *kept: str, **given: str) -> Callable[[View], View]:
    """Opened by hand, or loaded again after a refusal, the address leads to its page.

    `kept` names the parts of the address that the page has too: posted("desk:complaint", "pk").
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def only_posted(request: StaffRequest, **parts: Any) -> HttpResponse:
            if request.method != "POST":
                return redirect(reverse(page, kwargs=given | {name: parts[name] for name in kept}))
            return view(request, **parts)

        return only_posted

    return decorate
