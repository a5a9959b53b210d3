"""API tokens: which systems of the mall work with whose rights, for which sources; each secret is shown once."""

from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.accounts import tokens as verbs
from core.accounts.models import ApiToken, User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import ApiScope, Permission
from core.accounts.tokens import State
from core.lib.errors import Invalid
from core.lib.periods import mall_moment
from crm.desk.acting import carried_out, press
from crm.desk.admin.tokens.forms import RotateForm, TokenForm
from crm.desk.admin.tokens.words import SCOPES, STATES
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now

SHOWN = 50
USABLE = (State.GOOD, State.REPLACED)


class TokenRow(NamedTuple):
    """One token, its state in words, what it may do in words, and whether it still opens anything."""

    token: ApiToken
    state: tuple[str, str, Any]
    scopes: list[str]
    works: bool
    may_rotate: bool


class Secret(NamedTuple):
    """A secret that is shown in this answer and never again."""

    token: ApiToken
    secret: str


@needs(Permission.EDIT_TOKENS)
@takeable("tokens", people=False)
@never_cache
def tokens(request: StaffRequest) -> HttpResponse:
    """The tokens. POST issues one, for an account there is or for a new service account, and shows its secret once."""
    if request.method != "POST":
        return _page(request)
    form = TokenForm(request.POST)
    made = carried_out(form, lambda data: _issue(request.user, data), beside=BESIDE)
    if made is None:
        return _page(request, form=form)
    return _page(request, shown=Secret(*made.result))


BESIDE = {
    "token_name": "name",
    "token_source": "sources",
    "token_ends": "ends_on",
    "token_user": "user",
    "service_account_name": "account",
    "name_taken": "account",
}


@transaction.atomic
def _issue(by: User, data: dict[str, Any]) -> tuple[ApiToken, str]:
    at = now()
    user = data["user"] or verbs.make_service_account(data["account"], by=by, at=at)
    scopes = [ApiScope(scope) for scope in data["scopes"]]
    return verbs.issue(
        user,
        name=data["name"],
        scopes=scopes,
        sources=data["sources"],
        at=at,
        expires_at=_end_of(data["ends_on"]),
        by=by,
    )


def _end_of(day: Any) -> datetime | None:
    """A token works on its last day as well."""
    return mall_moment(day + timedelta(days=1), time.min.hour) if day else None


def _page(request: StaffRequest, *, form: TokenForm | None = None, shown: Secret | None = None) -> HttpResponse:
    at = now()
    # What works stands first, the newest first.
    rows = ApiToken.objects.select_related("user", "created_by").order_by(
        F("revoked_at").asc(nulls_first=True), "-created_at", "-pk"
    )
    page = page_of(request, rows, SHOWN)
    context = {
        "page": page.of([_row(token, at) for token in page.rows]),
        "form": form or TokenForm(),
        "rotate_form": RotateForm(),
        "shown": shown,
    }
    return render(request, "desk/admin/tokens/tokens.html", context, status=422 if form and form.errors else 200)


def _row(token: ApiToken, at: datetime) -> TokenRow:
    state = verbs.state_of(token, at=at)
    scopes = [str(SCOPES[ApiScope(scope)]) for scope in token.scopes if scope in SCOPES]
    return TokenRow(token, STATES[state], scopes, state in USABLE, state is State.GOOD)


@needs(Permission.EDIT_TOKENS)
@require_POST
@never_cache
def rotate(request: StaffRequest, pk: int) -> HttpResponse:
    """A new secret in the place of this one, which works for the chosen hours more."""
    token, form = get_object_or_404(ApiToken, pk=pk), RotateForm(request.POST)
    grace = carried_out(
        form, lambda data: verbs.rotate(token.pk, by=request.user, at=now(), grace=timedelta(hours=data["hours"]))
    )
    if grace is None:
        return _refused(request, form)
    return _page(request, shown=Secret(*grace.result))


def _refused(request: StaffRequest, form: RotateForm) -> HttpResponse:
    def refuse() -> None:
        raise Invalid(" ".join(str(error) for errors in form.errors.values() for error in errors))

    press(request, refuse, "")
    return redirect("desk:tokens")


@needs(Permission.EDIT_TOKENS)
@require_POST
def revoke(request: StaffRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk)
    thanks = _("“%(name)s” is revoked: the next request with it is refused.") % {"name": token.name}
    press(request, lambda: verbs.revoke(token.pk, by=request.user, at=now()), thanks)
    return redirect("desk:tokens")
