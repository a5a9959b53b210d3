"""Files of orders: upload, say which column is what, see what would happen, import, fetch back the refused rows."""

from itertools import zip_longest

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRefresh

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.paging import page_of
from crm.desk.today import now, today
from crm.flows import arrival
from customers import contact_points
from customers.imports import file as import_file
from customers.imports import runs as verbs
from customers.models import Import

SHOWN = 30
SAMPLE = 20
FIELDS = (
    ("date", gettext_lazy("Order date")),
    ("paid", gettext_lazy("Paid")),
    ("order_no", gettext_lazy("Order number")),
    ("customer", gettext_lazy("Customer id")),
    ("phone", gettext_lazy("Phone")),
    ("email", gettext_lazy("E-mail")),
    ("name", gettext_lazy("Name")),
    ("region", gettext_lazy("Province")),
    ("city", gettext_lazy("City")),
    ("cost", gettext_lazy("Cost")),
    ("units", gettext_lazy("Quantity")),
    ("status", gettext_lazy("Status")),
    ("version", gettext_lazy("Version")),
    ("category", gettext_lazy("Category")),
    ("product", gettext_lazy("Product")),
    ("line_paid", gettext_lazy("Line amount")),
)


class UploadForm(forms.Form):
    source = forms.SlugField(label=gettext_lazy("Source"), initial="shop", max_length=40)
    file = forms.FileField(
        label=gettext_lazy("CSV file or Excel workbook"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xls,.ods"}),
    )


class MappingForm(forms.Form):
    def __init__(self, *args: object, run: Import, columns: list[str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choices = [("", "–"), *((name, name) for name in columns)]
        for field, label in FIELDS:
            self.fields[field] = forms.ChoiceField(
                label=label, choices=choices, required=field in import_file.NEEDED, initial=run.mapping.get(field, "")
            )


def _import_for(pk: int) -> Import:
    found = Import.objects.defer("content").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


@needs(Permission.IMPORT)
def imports(request: StaffRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data["file"]
        try:
            run = verbs.upload(sent.name, sent.read(), source=form.cleaned_data["source"], by=request.user, at=now())
            return redirect("desk:import", run.pk)
        except DomainError as refusal:
            form.add_error("file", str(refusal))
    status = 422 if form.errors else 200
    page = page_of(request, Import.objects.defer("content").select_related("by").order_by("-at", "-pk"), SHOWN)
    return render(request, "desk/admin/imports.html", {"form": form, "page": page}, status=status)


@needs(Permission.IMPORT)
def import_run(request: StaffRequest, pk: int) -> HttpResponse:
    """POST `check` looks at every row and stores nothing; POST `run` imports the good ones.

    While a worker is at it, the page asks every two seconds how far it is.
    """
    run = _import_for(pk)
    worked = run.state in (Import.State.WAITING, Import.State.RUNNING)
    if request.htmx and request.method == "GET":
        return (
            render(request, "desk/admin/import.html#progress", {"run": run}) if worked else HttpResponseClientRefresh()
        )
    columns = verbs.columns(run)
    # What a row lacks altogether is named by the field, not by a column of the file.
    labels = {field: label for field, label in FIELDS if field not in columns}
    form = MappingForm(request.POST or None, run=run, columns=columns)
    if request.method == "POST" and form.is_valid():
        task = Import.Task.RUN if "run" in request.POST else Import.Task.CHECK
        try:
            verbs.map_columns(run, {field: name for field, name in form.cleaned_data.items() if name})
            run.refresh_from_db()
            done = arrival.start_file(run, task, by=request.user, at=now(), today=today())
            if done and task == Import.Task.RUN:
                messages.success(request, _("Imported"))
            return redirect("desk:import", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return render(
        request,
        "desk/admin/import.html",
        {
            "run": run,
            "worked": worked,
            "form": form,
            "columns": columns,
            "sample": _sample(run, columns),
            "rejected": [
                {"line": row.line_number, "column": labels.get(row.column, row.column), "reason": row.reason}
                for row in run.rejected.order_by("line_number")[:SAMPLE]
            ],
        },
        status=422 if form.errors else 200,
    )


def _sample(run: Import, names: list[str]) -> list[list[str]]:
    """The first rows as they were read, phones and e-mails masked: who imports need not see them."""
    plain = {name for field, name in run.mapping.items() if field not in ("customer", "phone", "email")}
    return [
        [cell if name in plain else contact_points.veil(cell) for name, cell in zip_longest(names, row, fillvalue="")]
        for row in verbs.preview(run, SAMPLE)
    ]


@needs(Permission.IMPORT)
def rejected(request: StaffRequest, pk: int) -> HttpResponse:
    run = _import_for(pk)
    response = HttpResponse(verbs.rejected_csv(run), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="rejected-{run.pk}.csv"'
    return response
