"""What was promised to customers: mine or everybody's that I may see, late first; kept, moved, released, handed over."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh, trigger_client_event

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, mask, needs
from core.accounts.roles import Field, Permission, Scope, rights_of
from core.lib.periods import mall_midnight, mall_moment, mall_time
from crm.desk.acting import carried_out, press, where_it_stood
from crm.desk.paging import page_of
from crm.desk.today import now, today
from crm.desk.work import day
from crm.desk.work.forms import HandOverForm, MoveForm, ReleaseForm
from crm.desk.work.my_day import answer
from customers import todo
from customers.models import Promise
from customers.promises import figures, ledger

SHOWN = 50
FIGURES_OF = timedelta(days=90)
LEADS = {Scope.TEAM, Scope.ALL}


class Deed(NamedTuple):
    key: str
    route: str
    label: str


class Row(NamedTuple):
    promise: Promise
    words: str
    when: str
    note: str
    late: bool
    tone: str
    stake: Any
    url: str
    case: str


@needs(Permission.MY_DAY)
def promises(request: StaffRequest) -> HttpResponse:
    user, at = request.user, now()
    everybodys = ledger.visible_to(user, today())
    mine = everybodys.filter(owner=user)
    which = request.GET.get("show", "")
    who = _colleague(request)
    chosen = everybodys.filter(owner=who) if who else everybodys if which in ("all", "settled") else mine
    if who and which == "due":
        rows = figures.due_of(who, everybodys, since=at - FIGURES_OF, until=at, at=at).order_by("-first_due_at", "-pk")
    else:
        rows = _chosen(chosen, which, at)
    page = page_of(request, rows.select_related("customer__standing", "owner", "todo", "done_by"), SHOWN)
    waits = mine.filter(state=Promise.State.OPEN)
    context = {
        "page": page.of(_rows(page.rows, user, at)),
        "who": who,
        "shown": _shown(which) if who else "",
        "found": rows.count() if who else None,
        "is_mine": not who and which not in ("all", "settled"),
        "is_all": not who and which == "all",
        "is_settled": not who and which == "settled",
        "open": waits.count(),
        "due_today": waits.filter(due_at__lt=mall_midnight(today() + timedelta(days=1)), due_at__gte=at).count(),
        "late": waits.filter(due_at__lt=at).count(),
        "everybodys": everybodys.filter(state=Promise.State.OPEN).count(),
        "kept": Figure(_("Kept"), _counted(mine, at)),
        "people": _people(everybodys, at) if rights_of(user).scopes & LEADS else [],
        "days": FIGURES_OF.days,
        "deeds": [
            Deed("m", "desk:promise_move", _("New hour")),
            Deed("r", "desk:promise_release", _("Release")),
            Deed("o", "desk:promise_hand_over", _("Hand over")),
        ],
    }
    return render(request, "desk/work/promises.html", context)


def _colleague(request: StaffRequest) -> User | None:
    """Whose promises a lead looks at."""
    asked = request.GET.get("who", "")
    if not asked.isdecimal() or len(asked) > 9 or not rights_of(request.user).scopes & LEADS:
        return None
    return User.objects.filter(pk=int(asked)).first()


def _chosen(promises: QuerySet[Promise], which: str, at: datetime) -> QuerySet[Promise]:
    match which:
        case "settled":
            return promises.exclude(state=Promise.State.OPEN).order_by("-done_at", "-pk")
        case "late":
            return promises.filter(state=Promise.State.OPEN, due_at__lt=at).order_by("due_at", "pk")
    return promises.filter(state=Promise.State.OPEN).order_by("due_at", "pk")


def _shown(which: str) -> str:
    words = {
        "settled": _("settled"),
        "late": _("late"),
        "due": _("due in the last %(days)d days") % {"days": FIGURES_OF.days},
    }
    return words.get(which, _("open"))


class Figure(NamedTuple):
    name: str
    kept: figures.Kept

    @property
    def share(self) -> str:
        """The percentage with its interval, where there are enough for one."""
        share, interval = self.kept.share, self.kept.interval
        if share is None or interval is None:
            return ""
        return f"{share:.0%} ({interval[0]:.0%} – {interval[1]:.0%})"


def _counted(rows: QuerySet[Promise], at: datetime) -> figures.Kept:
    return figures.counted(rows, since=at - FIGURES_OF, until=at, at=at)


def _people(rows: QuerySet[Promise], at: datetime) -> list[Figure]:
    found = figures.by_person(rows, since=at - FIGURES_OF, until=at, at=at)
    return [Figure(str(person), kept) for person, kept in found]


def _rows(items: Sequence[Promise], user: User, at: datetime) -> list[Row]:
    customers, cases = day.opened_by(user, today(), [(item.customer, item.todo.text.get("case")) for item in items])
    return [
        _row(item, user, at, url=customers.get(item.customer_id, ""), case=cases.get(item.todo.text.get("case", 0), ""))
        for item in items
    ]


def _row(item: Promise, user: User, at: datetime, *, url: str, case: str) -> Row:
    late = item.state == Promise.State.OPEN and item.due_at < at
    task = mask(user, item.todo, at_stake=Field.VALUE)
    return Row(
        promise=item,
        words=item.todo.promised or item.words,
        when=_when(item, at),
        note=ngettext("moved once", "moved %(n)d times", item.moves) % {"n": item.moves} if item.moves else "",
        late=late,
        tone="red" if late or item.state == Promise.State.LATE else "green" if item.state == "kept" else "blue",
        stake=task.at_stake,
        url=url or case,
        case=case,
    )


def _when(item: Promise, at: datetime) -> str:
    """An open one's hour and how far away it is; of a settled one how it ended and when."""
    due = mall_time(item.due_at)
    hour = f"{due:%m-%d %H:%M}" if item.grain == Promise.Grain.HOUR else _("%(day)s (day)") % {"day": f"{due:%m-%d}"}
    if item.done_at:
        how = f"{item.get_state_display()} {mall_time(item.done_at):%m-%d %H:%M}"
        return f"{hour} · {how}" + (f" · {item.done_by}" if item.done_by else "")
    if item.due_at < at:
        return _("%(hour)s, %(time)s overdue") % {"hour": hour, "time": day.span(at - item.due_at)}
    return _("%(hour)s, in %(time)s") % {"hour": hour, "time": day.span(item.due_at - at)}


