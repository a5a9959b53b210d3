"""The one question to the customer. Opening the link answers nothing; only pressing the button does."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from complaints.afterwards import follow_up
from core.lib.errors import DomainError
from crm.desk.today import now

SCORES = ((5, _("Very content")), (4, _("Content")), (3, _("So-so")), (2, _("Not content")), (1, _("Annoyed")))


class SurveyForm(forms.Form):
    score = forms.TypedChoiceField(
        choices=SCORES, coerce=int, error_messages={"required": _("Choose one of the five.")}
    )
    solved = forms.TypedChoiceField(
        label=_("Is the matter solved?"),
        choices=[("yes", _("Yes")), ("no", _("No"))],
        coerce=lambda told: told == "yes",
        widget=forms.RadioSelect,
        initial="yes",
    )
    comment = forms.CharField(
        label=_("What could we do better?"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )


@login_not_required
@never_cache
def survey(request: HttpRequest, secret: str) -> HttpResponse:
    form = SurveyForm(request.POST) if request.method == "POST" else SurveyForm()
    try:
        found = follow_up.survey_for(secret, at=now())
        if form.is_bound and form.is_valid():
            follow_up.record_answer(secret, at=now(), **form.cleaned_data)
            return _page(request, {"thanks": True})
    except DomainError as refusal:
        return _page(request, {"refusal": str(refusal)}, status=410)
    chosen = str(form.data.get("score", "")) if form.is_bound else ""
    scores = [{"value": value, "label": label, "chosen": str(value) == chosen} for value, label in SCORES]
    return _page(request, {"case": found.case, "form": form, "scores": scores}, status=422 if form.is_bound else 200)


def _page(request: HttpRequest, told: dict[str, Any], status: int = 200) -> HttpResponse:
    answer = render(request, "desk/complaints/survey.html", told, status=status)
    answer["X-Robots-Tag"] = "noindex"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
