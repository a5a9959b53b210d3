"""Labels: the page on which they are made, renamed and put away, and the doors by which one customer gets or loses one."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, submit
from crm.desk.today import now, today
from customers.access import customer_for, standings_of
from customers.models import Label
from customers.record import labels as verbs


class LabelForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the label"), max_length=30)
    colour = forms.ChoiceField(label=gettext_lazy("Colour"), choices=Label.Colour.choices)


@needs(Permission.CHANGE_MANY)
def labels(request: StaffRequest) -> HttpResponse:
    return _page(request, LabelForm())


def _page(request: StaffRequest, form: LabelForm, *, status: int = 200) -> HttpResponse:
    """The labels in use with how many of the reader's customers carry each, and those that are put away."""
    counts = verbs.carriers(standings_of(request.user, today()))
    rows = Label.objects.select_related("owner").order_by("name", "pk")
    shown: list[dict[str, Any]] = [
        {
            "label": label,
            "count": counts.get(label.pk, 0),
            "may": verbs.can_change(label, request.user),
            "form": LabelForm(initial={"name": label.name, "colour": label.colour}, auto_id=f"id_{label.pk}_%s"),
        }
        for label in rows
    ]
    context = {
        "rows": [row for row in shown if row["label"].archived_at is None],
        "archived": [row for row in shown if row["label"].archived_at is not None],
        "form": form,
        "most": verbs.MOST_IN_USE,
    }
    return render(request, "desk/customers/labels.html", context, status=status)


@needs(Permission.CHANGE_MANY)
@require_POST
def make(request: StaffRequest) -> HttpResponse:
    form = LabelForm(request.POST)

    def verb(data: dict[str, Any]) -> Label:
        return verbs.make(data["name"], data["colour"], by=request.user, at=now())

    if submit(request, form, verb, _("The label can be put on now."), beside={"name": "name"}):
        return redirect("desk:labels")
    return _page(request, form, status=422)


@needs(Permission.CHANGE_MANY)
@require_POST
def change(request: StaffRequest, pk: int) -> HttpResponse:
    name, colour = request.POST.get("name", ""), request.POST.get("colour", "")
    press(request, lambda: verbs.change(pk, name, colour, by=request.user, at=now()), _("Saved"))
    return redirect("desk:labels")


@needs(Permission.CHANGE_MANY)
@require_POST
def archive(request: StaffRequest, pk: int) -> HttpResponse:
    if press(request, lambda: verbs.archive(pk, by=request.user, at=now()), ""):
        again = reverse("desk:label_restore", args=[pk])
        messages.success(request, _("Put away. Who carries it keeps it."), extra_tags=again)
    return redirect("desk:labels")


@needs(Permission.CHANGE_MANY)
@require_POST
def restore(request: StaffRequest, pk: int) -> HttpResponse:
    press(request, lambda: verbs.restore(pk, by=request.user, at=now()), _("The label can be put on now."))
    return redirect("desk:labels")


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def give(request: StaffRequest, pk: int) -> HttpResponse:
    """The customer carries one label more: the chosen one."""
    sent = request.POST.get("label", "")
    label = verbs.in_use().filter(pk=int(sent) if sent.isdecimal() and len(sent) < 10 else 0).first()
    if label is None:
        messages.error(request, _("Choose a label from the list."))
        return redirect("desk:customer", pk)
    return _given(request, pk, label)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def back(request: StaffRequest, pk: int, label: int) -> HttpResponse:
    """Undo of taking it off."""
    return _given(request, pk, get_object_or_404(Label, pk=label))


def _given(request: StaffRequest, pk: int, label: Label) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    press(request, lambda: verbs.give(label, [person.pk], by=request.user, at=now()), "")
    return redirect("desk:customer", pk)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def take(request: StaffRequest, pk: int, label: int) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    carried = verbs.of(person).filter(label=label).first()
    if carried is None:
        raise Http404
    if press(request, lambda: verbs.take(carried.label, [person.pk], by=request.user, at=now()), ""):
        again = reverse("desk:label_back", args=[pk, label])
        messages.success(request, _("“%(name)s” is taken off.") % {"name": carried.label}, extra_tags=again)
    return redirect("desk:customer", pk)