@needs(Permission.MY_DAY)
@require_POST
def keep(request: StaffRequest, pk: int) -> HttpResponse:
    promise = ledger.promise_for(request.user, pk, today())
    press(
        request,
        lambda: todo.complete(promise.todo.pk, by=request.user, at=now()),
        lambda task: _("Done: %(name)s") % {"name": promise.customer.name},
    )
    customer = reverse("desk:customer", args=[promise.customer_id])
    return redirect(where_it_stood(request, reverse("desk:promises"), customer))


@needs(Permission.MY_DAY)
@require_http_methods(["GET", "POST"])
def move(request: StaffRequest, pk: int) -> HttpResponse:
    promise = ledger.promise_for(request.user, pk, today())
    form = MoveForm(request.POST if request.method == "POST" else None, promise=promise, today=today())

    def carry_out(data: dict[str, Any]) -> Promise:
        due_on, hour = data.pop("due_on"), data.pop("due_time")
        due = (
            ledger.to_the_hour(mall_moment(due_on, hour.hour, hour.minute)) if hour else ledger.on_day(due_on, at=now())
        )
        return ledger.move(pk, due=due, by=request.user, at=now(), **data)

    beside = {"move_time": "due_on", "move_reason": "reason", "move_agreed": "agreed_with_customer"}
    return _asked(request, promise, form, carry_out, "move", _("Moved: %(name)s"), beside)


@needs(Permission.MY_DAY)
@require_http_methods(["GET", "POST"])
def release(request: StaffRequest, pk: int) -> HttpResponse:
    promise = ledger.promise_for(request.user, pk, today())
    form = ReleaseForm(request.POST if request.method == "POST" else None)
    return _asked(
        request,
        promise,
        form,
        lambda data: ledger.release(pk, by=request.user, at=now(), **data),
        "release",
        _("Released: %(name)s"),
        {"release_reason": "how"},
    )


@needs(Permission.MY_DAY)
@require_http_methods(["GET", "POST"])
def hand_over(request: StaffRequest, pk: int) -> HttpResponse:
    promise = ledger.promise_for(request.user, pk, today())
    form = HandOverForm(request.POST if request.method == "POST" else None, promise=promise)
    return _asked(
        request,
        promise,
        form,
        lambda data: ledger.hand_over(pk, by=request.user, at=now(), **data),
        "hand_over",
        _("Handed over: %(name)s"),
        {"hand_over_to": "to"},
    )


TITLES: dict[str, Callable[[], str]] = {
    "move": lambda: _("Move the promise"),
    "release": lambda: _("Release the promise"),
    "hand_over": lambda: _("Hand the promise over"),
}


def _asked(
    request: StaffRequest,
    promise: Promise,
    form: forms.Form,
    verb: Callable[[dict[str, Any]], Any],
    deed: str,
    thanks: str,
    beside: dict[str, str],
) -> HttpResponse:
    """The form in a drawer or on a page of its own; carried out, it leads back to where it was opened."""
    if form.is_bound and carried_out(form, verb, beside=beside):
        text = thanks % {"name": promise.customer.name}
        if not request.htmx:
            messages.success(request, text)
            return redirect("desk:promises")
        if urlsplit(request.htmx.current_url or "").path == reverse("desk:my_day"):
            return trigger_client_event(answer(request, text), "closeDrawer")
        messages.success(request, text)
        return HttpResponseClientRefresh()
    context = {
        "form": form,
        "title": TITLES[deed](),
        "name": promise.customer.name,
        "button": _("Save"),
        "back": _("Promises to customers"),
        "back_url": reverse("desk:promises"),
        "words": f"{promise.todo.promised or promise.words} · {_when(promise, now())}",
        "url": reverse(f"desk:promise_{deed}", args=[promise.pk]),
    }
    template = "desk/work/drawer.html#form" if request.htmx else "desk/work/drawer.html"
    return render(request, template, context, status=422 if form.errors else 200)
