"""“I think we are losing them”: said by whoever hears it, from the customer's page, a case or a call."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import carried_out
from crm.desk.today import now, today
from crm.desk.winback.forms import SuspectForm
from customers.access import customer_for
from segmentation.leaving import suspecting


@needs(Permission.SUSPECT_LOSS)
@require_http_methods(["GET", "POST"])
def suspect(request: StaffRequest, pk: int) -> HttpResponse:
    """What was noticed and heard; saved, it leads to the alert, where the manager and service go on talking."""
    person = customer_for(request.user, pk, today())
    form = SuspectForm(request.POST if request.method == "POST" else None)
    beside = {"words_missing": "words", "sign_missing": "sign"}
    done = (
        carried_out(form, lambda data: suspecting.suspect(person, by=request.user, at=now(), **data), beside=beside)
        if form.is_bound
        else None
    )
    if done:
        opened = done.result.opened
        messages.success(request, _("Said: the manager is told") if opened else _("Said, beside what is known already"))
        url = reverse("desk:alert", args=[done.result.alert.pk])
        return HttpResponseClientRedirect(url) if request.htmx else redirect(url)
    context = {
        "form": form,
        "title": _("We may be losing them"),
        "button": _("Say it"),
        "url": reverse("desk:suspect", args=[pk]),
        "name": person.name,
        "words": _("Opens an alert for the manager, or stands in the one that is open."),
        "back": person.name,
        "back_url": reverse("desk:customer", args=[pk]),
    }
    template = "desk/work/drawer.html#form" if request.htmx else "desk/work/drawer.html"
    return render(request, template, context, status=422 if form.errors else 200)
