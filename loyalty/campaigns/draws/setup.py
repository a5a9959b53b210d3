"""Draws are set up along a checklist and published by a second person; from then on rules and odds are frozen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.deciding import second_person
from core.accounts.models import User
from core.accounts.roles import Permission, who_may
from core.lib.errors import DomainError, Invalid
from loyalty.campaigns.draws import proof
from loyalty.models import CouponCampaign, Lottery, LotteryPrize
from loyalty.models.draws import CERTAIN, HIGHEST_PRIZE

NOTHING = Decimal("0.00")
MOST_PRIZES = 20
# What may be set while it is a draft.
TERMS = (
    "name",
    "rules",
    "entry",
    "min_order",
    "points_cost",
    "min_level",
    "draws_per_day",
    "wins_per_customer",
    "claim_days",
    "starts_at",
    "ends_at",
)

Status = Lottery.Status
Kind = LotteryPrize.Kind


@dataclass(frozen=True)
class PrizeFact:
    name: str
    kind: str
    ppm: int
    total: int | None = None
    value: Decimal = NOTHING
    points: int = 0
    coupons: CouponCampaign | None = None


@transaction.atomic
def create(code: str, *, by: User, at: datetime, **terms: Any) -> Lottery:
    """A draft. Nobody can draw before another person has published it."""
    code = code.strip().upper()
    if Lottery.objects.filter(code=code).exists():
        raise Invalid(_("A draw has this short name already. Choose another."), code="code_taken")
    lottery = Lottery(code=code, by=by, at=at, **_known(terms))
    _refuse_terms(lottery)
    lottery.save(force_insert=True)
    audit.record(by, "draw.created", lottery, at=at, code=code)
    return lottery


@transaction.atomic
def change(lottery_id: int, *, by: User, at: datetime, **terms: Any) -> Lottery:
    """The draft has these terms; whoever changed it last cannot publish it."""
    lottery = _draft(lottery_id)
    for name, value in _known(terms).items():
        setattr(lottery, name, value)
    _refuse_terms(lottery)
    lottery.by, lottery.at = by, at
    lottery.save()
    audit.record(by, "draw.changed", lottery, at=at)
    return lottery


@transaction.atomic
def set_prizes(lottery_id: int, prizes: Sequence[PrizeFact], *, by: User, at: datetime) -> Lottery:
    """The draft has exactly these prizes, the first one of the highest rank."""
    lottery = _draft(lottery_id)
    if len(prizes) > MOST_PRIZES:
        raise Invalid(_("A draw has at most %(most)d prizes.") % {"most": MOST_PRIZES}, code="prizes")
    rows = []
    for rank, fact in enumerate(prizes, start=1):
        _refuse_prize(fact)
        rows.append(
            LotteryPrize(
                lottery=lottery,
                rank=rank,
                name=fact.name.strip(),
                kind=fact.kind,
                ppm=fact.ppm,
                value=fact.value,
                points=fact.points,
                coupons=fact.coupons,
                total=fact.total,
            )
        )
    if sum(fact.kind == Kind.THANKS for fact in prizes) > 1:
        raise Invalid(_("There is one row for those who win nothing."), code="thanks")
    lottery.prizes.all().delete()
    LotteryPrize.objects.bulk_create(rows)
    lottery.by, lottery.at = by, at
    lottery.save(update_fields=["by", "at"])
    audit.record(by, "draw.prizes_set", lottery, at=at, prizes=len(rows))
    return lottery


@transaction.atomic
def drop(lottery_id: int, *, by: User, at: datetime) -> None:
    """The draft and its prizes are gone."""
    lottery = _draft(lottery_id)
    audit.record(by, "draw.dropped", lottery, at=at, code=lottery.code)
    lottery.delete()


class Check(NamedTuple):
    words: str
    ok: bool


def checklist(lottery: Lottery, *, at: datetime) -> list[Check]:
    """What must be so before it may be published, in the order one sets it up."""
    prizes = list(lottery.prizes.select_related("coupons").order_by("rank"))
    odds = sum(prize.ppm for prize in prizes)
    top = max((prize.value for prize in prizes), default=NOTHING)
    lasting = all(
        prize.coupons.ends_at >= lottery.ends_at
        and prize.coupons.status in (CouponCampaign.Status.RUNNING, CouponCampaign.Status.PAUSED)
        for prize in prizes
        if prize.coupons is not None
    )
    return [
        Check(
            _("There are rules in words. Whether they say who, how and until when, only a reader can tell"),
            bool(lottery.rules.strip()),
        ),
        Check(_("There is something to win"), any(prize.kind != Kind.THANKS for prize in prizes)),
        Check(_("There is a row for those who win nothing"), any(prize.kind == Kind.THANKS for prize in prizes)),
        Check(_("The odds add up to 100%% (now %(odds)s%%)") % {"odds": Decimal(odds) / 10_000}, odds == CERTAIN),
        Check(
            _("No prize is worth more than %(most)s (the highest is %(top)s)")
            % {"most": f"¥{HIGHEST_PRIZE:,}", "top": f"¥{top:,}"},
            top <= HIGHEST_PRIZE,
        ),
        Check(_("Coupons to be won are accepted until the end of the draw"), lasting),
        Check(_("The end lies in the future"), lottery.ends_at > at),
    ]


@transaction.atomic
def publish(lottery_id: int, *, by: User, at: datetime, because: str = "") -> Lottery:
    """Rules, odds and stock are public and frozen, and the commitment to the secret is made.

    Only the end can still move back and the stock grow. Raises DomainError for the last editor and for open points.
    `because`: why the only person who may publish does so alone, what they wrote themselves.
    """
    lottery = _draft(lottery_id)
    lottery.alone_because = second_person(
        by,
        lottery.by_id,
        who_may(Permission.RUN_CAMPAIGNS),
        refusal=_("You changed this draw last. Somebody else has to publish it."),
        because=because,
    )
    missing = [check.words for check in checklist(lottery, at=at) if not check.ok]
    if missing:
        raise DomainError(_("Not ready yet: %(missing)s.") % {"missing": "; ".join(missing)}, code="not_ready")
    lottery.status, lottery.published_at, lottery.published_by = Status.PUBLISHED, at, by
    proof.seal(lottery)
    lottery.save()
    alone = {"alone_because": lottery.alone_because} if lottery.alone_because else {}
    audit.record(by, "draw.published", lottery, at=at, commitment=lottery.commitment, **alone)
    return lottery


@transaction.atomic
def call_off(lottery_id: int, *, by: User, at: datetime, reason: str) -> Lottery:
    """A published draw that has not begun, and of which nobody has a ticket, never begins. Its terms stay on record."""
    lottery = Lottery.objects.select_for_update(no_key=True).get(pk=lottery_id)
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
    if lottery.status != Status.PUBLISHED or lottery.starts_at <= at or lottery.tickets.exists():
        raise DomainError(
            _("Only a published draw that has not begun, and of which nobody has a ticket, can be called off."),
            code="has_begun",
        )
    lottery.status, lottery.ended_at = Status.ENDED, at
    lottery.save(update_fields=["status", "ended_at"])
    audit.record(by, "draw.called_off", lottery, at=at, reason=reason.strip()[:200])
    return lottery


@transaction.atomic
def favour(
    lottery_id: int, *, by: User, at: datetime, ends_at: datetime | None = None, more: dict[int, int] | None = None
) -> Lottery:
    """What may still change after publication: a later end, and more pieces by prize id."""
    lottery = Lottery.objects.select_for_update(no_key=True).get(pk=lottery_id)
    if lottery.status != Status.PUBLISHED or lottery.ends_at <= at:
        raise DomainError(_("Only a draw that runs can be given more."), code="not_running")
    if ends_at is not None:
        if ends_at < lottery.ends_at:
            raise DomainError(_("The end of a published draw only moves back."), code="frozen")
        lottery.ends_at = ends_at
        lottery.save(update_fields=["ends_at"])
    for prize_id, pieces in sorted((more or {}).items()):
        if pieces < 1:
            raise DomainError(_("The stock of a published draw only grows."), code="frozen")
        lottery.prizes.exclude(kind=Kind.THANKS).filter(pk=prize_id).update(total=F("total") + pieces)
    audit.record(by, "draw.favoured", lottery, at=at, ends_at=lottery.ends_at.isoformat(), more=more or {})
    return lottery


# Inside --------------------------------------------------------------------------------------------------------------


def _draft(lottery_id: int) -> Lottery:
    lottery = Lottery.objects.select_for_update().get(pk=lottery_id)
    if lottery.status != Status.DRAFT:
        raise DomainError(
            _("This draw is published: rules, odds and prizes stay as the customers have read them."), code="frozen"
        )
    return lottery


def _known(terms: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(terms.keys() - set(TERMS)):
        raise TypeError(f"no terms of a draw: {unknown}")
    return terms


def _refuse_terms(lottery: Lottery) -> None:
    lottery.points_cost = lottery.points_cost if lottery.entry == Lottery.Entry.POINTS else 0
    try:
        lottery.clean_fields(exclude=["by", "published_by"])
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="terms") from None
    if lottery.ends_at <= lottery.starts_at:
        raise Invalid(_("A draw ends after it begins."), code="ends_at")
    if lottery.entry == Lottery.Entry.POINTS and lottery.points_cost < 1:
        raise Invalid(_("Say how many points a ticket costs."), code="points_cost")
    if lottery.draws_per_day < 1:
        raise Invalid(_("There is at least one draw a day."), code="draws_per_day")
    if lottery.min_order < 0:
        raise Invalid(_("Amounts are not negative."), code="min_order")


def _refuse_prize(fact: PrizeFact) -> None:
    if fact.kind not in Kind.values or not fact.name.strip():
        raise Invalid(_("Each prize has a name and a kind."), code="prize")
    if not 0 <= fact.ppm <= CERTAIN:
        raise Invalid(_("Odds lie between 0 and 100%%.") % {}, code="odds")
    if not NOTHING <= fact.value <= HIGHEST_PRIZE:
        raise Invalid(
            _("The law allows prizes of at most %(most)s; “%(name)s” is worth %(value)s.")
            % {"most": HIGHEST_PRIZE, "name": fact.name, "value": fact.value},
            code="prize_too_high",
        )
    if fact.kind == Kind.THANKS and (fact.total is not None or fact.value):
        raise Invalid(_("The row for those who win nothing has neither pieces nor value."), code="thanks")
    if fact.kind != Kind.THANKS and (fact.total is None or fact.total < 1):
        raise Invalid(_("Say how many pieces of “%(name)s” there are.") % {"name": fact.name}, code="pieces")
    if (fact.kind == Kind.POINTS) != (fact.points > 0):
        raise Invalid(_("A prize of points says how many, others have none."), code="points")
    if (fact.kind == Kind.COUPON) != (fact.coupons is not None):
        raise Invalid(_("A prize of coupons names their campaign, others have none."), code="coupons")
