"""The one question to the customer. Opening the link answers nothing; only pressing the button does."""

from typing import Any, NamedTuple

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from complaints.afterwards import follow_up
from core.lib.errors import DomainError
from crm.desk.complaints.forms import SCORES, SurveyForm
from crm.desk.today import now


class Score(NamedTuple):
    value: int
    label: str | Promise
    chosen: bool


@login_not_required
@csrf_exempt  # the link is the right to answer, whatever cookies a browser keeps; nobody is signed in here
@never_cache
def survey(request: HttpRequest, secret: str) -> HttpResponse:
    form = SurveyForm(request.POST) if request.method == "POST" else SurveyForm()
    try:
        row = follow_up.survey_for(secret, at=now())
        if form.is_bound and form.is_valid():
            follow_up.record_answer(secret, at=now(), **form.cleaned_data)
            return _page(request, {"thanks": True})
    except DomainError as refusal:
        return _page(request, {"refusal": str(refusal)}, status=410)
    chosen = str(form.data.get("score", "")) if form.is_bound else ""
    scores = [Score(value, label, str(value) == chosen) for value, label in SCORES]
    return _page(request, {"case": row.case, "form": form, "scores": scores}, status=422 if form.is_bound else 200)


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    answer = render(request, "desk/complaints/survey.html", context, status=status)
    answer["X-Robots-Tag"] = "noindex"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
