"""What an agent does beside the words, while somebody is on the line: promise, call, warn the next colleague."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from complaints import queries
from complaints.calls import marks
from complaints.models import CallerMark
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission, rights_of
from core.lib.errors import DomainError
from crm.desk.acting import press, submit
from crm.desk.complaints import log_page
from crm.desk.complaints.forms import WARNED_FOR, MarkForm
from crm.desk.opening import opened_by
from crm.desk.today import now, today
from customers import contact_points
from customers import queries as people
from customers.access import customer_for
from customers.models import ContactPoint, Customer


def _person(request: StaffRequest, sent: str) -> Customer:
    if not sent.isdecimal() or len(sent) > 18:
        raise Http404
    return customer_for(request.user, int(sent), today())


# Promised -------------------------------------------------------------------------------------------------------------


@needs(Permission.LOG_COMPLAINT)
@require_safe
def promises(request: StaffRequest) -> HttpResponse:
    """What can be promised for the category and the severity that are chosen by now: what saving will store."""
    at, sent = now(), request.GET
    person = _person(request, sent["customer"]) if sent.get("customer") else None
    try:
        offers = log_page.offers(person, sent.dict(), at, may_call=not sent.get("anonymous"))
    except DomainError as refusal:
        return HttpResponse(escape(str(refusal)), status=422)
    context = {"promises": offers, "said_at": at.isoformat()}
    return render(request, "desk/complaints/log/_promises.html", context)


# The phone ------------------------------------------------------------------------------------------------------------


@needs(Permission.REVEAL_CONTACT)
@require_POST
def phone(request: StaffRequest) -> HttpResponse:
    """The numbers of whoever is on the line in clear; the click says what for, and is on record."""
    return _numbers(request, _person(request, request.POST.get("customer", "")))


@needs(Permission.REVEAL_CONTACT)
@require_POST
def phone_of(request: StaffRequest, pk: int) -> HttpResponse:
    """The same for the customer of a case that this person works."""
    case = queries.case_for(request.user, pk, now())
    if case.customer is None:
        raise Http404
    if rights_of(request.user).looks_up:
        people.look_up(request.user, case.customer.pk, today())
    return _numbers(request, customer_for(request.user, case.customer.pk, today()))


def _numbers(request: StaffRequest, person: Customer) -> HttpResponse:
    """Only those still in use; nobody keeps what is shown. A refusal (the limit of a day) is said in their place."""
    refusal, numbers = "", list[str]()
    try:
        points = contact_points.reveal(person, by=request.user, purpose="call", at=now())
        in_use = person.contact_points.order_by("kind", "id").values_list("retired", flat=True)
        numbers = [
            value
            for (kind, value), retired in zip(points, in_use, strict=False)
            if kind == ContactPoint.Kind.PHONE and not retired
        ]
    except DomainError as error:
        refusal = str(error)
    context = {"numbers": numbers, "refusal": refusal, "customer": person}
    template = "desk/complaints/log/phone.html#numbers" if request.htmx else "desk/complaints/log/phone.html"
    response = render(request, template, context, status=422 if refusal else 200)
    response["Cache-Control"] = "no-store"
    return response


# Warned of ------------------------------------------------------------------------------------------------------------


@needs(Permission.LOG_COMPLAINT)
def mark(request: StaffRequest, pk: int) -> HttpResponse:
    """The next colleague is warned of this caller; the head of the desk is asked. In a call: beside the words."""
    person = opened_by(request, pk)
    form = MarkForm(request.POST or None, initial={"until": today() + WARNED_FOR})
    if request.method == "POST" and submit(
        request,
        form,
        lambda data: marks.mark(person, by=request.user, at=now(), today=today(), **data),
        lambda row: "" if request.htmx else _warned(row),
        beside={"reason_missing": "reason", "until": "until"},
    ):
        return _mark(request, person) if request.htmx else redirect("desk:complaint_mark", pk)
    return _mark(request, person, form, status=422 if form.is_bound else 200)


def _warned(row: CallerMark) -> str:
    if row.state == CallerMark.State.APPROVED:
        return _("The next colleague is warned")
    return _("The next colleague is warned; the head of the desk is asked")


@needs(Permission.LOG_COMPLAINT)
@require_POST
def unmark(request: StaffRequest, pk: int) -> HttpResponse:
    """The warning goes, and why."""
    person = customer_for(request.user, pk, today())
    standing = marks.in_force(person, today=today())
    if standing is None:
        raise Http404
    reason = request.POST.get("reason", "")
    press(
        request,
        lambda: marks.remove(standing.pk, by=request.user, at=now(), reason=reason),
        _("Nobody is warned any more"),
    )
    return redirect("desk:complaint_mark", pk)


def _mark(request: StaffRequest, person: Customer, form: MarkForm | None = None, *, status: int = 200) -> HttpResponse:
    standing = marks.in_force(person, today=today())
    context = {
        "customer": person,
        "form": form or MarkForm(initial={"until": today() + WARNED_FOR}),
        "mark": standing,
        "removes": standing
        and (
            may(request.user, marks.DECIDES)
            or (standing.state == CallerMark.State.PROPOSED and standing.marked_by_id == request.user.pk)
        ),
    }
    template = "desk/complaints/log/mark.html#mark" if request.htmx else "desk/complaints/log/mark.html"
    return render(request, template, context, status=status)
