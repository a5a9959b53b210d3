"""Who is probably unhappy and says nothing: call, take it up, or set it aside with a reason."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints.afterwards import silent as verbs
from complaints.models import Case, Category, SilentSign
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.today import now, today
from customers.access import scope_filter

PERIOD = timedelta(days=30)
SHOWN = 100


class WordsForm(forms.Form):
    words = forms.CharField(label=gettext_lazy("Words"), max_length=200, widget=forms.Textarea(attrs={"rows": 2}))


class ConvertForm(forms.Form):
    category = forms.ModelChoiceField(
        label=gettext_lazy("Category"),
        queryset=Category.objects.filter(active=True, parent__isnull=False).select_related("parent"),
    )
    words = forms.CharField(
        label=gettext_lazy("What happened"), max_length=8000, widget=forms.Textarea(attrs={"rows": 3})
    )


def _visible(user: User) -> QuerySet[SilentSign]:
    return SilentSign.objects.filter(scope_filter(user, today(), "customer__"))


@needs(Permission.WORK_COMPLAINTS)
def silent(request: StaffRequest) -> HttpResponse:
    rows = (
        _visible(request.user)
        .filter(state=SilentSign.State.OPEN)
        .select_related("customer__standing", "customer__manager")
    )
    berg = verbs.iceberg(since=now() - PERIOD, until=now())
    became = verbs.outcomes(since=today() - PERIOD)
    found = list(rows.order_by("-customer__standing__customer_class", "-found_on", "pk")[:SHOWN])
    return render(
        request,
        "desk/complaints/silent.html",
        {
            "rows": [{"sign": sign, "why": why(sign)} for sign in found],
            "count": rows.count(),
            "berg": berg,
            "days": PERIOD.days,
            "outcomes": [
                {"label": label, "count": became.get(state, 0)}
                for state, label in SilentSign.State.choices
                if state != SilentSign.State.OPEN
            ],
            "words_form": WordsForm(auto_id=False),
            "convert_form": ConvertForm(auto_id=False),
        },
    )


def why(sign: SilentSign) -> str:
    """The evidence in one line."""
    told = sign.evidence
    if sign.sign == SilentSign.Sign.REFUND:
        return _("Order %(order)s refunded on %(on)s (¥%(amount)s), no word from the customer") % told
    if sign.sign == SilentSign.Sign.MOOD:
        return _("In the conversation of %(on)s") % told
    if sign.sign == SilentSign.Sign.OVERDUE:
        return _("Last bought on %(last_on)s and stays away longer than usual") % told
    if sign.sign == SilentSign.Sign.PRODUCT:
        return _("Bought %(product)s (order %(order)s), about which %(complaints)s others complained") % told
    return _("C-%(case)s was solved, yet the answer was %(score)s of 5") % told


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def close(request: StaffRequest, pk: int) -> HttpResponse:
    sign = _visible(request.user).filter(pk=pk).first()
    if sign is None:
        raise Http404
    deed = request.POST.get("do", "")
    form: Any = ConvertForm(request.POST) if deed == "convert" else WordsForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Write a few words, so that the next colleague knows."))
        return redirect("desk:complaint_silent")
    words, by, at = form.cleaned_data["words"], request.user, now()
    try:
        if deed == "convert":
            case = verbs.convert(
                pk, category=form.cleaned_data["category"], channel=Case.Channel.PHONE, description=words, by=by, at=at
            )
            return redirect("desk:complaint", case.pk)
        if deed == "called":
            verbs.called(pk, by=by, at=at, said=words)
        else:
            verbs.dismiss(pk, by=by, at=at, reason=words)
        messages.success(request, _("Stored"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:complaint_silent")
