"""What an import will do and has done: its plan, what waits for a yes, calling it off, undoing it; and who told what last."""

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from core.accounts.permissions import StaffRequest, needs, sees
from core.accounts.roles import Field, Permission
from core.lib.money import from_minor
from crm.desk.acting import Thanks, press
from crm.desk.admin import import_page
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.flows import arrival
from customers.imports import plan, runs, sources, undo
from customers.models import Customer, Import, ImportQuestion, Order
from customers.record import changes
from customers.record import fields as custom_fields

SHOWN = 50
AT_WORK = (Import.State.WAITING, Import.State.RUNNING)
OF_ORDERS = ("stale", "guest", "new_customers")
COUNTED = (
    ("created", gettext_lazy("Created")),
    ("updated", gettext_lazy("Updated")),
    ("unchanged", gettext_lazy("Unchanged")),
    ("stale", gettext_lazy("Older than the record")),
    ("asked", gettext_lazy("Waits for a yes")),
    ("guest", gettext_lazy("Without a customer")),
    ("rejected", gettext_lazy("Refused rows")),
    ("new_customers", gettext_lazy("New customers")),
)


class Counted(NamedTuple):
    """How many orders came to something, and how many the check had planned, where that is another number."""

    label: str
    orders: int
    planned: int | None


class Side(NamedTuple):
    """An order before or after, as it is shown."""

    who: str
    day: date
    status: str
    paid: Any
    refunded: Any
    lines: list[str]


class Question(NamedTuple):
    """One row that waits: why, what is stored, what the file says."""

    row: ImportQuestion
    why: list[str]
    before: Side | None
    after: Side | None
    differs: frozenset[str]
    told: "Told | None" = None  # of a file that is not of orders


class Told(NamedTuple):
    """Fields of a customer or refund, before and after: (label, what it says)."""

    who: str
    before: list[tuple[str, str]]
    after: list[tuple[str, str]]


class KindCount(NamedTuple):
    kind: str
    label: str
    rows: int


@needs(Permission.IMPORT)
@require_safe
def import_plan(request: StaffRequest, pk: int) -> HttpResponse:
    """The plan of one file, and what became of it. While a worker is at it, the page asks how far it is."""
    run = get_object_or_404(Import.objects.select_related("by"), pk=pk)
    if request.htmx:
        if run.state in AT_WORK:
            return render(request, "desk/admin/import_plan.html#work", {"run": run})
        return HttpResponseClientRefresh()
    page = page_of(request, plan.questions(run), SHOWN)
    return render(
        request,
        "desk/admin/import_plan.html",
        {
            "run": run,
            "worked": run.state in AT_WORK,
            "counted": _counted(run),
            "differs": run.state == Import.State.DONE and bool(run.planned) and _what(run.planned) != _what(run.counts),
            "noted": import_page.noted(run),
            "kinds": [KindCount(kind, _label(kind), count) for kind, count in plan.kinds(run).items()],
            "page": page.of(_questions(page.rows, sees(request.user, Field.BIRTHDAY))),
            "undoable": undo.can_be_undone(run, at=now()),
            "undone": _undone(run) if run.state == Import.State.UNDONE else "",
        },
    )


@needs(Permission.IMPORT)
@takeable("import-sources", people=False)
@require_safe
def import_sources(request: StaffRequest) -> HttpResponse:
    """When each source last sent a file or an order, how much, and who."""
    rows = sources.last_words(at=now())
    return render(request, "desk/admin/import_sources.html", {"rows": rows, "days": sources.CALLS_OF.days})


# Deeds --------------------------------------------------------------------------------------------------------------


@needs(Permission.IMPORT)
@require_POST
def import_go(request: StaffRequest, pk: int) -> HttpResponse:
    """Do what the plan says, with what has a yes by now; what is open about the file is asked on its page first."""
    if runs.findings(get_object_or_404(Import, pk=pk)).refuses:
        messages.warning(request, _("A question about this file is open: answer it, or import the rest."))
        return redirect("desk:import", pk)
    return _press(request, pk, lambda run: _start(request, run, Import.Task.RUN), _thanks(_("Imported")))


@needs(Permission.IMPORT)
@require_POST
def import_undo(request: StaffRequest, pk: int) -> HttpResponse:
    """Take the import back."""
    return _press(request, pk, lambda run: _start(request, run, Import.Task.UNDO), _thanks(_("Undone")))


@needs(Permission.IMPORT)
@require_POST
def import_cancel(request: StaffRequest, pk: int) -> HttpResponse:
    """Stop before the next part of the file."""
    thanks = _("It stops before its next part. What is in stays in.")
    return _press(request, pk, lambda run: plan.cancel(run, by=request.user, at=now()), thanks)


