"""Logging a complaint while the caller is on the line: one box, two digits, a few words, saved."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.db.models import Q, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.cases import intake, lifecycle, prompts, remedies
from complaints.models import Case, Category, Metric, RemedyLimit
from complaints.models.cases import OPEN
from complaints.models.catalogue import Severity
from complaints.models.remedies import RemedyKind
from complaints.promises import calendars, sla
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs, sees
from core.accounts.roles import Field, Permission
from core.lib.errors import DomainError
from core.lib.periods import mall_moment, mall_zone
from crm.desk.today import now, today
from customers import contacts, identity
from customers import queries as people
from customers.access import customer_for
from customers.identity import CustomerRef
from customers.models import Contact, Customer, Order, Standing, Todo
from segmentation.models import Alert

CHOICE_HOURS = 4
RECENT_ORDER = timedelta(days=14)
HALF_YEAR = timedelta(days=180)
CHANGED = Decimal("0.15")
CONTACT_CHANNELS = {
    Case.Channel.PHONE: Contact.Channel.PHONE,
    Case.Channel.WECHAT: Contact.Channel.WECHAT,
    Case.Channel.EMAIL: Contact.Channel.EMAIL,
    Case.Channel.VISIT: Contact.Channel.VISIT,
}


def zone() -> ZoneInfo:
    return mall_zone()


class LogForm(forms.Form):
    client_key = forms.UUIDField(widget=forms.HiddenInput)
    customer = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1)
    into = forms.IntegerField(required=False, min_value=1)
    phone = forms.CharField(
        label=gettext_lazy("Phone"), required=False, max_length=40, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=120)
    order_ref = forms.CharField(required=False, max_length=80)
    category = forms.ModelChoiceField(
        queryset=Category.objects.filter(active=True, parent__isnull=False), required=False
    )
    description = forms.CharField(
        label=gettext_lazy("What happened"), required=False, max_length=8000, widget=forms.Textarea(attrs={"rows": 4})
    )
    promise = forms.CharField(required=False, max_length=20)
    severity = forms.TypedChoiceField(
        choices=[("", ""), *Severity.choices], coerce=int, empty_value=None, required=False
    )
    remedy = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    remedy_amount = forms.DecimalField(
        label=gettext_lazy("How much"), required=False, min_value=0, max_digits=9, decimal_places=2
    )
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), choices=Case.Channel.choices, initial=Case.Channel.PHONE, required=False
    )
    remedy_sought = forms.CharField(label=gettext_lazy("What the customer wants"), required=False, max_length=300)
    received_at = forms.DateTimeField(
        label=gettext_lazy("Said earlier, at"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    late_reason = forms.CharField(label=gettext_lazy("Why it is logged only now"), required=False, max_length=200)

    def __init__(self, *args: Any, allowed: list[RemedyLimit] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["remedy"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", _("Nothing for now"))] + [(limit.kind, _offer(limit)) for limit in allowed or []]

    def clean_received_at(self) -> datetime | None:
        told: datetime | None = self.cleaned_data["received_at"]
        return told.replace(tzinfo=zone()) if told else None

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if not told.get("customer") and not told.get("phone"):
            self.add_error("phone", _("Fill in the phone of the caller."))
        if not told.get("into") and not told.get("category") and "category" not in self.errors:
            self.add_error("category", _("Choose what it is about: one digit, then another."))
        return told


def _offer(limit: RemedyLimit) -> str:
    label = str(RemedyKind(limit.kind).label)
    most = f"{limit.at_once:,.0f}"
    return _("%(what)s up to %(most)s") % {"what": label, "most": most} if limit.at_once else label


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
        return _found(request, phone, clean_address=True)
    wanted = request.GET.get("customer", "")
    if not wanted:
        return _page(request)
    if not wanted.isdecimal() or len(wanted) > 18:
        raise Http404
    person = customer_for(request.user, int(wanted), today())
    return _page(request, person, LogForm(initial=_initial(person), allowed=_allowed(request.user, person)))


@needs(Permission.LOG_COMPLAINT)
@require_POST
def find(request: StaffRequest) -> HttpResponse:
    return _found(request, request.POST.get("q", "")[:120])


def _found(request: StaffRequest, text: str, *, clean_address: bool = False) -> HttpResponse:
    """One exact hit is opened, several are offered by digit, nobody is a new caller."""
    user, day = request.user, today()
    if not text.strip():
        return redirect("desk:complaint_new")
    exact = people.search(user, text, day)
    if len(exact) == 1:
        return redirect(f"{reverse('desk:complaint_new')}?customer={exact[0].pk}")
    likely = exact or people.callers(user, text, day)
    if likely:
        return render(
            request,
            "desk/complaints/log.html",
            {
                "sought": text,
                "clean_address": clean_address,
                "callers": [_hint(user, person) for person in likely[:9]],
                "too_many": len(likely) > 9,
            },
        )
    looks_like_phone = sum(character.isdigit() for character in text) >= 7
    first = {"phone": text} if looks_like_phone else {"name": "" if any(c.isdigit() for c in text) else text}
    form = LogForm(initial={"client_key": uuid4(), **first}, allowed=_allowed(user, None))
    return _page(request, None, form, sought=text, nobody=True, clean_address=clean_address)


def _hint(user: User, person: Customer) -> dict[str, Any]:
    """What tells one caller from another without showing more than the agent must ask for anyway."""
    masks = [p.mask for p in person.contact_points.all() if p.kind == "phone"] if sees(user, Field.CONTACT) else []
    name = person.name if may(user, Permission.LIST_CUSTOMERS) else f"{person.name[:1]}**"
    return {
        "token": signing.dumps([user.pk, person.pk], salt="caller"),
        "name": name,
        "hints": " · ".join([*masks[:2], person.city or person.region or ""]).strip(" ·"),
        "class_value": person.standing.customer_class,
        "class_label": person.standing.get_customer_class_display(),
    }


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


def _initial(person: Customer) -> dict[str, Any]:
    return {"client_key": uuid4(), "customer": person.pk}


def _allowed(user: User, person: Customer | None) -> list[RemedyLimit]:
    """What this agent may give at once to a customer of this class."""
    customer_class = person.standing.customer_class if person else Standing.Class.PROSPECT
    limits = [remedies.limit_for(user.role, customer_class, kind) for kind in RemedyKind]
    return [limit for limit in limits if limit]


def _page(
    request: StaffRequest,
    person: Customer | None = None,
    form: LogForm | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    told = (form.data if form.is_bound else form.initial) if form else {}
    known = _caller(request.user, person, told) if person else None
    return render(
        request,
        "desk/complaints/log.html",
        {
            "form": form,
            "draft_key": f"call-{person.pk if person else 'new'}",
            "caller": known,
            "groups": _groups(told),
            "promises": _promises(person, str(told.get("promise") or "due")) if form else [],
            "severities": [
                {"value": value, "label": label, "chosen": str(told.get("severity") or "") == str(value)}
                for value, label in [("", _("as usual for it")), *Severity.choices]
            ],
            "remedies": _allowed(request.user, person) if form else [],
            **more,
        },
        status=status,
    )


def _groups(told: Any) -> list[dict[str, Any]]:
    """The categories in two levels, each level short enough for the digits."""
    leaves = Category.objects.filter(active=True, parent__active=True).select_related("parent")
    wanted = str(told.get("category") or "")
    groups: dict[int | None, dict[str, Any]] = {}
    for leaf in leaves.order_by("parent__position", "parent_id", "position", "id"):
        assert leaf.parent is not None  # noqa: S101
        group = groups.setdefault(
            leaf.parent_id, {"pk": leaf.parent_id, "name": leaf.parent.name, "categories": [], "chosen": False}
        )
        chosen = str(leaf.pk) == wanted
        group["categories"].append({"pk": leaf.pk, "name": leaf.name, "chosen": chosen})
        group["chosen"] = group["chosen"] or chosen
    for place, group in enumerate(groups.values(), start=1):
        group["key"] = str(place % 10) if place <= 10 else ""
    return list(groups.values())


@dataclass(frozen=True)
class Promise:
    value: str
    label: str
    at: datetime | None
    chosen: bool = False


def _promises(person: Customer | None, chosen: str) -> list[Promise]:
    """What can be promised; the first is what the customer's class is owed anyway."""
    at = now()
    local = at.astimezone(zone())
    served_as = person.standing.customer_class if person else Standing.Class.PROSPECT
    target = sla.target_for(sla.policy_at(at), served_as, Severity.NORMAL, Metric.FIRST_RESPONSE)
    owed = calendars.due(target.calendar, at, target.minutes)
    offers: list[tuple[str, str, datetime | None]] = [
        ("due", _("an answer by %(when)s") % {"when": said(owed)}, None),
        ("hour", _("a call within the hour"), at + timedelta(hours=1)),
    ]
    evening = mall_moment(local.date(), 18)
    if local < evening - timedelta(hours=1):
        offers.append(("today", _("a call today by 18:00"), evening))
    noon = mall_moment(local.date() + timedelta(days=1), 12)
    offers += [("tomorrow", _("a call tomorrow by 12:00"), noon), ("none", _("nothing"), None)]
    return [Promise(value, label, moment, value == chosen) for value, label, moment in offers]


