"""Logging a complaint while the caller is on the line: one box, two digits, a few words, saved."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.attachments import files
from complaints.cases import intake, lifecycle
from complaints.models import Case, CaseMessage, Queue
from complaints.promises import sla
from core.accounts import idempotency
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError, Invalid, SameKey
from crm.desk.acting import press
from crm.desk.complaints import log_page
from crm.desk.complaints.calls import who
from crm.desk.complaints.calls.who import Hint
from crm.desk.complaints.files import of_call
from crm.desk.complaints.forms import LogForm
from crm.desk.complaints.wording import in_words
from crm.desk.opening import opened_by
from crm.desk.today import now, today
from crm.flows import call
from customers import contact_points, keys
from customers import queries as people
from customers.access import customer_for
from customers.models import Customer, Standing, Todo

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
    if request.GET.get("anonymous"):
        return _page(request, None, _blank(request.user, None, anonymous=True))
    wanted = request.GET.get("customer", "")
    if not wanted:
        return _page(request)
    if not wanted.isdecimal() or len(wanted) > 18:
        raise Http404
    person = opened_by(request, int(wanted))
    told = {name: request.GET[name][:80] for name in ("order", "into") if name in request.GET}
    first: dict[str, Any] = {"customer": person.pk}
    first |= {"orders": [told["order"]]} if "order" in told else {}
    first |= {"into": told["into"]} if told.get("into", "").isdecimal() else {}
    return _page(request, person, _blank(request.user, person, **first))


def _blank(user: User, person: Customer | None, **first: Any) -> LogForm:
    return LogForm(initial={"client_key": uuid4(), **first}, allowed=log_page.allowed(user, person))


@needs(Permission.LOG_COMPLAINT)
@require_POST
def find(request: StaffRequest) -> HttpResponse:
    return _look_for(request, request.POST.get("q", "")[:120])


def _look_for(request: StaffRequest, text: str, *, clean_address: bool = False) -> HttpResponse:
    """One exact hit is opened, several are offered by digit, nobody is a new caller; a case leads to its customer."""
    user, day = request.user, today()
    if not text.strip() or not _in_force():
        return redirect("desk:complaint_new")
    if who.is_nobody(text):
        return redirect(f"{reverse('desk:complaint_new')}?anonymous=1")
    case = queries.named(user, text, now())
    if case and queries.is_case_number(text):
        return _of_case(request, case)
    exact = people.search(user, text, day)
    who.remember(request, text)
    if len(exact) == 1:
        return _to(exact[0], text)
    likely = exact or people.callers(user, text, day)
    if likely:
        context = {
            "sought": text,
            "clean_address": clean_address,
            "callers": [Hint.of(user, person) for person in likely[:CALLERS]],
            "too_many": len(likely) > CALLERS,
            "case": case,
        }
        return render(request, "desk/complaints/log.html", context)
    if case:
        return _of_case(request, case)
    return _nobody(request, text, clean_address=clean_address)


def _to(person: Customer, text: str) -> HttpResponse:
    """The call of this customer. Found by an order, it is about that order."""
    told: dict[str, Any] = {"customer": person.pk}
    number = keys.order_key(text)
    if number and person.orders.filter(external_id=number).exists():
        told["order"] = number
    return redirect(f"{reverse('desk:complaint_new')}?{urlencode(told)}")


def _of_case(request: StaffRequest, case: Case) -> HttpResponse:
    """Somebody calls about a case: what they say is added to it while it is open, else its page is shown."""
    if case.customer is None or not case.is_open:
        return redirect("desk:complaint", case.pk)
    people.look_up(request.user, case.customer.pk, today())
    told = urlencode({"customer": case.customer.pk, "into": case.pk})
    return redirect(f"{reverse('desk:complaint_new')}?{told}")


def _nobody(request: StaffRequest, text: str, *, answer: str = "", **more: Any) -> HttpResponse:
    """The form of a caller who is not on record: what was typed stands where it belongs."""
    first: dict[str, Any] = {"who": answer}
    if sum(character.isdigit() for character in text) >= 7 and not any(c.isalpha() for c in text):
        first["phone"] = text
    elif any(character.isdigit() for character in text):
        first["orders_typed"] = text
    else:
        first["name"] = text
    return _page(request, None, _blank(request.user, None, **first), sought=text, nobody=not answer, **more)


@needs(Permission.LOG_COMPLAINT)
@require_POST
def caller(request: StaffRequest) -> HttpResponse:
    """One of the people offered is on the line."""
    return _to(who.offered(request.user, request.POST.get("caller", "")), who.sought(request))


@needs(Permission.LOG_COMPLAINT)
@require_POST
def stranger(request: StaffRequest) -> HttpResponse:
    """None of the people offered, or not the one who was found: somebody who is not on record yet."""
    if not _in_force():
        return redirect("desk:complaint_new")
    return _nobody(request, who.sought(request), answer="share")


def _in_force() -> bool:
    """Whether anything can be promised; without that the page says what is missing."""
    try:
        sla.policy_at(now())
    except DomainError:
        return False
    return True


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
    # Before anything is stored: a virus scanner is asked, and what was chosen stays with a call that is refused.
    refused = of_call.take_in(request)
    for sentence in refused:
        form.add_error(None, sentence)
    if form.is_valid():
        try:
            case = _store(request.user, person, form.cleaned_data, now())
        except LoggedBefore as refusal:
            form.add_error(None, str(refusal))
            form.data = _with_new_key(request)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            idempotency.note(form.cleaned_data["client_key"].hex)
            return redirect("desk:complaint_logged", case.pk)
    return _page(request, person, form, status=422, nobody=False)


def _with_new_key(request: StaffRequest) -> QueryDict:
    """The form goes on as another call, with the files that were chosen."""
    data, key = request.POST.copy(), str(uuid4())
    data["client_key"] = key
    files.move_to_call(of_call.key_of(request.POST.get("client_key", "")), key, by=request.user)
    return data


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
    heard_at = log_page.heard_at(data["said_at"], at)
    if data["into"]:
        return _added(user, queries.case_for(user, data["into"], at), data, heard_at, at)
    try:
        with transaction.atomic():
            case = call.log(
                person or _caller(user, data),
                category=data["category"],
                channel=channel,
                by=user,
                at=at,
                call_at=log_page.call_promised(data["promise"], heard_at),
                offer=_offer(data, key),
                description=data["description"],
                severity=data["severity"],
                orders=data["about"],
                remedy_sought=data["remedy_sought"],
                received_at=data["received_at"] or heard_at,
                late_reason=data["late_reason"],
                answered=data["answered"],
                client_key=key,
            ).case
            files.put_into_case(case.pk, key, by=user, at=at)
            return case
    except SameKey:
        raise LoggedBefore(Case.objects.get(client_key=key)) from None


@transaction.atomic
def _added(user: User, case: Case, data: dict[str, Any], heard_at: datetime, at: datetime) -> Case:
    """The words are added to the open case; what was promised with them is the agent's to keep."""
    ref, words = f"call:{data['client_key']}", data["description"]
    call_at = log_page.call_promised(data["again"], heard_at)
    told_before = CaseMessage.objects.filter(external_ref=ref).exists()
    channel = data["channel"] or Case.Channel.PHONE
    try:
        case = lifecycle.customer_replied(case.pk, body=words, channel=channel, at=at, by=user, external_ref=ref)
    except SameKey:
        raise LoggedBefore(CaseMessage.objects.select_related("case").get(external_ref=ref).case) from None
    if call_at and not told_before:
        call.promise(case.pk, call_at, by=user, at=at)
    files.put_into_case(case.pk, str(data["client_key"]), by=user, at=at)
    return case


