"""Files of orders: upload, answer what is open, see what would happen, import, fetch back the refused rows."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.acting import press, submit
from crm.desk.admin import import_page
from crm.desk.admin.import_forms import ChoicesForm, KindForm, ProfileFileForm, ProfileForm, ReadingForm, UploadForm
from crm.desk.admin.import_page import AT_WORK
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.flows import arrival
from customers.imports import contents, saved
from customers.imports import runs as verbs
from customers.imports.choices import Choices
from customers.imports.profiles import PROFILES
from customers.imports.reading.shape import Opened
from customers.models import Import, ImportProfile

SHOWN = 30


@needs(Permission.IMPORT)
@takeable("imports", people=False)
def imports(request: StaffRequest) -> HttpResponse:
    """The newest files. POST keeps a new one; if nothing is open about it, every row of it is checked as well."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data["file"]
        try:
            run = verbs.upload(
                sent.name,
                Opened(sent.file, sent.size),
                source=form.cleaned_data["source"],
                by=request.user,
                at=now(),
                choices=Choices(kind=form.cleaned_data["kind"]),
            )
            if run.source != form["source"].value().strip():
                messages.info(request, _("The source is stored as “%(code)s”.") % {"code": run.source})
            if not verbs.findings(run).is_open:
                arrival.start_file(run, Import.Task.CHECK, by=request.user, at=now(), today=today())
            return redirect("desk:import", run.pk)
        except DomainError as refusal:
            form.add_error("file", str(refusal))
    page = page_of(request, Import.objects.select_related("by").order_by("-at", "-pk"), SHOWN)
    status = 422 if form.errors else 200
    return render(request, "desk/admin/imports.html", {"form": form, "page": page}, status=status)


@needs(Permission.IMPORT)
@require_safe
def import_file(request: StaffRequest, pk: int) -> HttpResponse:
    """One file. While a worker is at it, the page asks every two seconds how far it is."""
    run = get_object_or_404(Import, pk=pk)
    if not request.htmx:
        return _page(request, run)
    if run.state in AT_WORK:
        return render(request, "desk/admin/import.html#progress", {"run": run})
    return HttpResponseClientRefresh()


@needs(Permission.IMPORT)
@require_POST
def check(request: StaffRequest, pk: int) -> HttpResponse:
    """Look at every row and store nothing."""
    return _start(request, pk, Import.Task.CHECK)


@needs(Permission.IMPORT)
@require_POST
def run(request: StaffRequest, pk: int) -> HttpResponse:
    """Import the good rows; with a question still open, only once somebody has said that the rest is to go in."""
    return _start(request, pk, Import.Task.RUN, done=_("Imported"))


def _start(request: StaffRequest, pk: int, task: Import.Task, *, done: str = "") -> HttpResponse:
    """The file is understood as the form says and the work has begun; `done` is said if it is over already."""
    run = get_object_or_404(Import, pk=pk)
    choices, columns = Choices.of_json(run.choices), verbs.columns(run)
    form = ChoicesForm(request.POST, choices=choices, findings=verbs.findings(run), columns=columns)
    if not form.is_valid():
        return _page(request, run, form)
    if task == Import.Task.RUN and form.unanswered and "rest" not in request.POST:
        return _page(request, run, form, asks_first=True)
    try:
        verbs.choose(run, form.said)
        run.refresh_from_db()
        is_over = arrival.start_file(run, task, by=request.user, at=now(), today=today())
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        return _page(request, run, form)
    if is_over and done:
        messages.success(request, done)
    return redirect("desk:import", pk)


@needs(Permission.IMPORT)
@require_POST
def read(request: StaffRequest, pk: int) -> HttpResponse:
    """The file is read otherwise than it was seen."""
    run = get_object_or_404(Import, pk=pk)
    form = ReadingForm(request.POST, seen=contents.seen(run))
    if submit(request, form, lambda _data: verbs.read_as(run, form.how), _("The file is read so now.")):
        return redirect("desk:import", pk)
    return _page(request, run, reading=form)