def said(at: datetime) -> str:
    """A moment as one says it: today 17:00, tomorrow 09:30, 11-20 10:00."""
    local = localtime(at, zone())
    days = (local.date() - today()).days
    if days == 0:
        return _("today %(time)s") % {"time": f"{local:%H:%M}"}
    if days == 1:
        return _("tomorrow %(time)s") % {"time": f"{local:%H:%M}"}
    return f"{local:%m-%d %H:%M}"


def _caller(user: User, person: Customer, told: Any) -> dict[str, Any]:
    """Everything the agent needs to see before the first sentence."""
    day, at = today(), now()
    alert = Alert.objects.filter(customer=person, state=Alert.State.OPEN).first()
    promises = Todo.objects.filter(customer=person, state=Todo.State.OPEN, reason=Todo.Reason.PROMISE).order_by(
        "due_on"
    )
    open_cases = list(Case.objects.filter(customer=person, status__in=OPEN).order_by("-opened_at")[:3])
    into = str(told["into"]) if "into" in told else str(open_cases[0].pk) if open_cases else ""
    overdue = any(promise.due_on < day for promise in promises)
    orders = _orders(person, told.get("order_ref"))
    trend = _trend(person, at)
    lately = person.contacts.filter(at__gte=at - timedelta(days=30)).count()
    return {
        "customer": person,
        "standing": person.standing,
        "tone": "red" if alert or overdue or open_cases else "grey",
        "alert": alert.get_kind_display() if alert else "",
        "promises": [
            {
                "text": _("%(promise)s (%(day)s)")
                % {"promise": promise.text.get("promise") or "…", "day": f"{promise.due_on:%m-%d}"},
                "tone": "red" if promise.due_on < day else "amber",
            }
            for promise in promises[:2]
        ],
        "prompts": [prompts.wording(prompt) for prompt in prompts.armed(person, "contact", at=at)[:2]],
        "lately": _("%(contacts)d conversations in 30 days, %(cases)d open cases")
        % {"contacts": lately, "cases": len(open_cases)},
        "open_cases": [
            {
                "pk": case.pk,
                "number": case.number,
                "title": case.title,
                "status": case.get_status_display(),
                "chosen": str(case.pk) == into,
            }
            for case in open_cases
        ],
        "into": into,
        "orders": orders,
        "order_ref": any(order["chosen"] for order in orders),
        "history": _history(person),
        **trend,
    }


