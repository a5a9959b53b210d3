"""Where rights are asked: `may(user, permission)` for pages, `HasScope` for the API."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django_htmx.middleware import HtmxDetails
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.accounts.models import ApiToken, User
from core.accounts.roles import Field, Permission, rights_of

if TYPE_CHECKING:
    # At run time the views ask REST framework's settings for HasScope: importing them here would be a circle.
    from rest_framework.views import APIView

View = Callable[..., HttpResponseBase]
Row = TypeVar("Row")


class StaffRequest(HttpRequest):
    """A request that has passed `needs`: somebody of the staff is signed in."""

    user: User
    htmx: HtmxDetails


def may(user: User, permission: Permission) -> bool:
    return user.is_authenticated and user.is_active and permission in rights_of(user).permissions


def sees(user: User, field: Field) -> bool:
    return field not in rights_of(user).hidden


def mask(user: User, row: Row, **fields: Field) -> Row:
    """The row to be shown, never saved, with None where the user may not look: mask(user, standing, value=VALUE)."""
    for name, field in fields.items():
        if not sees(user, field):
            setattr(row, name, None)
    return row


def needs(permission: Permission) -> Callable[[View], View]:
    """A page that answers 403 to people without the permission. The permission is readable on the view for tests."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not may(request.user, permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


class HasScope(BasePermission):
    """The token must hold the view's `scope`, and its user the view's `permission`, if the view names one.

    A view without a scope is open to nobody.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scope, permission = getattr(view, "scope", None), getattr(view, "permission", None)
        if not isinstance(request.auth, ApiToken) or scope is None or scope not in request.auth.scopes:
            return False
        return permission is None or may(request.auth.user, permission)