@needs(Permission.IMPORT)
@require_POST
def treat_as(request: StaffRequest, pk: int) -> HttpResponse:
    """The rows of the file are orders, customers, products or refunds."""
    run = get_object_or_404(Import, pk=pk)
    form = KindForm(request.POST)
    if not form.is_valid():
        return _page(request, run)
    kind = form.cleaned_data["kind"]
    press(request, lambda: verbs.treat_as(run, kind), _("The file is understood so now."))
    return redirect("desk:import", pk)


@needs(Permission.IMPORT)
@require_POST
def use_profile(request: StaffRequest, pk: int) -> HttpResponse:
    """The file is understood as a profile says."""
    run = get_object_or_404(Import, pk=pk)
    form = ProfileForm(request.POST, chosen="")
    if not form.is_valid():
        return _page(request, run)
    name = form.cleaned_data["profile"]
    press(request, lambda: verbs.use_profile(run, name), _("The file is understood by this profile now."))
    return redirect("desk:import", pk)


def _page(
    request: StaffRequest,
    run: Import,
    form: ChoicesForm | None = None,
    *,
    reading: ReadingForm | None = None,
    asks_first: bool = False,
) -> HttpResponse:
    is_wrong = asks_first or bool((form and form.errors) or (reading and reading.errors))
    shown = import_page.context(run, form, reading=reading) | {"asks_first": asks_first}
    return render(request, "desk/admin/import.html", shown, status=422 if is_wrong else 200)


@needs(Permission.IMPORT)
def rejected(request: StaffRequest, pk: int) -> HttpResponse:
    """All refused rows, to be mended and uploaded again."""
    run = get_object_or_404(Import, pk=pk)
    response = HttpResponse(verbs.rejected_csv(run), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="rejected-{run.pk}.csv"'
    return response


@needs(Permission.IMPORT)
def notes(request: StaffRequest, pk: int) -> HttpResponse:
    """All that was left out or changed of rows that go in, to be looked at and mended."""
    run = get_object_or_404(Import, pk=pk)
    response = HttpResponse(verbs.notes_csv(run), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="notes-{run.pk}.csv"'
    return response


# Profiles -----------------------------------------------------------------------------------------------------------


@needs(Permission.IMPORT)
@takeable("import-profiles", people=False)
def profiles(request: StaffRequest) -> HttpResponse:
    """How the files of each source are understood. POST reads a profile that was exported elsewhere."""
    form = ProfileFileForm(request.POST or None, request.FILES or None)

    def read_file(data: dict[str, Any]) -> ImportProfile:
        return saved.read(data["file"].read(saved.LARGEST + 1), by=request.user, at=now())

    if request.method == "POST" and submit(request, form, read_file, _("The profile can be chosen now.")):
        return redirect("desk:import_profiles")
    page = page_of(request, ImportProfile.objects.select_related("by").order_by("name"), SHOWN)
    shown = {"form": form, "page": page, "built_in": [profile.title for profile in PROFILES.values()]}
    return render(request, "desk/admin/import_profiles.html", shown, status=422 if form.errors else 200)


@needs(Permission.IMPORT)
@require_safe
def export_profile(request: StaffRequest, pk: int) -> HttpResponse:
    """The profile as a file for another mall."""
    profile = get_object_or_404(ImportProfile, pk=pk)
    response = HttpResponse(saved.export(profile), content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="profile-{profile.pk}.json"'
    return response


@needs(Permission.IMPORT)
@require_POST
def delete_profile(request: StaffRequest, pk: int) -> HttpResponse:
    """The next file of its source is understood anew."""
    profile = get_object_or_404(ImportProfile, pk=pk)
    press(request, lambda: saved.delete(profile, by=request.user, at=now()), _("The profile is deleted."))
    return redirect("desk:import_profiles")
