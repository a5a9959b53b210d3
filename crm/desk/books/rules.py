"""How full a book may be and where new customers go: read by all who read rules, changed by two people."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from core.accounts.models import Team
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.rulebook import changes
from core.rulebook.models import RuleChange
from crm.desk.acting import carried_out
from crm.desk.date_input import DateInput
from crm.desk.today import now
from customers.rulebook.books import BOUNDS, RULES, WORDS
from customers.work import capacity

BESIDE = {"reason_missing": "reason", "starts_on": "starts_on", "regions": "regions", **{name: name for name in BOUNDS}}


class RulesForm(forms.Form):
    """Numbers, and a line for each province: “广东 = South”."""

    with_assistant = forms.IntegerField(label=WORDS["with_assistant"], min_value=1, max_value=10_000)
    alone = forms.IntegerField(label=WORDS["alone"], min_value=1, max_value=10_000)
    refuse_at = forms.IntegerField(label=WORDS["refuse_at"], min_value=100, max_value=1000)
    regions = forms.CharField(
        label=gettext_lazy("Province = team"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("A line for each province whose new customers go to one team; others go to anybody."),
    )
    starts_on = forms.DateField(label=gettext_lazy("From"), required=False, widget=DateInput())
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=300)

    def __init__(self, *args: Any, rules: capacity.Rules, **kwargs: Any) -> None:
        names = {team.pk: str(team) for team in Team.objects.all()}
        lines = "\n".join(f"{region} = {names.get(team, '?')}" for region, team in rules.regions.items())
        kwargs.setdefault("initial", {**rules.content(), "regions": lines})
        super().__init__(*args, **kwargs)

    def clean_regions(self) -> dict[str, int]:
        teams = {str(team): team.pk for team in Team.objects.all()}
        found: dict[str, int] = {}
        for line in filter(None, (line.strip() for line in str(self.cleaned_data["regions"]).splitlines())):
            region, _sign, team = (part.strip() for part in line.replace("＝", "=").partition("="))
            if not region or team not in teams:
                raise forms.ValidationError(
                    _("“%(line)s”: write a province, =, and the name of a team.") % {"line": line}
                )
            found[region] = teams[team]
        return found


@needs(Permission.VIEW_RULES)
@require_safe
def rules(request: StaffRequest) -> HttpResponse:
    """What is in force."""
    return _page(request, RulesForm(rules=capacity.in_force(at=now())))


@needs(Permission.EDIT_RULES)
@require_POST
def propose(request: StaffRequest) -> HttpResponse:
    """The rules wait for a second person, with how many books would be full."""
    form = RulesForm(request.POST, rules=capacity.in_force(at=now()))

    def verb(data: dict[str, Any]) -> RuleChange:
        starts_on = data.pop("starts_on")
        reason = data.pop("reason")
        return changes.propose(RULES, data, starts_on=starts_on, reason=reason, by=request.user, at=now())

    done = carried_out(form, verb, beside=BESIDE)
    return redirect("desk:rule_change", done.result.pk) if done else _page(request, form)


def _page(request: StaffRequest, form: RulesForm) -> HttpResponse:
    current = capacity.in_force(at=now())
    context = {
        "form": form,
        "version": current.version,
        "says": RULES.says(current.content()),
        "editable": may(request.user, Permission.EDIT_RULES),
        "waits": changes.waiting(RULES),
    }
    return render(request, "desk/books/rules.html", context, status=422 if form.errors else 200)
