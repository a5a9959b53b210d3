"""The mall's own fields of a customer: what is asked of everybody, and in which order."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import submit
from crm.desk.editing import EditForm, edit
from crm.desk.today import now
from customers.models import CustomField
from customers.record import fields as verbs

BESIDE = {"name_taken": "name", "name_missing": "name", "choices_missing": "choices"}


class _Question(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the field"), max_length=60)
    choices = forms.CharField(
        label=gettext_lazy("Choices, one on each line"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("Only for a field of choices."),
    )
    position = forms.IntegerField(
        label=gettext_lazy("Place"),
        min_value=0,
        max_value=9999,
        initial=100,
        help_text=gettext_lazy("Lower numbers stand first."),
    )


class NewFieldForm(_Question):
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=CustomField.Kind.choices)
    field_order = ("name", "kind")

    def told(self) -> dict[str, Any]:
        return {**self.cleaned_data, "choices": self.cleaned_data["choices"].splitlines()}


class FieldForm(EditForm, _Question):
    active = forms.BooleanField(
        label=gettext_lazy("In use"),
        required=False,
        help_text=gettext_lazy("Out of use, it is asked no more; what was answered stays."),
    )

    def shown(self, row: CustomField) -> dict[str, Any]:
        return {
            "name": row.name,
            "choices": "\n".join(row.choices),
            "position": row.position,
            "active": row.active,
        }


@needs(Permission.EDIT_FIELDS)
def custom_fields(request: StaffRequest) -> HttpResponse:
    """Every field, those in use first. POST adds one."""
    form = NewFieldForm(request.POST or None)

    def define(data: dict[str, Any]) -> CustomField:
        return verbs.define(**form.told(), by=request.user, at=now())

    if request.method == "POST" and submit(request, form, define, _("Asked of every customer now"), beside=BESIDE):
        return redirect("desk:custom_fields")
    rows = list(CustomField.objects.order_by("-active", "position", "pk"))
    context = {"rows": rows, "form": form}
    return render(request, "desk/admin/fields.html", context, status=422 if form.errors else 200)


@needs(Permission.EDIT_FIELDS)
def custom_field(request: StaffRequest, pk: int) -> HttpResponse:
    field = get_object_or_404(CustomField, pk=pk)
    form = FieldForm(request.POST or None)
    if request.method != "POST":
        form.initial = form.shown(field)

    def change(row: CustomField, data: dict[str, Any]) -> CustomField:
        return verbs.change(
            row,
            name=data["name"],
            choices=data["choices"].splitlines(),
            position=data["position"],
            active=data["active"],
            by=request.user,
            at=now(),
        )

    if request.method == "POST" and edit(request, form, field, change, _("Saved")):
        return redirect("desk:custom_fields")
    context = {"field": field, "form": form}
    return render(request, "desk/admin/field.html", context, status=422 if form.errors else 200)