@needs(Permission.IMPORT)
@require_POST
def import_answer(request: StaffRequest, pk: int) -> HttpResponse:
    """Yes or no to one row, to all rows that wait for one reason, or to all."""
    row, kind = request.POST.get("row", ""), request.POST.get("kind", "")

    def answered(run: Import) -> int:
        return plan.answer(
            run,
            yes=request.POST.get("answer") == "yes",
            by=request.user,
            at=now(),
            pks=[int(row)] if row.isdecimal() else [],
            kind=kind,
            all_="all" in request.POST,
        )

    def thanks(count: int) -> str:
        return ngettext("%(count)d row is answered.", "%(count)d rows are answered.", count) % {"count": count}

    return _press(request, pk, answered, thanks)


def _press(request: StaffRequest, pk: int, verb: Callable[[Import], Any], thanks: Thanks) -> HttpResponse:
    run = get_object_or_404(Import, pk=pk)
    press(request, lambda: verb(run), thanks)
    return redirect("desk:import_plan", pk)


def _start(request: StaffRequest, run: Import, task: str) -> bool:
    return arrival.start_file(run, task, by=request.user, at=now(), today=today())


def _thanks(done: str) -> Callable[[bool], str]:
    return lambda is_over: done if is_over else ""


# How it is shown ----------------------------------------------------------------------------------------------------


def _counted(run: Import) -> list[Counted]:
    if not run.counts:
        return []
    return [
        Counted(str(label), run.counts.get(name, 0), before if before != run.counts.get(name, 0) else None)
        for name, label in COUNTED
        if run.kind == "orders" or name not in OF_ORDERS
        for before in [run.planned.get(name, run.counts.get(name, 0))]
    ]


def _what(counts: dict[str, int]) -> dict[str, int]:
    return {name: counts.get(name, 0) for name, _label in COUNTED}


def _label(kind: str) -> str:
    return str(ImportQuestion.Kind(kind).label)


def _questions(rows: Any, may_see_birthdays: bool) -> list[Question]:
    rows = list(rows)
    people = Customer.objects.in_bulk([row.before["customer_id"] for row in rows if row.before])
    shown = []
    for row in rows:
        owner = people.get(row.before.get("customer_id"))
        if "fields" in row.after:
            before_and_after = (_fields(side["fields"], may_see_birthdays) for side in (row.before, row.after))
            why = [_label(kind) for kind in row.asks]
            shown.append(Question(row, why, None, None, frozenset(), Told(str(owner or "–"), *before_and_after)))
            continue
        before = _side(row.before, str(owner) if owner else "–") if row.before else None
        after = _side(row.after, row.after.get("who") or "–")
        differs = frozenset(name for name in ("day", "status", "paid", "refunded", "lines") if _differ(row, name))
        shown.append(Question(row, [_label(kind) for kind in row.asks], before, after, differs))
    return shown


def _fields(told: dict[str, str], may_see_birthdays: bool) -> list[tuple[str, str]]:
    own = {f"{changes.CUSTOM}{field.key}": field.name for field in custom_fields.in_use()}
    of_goods = {"category": _("Category"), "price": _("Price"), "cost": _("Cost"), "picture": _("Picture")}
    labels = {**changes.LABELS, **of_goods, **own, "amount": _("Money back")}
    hidden = set() if may_see_birthdays else {changes.BIRTHDAY}
    return [
        (str(labels.get(name, name)), "–" if name in hidden else changes.words(name, text))
        for name, text in told.items()
    ]


def _differ(row: ImportQuestion, name: str) -> bool:
    return bool(row.before) and row.before[name] != row.after[name]


def _side(told: dict[str, Any], who: str) -> Side:
    lines = [f"{units} × {name}" for name, units, _amount in told["lines"]]
    status = str(Order.Status(told["status"]).label)
    paid, refunded = (from_minor(told[name] or 0) for name in ("paid", "refunded"))
    return Side(who, date.fromisoformat(told["day"]), status, paid, refunded, lines)


def _undone(run: Import) -> str:
    if run.kind in ("customers", "products"):
        return str(
            _("%(removed)d are gone, %(restored)d are as they were. %(kept)d are known otherwise by now and stay.")
            % ({"removed": 0, "restored": 0, "kept": 0} | run.undone)
        )
    counts = {"removed": 0, "restored": 0, "customers": 0, "kept": 0, "cancelled": 0} | run.undone
    text: str = _(
        "%(removed)d orders are gone, %(restored)d are as they were, %(customers)d new customers are gone. "
        "%(kept)d were told otherwise since and stay; %(cancelled)d have points or coupons and stay as cancelled."
    )
    if contacts := run.undone.get("contacts", 0):
        text += " " + ngettext(
            "%(contacts)d phone, e-mail or number that it alone had told of a known customer is gone.",
            "%(contacts)d phones, e-mails and numbers that it alone had told of known customers are gone.",
            contacts,
        )
    return str(text % (counts | {"contacts": contacts}))
