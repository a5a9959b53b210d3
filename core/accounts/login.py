"""Staff accounts are made by an administrator: nobody signs up. Whoever is not signed in is asked to."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from core.accounts import audit, staff
from core.accounts.models import User
from core.accounts.own import devices

SIGNED_IN, SIGN_IN_FAILED = "person.signed_in", "person.sign_in_failed"
A_YEAR = 365 * 24 * 3600


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponseBase:
        """The sign-in is on record, and Laoke speaks the person's language."""
        audit.record(user, SIGNED_IN, user, at=timezone.now(), device=_device(request))
        response: HttpResponseBase = super().post_login(request, user, **kwargs)
        if user.language:
            speak(response, user.language)
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """A wrong password of somebody we know is on record; a name that nobody has is not, whatever was typed there."""
        user = User.objects.filter(username__iexact=str(credentials.get("username", ""))).first()
        if user is not None:
            audit.record(None, SIGN_IN_FAILED, user, at=timezone.now(), device=_device(request))


def speak(response: HttpResponseBase, language: str) -> None:
    """The browser asks in this language from now on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=A_YEAR,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def _form_of(request: HttpRequest) -> str:
    """The page that a form was sent from; its own address, which leads to a page, when the browser does not say."""
    came_from = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure()):
        return request.get_full_path()
    page = urlsplit(came_from)
    return urlunsplit(("", "", page.path, page.query, ""))


def _device(request: HttpRequest) -> str:
    return devices.in_words(request.headers.get("User-Agent", ""))


class SignInMiddleware(LoginRequiredMiddleware):
    """The sign-in page in place of any other; from there a form sent after the session ended is come back to.

    Its words are kept by the browser (`drafts.js`), for whoever wrote them alone. What htmx or a script asks for is a
    part of a page: it is answered 401, never with a sign-in page to be put into the middle.
    """

    def handle_no_permission(  # type: ignore[override]  # the stubs know only of the way to the sign-in page
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if request.headers.get("HX-Request") or request.headers.get("X-Requested-With") == "XMLHttpRequest":
            return HttpResponse(status=401)
        if staff.nobody_yet():
            return redirect("setup")
        if request.method == "POST":
            messages.error(
                request,
                _("You were signed out, so nothing was saved. Sign in: what you wrote is in the form again."),
            )
            return redirect_to_login(_form_of(request), settings.LOGIN_URL)
        return super().handle_no_permission(request, view_func)