def _caller(user: User, data: dict[str, Any]) -> Customer | None:
    """Who is on the line, if the form is not that of a known customer; nobody when they do not say."""
    if data["anonymous"]:
        return None
    first = intake.find(client_key=str(data["client_key"]))
    if first and first.customer and _has(first.customer, data["phone"]):
        return first.customer  # told twice: the caller was put on record the first time
    return who.stranger(user, phone=data["phone"], name=data["name"], answer=data["who"])


def _has(person: Customer, phone: str) -> bool:
    try:
        return contact_points.point_of(person, contact_points.Kind.PHONE, phone) is not None
    except Invalid:
        return False


def _offer(data: dict[str, Any], key: str) -> call.Offer | None:
    if not data["remedy"]:
        return None
    return call.Offer(data["remedy"], data["remedy_amount"] or Decimal(0), f"log:{key}")


@needs(Permission.LOG_COMPLAINT)
def logged(request: StaffRequest, pk: int) -> HttpResponse:
    """The number, large, and the sentence to read aloud: it promises what is on record, and nothing that is over."""
    case = queries.case_for(request.user, pk, now())
    context = {
        "case": case,
        "sentence": _aloud(case, log_page.promised_by(case, now())),
        "missed": log_page.missed(case, now()),
        "again": log_page.calls(now(), "") if case.customer_id else [],
        "done": _done(case, call.promised(case)),
    }
    return render(request, "desk/complaints/logged.html", context)


def _aloud(case: Case, by_when: datetime | None) -> str:
    if by_when is None:
        return _("It is on record under number %(number)s. Thank you for telling us.") % {"number": case.number}
    return _("It is on record under number %(number)s. You will hear from us by %(when)s.") % {
        "number": case.number,
        "when": in_words(by_when),
    }


@needs(Permission.LOG_COMPLAINT)
@require_POST
def promise(request: StaffRequest, pk: int) -> HttpResponse:
    """The caller was promised a call by another time: it is the agent's to make."""
    case = queries.case_for(request.user, pk, now())

    def again() -> None:
        call_at = log_page.call_promised(request.POST.get("again", ""), now())
        if call_at is None:
            raise Invalid(_("Choose when you call."), code="call_at")
        call.promise(case.pk, call_at, by=request.user, at=now())

    press(request, again, _("Promised: it stands on your list until you have called."))
    return redirect("desk:complaint_logged", case.pk)


def _done(case: Case, promise: Todo | None) -> list[str]:
    """What saving has set in motion."""
    lines = [_where(case) % {"owner": case.owner, "queue": case.queue}]
    if promise and promise.owner and promise.due_at and promise.state == Todo.State.OPEN and promise.due_at >= now():
        lines.append(_("%(owner)s calls by %(when)s.") % {"owner": promise.owner, "when": in_words(promise.due_at)})
    manager = case.customer.manager if case.customer else None
    if case.served_as == Standing.Class.BIG and manager and manager.pk != case.owner_id:
        lines.append(_("%(manager)s, the account manager, is told.") % {"manager": manager})
    lines += [
        _("%(promise)s by %(when)s.") % {"promise": clock.target.get_metric_display(), "when": in_words(clock.due_at)}
        for clock in case.clocks.filter(state="running").select_related("target").order_by("due_at")
        if clock.due_at and clock.due_at >= now()
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
