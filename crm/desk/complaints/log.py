"""Logging a complaint while the caller is on the line: one box, two digits, a few words, saved."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.cases import lifecycle
from complaints.models import Case, CaseMessage, Queue
from complaints.promises import sla
from core.accounts import idempotency
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError, SameKey
from crm.desk.complaints import log_page
from crm.desk.complaints.forms import LogForm
from crm.desk.complaints.log_page import Hint
from crm.desk.complaints.wording import in_words
from crm.desk.opening import opened_by
from crm.desk.today import now, today
from crm.flows import call
from customers import identity
from customers import queries as people
from customers.access import customer_for
from customers.identity import CustomerRef
from customers.models import Customer, Standing, Todo

CHOICE_HOURS = 4
CALLERS = 9


@needs(Permission.LOG_COMPLAINT)
def new(request: StaffRequest) -> HttpResponse:
    """The page, with `?customer=` for one we know. A phone system may send `?phone=`: it is looked up and let go."""
    try:
        sla.policy_at(now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return render(request, "desk/complaints/log.html", {}, status=409)
    if request.method == "POST":
        return _save(request)
    if phone := request.GET.get("phone", "")[:40]:
        return _look_for(request, phone, clean_address=True)
    wanted = request.GET.get("customer", "")
    if not wanted:
        return _page(request)
    if not wanted.isdecimal() or len(wanted) > 18:
        raise Http404
    person = opened_by(request, int(wanted))
    initial = {"client_key": uuid4(), "customer": person.pk}
    return _page(request, person, LogForm(initial=initial, allowed=log_page.allowed(request.user, person)))


@needs(Permission.LOG_COMPLAINT)
@require_POST
def find(request: StaffRequest) -> HttpResponse:
    return _look_for(request, request.POST.get("q", "")[:120])


def _look_for(request: StaffRequest, text: str, *, clean_address: bool = False) -> HttpResponse:
    """One exact hit is opened, several are offered by digit, nobody is a new caller."""
    user, day = request.user, today()
    if not text.strip():
        return redirect("desk:complaint_new")
    exact = people.search(user, text, day)
    if len(exact) == 1:
        return redirect(f"{reverse('desk:complaint_new')}?customer={exact[0].pk}")
    likely = exact or people.callers(user, text, day)
    if likely:
        context = {
            "sought": text,
            "clean_address": clean_address,
            "callers": [Hint.of(user, person) for person in likely[:CALLERS]],
            "too_many": len(likely) > CALLERS,
        }
        return render(request, "desk/complaints/log.html", context)
    looks_like_phone = sum(character.isdigit() for character in text) >= 7
    first = {"phone": text} if looks_like_phone else {"name": "" if any(c.isdigit() for c in text) else text}
    form = LogForm(initial={"client_key": uuid4(), **first}, allowed=log_page.allowed(user, None))
    return _page(request, None, form, sought=text, nobody=True, clean_address=clean_address)


@needs(Permission.LOG_COMPLAINT)
@require_POST
def caller(request: StaffRequest) -> HttpResponse:
    """One of the people offered is on the line."""
    try:
        user_id, customer_id = signing.loads(
            request.POST.get("caller", ""), salt="caller", max_age=timedelta(hours=CHOICE_HOURS)
        )
    except (signing.BadSignature, ValueError):
        raise Http404 from None
    if user_id != request.user.pk:
        raise Http404
    people.look_up(request.user, customer_id, today())
    customer_for(request.user, customer_id, today())
    return redirect(f"{reverse('desk:complaint_new')}?customer={customer_id}")


def _page(
    request: StaffRequest,
    person: Customer | None = None,
    form: LogForm | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    context = log_page.context(request.user, person, form, now())
    return render(request, "desk/complaints/log.html", context | more, status=status)


# Saved ----------------------------------------------------------------------------------------------------------------


def _save(request: StaffRequest) -> HttpResponse:
    sent = request.POST.get("customer", "")
    person = customer_for(request.user, int(sent), today()) if sent.isdecimal() and len(sent) <= 18 else None
    form = LogForm(request.POST, allowed=log_page.allowed(request.user, person))
    if form.is_valid():
        try:
            case = _store(request.user, person, form.cleaned_data, now())
        except LoggedBefore as refusal:
            form.add_error(None, str(refusal))
            form.data = {**request.POST.dict(), "client_key": str(uuid4())}
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            idempotency.note(form.cleaned_data["client_key"].hex)
            return redirect("desk:complaint_logged", case.pk)
    return _page(request, person, form, status=422, nobody=False)


class LoggedBefore(DomainError):
    """The page was saved, and came back (by the browser's Back, say) with something else in it."""

    code = "logged_before"

    def __init__(self, case: Case) -> None:
        super().__init__(
            _("%(number)s was saved from this page already. Save once more to keep these words too.")
            % {"number": case.number}
        )


def _store(user: User, person: Customer | None, data: dict[str, Any], at: datetime) -> Case:
    """The words are added to the open case that was chosen, or they are a complaint of their own."""
    channel, key = data["channel"] or Case.Channel.PHONE, str(data["client_key"])
    if data["into"]:
        case = queries.case_for(user, data["into"], at)
        ref = f"call:{key}"
        try:
            return lifecycle.customer_replied(
                case.pk, body=data["description"], channel=channel, at=at, by=user, external_ref=ref
            )
        except SameKey:
            raise LoggedBefore(CaseMessage.objects.select_related("case").get(external_ref=ref).case) from None
    try:
        with transaction.atomic():
            taken = call.log(
                person or _stranger(user, data),
                category=data["category"],
                channel=channel,
                by=user,
                at=at,
                call_at=log_page.call_promised(data["promise"], at),
                offer=_offer(data, key),
                description=data["description"],
                severity=data["severity"],
                order_ref=data["order_ref"],
                remedy_sought=data["remedy_sought"],
                received_at=data["received_at"],
                late_reason=data["late_reason"],
                answered=data["answered"],
                client_key=key,
            )
    except SameKey:
        raise LoggedBefore(Case.objects.get(client_key=key)) from None
    return taken.case


def _stranger(user: User, data: dict[str, Any]) -> Customer:
    day = today()
    ref = CustomerRef(phone=data["phone"], name=data["name"] or _("Caller"), registered_on=day)
    person = identity.find_or_create(ref, today=day)
    people.look_up(user, person.pk, day)
    return person


def _offer(data: dict[str, Any], key: str) -> call.Offer | None:
    if not data["remedy"]:
        return None
    return call.Offer(data["remedy"], data["remedy_amount"] or Decimal(0), f"log:{key}")


@needs(Permission.LOG_COMPLAINT)
def logged(request: StaffRequest, pk: int) -> HttpResponse:
    """The number, large, and the sentence to read aloud: it promises what is on record."""
    case = queries.case_for(request.user, pk, now())
    promise = call.promised(case)
    by_when = promise.due_at if promise and promise.state == Todo.State.OPEN else case.next_due_at
    sentence = (
        _("It is on record under number %(number)s. You will hear from us by %(when)s.")
        % {"number": case.number, "when": in_words(by_when)}
        if by_when
        else _("It is on record under number %(number)s. Thank you for telling us.") % {"number": case.number}
    )
    context = {"case": case, "sentence": sentence, "done": _done(case, promise)}
    return render(request, "desk/complaints/logged.html", context)


def _done(case: Case, promise: Todo | None) -> list[str]:
    """What saving has set in motion."""
    lines = [_where(case) % {"owner": case.owner, "queue": case.queue}]
    if promise and promise.owner and promise.due_at:
        lines.append(_("%(owner)s calls by %(when)s.") % {"owner": promise.owner, "when": in_words(promise.due_at)})
    if case.served_as == Standing.Class.BIG and case.customer.manager and case.customer.manager_id != case.owner_id:
        lines.append(_("%(manager)s, the account manager, is told.") % {"manager": case.customer.manager})
    lines += [
        _("%(promise)s by %(when)s.") % {"promise": clock.target.get_metric_display(), "when": in_words(clock.due_at)}
        for clock in case.clocks.filter(state="running").select_related("target").order_by("due_at")
        if clock.due_at
    ]
    return lines


def _where(case: Case) -> str:
    head = case.queue.department.head
    is_told = head is not None and head.is_active
    if case.owner:
        return _("%(owner)s has it, in the queue %(queue)s.")
    if case.queue.routing == Queue.Routing.MANUAL:
        if is_told:
            return _("It waits in the queue %(queue)s until somebody takes it, the head is told.")
        return _("It waits in the queue %(queue)s until somebody takes it.")
    if is_told:
        return _("It waits in the queue %(queue)s: nobody has room, the head is told.")
    return _("It waits in the queue %(queue)s: nobody has room.")
