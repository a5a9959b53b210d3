"""Levels: who holds them and who is about to lose one; and the rules, tuned on five screens.

Edit on the distribution, say what becomes of those who fall, confirm, look at it afterwards, roll back.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncMonth
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission, Scope, rights_of
from core.lib.errors import DomainError
from core.lib.money import from_minor
from crm.desk.today import now, today
from customers.access import customer_for, scope_filter, visible_to
from customers.models import Customer
from loyalty import tier_rules
from loyalty.maths.tiers import Basis, Transition
from loyalty.models import Membership, TierChange, TierDraft, TierOverride, TierRules, TierSimulation
from loyalty.tier_rules import BENEFITS, CHOICE_WORDS, OPTION_WORDS, Content
from loyalty.tiers import explain as tier_explain
from loyalty.tiers import membership
from loyalty.tiers import simulation as tier_whatif

SHOWN = 100
MOVEMENT = timedelta(days=30)
YEAR = timedelta(days=365)


class TransitionForm(forms.Form):
    """What becomes of those whom the draft would lower, from when on, and what they are told."""

    transition = forms.ChoiceField(label=OPTION_WORDS["transition"], widget=forms.RadioSelect)
    starts_on = forms.DateField(
        label=gettext_lazy("In force from"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    reason = forms.CharField(label=gettext_lazy("Why the rules change"), max_length=300)
    notice = forms.CharField(
        label=gettext_lazy("What the members concerned are told"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, draft: TierDraft, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        restores = draft.rolls_back_id is not None
        field = self.fields["transition"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [
            (value, words)
            for value, words in CHOICE_WORDS["transition"].items()
            if (value == Transition.RESTORE) == restores
        ]


class PromiseForm(forms.Form):
    level = forms.ChoiceField(label=gettext_lazy("At least this level"))
    ends_on = forms.DateField(label=gettext_lazy("Until before"), widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300)

    def __init__(self, *args: Any, rules: TierRules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["level"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [(level["code"], level["name"]) for level in rules.levels[1:]]


# Members ------------------------------------------------------------------------------------------------------------


def _in_reach(user: User) -> QuerySet[Customer]:
    """The customers a page counts: those in reach, or for roles that see no customer everybody, without names."""
    if rights_of(user.role).scope == Scope.NONE:
        return Customer.objects.all()
    return visible_to(user, today())


def _holders(people: QuerySet[Customer], rank: int) -> QuerySet[Customer]:
    if rank:
        return people.filter(membership__rank=rank)
    return people.filter(Q(membership__isnull=True) | Q(membership__rank=0))


@needs(Permission.VIEW_TIERS)
def members(request: StaffRequest) -> HttpResponse:
    """How many hold each level and how that moved in 30 days; the holders of one level by falling value."""
    rules, people, names = (
        membership.applied(),
        _in_reach(request.user),
        rights_of(request.user.role).scope != Scope.NONE,
    )
    levels: list[dict[str, Any]] = []
    rows: list[Customer] = []
    chosen: dict[str, Any] | None = None
    if rules is not None:
        held = dict(people.values_list("membership__rank").annotate(n=Count("pk")))
        moved = TierChange.objects.filter(on__gt=today() - MOVEMENT, customer__in=people)
        moves = list(
            moved.exclude(level_before=F("level_after"))
            .values_list("level_before", "level_after")
            .annotate(n=Count("pk"))
        )
        for rank, level in reversed(list(enumerate(rules.levels))):
            levels.append(
                {
                    "rank": rank,
                    "level": level,
                    "count": held.get(rank, 0) + (held.get(None, 0) if rank == 0 else 0),
                    "came": sum(n for _before, after, n in moves if after == level["code"]),
                    "left": sum(n for before, _after, n in moves if before == level["code"]),
                }
            )
        chosen = next((one for one in levels if one["level"]["code"] == request.GET.get("level")), levels[0])
        if names:
            found = _holders(people, chosen["rank"]).select_related("standing", "manager", "membership")
            rows = list(found.order_by("-standing__value", "pk")[:SHOWN])
    promised = {
        one.customer_id: one
        for one in TierOverride.objects.filter(customer__in=rows, starts_on__lte=today(), ends_on__gt=today())
    }
    return render(
        request,
        "desk/loyalty/tiers/members.html",
        {
            "rules": rules,
            "levels": levels,
            "chosen": chosen,
            "rows": [
                {"customer": one, "member": getattr(one, "membership", None), "promised": promised.get(one.pk)}
                for one in rows
            ],
            "names": names,
            "shown": SHOWN,
            "days": MOVEMENT.days,
            "movement": _movement(people) if rules else {},
        },
    )


def _movement(people: QuerySet[Customer]) -> dict[str, Any]:
    """Rises and falls by month for a year; what new rules did on their first night is left out."""
    moved = TierChange.objects.filter(on__gte=today() - YEAR, customer__in=people).exclude(reason=TierChange.Why.RULES)
    months = list(
        moved.annotate(month=TruncMonth("on"))
        .values_list("month")
        .annotate(
            up=Count("pk", filter=Q(rank_after__gt=F("rank_before"))),
            down=Count("pk", filter=Q(rank_after__lt=F("rank_before"))),
        )
        .order_by("month")
    )
    return {
        "labels": [month.strftime("%Y-%m") for month, _up, _down in months],
        "stacked": True,
        "series": [
            {"name": _("Risen"), "data": [up for _month, up, _down in months]},
            {"name": _("Fallen"), "data": [-down for _month, _up, down in months]},
        ],
    }


@needs(Permission.WORK_ALERTS)
def at_risk(request: StaffRequest) -> HttpResponse:
    """Members in reach who lose their level unless they buy; POST makes them to-dos of their managers."""
    mine = Membership.objects.filter(scope_filter(request.user, today(), "customer__"), review_on__isnull=False)
    risks = tier_explain.at_risk(on=today(), customer_ids=list(mine.values_list("pk", flat=True)))
    if request.method == "POST":
        opened = tier_explain.open_todos(on=today(), at=now(), customer_ids=[one.customer_id for one in risks])
        messages.success(request, _("%(count)d new to-dos in My day") % {"count": opened})
        return redirect("desk:tiers_at_risk")
    people = {
        one.pk: one
        for one in Customer.objects.filter(pk__in=[risk.customer_id for risk in risks[:SHOWN]]).select_related(
            "standing", "manager"
        )
    }
    rows = [{"risk": risk, "customer": people[risk.customer_id]} for risk in risks[:SHOWN]]
    return render(
        request,
        "desk/loyalty/tiers/at_risk.html",
        {"rows": rows, "count": len(risks), "shown": SHOWN, "counts_orders": _counts_orders()},
    )


def _counts_orders() -> bool:
    rules = membership.applied()
    return rules is not None and rules.content["basis"] == Basis.ORDERS


# One customer -------------------------------------------------------------------------------------------------------


def card(customer: Customer) -> dict[str, Any] | None:
    """What the customer page shows of the level; None as long as the mall has no tiers."""
    why = tier_explain.explain(customer, at=now())
    return None if why is None else {"why": why, "benefits": benefit_rows(why.standing.benefits)}


def benefit_rows(benefits: list[Content]) -> list[dict[str, Any]]:
    kinds = tier_rules.BENEFIT
    return [
        {"label": kinds[one["kind"]].label, "amount": one["amount"], "unit": kinds[one["kind"]].unit}
        for one in benefits
    ]


@needs(Permission.VIEW_CUSTOMER)
def why(request: StaffRequest, pk: int) -> HttpResponse:
    """The drawer: what counts, what is missing, what leaves the window, and how it came about."""
    customer = customer_for(request.user, pk, today())
    told = tier_explain.explain(customer, at=now())
    form = PromiseForm(rules=told.standing.rules) if told else None
    return render(
        request,
        "desk/loyalty/tiers/_why.html" if request.headers.get("HX-Request") else "desk/loyalty/tiers/why.html",
        {
            "customer": customer,
            "why": told,
            "form": form,
            "options": _options_told(told.standing.rules.content) if told else [],
            "benefits": benefit_rows(told.standing.benefits) if told else [],
        },
    )


def _options_told(content: Content) -> list[tuple[Any, str]]:
    return [(OPTION_WORDS[name], tier_rules.said(name, content[name])) for name in ("basis", "window", "downgrade")]


@needs(Permission.PROMISE_LEVEL)
@require_POST
def promise(request: StaffRequest, pk: int) -> HttpResponse:
    customer, rules = customer_for(request.user, pk, today()), membership.applied()
    form = PromiseForm(request.POST, rules=rules) if rules else None
    if form is None or not form.is_valid():
        messages.error(request, _("A promise names a level, its end and a reason."))
        return redirect("desk:customer", pk)
    try:
        membership.promise_floor(customer, by=request.user, at=now(), **form.cleaned_data)
        messages.success(request, _("Promised"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:customer", pk)


@needs(Permission.PROMISE_LEVEL)
@require_POST
def end_promise(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the customer's: at most one promise holds at a time."""
    customer = customer_for(request.user, pk, today())
    promised = get_object_or_404(TierOverride, customer=customer, ends_on__gt=today())
    try:
        membership.end_floor(promised.pk, by=request.user, at=now())
        messages.success(request, _("The promise ends today"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:customer", pk)


# Rules: the list ----------------------------------------------------------------------------------------------------


@needs(Permission.VIEW_RULES)
def rules(request: StaffRequest) -> HttpResponse:
    """The version in force with its levels, what is scheduled, open drafts, and every version before."""
    current = membership.applied() or tier_whatif.newest()
    return render(
        request,
        "desk/loyalty/tiers/rules.html",
        {
            "current": current,
            "levels": _levels_told(current.content) if current else [],
            "options": [
                (words, tier_rules.said(name, current.content[name]))
                for name, words in OPTION_WORDS.items()
                if name != "transition"
            ]
            if current
            else [],
            "drafts": TierDraft.objects.filter(state=TierDraft.State.OPEN).select_related("by").order_by("-at"),
            "versions": TierRules.objects.select_related("drafted_by", "published_by").order_by("-version")[:30],
            "today": today(),
        },
    )


def _levels_told(content: Content) -> list[dict[str, Any]]:
    return [
        {
            **level,
            "benefits": [
                {"label": tier_rules.BENEFIT[one["kind"]].label, "words": tier_rules.written(one)}
                for one in level["benefits"]
            ],
        }
        for level in content["levels"]
    ]


@needs(Permission.EDIT_RULES)
@require_POST
def new(request: StaffRequest) -> HttpResponse:
    return redirect("desk:tiers_draft", tier_whatif.new_draft(by=request.user, at=now()).pk)


@needs(Permission.EDIT_RULES)
@require_POST
def drop(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(TierDraft, pk=pk)
    try:
        tier_whatif.drop_draft(found.pk, by=request.user, at=now())
        messages.success(request, _("Draft dropped"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:tiers")


# Rules: 1 edit ------------------------------------------------------------------------------------------------------


def posted(told: Mapping[str, Any], before: Content) -> Content:
    """The content as the editor sent it, unchecked: nothing that was typed is lost."""
    sent: Content = {**before}
    for name in tier_rules.OPTIONS:
        if isinstance(tier_rules.OPTIONS[name], bool):
            sent[name] = name in told
        elif name in told:
            sent[name] = told[name]
    sent["levels"] = []
    number = 0
    while f"level-{number}-name" in told and number < tier_rules.MOST_LEVELS + 1:
        level = {key: told.get(f"level-{number}-{key}", "").strip() for key in ("code", "name", "qualify", "retain")}
        level["benefits"] = [
            {
                "kind": kind.kind,
                "amount": told.get(f"level-{number}-{kind.kind}-amount", "") if kind.unit else "",
                "cost": told.get(f"level-{number}-{kind.kind}-cost", "") or "0",
                "after_years": told.get(f"level-{number}-{kind.kind}-years", "") or 0,
            }
            for kind in BENEFITS
            if f"level-{number}-{kind.kind}" in told
        ]
        sent["levels"].append(level)
        number += 1
    return sent


@needs(Permission.EDIT_RULES)
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    """Screen 1. POST saves, and goes on to the transition; `add` and `remove` only change the rows on the screen."""
    found = get_object_or_404(TierDraft.objects.select_related("by"), pk=pk)
    if found.state != TierDraft.State.OPEN:
        return redirect("desk:tiers")
    if request.method != "POST":
        return _editor(request, found, found.content)
    content = posted(request.POST, found.content)
    if "add" in request.POST:
        content["levels"].append(_another_level(content["levels"]))
        return _editor(request, found, content)
    if "remove" in request.POST:
        place = request.POST["remove"]
        if place.isdecimal() and 0 < int(place) < len(content["levels"]):
            del content["levels"][int(place)]
        return _editor(request, found, content)
    try:
        tier_whatif.save_draft(found.pk, content=content, by=request.user, at=now())
    except DomainError as refusal:
        return _editor(request, found, content, refusal=str(refusal), status=422)
    return redirect("desk:tiers_transition", pk)


def _another_level(levels: list[Content]) -> Content:
    codes = {level["code"] for level in levels}
    code = next(f"level_{n}" for n in range(1, 100) if f"level_{n}" not in codes)
    return {"code": code, "name": "", "qualify": "", "retain": "", "benefits": []}


def _editor(
    request: StaffRequest, found: TierDraft, content: Content, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    return render(
        request,
        "desk/loyalty/tiers/edit.html",
        {
            "draft": found,
            "levels": _editable(content),
            "content": content,
            "choices": [
                {
                    "name": name,
                    "label": OPTION_WORDS[name],
                    "value": content[name],
                    "choices": CHOICE_WORDS[name].items(),
                }
                for name in ("basis", "window", "validity", "downgrade")
            ],
            "numbers": [
                {"name": name, "label": OPTION_WORDS[name], "value": content[name], "low": low, "high": high}
                for name, (low, high) in tier_rules.WHOLE.items()
            ],
            "switches": [
                {"name": name, "label": OPTION_WORDS[name], "value": content[name]}
                for name, default in tier_rules.OPTIONS.items()
                if isinstance(default, bool)
            ],
            "refusal": refusal,
            "chart": _distribution(found, content) if found.state == TierDraft.State.OPEN else None,
        },
        status=status,
    )


def _editable(content: Content) -> list[dict[str, Any]]:
    rows = []
    for number, level in enumerate(content["levels"]):
        has = {one["kind"]: one for one in level["benefits"]}
        rows.append(
            {
                **level,
                "number": number,
                "benefits": [{"kind": kind, "has": has.get(kind.kind)} for kind in BENEFITS],
                "count": len(has),
            }
        )
    return rows


def _distribution(found: TierDraft, content: Content) -> dict[str, Any]:
    """The histogram under the lines: what counts today, by the saved basis and window."""
    try:
        bars = tier_whatif.distribution(found.content, today=today())
    except DomainError:
        bars = []
    orders = found.content["basis"] == Basis.ORDERS
    return {
        "x": _("Orders that count") if orders else _("Amount that counts (¥)"),
        "y": _("Customers"),
        "bars": bars,
        "lines": [
            {"name": level["name"], "input": f"level-{number}-qualify"}
            for number, level in enumerate(content["levels"])
            if number
        ],
    }


@needs(Permission.EDIT_RULES)
@require_POST
def preview(request: StaffRequest, pk: int) -> HttpResponse:
    """What the screen says as it stands, worked out and not stored."""
    found = get_object_or_404(TierDraft, pk=pk, state=TierDraft.State.OPEN)
    try:
        content = tier_rules.validate(posted(request.POST, found.content))
        if "transition" in request.POST:
            content["transition"] = Transition(request.POST["transition"]).value
        told = tier_whatif.try_out(content, draft=found, today=today())
    except (DomainError, ValueError) as refusal:
        return render(request, "desk/loyalty/tiers/_figures.html", {"refusal": str(refusal)}, status=422)
    return render(request, "desk/loyalty/tiers/_figures.html", _told(told, content, request.user))


def _told(
    figures: dict[str, Any], content: Content, user: User, simulation: TierSimulation | None = None
) -> dict[str, Any]:
    """Figures as the fragment shows them: names only of customers in reach."""
    levels = content["levels"]
    orders = content["basis"] == Basis.ORDERS

    def amount(minor: int) -> Decimal | int:
        return minor if orders else from_minor(minor)

    ids = [row["customer"] for row in figures["big_worse"]]
    ids += [row["customer"] for near in figures["near"] for row in near["nearest"]]
    people = visible_to(user, today()) if rights_of(user.role).scope != Scope.NONE else Customer.objects.none()
    reaches = simulation is not None and rights_of(user.role).scope != Scope.NONE and not figures["first"]
    names = dict(people.filter(pk__in=ids).values_list("pk", "name"))
    return {
        "figures": figures,
        "simulation": simulation,
        "counts_orders": orders,
        "rows": [
            {
                "label": label,
                "cells": [
                    {
                        "count": count,
                        "same": label == to,
                        "url": _cell(simulation, label, to) if reaches and count and label != to else "",
                    }
                    for to, count in zip(figures["to"], cells, strict=True)
                ],
            }
            for label, cells in zip(figures["from"], figures["table"], strict=True)
        ],
        "big_count": len(figures["big_worse"]),
        "out_of_reach": sum(1 for row in figures["big_worse"] if row["customer"] not in names),
        "big": [
            {
                **row,
                "name": names[row["customer"]],
                "before": levels[row["before"]]["name"],
                "after": levels[row["after"]]["name"],
                "amount": amount(row["amount"]),
                "value": from_minor(row["value"]),
            }
            for row in figures["big_worse"]
            if row["customer"] in names
        ],
        "near": [
            {
                **near,
                "nearest": [
                    {"name": names[row["customer"]], "customer": row["customer"], "gap": amount(row["gap"])}
                    for row in near["nearest"]
                    if row["customer"] in names
                ][:5],
            }
            for near in figures["near"]
            if near["count"]
        ],
        "spared": [{**row, "at": amount(row["at"])} for row in figures["spared"]],
        "value_of_fallen": from_minor(figures["value_of_fallen"]),
        "cost_before": from_minor(figures["cost_before"]),
        "cost_after": from_minor(figures["cost_after"]),
        "cost_change": from_minor(figures["cost_after"] - figures["cost_before"]),
        "credit_change": from_minor(figures["credit_after"] - figures["credit_before"]),
    }


def _cell(simulation: TierSimulation | None, before: str, after: str) -> str:
    where = QueryDict(mutable=True)
    where.update({"before": before, "after": after})
    return f"{reverse('desk:tiers_moves', args=[simulation.pk])}?{where.urlencode()}" if simulation else ""


@needs(Permission.VIEW_RULES)
def moves(request: StaffRequest, pk: int) -> HttpResponse:
    """Who is in one cell of the table, as far as they are in reach."""
    simulation = get_object_or_404(TierSimulation.objects.select_related("draft", "based_on"), pk=pk)
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    found = tier_whatif.movers(simulation, before=before, after=after)
    people = visible_to(request.user, today()).filter(pk__in=found).select_related("standing", "manager")
    return render(
        request,
        "desk/loyalty/tiers/moves.html",
        {
            "simulation": simulation,
            "before": before,
            "after": after,
            "count": len(found),
            "rows": people.order_by("-standing__value", "pk")[:SHOWN],
        },
    )


# Rules: 2 transition ------------------------------------------------------------------------------------------------


@needs(Permission.EDIT_RULES)
def transition(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(TierDraft, pk=pk)
    if found.state != TierDraft.State.OPEN:
        return redirect("desk:tiers")
    initial = {
        "transition": found.content["transition"],
        "starts_on": found.starts_on,
        "reason": found.reason,
        "notice": found.notice,
    }
    form = TransitionForm(request.POST or None, draft=found, initial=initial)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            told = form.cleaned_data
            try:
                tier_whatif.save_draft(
                    found.pk,
                    content={**found.content, "transition": told["transition"]},
                    starts_on=told["starts_on"],
                    reason=told["reason"],
                    notice=told["notice"],
                    by=request.user,
                    at=now(),
                )
                tier_whatif.simulate(found.pk, by=request.user, at=now())
            except DomainError as refusal:
                form.add_error(None, str(refusal))
            else:
                return redirect("desk:tiers_confirm", pk)
    return render(
        request,
        "desk/loyalty/tiers/transition.html",
        {"draft": found, "form": form, "content": found.content},
        status=status,
    )


# Rules: 3 confirm ---------------------------------------------------------------------------------------------------


@needs(Permission.VIEW_RULES)
def confirm(request: StaffRequest, pk: int) -> HttpResponse:
    """The draft in sentences beside what it would do. POST publishes, by somebody who did not write it."""
    found = get_object_or_404(TierDraft.objects.select_related("by", "rolls_back"), pk=pk)
    if found.state != TierDraft.State.OPEN:
        return redirect("desk:tiers")
    refusal = ""
    if request.method == "POST":
        if "simulate" in request.POST and may(request.user, Permission.EDIT_RULES):
            try:
                tier_whatif.simulate(found.pk, by=request.user, at=now())
                return redirect("desk:tiers_confirm", pk)
            except DomainError as error:
                refusal = str(error)
        elif not may(request.user, Permission.PUBLISH_TIERS):
            return render(request, "403.html", status=403)
        else:
            typed = request.POST.get("falls", "").strip()
            try:
                published = tier_whatif.publish(
                    found.pk, by=request.user, falls=int(typed) if typed.isdecimal() else -1, at=now()
                )
            except DomainError as error:
                refusal = str(error)
            else:
                messages.success(
                    request,
                    _("Version %(version)d is in force from %(day)s on.")
                    % {"version": published.version, "day": published.starts_on.isoformat()},
                )
                return redirect("desk:tiers_version", published.pk)
    simulation = tier_whatif.fresh(found, today=today())
    last = tier_whatif.newest()
    context = _told(simulation.figures, found.content, request.user, simulation) if simulation else {}
    return render(
        request,
        "desk/loyalty/tiers/confirm.html",
        {
            **context,
            "draft": found,
            "differences": tier_rules.differences(last.content if last else None, found.content),
            "simulation": simulation,
            "own": found.by_id == request.user.pk,
            "refused": refusal,
            "typed": request.POST.get("falls", ""),
        },
        status=422 if refusal else 200,
    )


# Rules: 4 afterwards, 5 roll back -----------------------------------------------------------------------------------


@needs(Permission.VIEW_RULES)
def version(request: StaffRequest, pk: int) -> HttpResponse:
    """What one version said and what its first night did; the past replayed under it on request."""
    found = get_object_or_404(TierRules.objects.select_related("drafted_by", "published_by", "simulation"), pk=pk)
    before = TierRules.objects.filter(ends_on=found.starts_on, withdrawn_at__isnull=True).first()
    replayed = None
    if "replay" in request.GET:
        first = today().replace(month=1, day=1)
        replayed = [
            {**row, "levels": list(zip([level["name"] for level in found.levels], row["levels"], strict=True))}
            for row in tier_whatif.rehearse(found.content, first=first, last=today())
        ]
    return render(
        request,
        "desk/loyalty/tiers/version.html",
        {
            **_told(found.simulation.figures, found.content, request.user, found.simulation),
            "version": found,
            "levels": _levels_told(found.content),
            "aftermath": tier_whatif.aftermath(found),
            "differences": tier_rules.differences(before.content if before else None, found.content),
            "can_roll_back": before is not None and membership.applied() == found and tier_whatif.newest() == found,
            "can_withdraw": found.starts_on > today() and found.withdrawn_at is None and found.ends_on is None,
            "replayed": replayed,
        },
    )


@needs(Permission.EDIT_RULES)
@require_POST
def roll_back(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(TierRules, pk=pk)
    try:
        drafted = tier_whatif.roll_back(found.pk, by=request.user, reason=request.POST.get("reason", ""), at=now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("desk:tiers_version", pk)
    return redirect("desk:tiers_confirm", drafted.pk)


@needs(Permission.PUBLISH_TIERS)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(TierRules, pk=pk)
    try:
        tier_whatif.withdraw(found.pk, by=request.user, at=now())
        messages.success(request, _("Withdrawn: the version before goes on"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:tiers")
