"""Webhooks: which systems of the mall are told what, what did not arrive, and sending it again."""

from datetime import datetime
from typing import TypedDict

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from core.outbox import webhooks as verbs
from core.outbox.models import WebhookEndpoint, WebhookEvent
from crm.desk.today import now
from loyalty.notices import Kind

SHOWN = 50
State = WebhookEvent.State


class Told(TypedDict):
    by: User
    at: datetime


class EventsForm(forms.Form):
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), choices=Kind.choices, widget=forms.CheckboxSelectMultiple
    )


class EndpointForm(EventsForm):
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=400,
        help_text=gettext_lazy("Begins with https://"),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "placeholder": "https://"}),
    )
    field_order = ("url", "events")


@needs(Permission.EDIT_WEBHOOKS)
@never_cache
def webhooks(request: StaffRequest) -> HttpResponse:
    """The endpoints. POST registers one and shows its secret, once."""
    form, made, secret = EndpointForm(request.POST or None, initial={"events": Kind.values}), None, ""
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            made, secret = verbs.register(told["url"].strip(), events=told["events"], by=request.user, at=now())
            form = EndpointForm(initial={"events": Kind.values})
        except DomainError as refusal:
            form.add_error("url", str(refusal))
    waiting, failed = _counted(State.WAITING), _counted(State.FAILED)
    rows = [
        {"endpoint": one, "waiting": waiting.get(one.pk, 0), "failed": failed.get(one.pk, 0)}
        for one in WebhookEndpoint.objects.order_by("-active", "pk")
    ]
    return render(
        request,
        "desk/admin/webhooks/list.html",
        {"rows": rows, "form": form, "made": made, "secret": secret, "kinds": len(Kind)},
        status=422 if form.errors else 200,
    )


def _counted(state: State) -> dict[int, int]:
    """Endpoint -> events of that state."""
    rows = WebhookEvent.objects.filter(state=state).values_list("endpoint").annotate(n=Count("pk"))
    return dict(rows.order_by("endpoint"))


@needs(Permission.EDIT_WEBHOOKS)
def webhook(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, pk)


def _page(request: StaffRequest, pk: int, *, form: EventsForm | None = None, secret: str = "") -> HttpResponse:
    """What it is told, and what has not arrived."""
    found = get_object_or_404(WebhookEndpoint.objects.select_related("by"), pk=pk)
    missing = found.told.filter(Q(state=State.FAILED) | Q(state=State.WAITING, attempts__gt=0))
    return render(
        request,
        "desk/admin/webhooks/endpoint.html",
        {
            "endpoint": found,
            "form": form or EventsForm(initial={"events": found.events}),
            "secret": secret,
            "labels": [Kind(name).label for name in found.events if name in Kind.values],
            "rows": missing.order_by("-pk")[:SHOWN],
            "waiting": found.told.filter(state=State.WAITING).count(),
            "failed": found.told.filter(state=State.FAILED).count(),
            "days": verbs.DISABLED_AFTER.days,
        },
        status=422 if form and form.errors else 200,
    )


@needs(Permission.EDIT_WEBHOOKS)
@require_POST
@never_cache
def act(request: StaffRequest, pk: int) -> HttpResponse:
    """Disable, enable, send again, send a test, choose the events, or make a new secret, which is shown once."""
    get_object_or_404(WebhookEndpoint, pk=pk)
    verb, told = request.POST.get("verb", ""), Told(by=request.user, at=now())
    try:
        if verb == "secret":
            _endpoint, secret = verbs.renew_secret(pk, **told)
            return _page(request, pk, secret=secret)
        if verb == "events":
            form = EventsForm(request.POST)
            if not form.is_valid():
                return _page(request, pk, form=form)
            verbs.choose(pk, events=form.cleaned_data["events"], **told)
            messages.success(request, _("Saved"))
        else:
            _simple(request, verb, pk, told)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:webhook", pk)


def _simple(request: StaffRequest, verb: str, pk: int, told: Told) -> None:
    if verb == "disable":
        verbs.disable(pk, **told)
        messages.success(request, _("Disabled: nothing more is stored for it or sent to it."))
    elif verb == "enable":
        verbs.enable(pk, **told)
        messages.success(request, _("In use again: first it is sent what waited."))
    elif verb == "test":
        verbs.send_test(pk, **told)
        messages.success(request, _("A test is on its way. If it does not arrive, it appears below."))
    elif verb == "replay":
        count = verbs.replay(pk, **told)
        messages.success(
            request, ngettext("%(n)d event is sent again.", "%(n)d events are sent again.", count) % {"n": count}
        )
