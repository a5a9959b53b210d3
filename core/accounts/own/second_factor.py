"""The second factor: codes of an app on the telephone, and recovery codes on paper, by allauth.

A role may be required to have one; whoever must and has not is led to set it up, and nothing else opens.
"""

import base64
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import RequiredFactor, Role, User
from core.accounts.own import devices
from core.lib import sealing
from core.lib.errors import DomainError

USE, ABOUT = b"second factor", b"authenticator"
APP = Authenticator.Type.TOTP
# What each kind of authenticator keeps sealed.
SEALED = {"totp": "secret", "recovery_codes": "seed"}
# What opens to somebody who must set it up first.
OPEN_BEFORE = {
    "mfa_activate_totp",
    "mfa_view_recovery_codes",
    "mfa_download_recovery_codes",
    "account_reauthenticate",
    "mfa_reauthenticate",
    "account_logout",
    "set_language",
}


def required_roles() -> frozenset[str]:
    """The roles that the mall lets in only with a second factor."""
    return frozenset(RequiredFactor.objects.values_list("role", flat=True))


@transaction.atomic
def require_of(roles: Iterable[str], *, by: User | None, at: datetime) -> None:
    """From the next click on, whoever holds one of these roles, and nobody else, must have a second factor."""
    wanted = frozenset(roles).intersection(Role.values) - {Role.CLIENT}
    before = required_roles()
    RequiredFactor.objects.exclude(role__in=wanted).delete()
    RequiredFactor.objects.bulk_create([RequiredFactor(role=role) for role in sorted(wanted)], ignore_conflicts=True)
    if wanted != before:
        audit.record(by, "second_factor.required", by, at=at, roles=sorted(wanted))


def is_required_of(user: User) -> bool:
    return bool(required_roles().intersection(user.roles))


def has(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=APP).exists())


def holders() -> set[int]:
    """The people who sign in with a second factor."""
    return set(Authenticator.objects.filter(type=APP).values_list("user", flat=True))


@transaction.atomic
def take_away(user: User, *, by: User | None, at: datetime) -> None:
    """Whoever lost the telephone and the codes signs in with the password again, and is signed out everywhere now.

    Raises DomainError when there is none to take away.
    """
    deleted, _rows = Authenticator.objects.filter(user=user).delete()
    if not deleted:
        raise DomainError(_("This person has no second factor."), code="no_second_factor")
    devices.end_all(user, but=None, by=by, at=at)
    audit.record(by, "second_factor.taken_away", user, at=at)


def reseal(after: int, most: int) -> sealing.Resealed:
    """The secrets of the next authenticators after this id are under the current key of the vault."""
    rows = list(Authenticator.objects.select_for_update(no_key=True).filter(pk__gt=after).order_by("pk")[:most])
    changed = 0
    for row in rows:
        name = SEALED[row.type]
        plain = sealing.if_old(base64.b64decode(row.data[name]), use=USE, about=ABOUT)
        if plain is not None:
            row.data[name] = _sealed(plain)
            row.save(update_fields=["data"])
            changed += 1
    return sealing.Resealed(rows[-1].pk if rows else None, len(rows), changed)


def _sealed(plain: bytes) -> str:
    return base64.b64encode(sealing.encrypt(plain, use=USE, about=ABOUT)).decode()


class SealingAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets are under the vault's key; the app shows the mall's name and the person's."""

    def get_totp_issuer(self) -> str:
        return str(settings.MALL_NAME)

    def get_totp_label(self, user: User) -> str:
        return str(user.username)

    def encrypt(self, text: str) -> str:
        return _sealed(text.encode())

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.decrypt(base64.b64decode(encrypted_text), use=USE, about=ABOUT).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not is_required_of(authenticator.user)


class SecondFactorMiddleware:
    """Whoever must have a second factor and has none is led to set it up, whatever was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        user = request.user
        if not isinstance(user, User) or not is_required_of(user) or has(user):
            return None
        match = request.resolver_match
        if match is not None and match.url_name in OPEN_BEFORE:
            return None
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401, headers={"HX-Redirect": reverse("mfa_activate_totp")})
        messages.warning(request, _("The mall asks your role for a second factor. Set it up; then everything opens."))
        return redirect("mfa_activate_totp")
