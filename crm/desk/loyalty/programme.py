"""The programme of points: what it owes, what waits for a decision, its rules in versions, and what points buy."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Category
from loyalty.models import PointAccount, PointAdjustment, PointRules, Posting, Redemption, Reward, VisitStep
from loyalty.points import accounts as points
from loyalty.points import adjustments
from loyalty.points import rules as point_rules

LATELY = timedelta(days=90)
SHOWN = 100


class RulesForm(forms.ModelForm):
    excluded_categories = forms.ModelMultipleChoiceField(
        label=gettext_lazy("goods that earn nothing"), queryset=Category.objects.order_by("name"), required=False
    )

    class Meta:
        model = PointRules
        fields = (
            "rate",
            "least_order",
            "excluded_categories",
            "most_per_order",
            "most_per_day",
            "bonus_from",
            "bonus_points",
            "referrer_points",
            "referred_points",
            "referral_least",
            "pending_days",
            "life_months",
            "life_ends",
            "shortfall",
            "hold_minutes",
            "grace_days",
            "yuan_per_point",
            "reason",
        )

    def clean_excluded_categories(self) -> list[int]:
        return [one.pk for one in self.cleaned_data["excluded_categories"]]


class RewardForm(forms.ModelForm):
    class Meta:
        model = Reward
        fields = ("name", "description", "points", "stock", "active")
        help_texts = {"stock": gettext_lazy("Empty: without end")}


class StepForm(forms.ModelForm):
    class Meta:
        model = VisitStep
        fields = ("visits", "points")


@needs(Permission.VIEW_POINT_REPORTS)
def programme(request: StaffRequest) -> HttpResponse:
    return _page(request)


def _page(request: StaffRequest, *, rules_form: RulesForm | None = None) -> HttpResponse:
    at = now()
    rules = point_rules.in_force(at)
    months = points.liability(at=at)
    owed = sum(count for _month, count in months)
    moved = Posting.objects.filter(txn__at__gt=at - LATELY).values("bucket").annotate(points=Sum("points"))
    lately = {row["bucket"]: row["points"] for row in moved}
    names = may(request.user, Permission.APPROVE_POINTS)
    by_hand = PointAdjustment.objects.filter(at__gt=at - LATELY)
    return render(
        request,
        "desk/loyalty/points/programme.html",
        {
            "rules": rules,
            "told": _told(rules) if rules else [],
            "versions": PointRules.objects.order_by("-version").select_related("by")[:20],
            "rules_form": rules_form or RulesForm(instance=rules, initial={"reason": ""}),
            "owed": owed,
            "cost": Decimal(owed) * rules.yuan_per_point if rules else None,
            "members": PointAccount.objects.filter(earned__gt=0).count(),
            "debt": PointAccount.objects.aggregate(total=Sum("debt"))["total"] or 0,
            "issued": -lately.get(Posting.Bucket.ISSUED, 0),
            "redeemed": lately.get(Posting.Bucket.REDEEMED, 0),
            "expired": lately.get(Posting.Bucket.EXPIRED, 0),
            "days": LATELY.days,
            "months": _chart(months),
            "waiting": by_hand.filter(state=PointAdjustment.State.WAITING).select_related("account__customer", "by")
            if names
            else [],
            "by_person": by_hand.exclude(state=PointAdjustment.State.REFUSED)
            .values("by__full_name", "by__username", "by__role")
            .annotate(
                n=Count("pk"), given=Sum("points", filter=Q(points__gt=0)), taken=Sum("points", filter=Q(points__lt=0))
            )
            .order_by("-given"),
            "frozen": PointAccount.objects.filter(state=PointAccount.State.FROZEN).count(),
            "me": request.user.pk,
        },
        status=422 if rules_form and rules_form.errors else 200,
    )


def _told(rules: PointRules) -> list[tuple[str, str]]:
    """What the version says, in the words of the form; what it leaves out is left out."""
    named = Category.objects.filter(pk__in=rules.excluded_categories).order_by("name").values_list("name", flat=True)
    words = {
        "rate": f"{rules.rate.normalize():f}",
        "excluded_categories": ", ".join(named),
        "life_ends": rules.get_life_ends_display() if rules.life_months else "",
        "shortfall": rules.get_shortfall_display(),
        "yuan_per_point": f"{rules.yuan_per_point.normalize():f}",
    }
    form = RulesForm()
    told = [(name, words.get(name, getattr(rules, name))) for name in form.fields if name != "reason"]
    return [(str(form.fields[name].label), str(value)) for name, value in told if value]


def _chart(months: list[tuple[Any, int]]) -> dict[str, Any]:
    return {
        "labels": [month.strftime("%Y-%m") if month else _("never") for month, _count in months],
        "series": [{"name": _("Points that expire"), "data": [count for _month, count in months]}],
    }


@needs(Permission.EDIT_POINTS)
@require_POST
def save_rules(request: StaffRequest) -> HttpResponse:
    """A new version from now on."""
    form = RulesForm(request.POST)
    if form.is_valid():
        told, at = form.cleaned_data, now()
        try:
            version = point_rules.save(told, starts_at=at, by=request.user, reason=told["reason"], at=at)
            messages.success(request, _("Version %(version)d is in force.") % {"version": version.version})
            return redirect("desk:point_programme")
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _page(request, rules_form=form)


@needs(Permission.APPROVE_POINTS)
@require_POST
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    found = PointAdjustment.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    customer_for(request.user, found.account_id, today())
    try:
        adjustments.decide(pk, agreed=request.POST.get("agreed") == "yes", by=request.user, at=now())
        messages.success(request, PointAdjustment.objects.get(pk=pk).get_state_display())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:point_programme")


@needs(Permission.VIEW_POINT_REPORTS)
def catalogue(request: StaffRequest) -> HttpResponse:
    """What points buy, and what was redeemed in three months."""
    return _catalogue(request, RewardForm())


def _catalogue(
    request: StaffRequest, form: RewardForm, editing: Reward | None = None, step_form: StepForm | None = None
) -> HttpResponse:
    lately = Q(redemptions__state=Redemption.State.DONE, redemptions__at__gt=now() - LATELY)
    rows = Reward.objects.annotate(taken=Sum("redemptions__quantity", filter=lately)).order_by(
        "-active", "points", "pk"
    )
    return render(
        request,
        "desk/loyalty/points/rewards.html",
        {
            "rows": rows[:SHOWN],
            "form": form,
            "editing": editing,
            "days": LATELY.days,
            "steps": VisitStep.objects.all(),
            "step_form": step_form or StepForm(),
        },
        status=422 if form.errors or (step_form and step_form.errors) else 200,
    )


@needs(Permission.EDIT_POINTS)
def reward(request: StaffRequest, pk: int = 0) -> HttpResponse:
    """A new reward (0), or another one changed."""
    found = get_object_or_404(Reward, pk=pk) if pk else None
    form = RewardForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        audit.record(request.user, "reward.saved", saved, at=now(), points=saved.points, stock=saved.stock)
        messages.success(request, _("%(reward)s is saved.") % {"reward": saved})
        return redirect("desk:rewards")
    return _catalogue(request, form, found)


@needs(Permission.EDIT_POINTS)
@require_POST
def visit_step(request: StaffRequest, pk: int = 0) -> HttpResponse:
    """A new step of the ladder (0), or one taken away. Points already given stay."""
    if pk:
        step = get_object_or_404(VisitStep, pk=pk)
        audit.record(request.user, "visit_step.removed", step, at=now(), visits=step.visits)
        step.delete()
        return redirect("desk:rewards")
    form = StepForm(request.POST)
    if form.is_valid():
        audit.record(request.user, "visit_step.saved", form.save(), at=now(), **form.cleaned_data)
        return redirect("desk:rewards")
    return _catalogue(request, RewardForm(), step_form=form)
