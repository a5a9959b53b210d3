"""Staff accounts are made by an administrator: nobody signs up. Whoever is not signed in is asked to."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SignInMiddleware(LoginRequiredMiddleware):
    """The sign-in page in place of any other; a form sent after the session ended is said to be not saved.

    What htmx asks for is a part of a page: it is answered 401, never with a sign-in page to be put into the middle.
    """

    def handle_no_permission(  # type: ignore[override]  # the stubs know only of the way to the sign-in page
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401)
        if request.method == "POST":
            messages.error(
                request,
                _("You were signed out, so nothing was saved. Sign in, go back to the form and send it again."),
            )
        return super().handle_no_permission(request, view_func)
