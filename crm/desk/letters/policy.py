"""How often and at which hours, with what it would have done last month; the words people are asked by; the law."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import carried_out, submit
from crm.desk.letters.forms import PolicyForm, WordingForm
from crm.desk.letters.law import LAW
from crm.desk.takeout.taking import takeable
from crm.desk.today import now
from customers.letters import consent, policies
from customers.letters.gate import Policy
from customers.models import SendPolicy


@needs(Permission.EDIT_LETTER_RULES)
@takeable("letter-rules", people=False)
def policy(request: StaffRequest) -> HttpResponse:
    return _page(request)


def _page(request: StaffRequest, *, status: int = 200, **changed: Any) -> HttpResponse:
    last = policies.last()
    fields = (*policies.FIELDS, "asks_by_letter")
    context = {
        "policy": last,
        "form": PolicyForm(initial={"base": last.version} | {name: getattr(last, name) for name in fields}),
        "versions": SendPolicy.objects.select_related("by").order_by("-version")[:10],
        "wordings": consent.wordings(),
        "wording_form": WordingForm(),
        "law": LAW,
    }
    return render(request, "desk/letters/policy.html", context | changed, status=status)


@needs(Permission.EDIT_LETTER_RULES)
@require_POST
def save(request: StaffRequest) -> HttpResponse:
    form = PolicyForm(request.POST)
    if submit(
        request,
        form,
        lambda data: policies.decide(by=request.user, at=now(), **data),
        _("It holds from the next letter on."),
        beside={"reason_missing": "reason", "hours": "opens", "caps": "in_7_days"},
    ):
        return redirect("desk:letter_policy")
    return _page(request, form=form, status=422)


@needs(Permission.EDIT_LETTER_RULES)
@require_POST
def try_out(request: StaffRequest) -> HttpResponse:
    """What these caps would have done to the last thirty days. Nothing is saved."""
    form = PolicyForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    terms = Policy(**{name: form.cleaned_data[name] for name in policies.FIELDS})
    return _page(request, form=form, what_if=policies.what_if(terms, at=now()))


@needs(Permission.EDIT_LETTER_RULES)
@require_POST
def word(request: StaffRequest) -> HttpResponse:
    form = WordingForm(request.POST)
    if carried_out(form, lambda data: consent.word(by=request.user, at=now(), **data)):
        return redirect("desk:letter_policy")
    return _page(request, wording_form=form, status=422)
