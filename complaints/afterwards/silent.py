"""Who is probably unhappy and has not said so, and how large the part of the iceberg below the water is."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import chain

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from complaints.afterwards.follow_up import BAD
from complaints.cases import intake
from complaints.models import Case, Category, SilentSign, Survey
from complaints.queries import NOT_COUNTED
from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers.models import Contact, OrderLine, Refund, Standing
from segmentation.models import Alert

Sign = SilentSign.Sign
State = SilentSign.State
LOOK_BACK = timedelta(days=14)
SPOKE_WITHIN = timedelta(days=60)
SPIKE = 5
# Of 100 dissatisfied customers some 50 tell somebody (of them 1–5 the management); the other half never do.
SAY_SO = 0.5
# One complaint stands for twenty-four customers who leave in silence.
SILENT_PER_COMPLAINT = 24


@dataclass(frozen=True)
class Found:
    """What points to somebody's dissatisfaction; `ref` tells one such thing from another of the same customer."""

    customer_id: int
    sign: str
    ref: str
    evidence: Mapping[str, object]


@dataclass(frozen=True)
class Iceberg:
    """Registered complainers and two estimates of those who kept silent, each with its own source."""

    registered: int
    silent_by_half: int
    silent_by_one_in_25: int


@transaction.atomic
def find(*, as_of: date, at: datetime) -> int:
    """Every sign of the last fortnight by a customer who has not complained for sixty days is on the list, once.

    A sign that was dismissed stays dismissed. Returns how many are new.
    """
    known = set(SilentSign.objects.filter(found_on__gt=as_of - 2 * LOOK_BACK).values_list("customer_id", "sign", "ref"))
    candidates = chain(_refunds(as_of), _moods(as_of), _silences(as_of), _products(as_of), _unhappy(as_of))
    signs = [sign for sign in candidates if (sign.customer_id, sign.sign, sign.ref) not in known]
    # A solved case that left the customer discontent is no silence broken: that sign stands beside its case.
    spoke = set(
        Case.objects.filter(opened_at__gt=at - SPOKE_WITHIN)
        .exclude(status__in=NOT_COUNTED)
        .values_list("customer_id", flat=True)
    )
    fresh = [s for s in signs if s.sign == Sign.UNHAPPY or s.customer_id not in spoke]
    new = [SilentSign(found_on=as_of, **asdict(sign)) for sign in fresh]
    before = SilentSign.objects.count()
    SilentSign.objects.bulk_create(new, ignore_conflicts=True, batch_size=1000)
    return SilentSign.objects.count() - before


@transaction.atomic
def called(sign_id: int, *, by: User, at: datetime, words: str) -> SilentSign:
    """Somebody rang up; what the customer said is on record."""
    return _close(sign_id, State.CALLED, by, at, words, _("Write down what the customer said."))


@transaction.atomic
def dismiss(sign_id: int, *, by: User, at: datetime, reason: str) -> SilentSign:
    """Nothing in it, and why. Dismissals change no rule by themselves; they are counted."""
    return _close(sign_id, State.DISMISSED, by, at, reason, _("Say why there is nothing in it."))


@transaction.atomic
def convert(sign_id: int, *, category: Category, channel: str, description: str, by: User, at: datetime) -> Case:
    """The customer was unhappy indeed: the sign has become a case."""
    sign = _open(sign_id)
    case = intake.log(
        sign.customer,
        category=category,
        channel=channel,
        by=by,
        at=at,
        description=description,
        client_key=f"silent:{sign.pk}",
        order_ref=str(sign.evidence.get("order", "")),
    ).case
    sign.state, sign.closed_by, sign.closed_at, sign.case = State.CONVERTED, by, at, case
    sign.save()
    audit.record(by, "silent.converted", sign, at=at, case=case.pk)
    return case


def iceberg(*, since: datetime, until: datetime) -> Iceberg:
    """Registered: customers with a complaint logged in the period."""
    rows = Case.objects.filter(opened_at__gte=since, opened_at__lt=until).exclude(status__in=NOT_COUNTED)
    registered = rows.exclude(customer=None).values("customer").distinct().count()
    return Iceberg(registered, round(registered / SAY_SO) - registered, registered * SILENT_PER_COMPLAINT)


