"""A customer is erased at their wish: who they were and every word about them go, the figures of the books stay.

What the law asks (PIPL art. 47, GDPR art. 17) without making the books untrue: orders, points, coupons and complaints
stay as figures of a number without a name. One person proposes it, a second agrees.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pgtrigger
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from care.models import Appointment, CustomerPlan, PlanDue
from complaints.cases import mail
from complaints.models import Case, CaseEvent, CaseMessage, Draft, Handover, Remedy, ServicePrompt, SilentSign, Survey
from complaints.models.attachments import Attachment, UploadLink
from complaints.models.callers import CallerMark
from complaints.models.cases import OPEN
from complaints.models.mail import CaseMail
from core.accounts import audit
from core.accounts.deciding import Waiting, second_person
from core.accounts.models import AuditEntry, User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day, mall_midnight
from core.outbox import bell, delivery
from crm.flows import notices
from customers import locks
from customers.letters import writing as letters
from customers.models import (
    ConsentEntry,
    Contact,
    ContactPoint,
    ContactStop,
    Customer,
    CustomerChange,
    CustomerLabel,
    Erasure,
    ExternalIdentity,
    HandOverLine,
    Letter,
    LifeDate,
    Lookup,
    Merge,
    NotTheSame,
    Order,
    PossibleDuplicate,
    PrivacyRequest,
    Promise,
    ReachLimit,
    Standing,
    Todo,
)
from loyalty.models import (
    CouponRedemption,
    CreditAccount,
    CreditEntry,
    CreditLimitChange,
    Draw,
    PointAdjustment,
    PointTxn,
    TierOverride,
)
from segmentation.models import Alert, AlertComment
from segmentation.segments import membership as segments

# Rows that say who somebody is or what to do for them, by the ways they belong to the customer.
DELETED: tuple[tuple[Any, type[Model], tuple[str, ...]], ...] = (
    (gettext_lazy("Phones, e-mails and addresses"), ContactPoint, ("customer",)),
    (gettext_lazy("Numbers in other systems"), ExternalIdentity, ("customer",)),
    (gettext_lazy("Birthdays and other days of their life"), LifeDate, ("customer",)),
    (gettext_lazy("Why they must not be reached"), ContactStop, ("customer",)),
    (gettext_lazy("What was changed in the record"), CustomerChange, ("customer",)),
    (gettext_lazy("Labels"), CustomerLabel, ("customer",)),
    (gettext_lazy("Tasks and promises"), Todo, ("customer",)),
    (gettext_lazy("Tasks and promises"), Promise, ("customer",)),
    (gettext_lazy("Contact plans and appointments"), CustomerPlan, ("customer",)),
    (gettext_lazy("Contact plans and appointments"), PlanDue, ("customer",)),
    (gettext_lazy("Contact plans and appointments"), Appointment, ("customer",)),
    (gettext_lazy("Prompts for the next contact"), ServicePrompt, ("customer",)),
    (gettext_lazy("Comments on alerts"), AlertComment, ("alert__customer",)),
    (gettext_lazy("Unsent answers"), Draft, ("case__customer",)),
    (gettext_lazy("Photos and papers of complaints"), Attachment, ("case__customer",)),
    (gettext_lazy("Photos and papers of complaints"), UploadLink, ("case__customer",)),
    (gettext_lazy("Warnings about callers"), CallerMark, ("customer",)),
    (gettext_lazy("Merges and possible duplicates"), Merge, ("loser", "winner")),
    (gettext_lazy("Merges and possible duplicates"), PossibleDuplicate, ("first", "second")),
    (gettext_lazy("Merges and possible duplicates"), NotTheSame, ("first", "second")),
    (gettext_lazy("Merges and possible duplicates"), Lookup, ("customer",)),
)
REMOVED = "–"
# Free text beside figures that stay: the row, how it belongs to the customer, and what its words become.
BLANKED: tuple[tuple[Any, type[Model], str, Mapping[str, Any]], ...] = (
    (gettext_lazy("Notes of contacts"), Contact, "customer", {"note": "", "place": ""}),
    (gettext_lazy("Notes of hand-overs"), HandOverLine, "customer", {"note": "", "why": REMOVED}),
    (gettext_lazy("Interviews of lost customers"), Alert, "customer", {"interview": {}}),
    (
        gettext_lazy("Words of complaints"),
        Case,
        "customer",
        {
            "title": REMOVED,
            "description": "",
            "remedy_sought": "",
            "external_case": "",
            "resolution": "",
            "late_reason": "",
        },
    ),
    (gettext_lazy("Messages of complaints"), CaseMessage, "case__customer", {"body": REMOVED, "external_ref": None}),
    (
        gettext_lazy("Messages of complaints"),
        CaseMail,
        "message__case__customer",
        {"subject": REMOVED, "in_reply_to": "", "references": "", "error": ""},
    ),
    (
        gettext_lazy("Questions to departments"),
        Handover,
        "case__customer",
        {"ask": REMOVED, "answer": "", "brief": {}},
    ),
    (gettext_lazy("Comments of surveys"), Survey, "case__customer", {"comment": "", "digest": None}),
    (gettext_lazy("Silent customers"), SilentSign, "customer", {"reason": ""}),
    (
        gettext_lazy("Reasons of remedies"),
        Remedy,
        "customer",
        {"reason": REMOVED, "alone_because": REMOVED, "refused_because": "", "reference": "", "error": ""},
    ),
    (gettext_lazy("Reasons of points, levels and credit"), PointTxn, "account", {"reason": ""}),
    (gettext_lazy("Reasons of points, levels and credit"), PointAdjustment, "account", {"reason": REMOVED}),
    (gettext_lazy("Reasons of points, levels and credit"), TierOverride, "customer", {"reason": REMOVED}),
    (gettext_lazy("Reasons of points, levels and credit"), CreditEntry, "account__customer", {"reason": ""}),
    (gettext_lazy("Reasons of points, levels and credit"), CreditAccount, "customer", {"status_reason": ""}),
    (
        gettext_lazy("Reasons of points, levels and credit"),
        CreditLimitChange,
        "account__customer",
        {"reason": REMOVED, "note": ""},
    ),
    (gettext_lazy("Notes of coupons and prizes"), CouponRedemption, "customer", {"reason": ""}),
    (gettext_lazy("Notes of coupons and prizes"), Draw, "customer", {"reference": ""}),
    (gettext_lazy("Notes of privacy requests"), PrivacyRequest, "customer", {"note": ""}),
    (gettext_lazy("Notes of privacy requests"), ReachLimit, "customer", {"restricted_why": ""}),
    (gettext_lazy("Words of letters"), Letter, "customer", {"sealed": None}),
    (gettext_lazy("Proof of consent"), ConsentEntry, "customer", {"mask": "", "evidence": {}}),
)
NOBODY: Mapping[str, Any] = {
    "name_pinyin": "",
    "name_grams": [],
    "region": "",
    "city": "",
    "interests": [],
    "mindset": Customer.Mindset.UNKNOWN,
    "preferred_channel": Customer.Channel.UNKNOWN,
    "is_reseller": False,
    "influencers": "",
    "notes": "",
    "custom": {},
    "manager": None,
    "manager_since": None,
    "next_contact_on": None,
}
# Books that nobody rewrites: here their words, never their figures, go.
NEVER_REWRITTEN = (
    "complaints.CaseEvent:append_only",
    "loyalty.PointTxn:append_only",
    "loyalty.CreditEntry:append_only",
    "accounts.AuditEntry:append_only",
    "customers.ConsentEntry:append_only",
)
CODE = re.compile(r"[A-Za-z0-9_.:+-]{0,40}", re.ASCII)
TYPED = ("reason", "text", "note", "name", "words", "because", "comment", "answer", "question")


class Outlook(NamedTuple):
    """What goes and what stays, by a word and a number; `against`: why it cannot be done yet, in words."""

    goes: list[tuple[str, int]]
    stays: list[tuple[str, int]]
    against: list[str]


def outlook(customer: Customer) -> Outlook:
    """What erasing this customer would do now."""
    ids = _records(customer)
    goes: dict[str, int] = {}
    for word, rows in _rows(ids):
        goes[str(word)] = goes.get(str(word), 0) + rows.count()
    stays = [
        (_("Orders, without a name"), Order.objects.filter(customer__in=ids).count()),
        (_("Complaints, without their words"), Case.objects.filter(customer__in=ids).count()),
        (_("Lines in the points account"), PointTxn.objects.filter(account__in=ids).count()),
    ]
    against = []
    if Case.objects.filter(customer__in=ids, status__in=OPEN).exists():
        against.append(_("A complaint is open: end it first."))
    if CreditAccount.objects.filter(customer__in=ids).exclude(exposure=0).exists():
        against.append(_("The customer owes money on the credit account: settle it first."))
    if customer.erased_at:
        against.append(_("This customer is erased already."))
    return Outlook([row for row in goes.items() if row[1]], [row for row in stays if row[1]], against)


def _records(customer: Customer) -> list[int]:
    """The customer and every record that was merged into it, however often."""
    ids, more = {customer.pk}, [customer.pk]
    while more:
        more = list(Customer.objects.filter(merged_into__in=more).exclude(pk__in=ids).values_list("pk", flat=True))
        ids.update(more)
    return sorted(ids)


def _rows(ids: list[int]) -> Iterable[tuple[Any, QuerySet[Model]]]:
    for word, model, paths in DELETED:
        yield word, _of(model, paths, ids)
    for word, model, path, _words in BLANKED:
        yield word, _of(model, (path,), ids)


def _of(model: type[Model], paths: Iterable[str], ids: list[int]) -> QuerySet[Model]:
    meant = Q()
    for path in paths:
        meant |= Q(**{f"{path}__in": ids})
    return model._default_manager.filter(meant)


# Two people -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def propose(request_id: int, *, by: User, reason: str, at: datetime) -> Erasure:
    """The erasure that a customer asked for waits for a second person, who is told. Nothing is erased yet.

    Raises Invalid without a reason; DomainError when it cannot be done, is proposed already, or nobody asked for it.
    """
    request = PrivacyRequest.objects.select_for_update(of=("self",)).select_related("customer").get(pk=request_id)
    if request.kind != PrivacyRequest.Kind.ERASE or request.state != PrivacyRequest.State.OPEN:
        raise DomainError(_("Nobody waits for this to be erased."), code="not_asked")
    if request.erasures.filter(state=Erasure.State.WAITING).exists():
        raise DomainError(_("This is proposed already: a second person decides."), code="proposed_already")
    if against := outlook(request.customer).against:
        raise DomainError(" ".join(against), code="cannot_erase")
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
    erasure = Erasure.objects.create(request=request, proposed_by=by, proposed_at=at, reason=reason.strip()[:200])
    audit.record(by, "erasure.proposed", request.customer, at=at, request=request.pk)
    people = who_may(Permission.AGREE_ERASURE).exclude(pk=by.pk).values_list("pk", flat=True)
    about = {"number": request.customer.number}
    delivery.tell(
        people, notices.ERASURE_WAITS, about, key=_thread(erasure), thread=_thread(erasure), at=at, link="/approvals/"
    )
    return erasure


@again_after_deadlock
@transaction.atomic
def approve(erasure_id: int, *, by: User, at: datetime, because: str = "") -> Erasure:
    """The customer is erased and the request is done. Needs a second person, or of the only one a typed `because`."""
    erasure = _waiting(erasure_id)
    customer = erasure.request.customer
    refusal = _("You proposed this: somebody else has to agree.")
    people = who_may(Permission.AGREE_ERASURE)
    erasure.alone_because = second_person(by, erasure.proposed_by_id, people, refusal=refusal, because=because)
    if against := outlook(customer).against:
        raise DomainError(" ".join(against), code="cannot_erase")
    erasure.counts = _erase(customer, at=at)
    erasure.reason = REMOVED
    _decided(erasure, Erasure.State.DONE, by=by, at=at)
    request = erasure.request
    request.state, request.ended_by, request.ended_at = PrivacyRequest.State.DONE, by, at
    request.outcome = _("Erased; orders and books stay without a name.")
    request.save(update_fields=["state", "ended_by", "ended_at", "outcome"])
    audit.record(
        by, "customer.erased", customer, at=at, request=request.pk, proposed_by=erasure.proposed_by_id, **erasure.counts
    )
    return erasure


@transaction.atomic
def refuse(erasure_id: int, *, by: User, at: datetime, reason: str) -> Erasure:
    """Nothing is erased; the request is open still, and whoever proposed it is told."""
    erasure = _waiting(erasure_id)
    erasure.note = reason.strip()[:200]
    _decided(erasure, Erasure.State.REFUSED, by=by, at=at)
    customer = erasure.request.customer
    audit.record(by, "erasure.refused", customer, at=at, request=erasure.request_id)
    if by.pk != erasure.proposed_by_id:
        key = f"{_thread(erasure)}:refused"
        about = {"number": customer.number}
        delivery.tell(
            [erasure.proposed_by_id],
            notices.ERASURE_REFUSED,
            about,
            key=key,
            thread=_thread(erasure),
            at=at,
            link="/privacy/",
        )
    return erasure


@transaction.atomic
def withdraw(erasure_id: int, *, by: User, at: datetime) -> Erasure:
    """Who proposed it has taken it back."""
    erasure = _waiting(erasure_id)
    _decided(erasure, Erasure.State.WITHDRAWN, by=by, at=at)
    audit.record(by, "erasure.withdrawn", erasure.request.customer, at=at, request=erasure.request_id)
    return erasure


def _waiting(erasure_id: int) -> Erasure:
    rows = Erasure.objects.select_for_update(of=("self",)).select_related("request__customer", "proposed_by")
    erasure = rows.get(pk=erasure_id)
    if erasure.state != Erasure.State.WAITING:
        raise DomainError(_("This is decided already."), code="decided")
    return erasure


def _decided(erasure: Erasure, state: str, *, by: User, at: datetime) -> None:
    erasure.state, erasure.decided_by, erasure.decided_at = state, by, at
    erasure.save()
    bell.settle(_thread(erasure), at=at, link="/privacy/")


def waiting(user: User, *, at: datetime) -> list[Waiting]:
    """Erasures that wait for a second person, as `user` would see them: the customer by number only."""
    rows = Erasure.objects.filter(state=Erasure.State.WAITING).select_related("request__customer", "proposed_by")
    people = list(who_may(Permission.AGREE_ERASURE))
    return [
        Waiting(
            kind="erasure",
            pk=row.pk,
            what=_("Erase customer %(number)s") % {"number": row.request.customer.number},
            why=row.reason,
            by=row.proposed_by,
            since=row.proposed_at,
            url="/privacy/" if may(user, Permission.KEEP_PRIVACY) else "/approvals/",
            others=tuple(person for person in people if person.pk != row.proposed_by_id),
            reader=user,
            right=may(user, Permission.AGREE_ERASURE),
            due_at=mall_midnight(row.request.due_on),
        )
        for row in rows
    ]


def _thread(erasure: Erasure) -> str:
    return f"erasure:{erasure.pk}"


# Erasing --------------------------------------------------------------------------------------------------------------


def _erase(customer: Customer, *, at: datetime) -> dict[str, int]:
    """Nothing says any more who this was; returns how many rows went and how many lost their words."""
    ids = _records(customer)
    locks.hold_off_everyone()
    locks.hold_customers(ids, against_new_rows=True)
    for message in CaseMessage.objects.filter(case__customer__in=ids):
        mail.drop(message, at=at)
    letters.withdraw(Letter.objects.filter(customer__in=ids), reason="erased", at=at)
    deleted = sum(_of(model, paths, ids).delete()[0] for _word, model, paths in DELETED)
    with pgtrigger.ignore(*NEVER_REWRITTEN):
        blanked = sum(_of(model, (path,), ids).update(**words) for _word, model, path, words in BLANKED)
        for event in CaseEvent.objects.filter(case__customer__in=ids).exclude(data={}):
            CaseEvent.objects.filter(pk=event.pk).update(data=without_words(event.data))
        for entry in _trail_of(ids):
            AuditEntry.objects.filter(pk=entry.pk).update(detail=without_words(entry.detail))
    CaseMessage.objects.filter(case__customer__in=ids, redacted_at__isnull=True).update(redacted_at=at)
    for record in Customer.objects.filter(pk__in=ids):
        Customer.objects.filter(pk=record.pk).update(**NOBODY, name=record.number, erased_at=at)
    Standing.objects.filter(customer__in=ids).update(manager=None)
    segments.erase(ids, on=mall_day(at), at=at)
    return {"deleted": deleted, "blanked": blanked}


def _trail_of(ids: list[int]) -> QuerySet[AuditEntry]:
    """What was done with the customer, their complaints, points and work: the lines stay, what was typed goes."""
    cases = Case.objects.filter(customer__in=ids).values("pk")
    adjustments = PointAdjustment.objects.filter(account__in=ids).values("pk")
    return AuditEntry.objects.filter(
        Q(subject_type__in=("customer", "pointaccount", "creditaccount"), subject_id__in=ids)
        | Q(subject_type="case", subject_id__in=cases)
        | Q(subject_type="pointadjustment", subject_id__in=adjustments)
        | Q(detail__customer__in=ids)
    ).exclude(detail={})


def without_words(value: Any, key: str = "") -> Any:
    """The same particulars with every text somebody typed empty; numbers, days and codes stay."""
    if isinstance(value, dict):
        return {name: without_words(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [without_words(part, key) for part in value]
    if isinstance(value, str) and (any(part in key for part in TYPED) or not CODE.fullmatch(value)):
        return ""
    return value
