"""Who is probably unhappy and says nothing: call, take it up, or set it aside with a reason."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from django import forms
from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints.afterwards import silent as verbs
from complaints.models import Case, SilentSign
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib import mall
from core.lib.errors import DomainError
from crm.desk.acting import press
from crm.desk.choices import read_once
from crm.desk.complaints.forms import ConvertForm, WordsForm
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import scope_filter

PERIOD = timedelta(days=30)
SHOWN = 100


def _visible(user: User) -> QuerySet[SilentSign]:
    return SilentSign.objects.filter(scope_filter(user, today(), "customer__"))


class Row(NamedTuple):
    sign: SilentSign
    why: str


@dataclass(frozen=True)
class Outcome:
    label: str | Promise
    count: int


@needs(Permission.WORK_COMPLAINTS)
@takeable("silent-complaints")
def silent(request: StaffRequest) -> HttpResponse:
    rows = (
        _visible(request.user)
        .filter(state=SilentSign.State.OPEN)
        .select_related("customer__standing", "customer__manager")
    )
    berg = verbs.iceberg(since=now() - PERIOD, until=now())
    became = verbs.outcomes(since=today() - PERIOD)
    page = page_of(request, rows.order_by("-customer__standing__customer_class", "-found_on", "pk"), SHOWN)
    convert_form = ConvertForm(auto_id=False)
    read_once([convert_form])
    return render(
        request,
        "desk/complaints/silent.html",
        {
            "page": page.of([Row(sign, why(sign)) for sign in page.rows]),
            **rows.aggregate(count=Count("customer", distinct=True), signs=Count("pk")),
            "berg": berg,
            "days": PERIOD.days,
            "outcomes": [
                Outcome(label, became.get(state, 0))
                for state, label in SilentSign.State.choices
                if state != SilentSign.State.OPEN
            ],
            "words_form": WordsForm(auto_id=False),
            "convert_form": convert_form,
        },
    )


WHY = {
    SilentSign.Sign.REFUND: gettext_lazy("Order %(order)s refunded on %(on)s (%(amount)s), no word from the customer"),
    SilentSign.Sign.MOOD: gettext_lazy("In the conversation of %(on)s"),
    SilentSign.Sign.OVERDUE: gettext_lazy("Last bought on %(last_on)s and stays away longer than usual"),
    SilentSign.Sign.PRODUCT: gettext_lazy(
        "Bought %(product)s (order %(order)s), about which %(complaints)s others complained"
    ),
    SilentSign.Sign.UNHAPPY: gettext_lazy("C-%(case)s was solved, yet the answer was %(score)s of 5"),
}


def why(sign: SilentSign) -> str:
    """The evidence in one line."""
    evidence: dict[str, str] = dict(sign.evidence)
    if "amount" in evidence:
        evidence["amount"] = mall.priced(Decimal(evidence["amount"]), 2)
    return str(WHY[SilentSign.Sign(sign.sign)]) % evidence


def _sign_for(user: User, pk: int) -> SilentSign:
    sign = _visible(user).filter(pk=pk).first()
    if sign is None:
        raise Http404
    return sign


def _has_words(request: StaffRequest, form: forms.Form) -> bool:
    if not form.is_valid():
        messages.error(request, _("Write a few words, so that the next colleague knows."))
    return form.is_valid()


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def called(request: StaffRequest, pk: int) -> HttpResponse:
    """Somebody called, and this is what the customer said."""
    sign = _sign_for(request.user, pk)
    form = WordsForm(request.POST)
    if _has_words(request, form):
        words = form.cleaned_data["words"]
        press(request, lambda: verbs.called(sign.pk, by=request.user, at=now(), words=words), _("Stored"))
    return redirect("desk:complaint_silent")


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def dismiss(request: StaffRequest, pk: int) -> HttpResponse:
    """There is nothing in it, for this reason."""
    sign = _sign_for(request.user, pk)
    form = WordsForm(request.POST)
    if _has_words(request, form):
        reason = form.cleaned_data["words"]
        press(request, lambda: verbs.dismiss(sign.pk, by=request.user, at=now(), reason=reason), _("Stored"))
    return redirect("desk:complaint_silent")


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def convert(request: StaffRequest, pk: int) -> HttpResponse:
    """It is a complaint: its case opens."""
    sign = _sign_for(request.user, pk)
    form = ConvertForm(request.POST)
    if not _has_words(request, form):
        return redirect("desk:complaint_silent")
    data = form.cleaned_data
    try:
        case = verbs.convert(
            sign.pk,
            category=data["category"],
            channel=Case.Channel.PHONE,
            description=data["words"],
            by=request.user,
            at=now(),
        )
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("desk:complaint_silent")
    return redirect("desk:complaint", case.pk)
