"""The doors of bulk runs: what is asked, the page of a run, what is fetched from it, and the strip that follows it."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.jobs import bulk
from core.jobs.models import BulkItem, BulkRun
from core.lib import csv_cells
from core.lib.errors import DomainError
from crm.desk.acting import carried_out, press
from crm.desk.bulk import export, run_page
from crm.desk.bulk.choosing import Chosen, chosen
from crm.desk.bulk.forms import BulkForm
from crm.desk.bulk.kinds import KINDS, LISTS
from crm.desk.paging import page_of
from crm.desk.today import now, today
from crm.flows.bulk import exports

AT_ONCE = 50
MEDIA = {
    export.CSV: "text/csv; charset=utf-8",
    export.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def ask(request: StaffRequest, list_: str, kind: str) -> HttpResponse:
    """The form of what is to be done with the rows that are chosen, with how many they are."""
    what = chosen(request, list_, kind)
    return _asked(request, what, what.form(request, filled=False))


def _asked(request: StaffRequest, what: Chosen, form: BulkForm, *, status: int = 200) -> HttpResponse:
    context = {
        "chosen": what,
        "form": form,
        "note": form.note(),
        "query": request.GET.urlencode(),
        "counted": what.definition.counted(form.count),
        "sentence": run_page.sentence(what.definition, what.known.tree) if what.ids is None else "",
        "capped": what.ids is None,
    }
    name = "desk/bulk/_ask.html" if request.htmx else "desk/bulk/ask.html"
    return render(request, name, context, status=status)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def start(request: StaffRequest, list_: str, kind: str) -> HttpResponse:
    """The rows are frozen and, if they are few, worked at once: then the list says so, and how to take it back."""
    what = chosen(request, list_, kind)
    form = what.form(request, filled=True)

    def freeze(data: dict[str, Any]) -> BulkRun:
        try:
            with transaction.atomic():
                run = bulk.freeze(what.kind, what.rows, what.asked_for(form), by=request.user, at=now())
        except DomainError:
            # Sent twice at once: what the first has made, such as a new label, is in the way of the second.
            before = bulk.of_key(request.user, data["key"])
            if before is None:
                raise
            return before
        _tell_second(run)
        return run

    outcome = carried_out(form, freeze, beside={"name": "name"})
    if outcome is None:
        return _asked(request, what, form, status=422)
    run: BulkRun = outcome.result
    if what.kind.is_small(run.total) and run.state == BulkRun.State.WAITING:
        run = bulk.work(run.pk, KINDS, now=now) or run
    if run.state != BulkRun.State.DONE or kind == exports.EXPORT:
        return redirect("desk:bulk_run", run.pk)
    again = reverse("desk:bulk_undo", args=[run.pk]) if bulk.can_undo(run, KINDS, at=now()) else ""
    messages.success(request, run_page.in_short(run), extra_tags=again)
    query = request.GET.urlencode()
    return redirect(f"{reverse(what.definition.routes['list'])}{'?' if query else ''}{query}")


def _tell_second(run: BulkRun) -> None:
    if run.state == BulkRun.State.APPROVAL:
        exports.tell_second(run, at=now())


@needs(Permission.LIST_CUSTOMERS)
def runs(request: StaffRequest) -> HttpResponse:
    """What somebody did with many rows, the newest first."""
    page = page_of(request, bulk.of_person(request.user), AT_ONCE)
    context = {"page": page.of(run_page.rows(page.rows))}
    return render(request, "desk/bulk/runs.html", context)


@needs(Permission.LIST_CUSTOMERS)
def run(request: StaffRequest, pk: int) -> HttpResponse:
    return render(request, "desk/bulk/run.html", run_page.context(_mine(request, pk)))


@needs(Permission.LIST_CUSTOMERS)
def progress(request: StaffRequest, pk: int) -> HttpResponse:
    """The middle of the page, as long as the run goes on."""
    return render(request, "desk/bulk/_run.html", run_page.context(_mine(request, pk)))


@needs(Permission.READ_MESSAGES)
def strip(request: StaffRequest) -> HttpResponse:
    """At the foot of every page: the run that is being worked; nothing once there is none."""
    going = bulk.of_person(request.user).filter(state__in=bulk.GOING).first()
    return render(request, "desk/bulk/_strip.html", {"row": run_page.row(going) if going else None})


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def confirm(request: StaffRequest, pk: int) -> HttpResponse:
    press(request, lambda: _tell_second(bulk.confirm(pk, KINDS, by=request.user)), _("It goes on."))
    return redirect("desk:bulk_run", pk)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def stop(request: StaffRequest, pk: int) -> HttpResponse:
    press(request, lambda: bulk.stop(pk, by=request.user, at=now()), _("It stops after what it is just doing."))
    return redirect("desk:bulk_run", pk)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def undo(request: StaffRequest, pk: int) -> HttpResponse:
    """A small run is undone at once, a big one by a worker; what was changed since stays, and is listed."""
    if press(request, lambda: bulk.undo(pk, KINDS, by=request.user, at=now()), ""):
        asked_for = _mine(request, pk)
        small = KINDS[asked_for.kind].is_small(asked_for.total)
        ended = bulk.work(pk, KINDS, now=now) if small else None
        messages.success(request, run_page.in_short(ended) if ended else _("It is being undone."))
    return redirect("desk:bulk_run", pk)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def fetch(request: StaffRequest, pk: int) -> HttpResponse:
    """The file of an export, once; 410 and a sentence afterwards."""
    try:
        ended, data = export.fetch(pk, by=request.user, at=now())
    except export.Gone as gone:
        context = run_page.context(_mine(request, pk)) | {"gone": str(gone)}
        return render(request, "desk/bulk/run.html", context, status=410)
    kind = ended.params["format"]
    name = f"laoke-{ended.list}-{ended.pk}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(data, content_type=MEDIA[kind], headers=headers)


@needs(Permission.LIST_CUSTOMERS)
@require_POST
def results(request: StaffRequest, pk: int) -> HttpResponseBase:
    """What became of each row, as a file: its number, what happened, and why not."""
    ended = _mine(request, pk)
    audit.record(request.user, "bulk.results_taken", ended, at=now(), rows=ended.total)
    name = f"laoke-run-{ended.pk}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    lines = _lines(request, ended, get_language() or "en")
    return StreamingHttpResponse(lines, content_type=MEDIA[export.CSV], headers=headers)


def _lines(request: StaffRequest, ended: BulkRun, language: str) -> Iterator[str]:
    """The names of those whom the reader sees now; of the others the number. In a language that is not the moment's."""
    definition = LISTS[ended.list]
    with override(language):
        head = [_("Number"), _("name"), _("Result"), _("Why")]
    yield "\ufeff" + "".join(csv_cells.lines([head]))
    last = 0
    while items := list(BulkItem.objects.filter(run=ended, n__gt=last).order_by("n")[: bulk.BATCH]):
        last, ids = items[-1].n, [item.target for item in items]
        numbers = definition.numbers(ids)
        seen = definition.rows(request.user, today()).filter(pk__in=ids).select_related(*definition.related)
        names = {row.pk: definition.called(row)[0] for row in seen}
        with override(language):
            rows = [
                [
                    numbers.get(item.target, ""),
                    names.get(item.target, "–"),
                    item.get_state_display(),
                    run_page.why(item.code),
                ]
                for item in items
            ]
        yield from csv_cells.lines(rows)


def _mine(request: StaffRequest, pk: int) -> BulkRun:
    ours = bulk.of_person(request.user).filter(pk=pk).select_related("by", "approved_by").first()
    if ours is None:
        raise Http404
    return ours
