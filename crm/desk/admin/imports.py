"""Files of orders: upload, say which column is what, see what would happen, import, fetch back the refused rows."""

from itertools import zip_longest
from typing import NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.admin.forms import FIELDS, MappingForm, UploadForm
from crm.desk.paging import page_of
from crm.desk.today import now, today
from crm.flows import arrival
from customers import contact_points
from customers.imports import runs as verbs
from customers.imports.reading.shape import Opened
from customers.models import Import

SHOWN = 30
SAMPLE = 20
AT_WORK = (Import.State.WAITING, Import.State.RUNNING)


class RefusedRow(NamedTuple):
    """A row that would not go in: its line, the column or field that is wrong, and why."""

    line: int
    column: str
    reason: str


@needs(Permission.IMPORT)
def imports(request: StaffRequest) -> HttpResponse:
    """The newest files. POST keeps a new one; nothing of it is stored yet."""
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
            )
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
    """Import the good rows."""
    return _start(request, pk, Import.Task.RUN, done=_("Imported"))


def _start(request: StaffRequest, pk: int, task: Import.Task, *, done: str = "") -> HttpResponse:
    """The columns are as the form says and the work has begun; `done` is said if it is over already."""
    run = get_object_or_404(Import, pk=pk)
    form = MappingForm(request.POST, run=run, columns=verbs.columns(run))
    if not form.is_valid():
        return _page(request, run, form)
    try:
        verbs.map_columns(run, form.mapping)
        run.refresh_from_db()
        is_over = arrival.start_file(run, task, by=request.user, at=now(), today=today())
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        return _page(request, run, form)
    if is_over and done:
        messages.success(request, done)
    return redirect("desk:import", pk)


def _page(request: StaffRequest, run: Import, form: MappingForm | None = None) -> HttpResponse:
    columns = verbs.columns(run)
    return render(
        request,
        "desk/admin/import.html",
        {
            "run": run,
            "worked": run.state in AT_WORK,
            "form": form or MappingForm(run=run, columns=columns),
            "columns": columns,
            "sample": _sample(run, columns),
            "rejected": _rejected(run, columns),
        },
        status=422 if form and form.errors else 200,
    )


def _sample(run: Import, names: list[str]) -> list[list[str]]:
    """The first rows as they were read, phones and e-mails masked: who imports need not see them."""
    plain = {name for field, name in run.mapping.items() if field not in ("customer", "phone", "email")}
    return [
        [cell if name in plain else contact_points.veil(cell) for name, cell in zip_longest(names, row, fillvalue="")]
        for row in verbs.preview(run, SAMPLE)
    ]


def _rejected(run: Import, columns: list[str]) -> list[RefusedRow]:
    """The first refused rows. What a row lacks altogether is named by the field, not by a column of the file."""
    labels = {field: str(label) for field, label in FIELDS if field not in columns}
    return [
        RefusedRow(row.line_number, labels.get(row.column, row.column), row.reason)
        for row in run.rejected.order_by("line_number")[:SAMPLE]
    ]


@needs(Permission.IMPORT)
def rejected(request: StaffRequest, pk: int) -> HttpResponse:
    """All refused rows, to be mended and uploaded again."""
    run = get_object_or_404(Import, pk=pk)
    response = HttpResponse(verbs.rejected_csv(run), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="rejected-{run.pk}.csv"'
    return response
