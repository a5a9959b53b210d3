"""API tokens: shown once, stored as SHA-256, revocable, with scopes and an end."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.accounts import audit
from core.accounts.models import ApiToken, Role, User
from core.accounts.roles import ApiScope
from core.lib.errors import Invalid, Unknown

TOUCH_EVERY = timedelta(minutes=5)
# How long the old secret works beside the new one, unless it is said.
GRACE = timedelta(days=1)
SOURCE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
SERVICE_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,59}", re.ASCII)


def digest(secret: str) -> str:
    # The secret has 256 random bits: a plain hash cannot be guessed back.
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def issue(
    user: User,
    *,
    name: str,
    scopes: list[ApiScope],
    at: datetime,
    sources: Sequence[str] = (),
    expires_at: datetime | None = None,
    by: User | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which cannot be read again.

    It works with the rights of `user`, for these sources (all of them when none is named). Raises Invalid without a
    name, for a closed account, for a source that could never be one, and for an end that is over.
    """
    if not name.strip():
        raise Invalid(_("Say what the token is for."), code="token_name")
    if not user.is_active:
        raise Invalid(_("This person's account is closed: choose another one."), code="token_user")
    if expires_at is not None and expires_at <= at:
        raise Invalid(_("The token would have ended already: choose a later day."), code="token_ends")
    if wrong := [source for source in sources if not SOURCE.fullmatch(source)]:
        raise Invalid(
            _("“%(source)s” cannot be a source: small letters, digits, dots and hyphens, at most 40.")
            % {"source": wrong[0][:60]},
            code="token_source",
        )
    secret = "lk_" + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name.strip(),
        prefix=secret[:10],
        digest=digest(secret),
        scopes=sorted({str(scope) for scope in scopes}),
        sources=sorted(set(sources)),
        created_at=at,
        created_by=by,
        expires_at=expires_at,
    )
    audit.record(
        by,
        "token.issued",
        user,
        at=at,
        name=token.name,
        prefix=token.prefix,
        scopes=token.scopes,
        sources=token.sources,
    )
    return token, secret


@transaction.atomic
def rotate(pk: int, *, by: User | None, at: datetime, grace: timedelta = GRACE) -> tuple[ApiToken, str]:
    """A new token in the place of this one, and its secret. The old one works for `grace` more, unless it ends sooner.

    Raises Invalid when the token is over or was replaced already, so that of two who press at once one is told.
    """
    old = ApiToken.objects.select_for_update(of=("self",)).select_related("user").get(pk=pk)
    if state_of(old, at=at) is not State.GOOD:
        raise Invalid(_("This token is no longer in use: issue a new one instead."), code="token_over")
    scopes = [ApiScope(scope) for scope in old.scopes]
    token, secret = issue(
        old.user, name=old.name, scopes=scopes, sources=old.sources, at=at, expires_at=old.expires_at, by=by
    )
    old.replaced_by = token
    old.expires_at = min(at + grace, old.expires_at) if old.expires_at else at + grace
    old.save(update_fields=["replaced_by", "expires_at"])
    hours = round(grace / timedelta(hours=1))
    audit.record(by, "token.rotated", old.user, at=at, name=old.name, prefix=old.prefix, new=token.prefix, hours=hours)
    return token, secret


def by_prefix(prefix: str) -> ApiToken:
    """The one token that begins like this. Raises Unknown when none begins so, and Invalid when several do."""
    rows = list(ApiToken.objects.filter(prefix__startswith=prefix).order_by("pk")[:2])
    if not rows:
        raise Unknown(_("No token begins like this."), code="token_unknown")
    if len(rows) > 1:
        raise Invalid(_("Several tokens begin like this: write more of it."), code="token_ambiguous")
    return rows[0]


@transaction.atomic
def revoke(pk: int, *, by: User | None, at: datetime) -> ApiToken:
    """From now on the token is refused. Revoking it again changes nothing."""
    token = ApiToken.objects.select_for_update(of=("self",)).select_related("user").get(pk=pk)
    if token.revoked_at is None:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
        audit.record(by, "token.revoked", token.user, at=at, name=token.name, prefix=token.prefix)
    return token


@transaction.atomic
def make_service_account(name: str, *, by: User | None, at: datetime) -> User:
    """An account that only holds tokens: it cannot sign in, and its tokens reach every customer.

    Raises Invalid when the name is taken or could not be one.
    """
    name = name.strip()
    if not SERVICE_NAME.fullmatch(name):
        raise Invalid(
            _("Name the account with letters, digits, dots and hyphens, at most 60."), code="service_account_name"
        )
    if User.objects.filter(username__iexact=name).exists():
        raise Invalid(_("There is an account of this name already: choose it, or another name."), code="name_taken")
    user = User(username=name, full_name=name, roles=[Role.CLIENT])
    user.set_unusable_password()
    user.save()
    audit.record(by, "service_account.made", user, at=at)
    return user


class State(StrEnum):
    """What a token is now."""

    GOOD = "good"
    REPLACED = "replaced"  # by a newer one; it works until its end
    ENDED = "ended"
    REVOKED = "revoked"
    CLOSED = "closed"  # with the account of its user


def state_of(token: ApiToken, *, at: datetime) -> State:
    if token.revoked_at is not None:
        return State.REVOKED
    if token.expires_at is not None and token.expires_at <= at:
        return State.ENDED
    if not token.user.is_active:
        return State.CLOSED
    return State.REPLACED if token.replaced_by_id else State.GOOD


def reaches(token: ApiToken, source: str) -> bool:
    """Whether the token may speak of what this source told."""
    return not token.sources or source in token.sources


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token lk_…`, or `Bearer lk_…`, which most libraries send."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() not in (b"token", b"bearer"):
            return None
        now = timezone.now()
        secret = words[1].decode("ascii", "replace") if len(words) == 2 else ""
        token = (
            ApiToken.objects.select_related("user")
            .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), digest=digest(secret), revoked_at__isnull=True)
            .first()
        )
        if token is None or not token.user.is_active:
            raise AuthenticationFailed(
                _("This token is unknown, expired or revoked. Ask an administrator for a new one.")
            )
        if token.last_used_at is None or now - token.last_used_at > TOUCH_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "core.accounts.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "lk_…"}
