"""The doors of a list: its page, its count, the form of a condition, and the drawer of a row."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from core.accounts.permissions import StaffRequest
from core.accounts.roles import rights_of
from core.lib.conditions import tree
from core.views import saved
from core.views.models import ListPreference, SavedView
from crm.desk.lists import page
from crm.desk.lists.asking import Asked
from crm.desk.lists.conditions import SET, ConditionForm
from crm.desk.lists.definition import ListDef
from crm.desk.lists.keeping import NameForm
from crm.desk.opening import note
from crm.desk.today import today


def show(request: StaffRequest, definition: ListDef, template: str, **more: Any) -> HttpResponse:
    """The page of a list; an address that sets a condition leads to the list with it, or says what is wrong with it.

    `more` is what stands on its page beside the list.
    """
    known, kept = page.asked_of(definition, request, request.user)
    changed = page.set_in(known, request.GET)
    if isinstance(changed, Asked):
        return redirect(f"{request.path}{changed.href}")
    context = page.context_of(definition, request, today(), known)
    first, rest = page.tabs(known, kept)
    context |= more | {
        "density": kept.density,
        "densities": ListPreference.Density.choices,
        "tabs": first,
        "more_tabs": rest,
        "wrong": changed,
        "is_own": isinstance(known.view, SavedView) and known.view.owner_id == request.user.pk,
        "stamp": saved.stamp(known.view) if isinstance(known.view, SavedView) else "",
        "is_new": known.view is None and bool(known.parts) and not known.hidden,
        "name_form": NameForm(),
    }
    return render(request, template, context, status=422 if known.hidden or changed else 200)


def count(request: StaffRequest, definition: ListDef) -> HttpResponse:
    """How many there are, to the last one; more than 1,000 where that takes too long."""
    known, _kept = page.asked_of(definition, request, request.user)
    exact = page.exactly(page.matching(known, today()))
    return render(request, "desk/lists/_count.html", {"exact": exact, "capped_at": page.COUNT_UP_TO})


def condition(request: StaffRequest, definition: ListDef) -> HttpResponse:
    """The form of one field, for a condition that is to be added; nothing as long as none is chosen."""
    if not request.GET.get(SET):
        return HttpResponse()
    field = definition.catalogue.by_key.get(request.GET[SET])
    if field is None or field.needs in rights_of(request.user).hidden:
        raise Http404
    return render(request, "desk/lists/_condition.html", {"form": ConditionForm(field)})


def preview(request: StaffRequest, definition: ListDef, pk: int) -> HttpResponse:
    """Everything that the list knows of one of its rows; that this person looked at the customer is on record."""
    known = Asked(definition, request.user, tree.EVERYBODY, columns=tuple(definition.columns_for(request.user)))
    row = get_object_or_404(page.matching(known, today()).select_related(*definition.related), pk=pk)
    if (person := definition.person(row)) is not None:
        note(request, person)
    page.draw(known, [row], today())
    return render(request, "desk/lists/_preview.html", {"list": definition, "row": row, "cells": row.cells[1:]})
