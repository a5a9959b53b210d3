"""The customer page: who, the three axes with their why, the usual interval, the timeline, and what to do next."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.models import Role, User
from core.accounts.permissions import StaffRequest, mask, needs
from core.accounts.roles import Field, Permission
from core.lib.errors import DomainError
from crm.desk.customers import cases
from crm.desk.loyalty import points, tiers
from crm.desk.loyalty.campaigns import club_page, coupon_page, credit_page
from crm.desk.today import now, today
from crm.desk.work import interval
from customers import contact_points, contacts, managers, profiles
from customers.access import customer_for, visible_to
from customers.models import Contact, Customer, Todo
from segmentation.explain import explain
from segmentation.models import Alert

TIMELINE = 60
PURPOSES = (
    ("call", gettext_lazy("To call the customer")),
    ("delivery", gettext_lazy("To sort out a delivery")),
    ("correct", gettext_lazy("To correct the record")),
)


class ContactForm(forms.Form):
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=Contact.Channel.choices)
    direction = forms.ChoiceField(label=gettext_lazy("Direction"), choices=Contact.Direction.choices)
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), choices=Contact.Outcome.choices)
    mood = forms.ChoiceField(label=gettext_lazy("Mood"), choices=Contact.Mood.choices, initial=Contact.Mood.NEUTRAL)
    note = forms.CharField(label=gettext_lazy("Note"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    promise = forms.CharField(label=gettext_lazy("Promise"), max_length=200, required=False)
    promise_due_on = forms.DateField(
        label=gettext_lazy("Promised for"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    next_contact_on = forms.DateField(
        label=gettext_lazy("Next contact"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class ProfileForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = ("mindset", "preferred_channel", "notes")
        widgets = {"notes": forms.Textarea(attrs={"rows": 3})}


class RevealForm(forms.Form):
    purpose = forms.ChoiceField(label=gettext_lazy("Purpose"), choices=PURPOSES)


class AssignForm(forms.Form):
    manager = forms.ModelChoiceField(
        label=gettext_lazy("Manager"), queryset=User.objects.filter(role=Role.ACCOUNT_MANAGER, is_active=True)
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


@dataclass(frozen=True)
class Event:
    at: datetime
    icon: str
    tone: str
    title: str
    text: str
    by: str = ""


@needs(Permission.VIEW_CUSTOMER)
def customer(request: StaffRequest, pk: int) -> HttpResponse:
    try:
        person = customer_for(request.user, pk, today())
    except Http404:
        if kept := Customer.objects.filter(pk=pk).values_list("merged_into", flat=True).first():
            return redirect("desk:customer", kept)
        raise
    return _page(request, person)


def _page(
    request: StaffRequest,
    person: Customer,
    *,
    contact_form: ContactForm | None = None,
    profile_form: ProfileForm | None = None,
    assign_form: AssignForm | None = None,
    revealed: list[tuple[str, str]] | None = None,
    status: int = 200,
) -> HttpResponse:
    why = explain(person, reader=request.user)
    return render(
        request,
        "desk/customers/customer.html",
        {
            "customer": person,
            "standing": mask(request.user, person.standing, value=Field.VALUE, potential=Field.VALUE),
            "today": today(),
            "why": why,
            "interval": interval.chart(person, why) if why else None,
            "level": tiers.card(person),
            "points": points.card(request.user, person),
            "wallet": coupon_page.card(request.user, person),
            "clubs": club_page.card(person),
            "on_account": credit_page.card(request.user, person, today()),
            "alert": Alert.objects.filter(customer=person, state=Alert.State.OPEN).first(),
            "todos": Todo.objects.filter(customer=person, state=Todo.State.OPEN).order_by("due_on", "pk"),
            "contact_points": person.contact_points.order_by("kind", "pk"),
            "timeline": _timeline(person),
            "contact_form": contact_form or ContactForm(),
            "profile_form": profile_form or ProfileForm(instance=person),
            "reveal_form": RevealForm(),
            "assign_form": assign_form or AssignForm(),
            "revealed": revealed,
            "told": cases.of(request.user, person),
        },
        status=status,
    )


def _noon(day: Any) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(settings.MALL_TIME_ZONE))


def _timeline(person: Customer) -> list[Event]:
    """Orders, refunds, contacts, alerts and changes together, newest first."""
    events = []
    for order in person.orders.order_by("-ordered_at").prefetch_related("lines__product", "refunds")[:TIMELINE]:
        goods = ", ".join(f"{line.product.name} × {line.quantity}" for line in order.lines.all())
        title = _("Order %(number)s: ¥%(paid)s") % {"number": order.external_id, "paid": f"{order.paid:,.2f}"}
        if order.status != order.Status.PAID:
            title += f" ({order.get_status_display()})"
        events.append(Event(order.ordered_at, "shopping-cart", "blue", title, goods))
        events += [
            Event(
                refund.refunded_at,
                "arrow-back-up",
                "amber",
                _("Refund of ¥%(amount)s on order %(number)s")
                % {"amount": f"{refund.amount:,.2f}", "number": order.external_id},
                "",
            )
            for refund in order.refunds.all()
        ]
    events += [
        Event(
            talk.at,
            "phone" if talk.channel == Contact.Channel.PHONE else "message",
            "green",
            f"{talk.get_channel_display()} · {talk.get_outcome_display()}",
            talk.note,
            str(talk.by),
        )
        for talk in person.contacts.select_related("by").order_by("-at")[:TIMELINE]
    ]
    events += [
        Event(_noon(alert.opened_on), "alert-triangle", "red", alert.get_kind_display(), alert.get_state_display())
        for alert in person.alerts.order_by("-opened_on")[:TIMELINE]
    ]
    for change in person.changes.order_by("-on")[:TIMELINE]:
        moved = []
        if change.class_before != change.class_after:
            moved.append(f"{change.get_class_before_display()} → {change.get_class_after_display()}")
        if change.type_before != change.type_after and change.type_before:
            moved.append(f"{change.get_type_before_display()} → {change.get_type_after_display()}")
        if moved:
            events.append(Event(_noon(change.on), "trending-up", "violet", _("Moved"), " · ".join(moved)))
    lines = person.tier_changes.exclude(rank_before=F("rank_after")).select_related("rules").order_by("-seq")
    events += [
        Event(
            _noon(line.since), "chart-bar", "blue", f"{line.name_before} → {line.name_after}", line.get_reason_display()
        )
        for line in lines[:TIMELINE]
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)[:TIMELINE]


@needs(Permission.LOG_CONTACT)
@require_POST
def log_contact(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    form = ContactForm(request.POST)
    if form.is_valid():
        try:
            contacts.log_contact(person, by=request.user, at=now(), **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Contact logged"))
            return redirect("desk:customer", pk)
    return _page(request, person, contact_form=form, status=422)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def edit_profile(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    form = ProfileForm(request.POST)
    if not form.is_valid():
        return _page(request, person, profile_form=form, status=422)
    profiles.edit(person, by=request.user, at=now(), **form.cleaned_data)
    messages.success(request, _("Saved"))
    return redirect("desk:customer", pk)


@needs(Permission.REVEAL_CONTACT)
@require_POST
def reveal(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    form = RevealForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a purpose."))
        return redirect("desk:customer", pk)
    try:
        clear = contact_points.reveal(person, by=request.user, purpose=form.cleaned_data["purpose"], at=now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("desk:customer", pk)
    response = _page(request, person, revealed=clear)
    response["Cache-Control"] = "no-store"
    return response


@needs(Permission.ASSIGN_MANAGER)
@require_POST
def assign(request: StaffRequest, pk: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    form = AssignForm(request.POST)
    if form.is_valid():
        try:
            _person, warning = managers.assign(
                person,
                manager=form.cleaned_data["manager"],
                by=request.user,
                on=today(),
                reason=form.cleaned_data["reason"],
                at=now(),
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Handed over"))
            if warning:
                messages.warning(request, warning)
            reachable = visible_to(request.user, today()).filter(pk=pk).exists()
            return redirect("desk:customer", pk) if reachable else redirect("desk:customers")
    return _page(request, person, assign_form=form, status=422)
