"""The files of a case: shown to whoever may see the case, added, removed, asked of the customer by a link."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from complaints import queries
from complaints.attachments import contents, files, links
from complaints.models import Attachment, Case
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_time
from crm.desk.acting import press
from crm.desk.today import now

TYPES = {
    Attachment.Kind.JPEG: "image/jpeg",
    Attachment.Kind.PNG: "image/png",
    Attachment.Kind.PDF: "application/pdf",
}
AT_ONCE = 10


class FileRow(NamedTuple):
    """A file as the page of its case lists it."""

    file: Attachment
    url: str
    who: str
    removes: str


def rows(case: Case, user: User) -> list[FileRow]:
    return [
        FileRow(
            row,
            reverse("desk:complaint_file", args=[case.pk, row.pk]),
            str(row.added_by or case.who),
            reverse("desk:complaint_file_remove", args=[case.pk, row.pk]) if files.may_remove(row, user) else "",
        )
        for row in files.of(case)
    ]


def context(case: Case, user: User) -> dict[str, Any]:
    """The card of the case page."""
    return {"case": case, "files": rows(case, user), "most_mb": contents.LARGEST // 1024**2, "takes": case.is_open}


def taken(sent: Iterable[UploadedFile[Any]]) -> tuple[list[links.Sent], list[str]]:
    """What of the files can be kept, and a sentence for each of the others. Asks the virus scanner."""
    good, refused = [], []
    for file in sent:
        name = str(file.name or "")
        try:
            if file.size is not None and file.size > contents.LARGEST:
                raise Invalid(contents.too_large())
            good.append(links.Sent(name, files.ready(file.read())))
        except DomainError as refusal:
            refused.append(f"{name[:60]}: {refusal}")
    return good, refused


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def add(request: StaffRequest, pk: int) -> HttpResponse:
    """Files chosen, dropped or pasted; each that is not taken says why."""
    case = queries.case_for(request.user, pk, now())
    sent = request.FILES.getlist("files")[:AT_ONCE]
    good, refused = taken(sent)
    if not sent:
        refused.append(_("Choose a file first."))
    count = 0
    for name, file in good:
        try:
            files.add(case.pk, name=name, file=file, by=request.user, at=now())
            count += 1
        except DomainError as refusal:
            refused.append(f"{name[:60]}: {refusal}")
    if request.htmx:
        card = context(case, request.user) | {"refused": refused}
        return render(request, "desk/complaints/case/_files.html", card, status=422 if refused else 200)
    for sentence in refused:
        messages.error(request, sentence)
    if count:
        messages.success(request, _("Stored"))
    return redirect(f"{reverse('desk:complaint', args=[pk])}#files")


@needs(Permission.WORK_COMPLAINTS)
@require_safe
def show(request: StaffRequest, pk: int, file: int) -> HttpResponse:
    """The file to whoever may see its case: a picture in the browser, a PDF to be saved. The look is on record."""
    return shown(_row(request, pk, file).pk, request.user)


def shown(file: int, user: User) -> HttpResponse:
    """What a file holds, to somebody who may see it; Http404 once it is removed."""
    try:
        row, data = files.opened(file, by=user, at=now())
    except DomainError:
        raise Http404 from None
    kind = Attachment.Kind(row.kind)
    response = HttpResponse(data, content_type=TYPES[kind])
    response["Content-Disposition"] = content_disposition_header(kind == Attachment.Kind.PDF, row.name) or "inline"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def remove(request: StaffRequest, pk: int, file: int) -> HttpResponse:
    row = _row(request, pk, file)
    reason = request.POST.get("reason", "")
    press(request, lambda: files.remove(row.pk, by=request.user, at=now(), reason=reason), _("Removed"))
    return redirect(f"{reverse('desk:complaint', args=[pk])}#files")


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def ask(request: StaffRequest, pk: int) -> HttpResponse:
    """A link that the agent sends to the customer; it is shown this once."""
    case = queries.case_for(request.user, pk, now())
    at = now()
    try:
        secret = links.make(case.pk, by=request.user, at=at)
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("desk:complaint", pk)
    link = request.build_absolute_uri(reverse("upload", args=[secret]))
    card = {"case": case, "link": link, "words": _words(case, link, at)}
    response = render(request, "desk/complaints/case/upload_link.html", card)
    response["Cache-Control"] = "no-store"
    return response


def _words(case: Case, link: str, at: datetime) -> str:
    """What the agent can send as it stands."""
    until = f"{mall_time(at + links.GOOD_FOR):%m-%d %H:%M}"
    return _("About %(number)s: please send us photos by this link, good until %(until)s: %(link)s") % {
        "number": case.number,
        "until": until,
        "link": link,
    }


def _row(request: StaffRequest, pk: int, file: int) -> Attachment:
    case = queries.case_for(request.user, pk, now())
    row = files.of(case).filter(pk=file).first()
    if row is None:
        raise Http404
    return row
