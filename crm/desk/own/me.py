"""One's own page: name, language, password, second factor, the devices one is signed in on, the last sign-ins."""

from typing import Any, NamedTuple

from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from core.accounts import idempotency
from core.accounts.login import SIGN_IN_FAILED, SIGNED_IN, speak
from core.accounts.models import AuditEntry, User
from core.accounts.own import devices, profile, second_factor
from core.accounts.permissions import StaffRequest
from crm.desk.acting import press, submit
from crm.desk.editing import edit
from crm.desk.own.forms import PasswordForm, ProfileForm
from crm.desk.today import now

SIGN_INS_SHOWN = 10


class SecondFactor(NamedTuple):
    """Whether there is one, since when, whether the mall asks for it, and how many recovery codes are left."""

    since: Any
    required: bool
    codes_left: int


@never_cache
def me(request: StaffRequest) -> HttpResponse:
    return _page(request)


@never_cache
def sent(request: StaffRequest) -> HttpResponse:
    """Which of the forms with these keys have had their effect: a browser keeps the words of the others."""
    return JsonResponse({"sent": idempotency.had_effect(request.GET.getlist("key"))})


def _page(request: StaffRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    user = request.user
    context = {
        "profile_form": ProfileForm(instance=user),
        "password_form": PasswordForm(),
        "factor": _factor(user),
        "devices": devices.devices(user, this=request.session.session_key, at=now()),
        "sign_ins": AuditEntry.objects.filter(
            subject_type="user", subject_id=user.pk, action__in=(SIGNED_IN, SIGN_IN_FAILED)
        ).order_by("-at", "-pk")[:SIGN_INS_SHOWN],
    }
    return render(request, "desk/own/me.html", context | changed, status=status)


def _factor(user: User) -> SecondFactor:
    rows = {row.type: row for row in Authenticator.objects.filter(user=user)}
    app, codes = rows.get(second_factor.APP), rows.get(Authenticator.Type.RECOVERY_CODES)
    return SecondFactor(
        app.created_at if app else None,
        second_factor.is_required_of(user),
        len(codes.wrap().get_unused_codes()) if codes else 0,
    )


@require_POST
@never_cache
def edit_profile(request: StaffRequest) -> HttpResponse:
    person = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST, instance=person)

    def save(row: User, data: dict[str, Any]) -> User:
        return profile.edit(row, at=now(), **data)

    if not edit(request, form, person, save, _("Saved")):
        return _page(request, profile_form=form, status=422)
    response = redirect("desk:me")
    if language := form.cleaned_data["language"]:
        speak(response, language)
    return response


@sensitive_post_parameters()
@require_POST
@never_cache
def change_password(request: StaffRequest) -> HttpResponse:
    """The new password, and every other device is signed out."""
    form = PasswordForm(request.POST)
    if not _may_try(request):
        form.add_error(None, _("Too many tries. Wait a minute."))
        return _page(request, password_form=form, status=422)

    def change(data: dict[str, Any]) -> User:
        return profile.change_password(request.user.pk, old=data["old"], new=data["new"], at=now())

    thanks = _("Your password is changed. Every other device is signed out.")
    beside = {"password_wrong": "old", "password_weak": "new"}
    if not submit(request, form, change, thanks, beside=beside):
        return _page(request, password_form=form, status=422)
    before = request.session.session_key
    request.user.refresh_from_db()
    update_session_auth_hash(request, request.user)
    devices.rename(before, request.session.session_key)
    devices.end_all(request.user, but=request.session.session_key, by=request.user, at=now())
    return redirect("desk:me")


def _may_try(request: StaffRequest) -> bool:
    """A stolen session guesses no password: allauth allows five tries a minute."""
    return bool(ratelimit.consume(request, user=request.user, action="change_password"))


@require_POST
def end_session(request: StaffRequest, pk: int) -> HttpResponse:
    def thanks(words: str) -> str:
        return _("Signed out: %(device)s") % {"device": words}

    press(request, lambda: devices.end(request.user, pk, by=request.user, at=now()), thanks)
    return redirect("desk:me")


@require_POST
def end_other_sessions(request: StaffRequest) -> HttpResponse:
    ended = devices.end_all(request.user, but=request.session.session_key, by=request.user, at=now())
    words = ngettext("%(n)d other device is signed out.", "%(n)d other devices are signed out.", ended)
    messages.success(request, words % {"n": ended} if ended else _("You are signed in nowhere else."))
    return redirect("desk:me")
