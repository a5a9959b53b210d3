"""Open alerts, and the workbench on which one is worked to its end."""

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, mask, needs
from core.accounts.roles import Field, Permission
from core.lib.errors import DomainError
from crm.desk.paging import page_of
from crm.desk.today import now, today
from crm.desk.work import interval
from customers.access import scope_filter
from segmentation import alerts as verbs
from segmentation import queries
from segmentation.explain import explain, sentence
from segmentation.models import Alert

SHOWN = 100


class LostForm(forms.Form):
    cause = forms.ChoiceField(label=gettext_lazy("Cause"), choices=Alert.Cause.choices, widget=forms.RadioSelect)
    why = forms.CharField(
        label=gettext_lazy("Why did they leave?"), widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    recoverable = forms.CharField(label=gettext_lazy("Can we win them back, and how?"), max_length=300, required=False)
    rival = forms.CharField(label=gettext_lazy("Which rival do they buy from now?"), max_length=120, required=False)
    compared = forms.CharField(
        label=gettext_lazy("How does the rival's service compare?"), max_length=300, required=False
    )


class CommentForm(forms.Form):
    text = forms.CharField(label=gettext_lazy("Comment"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))


class FilterForm(forms.Form):
    kind = forms.ChoiceField(choices=[("", gettext_lazy("Both kinds")), *Alert.Kind.choices], required=False)
    undecided = forms.BooleanField(label=gettext_lazy("Not decided yet"), required=False)


def _visible(user: User) -> QuerySet[Alert]:
    return Alert.objects.filter(scope_filter(user, today(), "customer__", book="customer__standing__")).select_related(
        "customer__standing", "customer__manager", "closed_by"
    )


def _alert_for(user: User, pk: int) -> Alert:
    found = _visible(user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


@needs(Permission.WORK_ALERTS)
def alerts(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    rows = queries.open_alerts(request.user, today())
    if form.is_valid():
        if form.cleaned_data["kind"]:
            rows = rows.filter(kind=form.cleaned_data["kind"])
        if form.cleaned_data["undecided"]:
            rows = rows.filter(decision="")
    page = page_of(request, rows, SHOWN)
    for row in page.rows:
        mask(request.user, row, severity=Field.VALUE)
    return render(request, "desk/work/alerts.html", {"form": form, "page": page, "count": rows.count()})


@needs(Permission.WORK_ALERTS)
def alert(request: StaffRequest, pk: int) -> HttpResponse:
    return _workbench(request, _alert_for(request.user, pk))


def _workbench(
    request: StaffRequest,
    found: Alert,
    *,
    lost_form: LostForm | None = None,
    comment_form: CommentForm | None = None,
    status: int = 200,
) -> HttpResponse:
    why = explain(found.customer, reader=request.user)
    return render(
        request,
        "desk/work/alert.html",
        {
            "alert": found,
            "customer": found.customer,
            "sentence": sentence(found, reader=request.user),
            "interval": interval.chart(found.customer, why) if why else None,
            "comments": found.comments.select_related("by").order_by("at"),
            "decisions": [choice for choice in Alert.Decision.choices if choice[0]],
            "lost_form": lost_form or LostForm(),
            "comment_form": comment_form or CommentForm(),
        },
        status=status,
    )


@needs(Permission.WORK_ALERTS)
@require_POST
def comment(request: StaffRequest, pk: int) -> HttpResponse:
    found = _alert_for(request.user, pk)
    form = CommentForm(request.POST)
    if form.is_valid():
        try:
            verbs.comment(found.pk, by=request.user, text=form.cleaned_data["text"], at=now())
        except DomainError as refusal:
            form.add_error("text", str(refusal))
        else:
            return redirect("desk:alert", pk)
    return _workbench(request, found, comment_form=form, status=422)


@needs(Permission.WORK_ALERTS)
@require_POST
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    found = _alert_for(request.user, pk)
    try:
        verbs.decide(found.pk, by=request.user, decision=request.POST.get("decision", "")[:10], at=now())
        messages.success(request, _("Decided"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:alert", pk)


@needs(Permission.WORK_ALERTS)
@require_POST
def close_lost(request: StaffRequest, pk: int) -> HttpResponse:
    found = _alert_for(request.user, pk)
    form = LostForm(request.POST)
    if form.is_valid():
        told = dict(form.cleaned_data)
        try:
            verbs.close_lost(found.pk, by=request.user, cause=told.pop("cause"), interview=told, on=today(), at=now())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("Closed as lost"))
            return redirect("desk:alert", pk)
    return _workbench(request, found, lost_form=form, status=422)
