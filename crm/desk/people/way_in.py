"""Pages for who is not signed in yet: the setup of an empty house, and the link by which a colleague comes in."""

from typing import Any

from allauth.account.utils import perform_login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import never_cache

from core.accounts import staff
from core.accounts.models import User
from core.lib.errors import Unknown
from core.lib.mall import Facts
from crm.desk.acting import carried_out
from crm.desk.people.forms import LANGUAGES, JoinForm, SetupForm, proposed
from crm.desk.today import now
from crm.flows import mall
from crm.flows.mall import FirstPerson

BESIDE = {name: name for name in ("name", "currency", "time_zone", "language", "username", "email", "password")}


@login_not_required
@never_cache
def setup(request: HttpRequest) -> HttpResponse:
    """The mall moves in, once: whoever holds the setup code makes the first administrator, and is signed in as it."""
    if not staff.nobody_yet():
        return redirect("desk:my_day")
    form = SetupForm(
        request.POST or None, initial={**proposed(_spoken()), "code": request.GET.get("code", "")}, label_suffix=""
    )
    if request.method == "POST":
        beside = BESIDE | {"setup_code": "code", "phone_region": "region", "country": "region", "hours": "closes"}
        outcome = carried_out(form, lambda data: _set_up(form, data), beside=beside)
        if outcome:
            return _sign_in(request, outcome.result, reverse("desk:first_steps"))
    return _private(request, "desk/people/setup.html", {"form": form}, 422 if form.errors else 200)


def _set_up(form: SetupForm, data: dict[str, Any]) -> User:
    facts = Facts(data["name"], data["currency"], data["time_zone"], data["language"], data["region"])
    person = FirstPerson(data["username"], data["password"], data["full_name"], data["email"], data["alone"])
    return mall.set_up(
        facts, person, at=now(), code=data["code"], country=mall.holidays_of(data["region"]), week=form.week()
    )


@login_not_required
@never_cache
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """A colleague chooses their password and language, and is signed in. Opening the link uses nothing up."""
    try:
        row = staff.invitation_for(secret, at=now())
    except Unknown as refusal:
        return _private(request, "desk/people/join.html", {"refusal": str(refusal)}, 410)
    form = JoinForm(request.POST or None, initial={"language": row.user.language or _spoken()}, label_suffix="")
    if request.method == "POST":
        outcome = carried_out(
            form,
            lambda data: staff.join(secret, data["password"], language=data["language"], at=now()),
            beside={"password": "password"},
        )
        if outcome:
            return _sign_in(request, outcome.result, "/")
    return _private(request, "desk/people/join.html", {"form": form, "person": row.user}, 422 if form.errors else 200)


def _spoken() -> str:
    language = translation.get_language() or "en"
    return language if language in dict(LANGUAGES) else "en"


def _sign_in(request: HttpRequest, user: User, to: str) -> HttpResponse:
    answer: HttpResponse = perform_login(request, user, email_verification="none", redirect_url=to)
    return answer


def _private(request: HttpRequest, template: str, context: dict[str, Any], status: int) -> HttpResponse:
    answer = render(request, template, context, status=status)
    answer["X-Robots-Tag"] = "noindex"
    # Not no-referrer: Django compares where a form sent by https comes from.
    answer["Referrer-Policy"] = "same-origin"
    return answer