def _orders(person: Customer, chosen: Any) -> list[dict[str, Any]]:
    """The last three, the newest preselected while it can still be the matter."""
    last = list(person.orders.order_by("-ordered_at").prefetch_related("lines__product")[:3])
    if chosen is None and last and now() - last[0].ordered_at <= RECENT_ORDER:
        chosen = last[0].external_id
    return [
        {
            "ref": order.external_id,
            "goods": ", ".join(f"{line.product.name} × {line.quantity}" for line in order.lines.all())
            or order.external_id,
            "day": order.ordered_on,
            "paid": order.paid,
            "status": order.get_status_display(),
            "chosen": order.external_id == chosen,
        }
        for order in last
    ]


def _trend(person: Customer, at: datetime) -> dict[str, str]:
    """Does this customer buy more or less than in the half-year before? A direction, not an amount."""
    sums = person.orders.filter(status=Order.Status.PAID, ordered_at__gt=at - 2 * HALF_YEAR).aggregate(
        now=Sum("paid", filter=Q(ordered_at__gt=at - HALF_YEAR)),
        before=Sum("paid", filter=Q(ordered_at__lte=at - HALF_YEAR)),
    )
    recent, before = sums["now"] or Decimal(0), sums["before"] or Decimal(0)
    if not recent and not before:
        return {}
    if recent > before * (1 + CHANGED):
        return {"trend": "trending-up", "trend_word": _("rising"), "trend_why": _("Bought more in the last half-year")}
    if recent < before * (1 - CHANGED):
        return {
            "trend": "trending-down",
            "trend_word": _("falling"),
            "trend_why": _("Bought less in the last half-year"),
        }
    return {"trend": "arrow-right", "trend_word": _("steady"), "trend_why": _("Buys about as much as half a year ago")}


def _history(person: Customer) -> list[dict[str, Any]]:
    talks: list[dict[str, Any]] = [
        {"at": talk.at, "icon": "phone", "title": talk.get_outcome_display(), "text": talk.note}
        for talk in person.contacts.order_by("-at")[:4]
    ]
    told = [
        {
            "at": case.opened_at,
            "icon": "flag",
            "title": f"{case.number} · {case.get_status_display()}",
            "text": case.title,
        }
        for case in Case.objects.filter(customer=person).order_by("-opened_at")[:4]
    ]
    return sorted(talks + told, key=lambda item: item["at"], reverse=True)[:6]


