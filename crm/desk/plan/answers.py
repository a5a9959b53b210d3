"""How a form in a drawer answers: back to where it was opened, with a word and the way back."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRefresh, trigger_client_event

from core.accounts.permissions import StaffRequest
from crm.desk.acting import carried_out
from crm.desk.work.my_day import answer


def asked(
    request: StaffRequest,
    form: forms.Form,
    verb: Callable[[dict[str, Any]], Any],
    thanks: Callable[[Any], str],
    *,
    context: Mapping[str, Any],
    back: str,
    beside: Mapping[str, str] | None = None,
    undo: Callable[[Any], str] | None = None,
) -> HttpResponse:
    """The form in a drawer, or as a page of its own; carried out, it leads to where it was opened, else to `back`."""
    done = carried_out(form, verb, beside=beside) if form.is_bound else None
    if done:
        text, way_back = thanks(done.result), undo(done.result) if undo else ""
        if request.htmx and urlsplit(request.htmx.current_url or "").path == reverse("desk:my_day"):
            return trigger_client_event(answer(request, text, undo=way_back), "closeDrawer")
        messages.add_message(request, messages.SUCCESS, text, extra_tags=way_back)
        return HttpResponseClientRefresh() if request.htmx else redirect(back)
    template = "desk/work/drawer.html#form" if request.htmx else "desk/work/drawer.html"
    shown = {**context, "form": form, "back_url": back}
    return render(request, template, shown, status=422 if form.errors else 200)
