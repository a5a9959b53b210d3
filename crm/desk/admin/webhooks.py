"""Webhooks: which systems of the mall are told what, what did not arrive, and sending it again."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from core.outbox import webhooks as verbs
from core.outbox.models import WebhookEndpoint, WebhookEvent
from crm.desk.acting import Thanks, once, press
from crm.desk.admin.forms import EndpointForm, EventsForm
from crm.desk.editing import edit
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now
from crm.flows.notices import EVENTS

SHOWN = 50
State = WebhookEvent.State


class EndpointRow(NamedTuple):
    """One endpoint, and how many events wait for it or were given up."""

    endpoint: WebhookEndpoint
    waiting: int
    failed: int


@needs(Permission.EDIT_WEBHOOKS)
@takeable("webhooks", people=False)
@never_cache
def webhooks(request: StaffRequest) -> HttpResponse:
    """The endpoints. POST registers one and shows its secret, once."""
    form, made, secret = EndpointForm(request.POST or None, initial={"events": [*EVENTS]}), None, ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made, secret = once(
                request.POST,
                lambda: verbs.register(data["url"].strip(), events=data["events"], by=request.user, at=now()),
            )
            form = EndpointForm(initial={"events": [*EVENTS]})
        except DomainError as refusal:
            form.add_error("url", str(refusal))
    return render(
        request,
        "desk/admin/webhooks/list.html",
        {"rows": _rows(), "form": form, "made": made, "secret": secret, "kinds": len(EVENTS)},
        status=422 if form.errors else 200,
    )


def _rows() -> list[EndpointRow]:
    waiting, failed = _counted(State.WAITING), _counted(State.FAILED)
    return [
        EndpointRow(endpoint, waiting.get(endpoint.pk, 0), failed.get(endpoint.pk, 0))
        for endpoint in WebhookEndpoint.objects.order_by("-active", "pk")
    ]


def _counted(state: State) -> dict[int, int]:
    """Endpoint -> events of that state."""
    rows = WebhookEvent.objects.filter(state=state).values_list("endpoint").annotate(n=Count("pk"))
    return dict(rows.order_by("endpoint"))


@needs(Permission.EDIT_WEBHOOKS)
def webhook(request: StaffRequest, pk: int) -> HttpResponse:
    """What one endpoint is told, and what has not arrived."""
    return _page(request, pk)


def _page(request: StaffRequest, pk: int, *, form: EventsForm | None = None, secret: str = "") -> HttpResponse:
    endpoint = get_object_or_404(WebhookEndpoint.objects.select_related("by"), pk=pk)
    missing = endpoint.deliveries.filter(Q(state=State.FAILED) | Q(state=State.WAITING, attempts__gt=0))
    return render(
        request,
        "desk/admin/webhooks/endpoint.html",
        {
            "endpoint": endpoint,
            "form": form or EventsForm(initial={"events": endpoint.events}),
            "secret": secret,
            "labels": [EVENTS[name] for name in endpoint.events if name in EVENTS],
            "page": page_of(request, missing.order_by("-pk"), SHOWN),
            "failed": endpoint.deliveries.filter(state=State.FAILED).count(),
            "days": verbs.DISABLED_AFTER.days,
        },
        status=422 if form and form.errors else 200,
    )


# Deeds --------------------------------------------------------------------------------------------------------------


@needs(Permission.EDIT_WEBHOOKS)
@require_POST
def disable(request: StaffRequest, pk: int) -> HttpResponse:
    return _do(request, pk, verbs.disable, _("Disabled: nothing more is stored for it or sent to it."))


@needs(Permission.EDIT_WEBHOOKS)
@require_POST
def enable(request: StaffRequest, pk: int) -> HttpResponse:
    return _do(request, pk, verbs.enable, _("In use again: first it is sent what waited."))


@needs(Permission.EDIT_WEBHOOKS)
@require_POST
def send_test(request: StaffRequest, pk: int) -> HttpResponse:
    thanks = _("A test is on its way. If it does not arrive, it appears below.")
    return _do(request, pk, verbs.send_test, thanks)


@needs(Permission.EDIT_WEBHOOKS)
@require_POST
def replay(request: StaffRequest, pk: int) -> HttpResponse:
    """What was given up is tried again."""

    def thanks(count: int) -> str:
        return ngettext("%(n)d event is sent again.", "%(n)d events are sent again.", count) % {"n": count}

    return _do(request, pk, verbs.replay, thanks)


def _do(request: StaffRequest, pk: int, verb: Callable[..., Any], thanks: Thanks) -> HttpResponse:
    endpoint = get_object_or_404(WebhookEndpoint, pk=pk)
    press(request, lambda: verb(endpoint.pk, by=request.user, at=now()), thanks)
    return redirect("desk:webhook", pk)


@needs(Permission.EDIT_WEBHOOKS)
@require_POST
def choose_events(request: StaffRequest, pk: int) -> HttpResponse:
    """It is told these events from now on."""
    endpoint, form = get_object_or_404(WebhookEndpoint, pk=pk), EventsForm(request.POST)

    def choose(row: WebhookEndpoint, data: dict[str, Any]) -> WebhookEndpoint:
        return verbs.choose(row.pk, events=data["events"], by=request.user, at=now())

    if edit(request, form, endpoint, choose, _("Saved")):
        return redirect("desk:webhook", pk)
    return _page(request, pk, form=form)


@needs(Permission.EDIT_WEBHOOKS)
@require_POST
@never_cache
def renew_secret(request: StaffRequest, pk: int) -> HttpResponse:
    """The new secret is shown once, in this answer."""
    endpoint = get_object_or_404(WebhookEndpoint, pk=pk)
    _endpoint, secret = verbs.renew_secret(endpoint.pk, by=request.user, at=now())
    return _page(request, pk, secret=secret)