def _save(request: StaffRequest) -> HttpResponse:
    sent = request.POST.get("customer", "")
    person = customer_for(request.user, int(sent), today()) if sent.isdecimal() and len(sent) <= 18 else None
    form = LogForm(request.POST, allowed=_allowed(request.user, person))
    if form.is_valid():
        try:
            case, promised = _log(request.user, person, form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            address = reverse("desk:complaint_logged", args=[case.pk])
            return redirect(f"{address}?by={int(promised.timestamp())}" if promised else address)
    return _page(request, person, form, status=422, nobody=False)


@transaction.atomic
def _log(user: User, person: Customer | None, told: dict[str, Any]) -> tuple[Case, datetime | None]:
    """The complaint, and with it the conversation, its promise and the remedy offered."""
    at, day, key = now(), today(), str(told["client_key"])
    if told["into"]:
        case = queries.case_for(user, told["into"], at)
        said_in = lifecycle.customer_replied(
            case.pk,
            body=told["description"],
            channel=told["channel"] or Case.Channel.PHONE,
            at=at,
            by=user,
            external_ref=f"call:{key}",
        )
        return said_in, None
    if person is None:
        person = identity.find_or_create(
            CustomerRef(phone=told["phone"], name=told["name"] or _("Caller"), registered_on=day), today=day
        )
        people.look_up(user, person.pk, day)
    channel = told["channel"] or Case.Channel.PHONE
    logged = intake.log(
        person,
        category=told["category"],
        channel=channel,
        by=user,
        at=at,
        description=told["description"],
        severity=told["severity"],
        order_ref=told["order_ref"],
        remedy_sought=told["remedy_sought"],
        received_at=told["received_at"],
        late_reason=told["late_reason"],
        client_key=key,
    )
    case = logged.case
    promised = next((p.at for p in _promises(person, "") if p.value == told["promise"]), None)
    if logged.created and promised and channel in CONTACT_CHANNELS:
        contacts.log_contact(
            person,
            by=user,
            at=at,
            channel=CONTACT_CHANNELS[channel],
            direction=Contact.Direction.IN,
            outcome=Contact.Outcome.PROMISED,
            mood=Contact.Mood.BAD,
            note=f"{case.number} {case.title}",
            promise=_("%(number)s: call back by %(time)s")
            % {"number": case.number, "time": f"{promised.astimezone(zone()):%m-%d %H:%M}"},
            promise_due_on=promised.astimezone(zone()).date(),
        )
    if logged.created and told["remedy"]:
        remedies.propose(
            case.pk,
            kind=told["remedy"],
            amount=told["remedy_amount"] or Decimal(0),
            reason=case.title,
            by=user,
            at=at,
            client_key=f"log:{key}",
        )
    return case, promised


@needs(Permission.LOG_COMPLAINT)
def logged(request: StaffRequest, pk: int) -> HttpResponse:
    """The number, large, and the sentence to read aloud."""
    case = queries.case_for(request.user, pk, now())
    stamp = request.GET.get("by", "")
    promised = datetime.fromtimestamp(int(stamp), zone()) if stamp.isdecimal() and len(stamp) <= 11 else None
    by_when = promised or case.next_due_at
    sentence = (
        _("It is on record under number %(number)s. You will hear from us by %(when)s.")
        % {"number": case.number, "when": said(by_when)}
        if by_when
        else _("It is on record under number %(number)s. Thank you for telling us.") % {"number": case.number}
    )
    return render(
        request,
        "desk/complaints/logged.html",
        {"case": case, "sentence": sentence, "done": _done(case)},
    )


def _done(case: Case) -> list[str]:
    """What saving has set in motion."""
    lines = [
        _("%(owner)s has it, in the queue %(queue)s.") % {"owner": case.owner, "queue": case.queue}
        if case.owner
        else _("It waits in the queue %(queue)s: nobody has room, the head is told.") % {"queue": case.queue}
    ]
    if case.served_as == Standing.Class.BIG and case.customer.manager and case.customer.manager_id != case.owner_id:
        lines.append(_("%(manager)s, the account manager, is told.") % {"manager": case.customer.manager})
    lines += [
        _("%(promise)s by %(when)s.") % {"promise": clock.target.get_metric_display(), "when": said(clock.due_at)}
        for clock in case.clocks.filter(state="running").select_related("target").order_by("due_at")
        if clock.due_at
    ]
    return lines
