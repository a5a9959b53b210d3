"""What the case page shows: what was said, what is owed and why, and everything that can be done about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import uuid4

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from complaints import queries
from complaints.calls import marks
from complaints.cases import handover, lifecycle, mail, priority, prompts, remedies, transitions
from complaints.models import (
    Case,
    CaseEvent,
    CaseMail,
    CaseMessage,
    Clock,
    Draft,
    Handover,
    Metric,
    Pause,
    Remedy,
    ReplyTemplate,
    ServicePrompt,
)
from complaints.models.clocks import LIVE
from complaints.models.remedies import RemedyKind
from core.accounts.models import User
from core.accounts.permissions import may, sees
from core.accounts.roles import Field, rights_of
from core.lib import mall
from core.lib.periods import mall_day, mall_time
from core.lib.rows import together
from core.outbox import mailing
from crm.desk.complaints.calls import about
from crm.desk.complaints.deeds import DEEDS, Deed, form_for, others_open
from crm.desk.complaints.files import pages
from crm.desk.complaints.forms import CaseForm, GiveForm, ReplyForm
from crm.desk.complaints.wording import Status, day_and_time, in_words, tone_of
from customers.access import visible_to
from customers.letters import reasons
from customers.models import Todo

MAIL_TONES = {
    "waiting": "blue",
    "sent": "green",
    "delivered": "green",
    "failed": "red",
    "bounced": "red",
    "by_hand": "amber",
    "dropped": "grey",
}
ICONS = {
    "mailed": "mail",
    "mail_back": "alert-circle",
    "logged": "flag",
    "claimed": "user-check",
    "assigned": "user",
    "routed": "user",
    "released": "users",
    "transferred": "arrows-exchange",
    "edited": "edit",
    "linked": "user-check",
    "promised": "phone",
    "file_added": "upload",
    "file_removed": "trash",
    "prioritised": "flag",
    "waited": "hourglass",
    "resumed": "player-play",
    "handed_over": "building-store",
    "handover_accepted": "check",
    "remedy": "gift",
    "handover_answered": "checks",
    "handover_rejected": "x",
    "resolved": "circle-check",
    "reopened": "refresh",
    "closed": "lock",
    "merged": "copy",
    "absorbed": "copy",
    "escalated": "alert-triangle",
    "answered": "star",
}
IN_THE_THREAD_ANYWAY = ("replied", "noted", "customer_replied")
SIMILAR_DAYS = 30
OTHERS_SHOWN = 5
KEYS = {
    "take": "a",
    "wait": "w",
    "resume": "w",
    "resolve": "e",
    "transfer": "t",
    "ask": "h",
    "customer_said": "i",
}
UNDER_MORE = (
    "assign",
    "transfer",
    "classify",
    "prioritise",
    "edit",
    "orders",
    "prompt",
    "release",
    "merge",
    "withdraw",
    "invalidate",
)
PRIMARY = ("take", "resolve", "keep")


@dataclass(frozen=True)
class Unfinished:
    """What was sent and could not be stored."""

    deed: Deed
    form: CaseForm


class Lists(NamedTuple):
    """What stands on the page row by row."""

    messages: QuerySet[CaseMessage]
    events: QuerySet[CaseEvent]
    handovers: QuerySet[Handover]
    remedies: QuerySet[Remedy]
    prompts: QuerySet[ServicePrompt]
    promises: QuerySet[Todo]
    templates: QuerySet[ReplyTemplate]
    others: QuerySet[Case]


def _lists(case: Case) -> Lists:
    """All of it, read in one statement."""
    fitting = Q(category=None) | Q(category__in=[case.category_id, case.category.parent_id])
    lists = Lists(
        messages=CaseMessage.objects.filter(_here(case)).select_related("author", "case", "mail"),
        events=case.events.select_related("actor").order_by("seq"),
        handovers=case.handovers.select_related("to_department", "assignee", "asked_by").order_by("-asked_at"),
        remedies=case.remedies.select_related("proposed_by", "decided_by", "coupon").order_by("-proposed_at"),
        prompts=case.prompts.filter(status="armed").select_related("case__category").defer("valid"),
        promises=_promises(case),
        templates=ReplyTemplate.objects.filter(fitting, active=True).order_by("name"),
        others=others_open(case)[:OTHERS_SHOWN],
    )
    together(*lists)
    return lists


def context(case: Case, user: User, at: datetime, unfinished: Unfinished | None) -> dict[str, Any]:
    draft, lists = queries.draft_of(case, user), _lists(case)
    answering = unfinished is not None and unfinished.deed.name == "reply"
    return {
        "case": case,
        "customer": case.customer,
        "standing": case.customer.standing if case.customer else None,
        "mark": marks.in_force(case.customer, today=mall_day(at)) if case.customer else None,
        "linked_wrongly": lifecycle.may_be_linked(case) and case.customer_id is not None,
        **pages.context(case, user),
        "orders": about.of_case(case, user, at),
        "opens_customer": _opens_customer(user, case, at),
        "tone": tone_of(case),
        "about": _about(case),
        "why": priority.wording(case, with_value=sees(user, Field.VALUE)),
        "reply": Action.of(
            DEEDS["reply"], case, unfinished.form if unfinished and answering else _reply_form(case, draft)
        ),
        "draft": draft,
        "mails_by_hand": mailing.loses_mail(),
        "mail_leaves": mail.leaves_by_itself(case),
        "said_since": transitions.changes_since(case, draft.base_version) if draft else [],
        "templates": _templates(case, user, lists.templates),
        "unfinished": Action.of(unfinished.deed, case, unfinished.form) if unfinished and not answering else None,
        "thread": _thread(case, user, lists.messages, lists.events),
        "clocks": _clocks(case),
        "deeds": _deeds(case, user, list(lists.others)),
        "handovers": _handovers(case, user, lists.handovers, at),
        "remedies": _remedies(case, lists.remedies, user, at),
        "prompts": [PromptRow(prompt.get_trigger_display(), prompts.wording(prompt)) for prompt in lists.prompts],
        "others": lists.others,
        "promises": lists.promises,
        "similar": queries.similar(case, days=SIMILAR_DAYS, at=at).count(),
        "similar_days": SIMILAR_DAYS,
        "suggestions": _suggestions(case, user, at) if case.is_open else [],
    }


def _about(case: Case) -> str:
    parts = [
        f"{case.category.parent} › {case.category}",
        str(case.get_channel_display()),
        f"{mall_time(case.received_at):%Y-%m-%d %H:%M}",
    ]
    return " · ".join(parts)


def _opens_customer(user: User, case: Case, at: datetime) -> bool:
    """Whether the record of the customer is theirs to see, or to look up."""
    if case.customer is None:
        return False
    if rights_of(user).looks_up:
        return True
    return visible_to(user, mall_day(at)).filter(pk=case.customer.pk).exists()


def _promises(case: Case) -> QuerySet[Todo]:
    """What the customer was promised and still waits for, the soonest first."""
    if case.customer is None:
        return Todo.objects.none()
    rows = Todo.objects.filter(customer=case.customer, state=Todo.State.OPEN, reason=Todo.Reason.PROMISE)
    return rows.order_by("due_on")[:5]


# What can be done -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Action:
    """A deed as it is offered on the page of a case."""

    name: str
    title: str | Promise
    url: str
    form: CaseForm
    key: str = ""
    primary: bool = False

    @classmethod
    def of(cls, deed: Deed, case: Case, form: CaseForm) -> "Action":
        name = deed.name
        return cls(name, deed.title, deed.url(case), form, KEYS.get(name, ""), name in PRIMARY)

    @property
    def asks(self) -> bool:
        """A form without questions is a plain button."""
        return bool(self.form.visible_fields())

    @property
    def keys(self) -> dict[str, str]:
        return {"data-key": self.key} if self.key else {}


class Deeds(NamedTuple):
    usual: list[Action]
    more: list[Action]


def _deeds(case: Case, user: User, others: Sequence[Case]) -> Deeds:
    """What can be done in this status, most usual first."""
    actions = [Action.of(DEEDS[name], case, form_for(DEEDS[name], case, user)) for name in _possible(case, others)]
    return Deeds(
        [action for action in actions if action.name not in UNDER_MORE],
        [action for action in actions if action.name in UNDER_MORE],
    )


def _possible(case: Case, others: Sequence[Case]) -> list[str]:
    if case.status in (Status.MERGED, Status.INVALID):
        return []
    if case.status == Status.WITHDRAWN:
        return ["reopen"]
    if not case.is_open:
        return ["reopen", "customer_said", *(["close"] if case.status == Status.RESOLVED else [])]
    names = [
        "resume" if case.status == Status.WAITING_CUSTOMER else "wait",
        "resolve",
        "customer_said",
        "ask",
        *(["remedy"] if case.customer_id else []),
    ]
    if case.owner_id is None:
        names.insert(0, "take")
    if case.status == Status.NEW:
        names.insert(0, "acknowledge")
    if case.needs_a_look:
        names.insert(0, "keep")
    if case.kind == Case.Kind.GRUMBLE:
        names.insert(0, "take_up")
    names += ["assign", "transfer", "classify", "prioritise", "edit", "orders"]
    names += ["prompt"] if case.customer_id else []
    names += ["release"] if case.owner_id else []
    names += ["merge"] if others else []
    return [*names, "withdraw", "invalidate"]


def _reply_form(case: Case, draft: Draft | None) -> ReplyForm:
    return ReplyForm(
        initial={
            "version": draft.base_version if draft else case.version,
            "body": draft.body if draft else "",
            "channel": case.channel if case.channel != Case.Channel.API else Case.Channel.PHONE,
            "request_key": uuid4(),
        }
    )


class Template(NamedTuple):
    name: str
    text: str


def _templates(case: Case, user: User, rows: Iterable[ReplyTemplate]) -> list[Template]:
    values = {"name": case.who, "number": case.number, "agent": str(user), "mall": mall.facts().name}
    return [Template(row.name, _filled(row.body, values)) for row in rows]


def _filled(body: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        body = body.replace(f"{{{name}}}", value)
    return body


# What was said and done -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """One piece of the thread: the first words of the customer, a message, or something that happened."""

    at: datetime
    order: tuple[datetime, int, int]
    who: str
    opening: bool = False
    message: CaseMessage | None = None
    from_case: str = ""
    icon: str = ""
    text: str = ""
    redact: Action | None = None
    mail: CaseMail | None = None
    mail_tone: str = ""
    mail_reason: str = ""
    mail_deeds: Sequence[Action] = ()


def _here(case: Case) -> Q:
    return Q(case__in=Case.objects.filter(Q(pk=case.pk) | Q(merged_into=case)).values("pk"))


def _thread(case: Case, user: User, messages: Iterable[CaseMessage], events: Iterable[CaseEvent]) -> list[Item]:
    """What was said and what happened, oldest first; of merged cases too."""
    removed = _removed(_here(case)) if any(message.redacted_at for message in messages) else {}
    redacts = may(user, DEEDS["redact"].permission)
    items = [_message(message, case, removed, redacts=redacts) for message in messages]
    items.append(Item(case.received_at, (case.received_at, -1, 0), case.who, opening=True))
    owners = _owners(events)
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=owners)} if owners else {}
    items += [_happened(event, names) for event in events if event.kind not in IN_THE_THREAD_ANYWAY]
    return sorted(items, key=attrgetter("order"))


def _removed(here: Q) -> dict[int, str]:
    """Message -> who removed its words, and why."""
    events = CaseEvent.objects.filter(here, kind=CaseEvent.Kind.REDACTED).select_related("actor")
    return {
        event.data["removed"]: _("%(who)s removed these words: %(reason)s")
        % {"who": event.actor, "reason": event.data["reason"]}
        for event in events
    }


def _message(message: CaseMessage, case: Case, removed: dict[int, str], *, redacts: bool) -> Item:
    return Item(
        message.sent_at,
        (message.sent_at, 0, message.pk),
        str(message.author) if message.author and message.direction != "in" else case.who,
        message=message,
        from_case=message.case.number if message.case_id != case.pk else "",
        text=removed.get(message.pk, ""),
        redact=_of_row("redact", case, message.pk) if redacts and not message.redacted_at else None,
        **_travels(message, case),
    )


def _travels(message: CaseMessage, case: Case) -> dict[str, Any]:
    """How an answer by e-mail is on its way, and what somebody can do about it."""
    letter: CaseMail | None = getattr(message, "mail", None)
    if letter is None:
        return {}
    names = ["mail_sent"] if letter.state in mail.MENDABLE else []
    names += ["mail_again"] if letter.state in mail.MENDABLE and mail.goes_again(message) else []
    deeds = [_of_row(name, case, letter.pk) for name in names]
    return {
        "mail": letter,
        "mail_tone": MAIL_TONES[letter.state],
        "mail_reason": reasons.words(letter.error, message.channel),
        "mail_deeds": deeds,
    }


def _happened(event: CaseEvent, names: dict[int, str]) -> Item:
    return Item(
        event.at,
        (event.at, 1, event.seq),
        str(event.actor) if event.actor else str(event.get_actor_kind_display()),
        icon=ICONS.get(event.kind, "dots"),
        text=_particulars(event, names),
    )


def _owners(events: Iterable[CaseEvent]) -> set[int]:
    owners = (event.data.get("owner") for event in events)
    return {owner for owner in owners if isinstance(owner, int)}


def _particulars(event: CaseEvent, names: dict[int, str]) -> str:
    """One line: what, and the particulars somebody reads for."""
    data = event.data
    parts = [str(event.get_kind_display())]
    if event.kind == CaseEvent.Kind.REMEDY:
        parts.append(_remedy_in_words(data))
    if (owner := data.get("owner")) in names and event.kind != CaseEvent.Kind.LOGGED:
        parts.append(f"→ {names[owner]}")
    if event.from_status and event.from_status != event.to_status:
        parts.append(f"({Status(event.from_status).label} → {Status(event.to_status).label})")
    if call_at := data.get("call_at"):
        parts.append(day_and_time(datetime.fromisoformat(call_at)))
    for name, (before, after) in data.get("changed", {}).items():
        parts.append(f"{_label(name)}: {before or '–'} → {after or '–'}")
    if missed := data.get("breached"):
        parts.append(_("missed: %(promises)s") % {"promises": ", ".join(str(Metric(m).label) for m in missed)})
    if reason := data.get("reason"):
        parts.append(f"“{dict(Pause.Reason.choices).get(reason, reason)}”")
    return " ".join(parts)


def _remedy_in_words(data: dict[str, Any]) -> str:
    """What, how much, and what happened to it: Coupon ¥30 · given."""
    happened = {
        "proposed": _("proposed"),
        "approved": _("approved"),
        "refused": _("turned down"),
        "issued": _("given"),
        "failed": _("could not be given"),
        "taken_back": _("taken back"),
    }
    sort, amount = str(data.get("sort", "")), Decimal(data.get("amount") or 0)
    words = [str(dict(RemedyKind.choices).get(sort, sort))]
    if amount:
        words.append(f"{amount:,.0f}" if sort == RemedyKind.POINTS else f"{mall.facts().symbol}{amount:,.2f}")
    what = str(data.get("what", ""))
    return f"{' '.join(words)} · {happened.get(what, what)}"


def _label(name: str) -> str:
    try:
        return str(getattr(Case._meta.get_field(name.removesuffix("_id")), "verbose_name", name))
    except FieldDoesNotExist:
        return name


# What is owed ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClockRow:
    clock: Clock
    label: str
    live: bool
    tone: str
    why: list[str]
    due: str


def _clocks(case: Case) -> list[ClockRow]:
    """Each promise with what it is made of."""
    clocks = case.clocks.exclude(state=Clock.State.CANCELLED).select_related("target__calendar", "target__policy")
    return [
        ClockRow(
            clock,
            str(clock.target.get_metric_display()),
            live=clock.state in LIVE,
            tone="red" if clock.breached_at else "green" if clock.state == Clock.State.MET else "grey",
            why=_why(clock, case),
            due=in_words(clock.due_at) if clock.due_at else "",
        )
        for clock in clocks.prefetch_related("pauses").order_by("-cycle", "started_at", "pk")
    ]


def _why(clock: Clock, case: Case) -> list[str]:
    target = clock.target
    lines = [
        _("%(minutes)d minutes of “%(calendar)s” from %(start)s")
        % {"minutes": clock.budget_minutes, "calendar": target.calendar.name, "start": day_and_time(clock.started_at)},
        _("because: %(class)s, %(severity)s, promises version %(version)d")
        % {
            "class": case.get_served_as_display() if target.customer_class is not None else _("every class"),
            "severity": case.get_severity_display() if target.severity is not None else _("any severity"),
            "version": target.policy.version,
        },
    ]
    return lines + [
        _("stood still %(start)s – %(end)s: %(reason)s")
        % {
            "start": day_and_time(pause.period.lower),
            "end": day_and_time(pause.period.upper) if pause.period.upper else _("now"),
            "reason": pause.get_reason_display(),
        }
        for pause in clock.pauses.all()
    ]


# Departments, remedies, prompts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HandoverRow:
    handover: Handover
    tone: str
    waiting: bool
    late: bool
    accept: str
    actions: list[Action]


def _of_row(name: str, case: Case, pk: int) -> Action:
    deed = DEEDS[name]
    return Action.of(deed, case, deed.form(initial={"row": pk}, auto_id=f"{name}-{pk}-%s"))


def _handovers(case: Case, user: User, questions: Iterable[Handover], at: datetime) -> list[HandoverRow]:
    """The questions, each with what this person can do about it: who asked does not answer."""
    rows = []
    for question in questions:
        waiting = question.status in handover.UNANSWERED
        answers = waiting and handover.may_answer(user, question)
        names = [
            *(["handover_answer", "handover_reject"] if answers else []),
            *(["handover_cancel"] if waiting else []),
        ]
        pending = answers and question.status == Handover.Status.PENDING
        rows.append(
            HandoverRow(
                question,
                {"done": "green", "rejected": "red", "cancelled": "grey"}.get(question.status, "violet"),
                waiting=waiting,
                late=waiting and question.due_at < at,
                accept=DEEDS["handover_accept"].url(case) if pending else "",
                actions=[_of_row(name, case, question.pk) for name in names],
            )
        )
    return rows


def _suggestions(case: Case, user: User, at: datetime) -> list[str]:
    """What fits the loss, each with what this person may still give by themselves."""
    lines = []
    for kind in remedies.suggested(case):
        left = remedies.remaining(case, kind, by=user, at=at)
        if not left:
            lines.append(str(kind.label))
        else:
            lines.append(_("%(what)s up to %(most)s") % {"what": kind.label, "most": f"{left:,.0f}"})
    return lines


@dataclass(frozen=True)
class RemedyRow:
    """`how`: who or what gives it, while it is to be given."""

    remedy: Remedy
    tone: str
    how: str = ""
    actions: list[Action] = field(default_factory=list)


def _remedies(case: Case, given: Iterable[Remedy], user: User, at: datetime) -> list[RemedyRow]:
    """Each remedy with what this user can do about it."""
    rows = []
    for remedy in given:
        names = {
            Remedy.Status.PROPOSED: ["remedy_approve", "remedy_reject"] if remedy.proposed_by_id != user.pk else [],
            Remedy.Status.APPROVED: ["remedy_issue", "remedy_fail"],
            Remedy.Status.FAILED: ["remedy_issue"],
            Remedy.Status.ISSUED: ["remedy_revoke"],
        }.get(Remedy.Status(remedy.status), [])
        tone = {"issued": "green", "rejected": "red", "revoked": "grey"}.get(remedy.status, "amber")
        actions = [_of_row(name, case, remedy.pk) for name in names]
        for action in actions:
            if isinstance(action.form, GiveForm):
                action.form.for_remedy(remedy, at)
        how = _how(case, remedy, at) if remedy.status in (Remedy.Status.APPROVED, Remedy.Status.FAILED) else ""
        rows.append(RemedyRow(remedy, tone, how, actions))
    return rows


def _how(case: Case, remedy: Remedy, at: datetime) -> str:
    """What happens when it is given, and whose work it is."""
    who = case.owner or remedy.proposed_by
    if remedies.is_of_the_ledger(remedy, at):
        return _("To be given by %(name)s: Laoke books the points.") % {"name": who}
    if remedy.kind == RemedyKind.COUPON:
        return _("To be given by %(name)s: Laoke hands out a coupon of a campaign, or its number is noted.") % {
            "name": who
        }
    if remedy.kind in remedies.WORTHLESS:
        return _("To be done by %(name)s.") % {"name": who}
    return _("To be given by %(name)s in the shop’s system: Laoke does not do it, it keeps the number.") % {"name": who}


class PromptRow(NamedTuple):
    at: str
    text: str