def outcomes(*, since: date) -> dict[str, int]:
    """What became of the signs found since that day, counted by state."""
    rows = SilentSign.objects.filter(found_on__gte=since).values_list("state").annotate(n=Count("pk"))
    return {str(state): n for state, n in rows}


def _refunds(as_of: date) -> Iterable[Found]:
    rows = Refund.objects.filter(refunded_on__gt=as_of - LOOK_BACK, refunded_on__lte=as_of).values_list(
        "pk", "customer_id", "refunded_on", "amount", "order__external_id", named=True
    )
    for refund in rows:
        evidence = {
            "order": refund.order__external_id,
            "on": refund.refunded_on.isoformat(),
            "amount": str(refund.amount),
        }
        yield Found(refund.customer_id, Sign.REFUND, f"refund:{refund.pk}", evidence)


def _moods(as_of: date) -> Iterable[Found]:
    for contact in Contact.objects.filter(mood=Contact.Mood.BAD, at__date__gt=as_of - LOOK_BACK, at__date__lte=as_of):
        on = mall_day(contact.at)
        yield Found(contact.customer_id, Sign.MOOD, f"contact:{contact.pk}", {"on": on.isoformat()})


def _silences(as_of: date) -> Iterable[Found]:
    """Big and active customers past their own usual interval, without a complaint: class falls, nobody knows why."""
    valued = (Standing.Class.BIG, Standing.Class.ACTIVE)
    alerts = Alert.objects.filter(
        state=Alert.State.OPEN,
        opened_on__gt=as_of - LOOK_BACK,
        opened_on__lte=as_of,
        silent=False,
        customer__standing__customer_class__in=valued,
    )
    for alert in alerts:
        evidence = {"last_on": alert.last_on.isoformat()}
        yield Found(alert.customer_id, Sign.OVERDUE, f"alert:{alert.pk}", evidence)


def _products(as_of: date) -> Iterable[Found]:
    """Who bought, in the fortnight, what five others complained about in the month."""
    since = as_of - timedelta(days=30)
    spikes = (
        Case.objects.filter(opened_at__date__gt=since, opened_at__date__lte=as_of)
        .exclude(product_ref="")
        .exclude(status__in=NOT_COUNTED)
        .values("product_ref")
        .annotate(n=Count("pk"))
        .filter(n__gte=SPIKE)
    )
    complained = {row["product_ref"]: row["n"] for row in spikes}
    lines = OrderLine.objects.filter(
        product__external_id__in=complained,
        order__status="paid",
        order__fully_refunded_on__isnull=True,
        order__ordered_on__gt=as_of - LOOK_BACK,
        order__ordered_on__lte=as_of,
    )
    for line in lines.select_related("order", "product"):
        product = line.product.external_id
        evidence = {"order": line.order.external_id, "product": product, "complaints": complained[product]}
        yield Found(line.order.customer_id, Sign.PRODUCT, f"{product}:{line.order_id}", evidence)


def _unhappy(as_of: date) -> Iterable[Found]:
    """Answered badly, and the case rests."""
    rows = Survey.objects.filter(
        state=Survey.State.ANSWERED,
        score__lte=BAD,
        answered_at__date__gt=as_of - LOOK_BACK,
        case__status=Case.Status.CLOSED,
    ).select_related("case")
    for survey in rows:
        if survey.case.customer_id is None:
            continue
        evidence = {"case": survey.case_id, "score": survey.score}
        yield Found(survey.case.customer_id, Sign.UNHAPPY, f"survey:{survey.pk}", evidence)


def _open(sign_id: int) -> SilentSign:
    sign = SilentSign.objects.select_for_update(of=("self",)).select_related("customer").get(pk=sign_id)
    if sign.state != State.OPEN:
        raise DomainError(
            _("This is settled already: %(how)s.") % {"how": sign.get_state_display()}, code="sign_settled"
        )
    return sign


def _close(sign_id: int, state: SilentSign.State, by: User, at: datetime, words: str, missing: str) -> SilentSign:
    sign = _open(sign_id)
    if not words.strip():
        raise Invalid(missing, code="reason_missing")
    sign.state, sign.closed_by, sign.closed_at, sign.reason = state, by, at, words.strip()[:200]
    sign.save()
    audit.record(by, f"silent.{state.value}", sign, at=at, customer=sign.customer_id)
    return sign
