"""The page behind the link that an agent has sent: the customer sends photos, once, without an account."""

from typing import Any

from allauth.core import ratelimit
from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from complaints.attachments import contents, links
from core.lib.errors import DomainError
from crm.desk.complaints.files.pages import taken
from crm.desk.today import now


class UploadForm(forms.Form):
    words = forms.CharField(
        label=gettext_lazy("Anything to say about them?"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@login_not_required
@csrf_exempt  # the link is the right to send, whatever cookies a browser keeps; nobody is signed in here
@never_cache
def upload(request: HttpRequest, secret: str) -> HttpResponse:
    """The form; what was sent goes into the case, unless one of the files is refused: then none does, and why."""
    if not ratelimit.consume(request, action="upload"):
        return _page(request, {"refusal": _("Too many tries. Wait an hour.")}, status=429)
    form = UploadForm(request.POST if request.method == "POST" else None)
    try:
        link = links.link_for(secret, at=now())
        if form.is_bound and form.is_valid():
            sent = request.FILES.getlist("files")
            good, refused = taken(sent[: links.MOST_FILES + 1])
            if not refused:
                links.receive(secret, good, words=form.cleaned_data["words"], at=now())
                return _page(request, {"thanks": True})
            for sentence in refused:
                form.add_error(None, sentence)
    except DomainError as refusal:
        if refusal.code == "link_over":
            return _page(request, {"refusal": str(refusal)}, status=410)
        form.add_error(None, str(refusal))
    context = {"case": link.case, "form": form, "most": links.MOST_FILES, "most_mb": contents.LARGEST // 1024**2}
    return _page(request, context, status=422 if form.errors else 200)


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    answer = render(request, "desk/complaints/upload.html", context, status=status)
    answer["X-Robots-Tag"] = "noindex"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
