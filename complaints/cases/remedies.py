"""Making it good: proposed within limits, above them approved by a second person, given once."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from complaints import webhooks
from complaints.cases import notices, transitions
from complaints.models import Case, CaseEvent, Remedy, RemedyLimit
from complaints.models.remedies import RemedyKind
from core.accounts import audit
from core.accounts.deciding import second_person
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, who_may
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.money import from_minor, to_minor
from core.lib.periods import mall_day, mall_midnight
from core.outbox import bell
from customers import locks
from customers.models import Promise, Standing
from customers.promises import ledger
from loyalty.campaigns import coupon_campaigns
from loyalty.models import CampaignUsage, CouponCampaign, PointLot
from loyalty.points import accounts as points
from loyalty.points import rules as point_rules

Status = Remedy.Status
# What counts against the limits: promised or given.
COUNTED = (Status.PROPOSED, Status.APPROVED, Status.FAILED, Status.ISSUED)
WORTHLESS = (RemedyKind.VISIT, RemedyKind.APOLOGY)
WINDOW_DAYS = 30
BY_LEDGER = "points #"


@transaction.atomic
def propose(
    case_id: int,
    *,
    kind: str,
    amount: Decimal | int | str = 0,
    reason: str,
    by: User,
    at: datetime,
    client_key: str,
    promised_at: datetime | None = None,
) -> Remedy:
    """The customer is to have this. Within the limits of the person's role it is approved, above them a colleague is asked.

    `amount`: money, or the number of points. The same `client_key` finds the first proposal again; another: SameKey.
    """
    case = transitions.lock(case_id)
    if known := Remedy.objects.filter(client_key=client_key).first():
        if (known.kind, known.amount, known.reason) != (kind, from_minor(to_minor(amount)), reason.strip()[:200]):
            raise SameKey()
        return known
    if not case.is_open:
        raise transitions.NotNow(_("Remedies are given while the case is open. Reopen it first."))
    value = from_minor(to_minor(amount))
    _refuse(kind, value, reason, promised_at, at)
    customer = transitions.customer_of(case)
    locks.hold_customers([customer.pk])
    over = exceeded(case, kind, value, by=by, at=at)
    remedy = Remedy.objects.create(
        case=case,
        customer=customer,
        kind=kind,
        amount=value,
        reason=reason.strip()[:200],
        status=Status.PROPOSED if over else Status.APPROVED,
        needs_approval=bool(over),
        limits=over,
        proposed_by=by,
        proposed_at=at,
        promised_at=promised_at,
        client_key=client_key,
    )
    _record(case, remedy, "proposed", by=by, at=at)
    if promised_at:
        _promise(case, remedy, promised_at, by=by, at=at)
    if over:
        notices.tell(
            _approvers(case, apart_from=by),
            notices.REMEDY_WAITS,
            case,
            key=f"remedy:{remedy.pk}",
            thread=_thread(remedy),
            at=at,
        )
    return remedy


def _promise(case: Case, remedy: Remedy, promised_at: datetime, *, by: User, at: datetime) -> None:
    """Who proposed it keeps the promise that the customer has it by then."""
    words = f"{case.number} {remedy.get_kind_display()}"
    ledger.make(
        remedy.customer,
        words=words,
        due=ledger.to_the_hour(promised_at),
        owner=by,
        by=by,
        at=at,
        source=Promise.Source.REMEDY,
        source_id=remedy.pk,
        text={"promise": words, "case": case.pk},
    )


def _refuse(kind: str, value: Decimal, reason: str, promised_at: datetime | None, at: datetime) -> None:
    if kind not in RemedyKind.values:
        raise Invalid(_("Choose one of the remedies."), code="unknown_remedy")
    if (kind in WORTHLESS) != (value == 0) or value < 0:
        raise Invalid(_("Give an amount above zero; an apology or a visit has none."), code="remedy_amount")
    if kind == RemedyKind.POINTS and value != value.to_integral_value():
        raise Invalid(_("Points are whole."), code="remedy_amount")
    if not reason.strip():
        raise Invalid(_("Say what this makes good."), code="reason_missing")
    if promised_at is not None and promised_at <= at:
        raise Invalid(_("Promise a moment in the future."), code="promise_past")


@transaction.atomic
def approve(remedy_id: int, *, by: User, at: datetime, because: str = "") -> Remedy:
    """A second person who may give that much agrees. Of two at once, one agrees and the other is told so.

    `because`: why the only person who may agree does so alone, to what they proposed themselves.
    """
    case, remedy = _held(remedy_id)
    if remedy.status != Status.PROPOSED:
        raise _decided(remedy)
    refusal = _("A second person must approve this: not the one who proposed it.")
    leads = who_may(Permission.LEAD_COMPLAINTS)
    if not may(by, Permission.LEAD_COMPLAINTS):
        if by.pk == remedy.proposed_by_id:
            raise DomainError(refusal, code="second_person")
        raise DomainError(_("Only the head of the desk approves remedies."), code="not_an_approver")
    remedy.alone_because = second_person(by, remedy.proposed_by_id, leads, refusal=refusal, because=because)
    locks.hold_customers([remedy.customer_id])
    over = exceeded(case, remedy.kind, remedy.amount, by=by, at=at, apart_from=remedy)
    if over:
        raise DomainError(
            _("This is above your own limits too: %(which)s.") % {"which": wording(over)}, code="above_limits"
        )
    remedy.status, remedy.decided_by, remedy.decided_at = Status.APPROVED, by, at
    remedy.save()
    _record(case, remedy, "approved", by=by, at=at)
    notices.tell(
        [giver for giver in (giver_of(case, remedy),) if giver != by.pk],
        notices.REMEDY_TO_GIVE,
        case,
        key=f"remedy-to-give:{remedy.pk}",
        thread=_thread(remedy),
        at=at,
    )
    if remedy.alone_because:
        audit.record(by, "remedy.approved_alone", remedy, at=at, because=remedy.alone_because)
    return remedy


@transaction.atomic
def refuse(remedy_id: int, *, by: User, at: datetime, reason: str) -> Remedy:
    """The remedy is not given, and why; whoever proposed it is told."""
    case, remedy = _held(remedy_id)
    if remedy.status != Status.PROPOSED:
        raise _decided(remedy)
    if not reason.strip():
        raise Invalid(_("Say why the customer is not to have this."), code="reason_missing")
    remedy.status, remedy.decided_by, remedy.decided_at = Status.REJECTED, by, at
    remedy.refused_because = reason.strip()[:200]
    remedy.save()
    _record(case, remedy, "refused", by=by, at=at)
    ledger.settle(Promise.Source.REMEDY, remedy.pk, kept=False, how=remedy.refused_because, by=by, at=at)
    notices.tell(
        [remedy.proposed_by_id],
        notices.REMEDY_REFUSED,
        case,
        key=f"remedy-refused:{remedy.pk}",
        thread=_thread(remedy),
        at=at,
    )
    return remedy


def giver_of(case: Case, remedy: Remedy) -> int:
    """Whose work it is to give the remedy: the owner of the case, else who proposed it."""
    return case.owner_id or remedy.proposed_by_id


def campaigns_for(remedy: Remedy, *, at: datetime) -> QuerySet[CouponCampaign]:
    """Campaigns of which the customer can have a coupon that holds now and is worth no more than was agreed."""
    open_ones = CouponCampaign.objects.filter(
        Q(budget__isnull=True) | Q(budget_used__lt=F("budget")),
        Q(kind=CouponCampaign.Kind.PERCENT, most_off__lte=remedy.amount)
        | ~Q(kind=CouponCampaign.Kind.PERCENT) & Q(amount__lte=remedy.amount),
        needs_code=True,
        status=CouponCampaign.Status.RUNNING,
        starts_at__lte=at,
        ends_at__gt=at,
        used__lt=F("total_limit"),
    )
    used_up = CampaignUsage.objects.filter(customer=remedy.customer_id, used__gte=F("most"))
    return open_ones.exclude(pk__in=used_up.values("campaign")).order_by("-amount", "name")


@transaction.atomic
def issue(
    remedy_id: int, *, by: User | None, at: datetime, reference: str = "", campaign: CouponCampaign | None = None
) -> Remedy:
    """The customer has it. `reference`: the refund number or coupon. Telling it twice is harmless.

    Points are on the customer's account afterwards, and the reference says by which transaction. With a `campaign` the
    customer has one more coupon of it; without, a coupon was given elsewhere and the reference is its number. Anything
    else somebody has given in the shop's own systems.
    """
    case, remedy = _held(remedy_id)
    if remedy.status == Status.ISSUED and (not reference.strip() or remedy.reference == reference.strip()[:120]):
        return remedy
    if remedy.status not in (Status.APPROVED, Status.FAILED):
        raise _decided(remedy)
    if is_of_the_ledger(remedy, at):
        txn = points.grant(
            remedy.customer,
            int(remedy.amount),
            source=PointLot.Source.GOODWILL,
            key=f"remedy:{remedy.pk}",
            at=at,
            by=by,
            reason=_("Complaint %(number)s") % {"number": case.number},
        )
        reference = f"{BY_LEDGER}{txn.pk}"
    if remedy.kind == RemedyKind.COUPON:
        reference = _give_coupon(remedy, campaign, reference, by=by, at=at)
    remedy.status, remedy.issued_at, remedy.issued_by, remedy.error = Status.ISSUED, at, by, ""
    remedy.reference = reference.strip()[:120]
    remedy.save()
    _record(case, remedy, "issued", by=by, at=at)
    ledger.settle(Promise.Source.REMEDY, remedy.pk, kept=True, by=by, at=at)
    return remedy


def _give_coupon(
    remedy: Remedy, campaign: CouponCampaign | None, reference: str, *, by: User | None, at: datetime
) -> str:
    """What the coupon is known by: the one handed out now, or one that was given elsewhere."""
    if campaign is None:
        if not reference.strip():
            raise Invalid(
                _("Choose the campaign of the coupon, or note the number of one that was given elsewhere."),
                code="coupon_how",
            )
        return reference
    locks.hold_customers([remedy.customer_id])
    if not campaigns_for(remedy, at=at).filter(pk=campaign.pk).exists():
        raise Invalid(
            _("“%(name)s” gives this customer no coupon that holds, or one worth more than was agreed. Choose another.")
            % {"name": campaign.name},
            code="campaign_unfit",
        )
    remedy.coupon = coupon_campaigns.give(campaign.pk, remedy.customer, by=by, at=at)
    if campaign.kind != CouponCampaign.Kind.PERCENT:
        remedy.amount = campaign.amount  # less than was agreed, where no coupon of that much holds
    return f"{campaign.code} #{remedy.coupon.pk}"


@transaction.atomic
def fail(remedy_id: int, *, by: User | None, at: datetime, error: str) -> Remedy:
    """The other side refused (no such account, coupon run out): the remedy is still owed and can be tried again."""
    case, remedy = _held(remedy_id)
    if remedy.status not in (Status.APPROVED, Status.FAILED):
        raise _decided(remedy)
    remedy.status, remedy.error = Status.FAILED, error.strip()[:200]
    remedy.save()
    _record(case, remedy, "failed", by=by, at=at)
    return remedy


@transaction.atomic
def take_back(remedy_id: int, *, by: User, at: datetime, reason: str) -> Remedy:
    """Not given after all, or given and not yet used. What was used is kept: then nothing is to be taken back."""
    case, remedy = _held(remedy_id)
    if remedy.status in (Status.REJECTED, Status.REVOKED):
        raise _decided(remedy)
    if not reason.strip():
        raise Invalid(_("Say why this is taken back."), code="reason_missing")
    if remedy.status == Status.ISSUED:
        if remedy.reference.startswith(BY_LEDGER):
            points.take(
                remedy.customer, int(remedy.amount), key=f"remedy:{remedy.pk}:back", at=at, by=by, reason=reason
            )
        if remedy.coupon and not coupon_campaigns.revoke(
            remedy.coupon.campaign_id, by=by, at=at, reason=reason, coupon=remedy.coupon.pk
        ):
            raise DomainError(
                _("The coupon has been used, or stands on an order: nothing is to be taken back."), code="coupon_used"
            )
        remedy.status = Status.REVOKED
    else:
        remedy.status, remedy.decided_by, remedy.decided_at = Status.REJECTED, by, at
    remedy.refused_because = reason.strip()[:200]
    remedy.save()
    _record(case, remedy, "taken_back", by=by, at=at)
    ledger.settle(Promise.Source.REMEDY, remedy.pk, kept=False, how=remedy.refused_because, by=by, at=at)
    return remedy


def is_of_the_ledger(remedy: Remedy, at: datetime) -> bool:
    """Points are given by Laoke itself as soon as the mall has a programme; before that by whoever keeps them."""
    return remedy.kind == RemedyKind.POINTS and point_rules.in_force(at) is not None


def limits_for(user: User, customer_class: int, kind: str) -> list[RemedyLimit]:
    """For each of the person's roles its limit for this class, else for any, the widest first.

    Empty when none of the roles gives anything of this kind by itself.
    """
    rows = RemedyLimit.objects.filter(
        Q(customer_class=customer_class) | Q(customer_class__isnull=True), role__in=user.roles, kind=kind
    ).order_by("-at_once", "-per_case", "-per_customer", "-per_day", "pk")
    special = {row.role for row in rows if row.customer_class is not None}
    return [row for row in rows if row.customer_class is not None or row.role not in special]


def exceeded(
    case: Case, kind: str, amount: Decimal, *, by: User, at: datetime, apart_from: Remedy | None = None
) -> dict[str, list[str]]:
    """Which limits of this person the remedy would exceed, with the sums it would make; empty when none.

    Call with the customer's row held: two remedies for one customer are counted one after the other.
    """
    limits = limits_for(by, case.served_as, kind)
    if not limits:
        return {"role": [str(amount), "0"]}
    sums = {"at_once": Decimal(0)} | spent(case, kind, by=by, at=at, apart_from=apart_from)
    over = [
        {
            name: [str(total + amount), str(getattr(limit, name))]
            for name, total in sums.items()
            if total + amount > getattr(limit, name)
        }
        for limit in limits
    ]
    return {} if {} in over else over[0]


def spent(case: Case, kind: str, *, by: User, at: datetime, apart_from: Remedy | None = None) -> dict[str, Decimal]:
    """What counts against the limits so far: in this case, for this customer in 30 days, by this person today."""
    rows = Remedy.objects.filter(kind=kind, status__in=COUNTED)
    if apart_from is not None:
        rows = rows.exclude(pk=apart_from.pk)
    today = mall_day(at)
    of_today = (mall_midnight(today), mall_midnight(today + timedelta(days=1)) - timedelta(microseconds=1))
    # An anonymous caller is nobody whose remedies could be counted.
    of_customer = Q(customer=case.customer_id) if case.customer_id else Q(case=case)
    counted = {
        "per_case": Q(case=case),
        "per_customer": of_customer & Q(proposed_at__gt=at - timedelta(days=WINDOW_DAYS)),
        "per_day": Q(decided_by=by, decided_at__range=of_today)
        | Q(decided_by__isnull=True, proposed_by=by, proposed_at__range=of_today),
    }
    sums = rows.filter(reduce(or_, counted.values())).aggregate(
        **{name: Sum("amount", filter=condition) for name, condition in counted.items()}
    )
    return {name: total or Decimal(0) for name, total in sums.items()}


def remaining(case: Case, kind: str, *, by: User, at: datetime) -> Decimal | None:
    """How much of this kind the person may still give here by themselves; None: nothing of this kind at all."""
    limits = limits_for(by, case.served_as, kind)
    if not limits:
        return None
    sums = spent(case, kind, by=by, at=at)
    left: list[Decimal] = [
        min(limit.at_once, *(getattr(limit, name) - total for name, total in sums.items())) for limit in limits
    ]
    return max(Decimal(0), *left)


def suggested(case: Case) -> list[RemedyKind]:
    """What fits the loss first: the thing itself, then credit; a big customer is rung up or visited besides."""
    top = case.category.parent.code if case.category.parent else case.category.code
    by_loss = {
        "delivery": [RemedyKind.REPLACEMENT, RemedyKind.COUPON],
        "quality": [RemedyKind.REPLACEMENT, RemedyKind.REFUND],
        "description": [RemedyKind.REFUND, RemedyKind.REPLACEMENT],
        "refund": [RemedyKind.REFUND],
        "price": [RemedyKind.CREDIT, RemedyKind.COUPON],
        "payment": [RemedyKind.REFUND],
        "points": [RemedyKind.POINTS],
        "attitude": [RemedyKind.APOLOGY, RemedyKind.POINTS],
    }
    kinds = [*by_loss.get(top, [RemedyKind.APOLOGY, RemedyKind.POINTS])]
    if case.served_as == Standing.Class.BIG:
        kinds.append(RemedyKind.VISIT)
    return kinds


def wording(over: dict[str, list[str]]) -> str:
    """The exceeded limits in words."""
    names = {
        "role": _("your role gives none of this"),
        "at_once": _("at once"),
        "per_case": _("per case"),
        "per_customer": _("per customer in 30 days"),
        "per_day": _("per person and day"),
    }
    return _(", ").join(
        names[name] if name == "role" else f"{names[name]} {total} > {limit}" for name, (total, limit) in over.items()
    )


def _held(remedy_id: int) -> tuple[Case, Remedy]:
    case = transitions.hold(Remedy.objects.values_list("case_id", flat=True).get(pk=remedy_id))
    return case, Remedy.objects.select_for_update().get(pk=remedy_id)


def _decided(remedy: Remedy) -> DomainError:
    return DomainError(
        _("This remedy is settled already: %(how)s.") % {"how": remedy.get_status_display()}, code="remedy_settled"
    )


def _record(case: Case, remedy: Remedy, what: str, *, by: User | None, at: datetime) -> None:
    if remedy.status != Status.PROPOSED:
        bell.settle(_thread(remedy), [notices.REMEDY_WAITS], at=at)
    if remedy.status not in (Status.APPROVED, Status.FAILED):
        bell.settle(_thread(remedy), [notices.REMEDY_TO_GIVE], at=at)
    transitions.record(
        case,
        CaseEvent.Kind.REMEDY,
        by=by,
        at=at,
        touched=["remedies"],
        remedy=remedy.pk,
        what=what,
        amount=str(remedy.amount),
        sort=remedy.kind,
    )
    if remedy.status == Status.APPROVED and remedy.promised_at:
        webhooks.promised(case, remedy.kind, remedy.promised_at, at=at)


def _approvers(case: Case, *, apart_from: User) -> list[int]:
    """The head of the department, if they may agree and did not propose it; otherwise everybody else who may."""
    leads = [lead.pk for lead in who_may(Permission.LEAD_COMPLAINTS) if lead.pk != apart_from.pk]
    head = case.queue.department.head_id
    return [head] if head in leads else leads


def _thread(remedy: Remedy) -> str:
    return f"remedy:{remedy.pk}"
