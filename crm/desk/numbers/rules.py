"""The rules of the night: edit, see who would move, save as a new version."""

from itertools import groupby, zip_longest
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs, sees
from core.accounts.roles import Field, Permission, Scope, rights_of
from core.lib.errors import DomainError
from core.lib.money import from_minor
from crm.desk.today import now, today
from customers.models import Standing
from segmentation import rules as verbs
from segmentation import whatif
from segmentation.models import Night, RuleSet

CLASSES = (2, 1, 0)
VERSIONS_SHOWN = 20


class RulesForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Why the rules change"), max_length=300, required=False)

    def __init__(self, *args: Any, parameters: dict[str, float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for constant in verbs.CONSTANTS:
            self.fields[constant.name] = forms.FloatField(
                label=constant.label,
                initial=int(parameters[constant.name]) if constant.whole else parameters[constant.name],
                min_value=constant.low,
                max_value=constant.high,
                widget=forms.NumberInput(attrs={"step": "1" if constant.whole else "any"}),
            )
        self.order_fields([*(constant.name for constant in verbs.CONSTANTS), "reason"])

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The constants under the headings they belong to."""
        return [
            (str(group), [self[constant.name] for constant in constants])
            for group, constants in groupby(verbs.CONSTANTS, key=lambda constant: constant.group)
        ]

    def parameters(self) -> dict[str, float]:
        return {constant.name: self.cleaned_data[constant.name] for constant in verbs.CONSTANTS}


@needs(Permission.VIEW_RULES)
def rules(request: StaffRequest) -> HttpResponse:
    """GET shows the rules in force; POST previews a draft or, with `save`, makes it the next version."""
    latest = verbs.current()
    parameters = {**verbs.DEFAULTS, **latest.parameters}
    editable = may(request.user, Permission.EDIT_RULES)
    if request.method != "POST":
        return _page(request, RulesForm(parameters=parameters), latest, editable)
    if not editable:
        return render(request, "403.html", status=403)
    form = RulesForm(request.POST, parameters=parameters)
    if not form.is_valid():
        return _page(request, form, latest, editable, status=422)
    try:
        draft = verbs.digest(verbs.validate(form.parameters()), after=latest.version)
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        return _page(request, form, latest, editable, status=422)
    if "save" in request.POST:
        try:
            return _save(request, form, draft)
        except DomainError as refusal:
            form.add_error("reason" if refusal.code == "reason_missing" else None, str(refusal))
    preview = whatif.preview(form.parameters(), as_of=today()) if Night.objects.exists() else None
    status = 422 if form.errors else 200
    return _page(request, form, latest, editable, preview=preview, previewed=draft, status=status)


def _save(request: StaffRequest, form: RulesForm, draft: str) -> HttpResponse:
    """Only what was previewed is saved: whoever saves has seen what these very rules do."""
    if request.POST.get("previewed") != draft:
        raise DomainError(
            _("These rules have not been previewed yet. Here is their preview: look at it, then save."),
            code="not_previewed",
        )
    saved = verbs.save(form.parameters(), by=request.user, reason=form.cleaned_data["reason"], at=now())
    messages.success(request, _("Version %(version)d is in force from the next night on.") % {"version": saved.version})
    return redirect("desk:rules")


def _page(
    request: StaffRequest,
    form: RulesForm,
    latest: RuleSet,
    editable: bool,
    *,
    preview: whatif.Preview | None = None,
    previewed: str = "",
    status: int = 200,
) -> HttpResponse:
    return render(
        request,
        "desk/numbers/rules.html",
        {
            "form": form,
            "latest": latest,
            "editable": editable,
            "versions": _history(),
            "previewed": previewed,
            "preview": _told(preview, request.user) if preview else None,
        },
        status=status,
    )


def _history() -> list[dict[str, Any]]:
    """The newest versions, each with what it changed."""
    found = list(RuleSet.objects.select_related("by").order_by("-version")[: VERSIONS_SHOWN + 1])
    return [
        {
            "version": version,
            "reason": verbs.reason_of(version),
            "changes": verbs.changes(before.parameters, version.parameters) if before else [],
        }
        for version, before in zip_longest(found[:VERSIONS_SHOWN], found[1:])
    ]


def _told(preview: whatif.Preview, user: User) -> dict[str, Any]:
    """The preview in words and tables; names only for roles that see customers."""
    labels = dict(Standing.Class.choices)
    managers = {u.pk: str(u) for u in User.objects.filter(pk__in=[m for m in preview.alerts_by_manager if m])}
    sees_names = rights_of(user.role).scope != Scope.NONE
    sees_values = sees(user, Field.VALUE)
    # The order of the rows would tell what the figures do not.
    movers = preview.movers if sees_values else sorted(preview.movers, key=lambda row: row["customer_id"])
    return {
        "as_of": preview.as_of,
        "alerts": preview.alerts_opened,
        "per_manager": [
            {"manager": managers.get(manager or 0, _("nobody")), "alerts": count}
            for manager, count in sorted(preview.alerts_by_manager.items(), key=lambda item: -item[1])
        ],
        "columns": [labels[code] for code in CLASSES],
        "table": [
            {
                "label": labels[before],
                "cells": [
                    {"count": preview.class_moves.get((before, after), 0), "same": before == after} for after in CLASSES
                ],
            }
            for before in (*CLASSES, -1)
        ],
        "moved": sum(count for (before, after), count in preview.class_moves.items() if before != after),
        "movers": [
            {
                **row,
                "name": row["name"] if sees_names else "",
                "before": labels[row["before"]],
                "after": labels[row["after"]],
                "value": from_minor(row["value"]) if sees_values else None,
            }
            for row in movers
        ],
    }
