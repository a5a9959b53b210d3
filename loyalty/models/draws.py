"""Prize draws: published rules, prizes with their odds and stock, tickets, and every draw with the number it fell on."""

from decimal import Decimal

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.lib.money import MoneyField
from customers.models import Customer, Order
from loyalty.models.coupons import CouponCampaign

User = settings.AUTH_USER_MODEL
# 规范促销行为暂行规定 (in force since 1 December 2020): the top prize is worth at most 50,000 yuan.
HIGHEST_PRIZE = Decimal("50000.00")
CERTAIN = 1_000_000


TERMS = (
    "code",
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
    "by_id",
    "published_at",
    "published_by_id",
    "algorithm",
    "commitment",
    "secret",
)
PRIZE_TERMS = ("lottery_id", "rank", "name", "kind", "value", "points", "coupons_id", "ppm")
PUBLISHED = "(SELECT published_at FROM loyalty_lottery WHERE id = {}.lottery_id) IS NOT NULL"


def _frozen(columns: tuple[str, ...], grows: str) -> str:
    """After publication these columns stay as they are; `grows` may only rise."""
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in columns)
    return f"({changed} OR NEW.{grows} < OLD.{grows})"


class Lottery(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        ENDED = "ended", _("Ended")

    class Entry(models.TextChoices):
        ORDER = "order", _("One ticket for each paid order")
        DAILY = "daily", _("One free draw a day")
        POINTS = "points", _("Tickets for points")

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=80)
    rules = models.TextField(max_length=4000, blank=True)
    entry = models.CharField(max_length=8, choices=Entry, default=Entry.ORDER)
    min_order = MoneyField(default=Decimal("0.00"))
    points_cost = models.PositiveIntegerField(default=0)
    min_level = models.CharField(max_length=20, blank=True)
    draws_per_day = models.PositiveSmallIntegerField(default=10)
    wins_per_customer = models.PositiveSmallIntegerField(null=True, blank=True)
    claim_days = models.PositiveSmallIntegerField(default=30)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="First instant at which nobody draws any more")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", help_text="Who wrote the last word")
    at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    algorithm = models.CharField(max_length=60, blank=True)
    # SHA-256 of the secret from which every draw follows; the secret itself is shown after the end.
    commitment = models.CharField(max_length=64, blank=True)
    secret = models.BinaryField(null=True, blank=True, help_text="Encrypted")
    ended_at = models.DateTimeField(null=True, blank=True)
    # Typed by the only person who may publish, about what they wrote themselves.
    alone_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="lottery_ends"),
            models.CheckConstraint(
                condition=Q(status="draft", published_at__isnull=True)
                | Q(status__in=("published", "ended"), published_at__isnull=False, secret__isnull=False)
                & ~Q(commitment=""),
                name="lottery_published_with_commitment",
            ),
            models.CheckConstraint(
                condition=Q(published_by__isnull=True) | ~Q(published_by=F("by")) | ~Q(alone_because=""),
                name="lottery_needs_two_people",
            ),
            models.CheckConstraint(
                condition=Q(status="ended", ended_at__isnull=False) | ~Q(status="ended") & Q(ended_at__isnull=True),
                name="lottery_end_has_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(entry="points", points_cost__gt=0) | ~Q(entry="points") & Q(points_cost=0),
                name="lottery_points_cost",
            ),
            models.CheckConstraint(condition=Q(draws_per_day__gt=0), name="lottery_draws_per_day"),
        ]
        indexes = [models.Index(fields=["-starts_at"], name="lottery_newest")]
        triggers = [
            pgtrigger.Trigger(
                name="frozen_once_published",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__published_at__isnull=False),
                func=f"IF {_frozen(TERMS, 'ends_at')} OR OLD.status = 'ended' AND NEW.status <> 'ended' "
                "OR NEW.status = 'draft' THEN "
                "RAISE EXCEPTION 'a published draw is frozen'; END IF; RETURN NEW;",
            ),
            pgtrigger.Protect(
                name="kept_once_published",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def called_off(self) -> bool:
        """It was published, and ended before it began."""
        return self.ended_at is not None and self.ended_at < self.starts_at


class LotteryPrize(models.Model):
    """`ppm`: of a million draws, how many fall on it. `total` is empty for the row that gives nothing."""

    class Kind(models.TextChoices):
        GOODS = "goods", _("Goods")
        COUPON = "coupon", _("Coupon")
        POINTS = "points", _("Points")
        THANKS = "thanks", _("Thanks for taking part")

    lottery = models.ForeignKey(Lottery, models.CASCADE, related_name="prizes", db_index=False)
    rank = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind)
    value = MoneyField(default=Decimal("0.00"))
    points = models.PositiveIntegerField(default=0)
    coupons = models.ForeignKey(CouponCampaign, models.PROTECT, null=True, blank=True, related_name="+")
    ppm = models.PositiveIntegerField()
    total = models.PositiveIntegerField(null=True, blank=True)
    awarded = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lottery", "rank"], name="one_prize_per_rank"),
            models.UniqueConstraint(fields=["lottery"], condition=Q(kind="thanks"), name="one_thanks_per_lottery"),
            models.CheckConstraint(condition=Q(value__gte=0, value__lte=HIGHEST_PRIZE), name="prize_at_most_50000"),
            models.CheckConstraint(condition=Q(ppm__lte=CERTAIN), name="prize_at_most_certain"),
            models.CheckConstraint(
                condition=Q(kind="thanks", total__isnull=True, value=0) | ~Q(kind="thanks") & Q(total__gt=0),
                name="prize_has_pieces",
            ),
            models.CheckConstraint(
                condition=Q(total__isnull=True) | Q(awarded__lte=F("total")), name="prize_awarded_within_stock"
            ),
            models.CheckConstraint(
                condition=Q(kind="points", points__gt=0) | ~Q(kind="points") & Q(points=0), name="prize_of_points"
            ),
            models.CheckConstraint(
                condition=Q(kind="coupon", coupons__isnull=False) | ~Q(kind="coupon") & Q(coupons__isnull=True),
                name="prize_of_coupons",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="frozen_once_published",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func=f"IF {PUBLISHED.format('OLD')} AND {_frozen(PRIZE_TERMS, 'total')} THEN "
                "RAISE EXCEPTION 'prizes and odds of a published draw are frozen'; END IF; RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="none_added_or_removed",
                operation=pgtrigger.Insert | pgtrigger.Delete,
                when=pgtrigger.Before,
                func=f"IF TG_OP = 'DELETE' AND {PUBLISHED.format('OLD')} OR TG_OP = 'INSERT' AND "
                f"{PUBLISHED.format('NEW')} THEN RAISE EXCEPTION 'prizes of a published draw are frozen'; END IF; "
                "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def left(self) -> int | None:
        return None if self.total is None else self.total - self.awarded


class LotteryTicket(models.Model):
    class Source(models.TextChoices):
        ORDER = "order", _("Paid order")
        DAILY = "daily", _("Free draw of the day")
        POINTS = "points", _("Points")
        GIFT = "gift", _("Given by us")

    class Status(models.TextChoices):
        ISSUED = "issued", _("Not used")
        USED = "used", _("Used")
        VOID = "void", _("Void")

    lottery = models.ForeignKey(Lottery, models.PROTECT, related_name="tickets", db_index=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="lottery_tickets", db_index=False)
    source = models.CharField(max_length=8, choices=Source)
    source_ref = models.CharField(max_length=121)
    order = models.ForeignKey(
        Order, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Whose ticket it is"
    )
    n = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=6, choices=Status, default=Status.ISSUED)
    issued_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lottery", "source", "source_ref", "n"], name="one_ticket_per_source")
        ]
        indexes = [
            models.Index(fields=["customer", "lottery", "status"], name="ticket_by_customer"),
            models.Index(fields=["source_ref"], name="ticket_unused", condition=Q(status="issued")),
        ]

    def __str__(self) -> str:
        return f"{self.lottery_id}: {self.source_ref}"


class Draw(models.Model):
    """`roll` is the number the ticket fell on, `rolled` the prize it points at, `prize` what was given.

    The two differ only where `reason` says so: that prize was gone, or the customer had won as often as one may.
    """

    class Reason(models.TextChoices):
        ODDS = "odds", _("As drawn")
        SOLD_OUT = "sold_out", _("That prize was gone")
        LIMIT = "limit", _("Won as often as one may")

    class State(models.TextChoices):
        NOTHING = "nothing", _("Nothing won")
        WON = "won", _("To be claimed")
        CLAIMED = "claimed", _("To be sent")
        FULFILLED = "fulfilled", _("Sent or handed over")
        FORFEITED = "forfeited", _("Not claimed in time")

    lottery = models.ForeignKey(Lottery, models.PROTECT, related_name="draws", db_index=False)
    ticket = models.OneToOneField(LotteryTicket, models.PROTECT, related_name="draw")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="draws", db_index=False)
    idem_key = models.CharField(max_length=120)
    message = models.CharField(max_length=160, help_text="What the secret was applied to")
    roll = models.PositiveIntegerField()
    rolled = models.ForeignKey(LotteryPrize, models.PROTECT, related_name="+")
    prize = models.ForeignKey(LotteryPrize, models.PROTECT, related_name="draws", db_index=False)
    reason = models.CharField(max_length=8, choices=Reason, default=Reason.ODDS)
    drawn_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State)
    claim_by = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reference = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lottery", "idem_key"], name="one_draw_per_key"),
            models.CheckConstraint(condition=Q(roll__lt=CERTAIN), name="roll_below_a_million"),
            models.CheckConstraint(
                condition=Q(reason="odds", prize=F("rolled")) | ~Q(reason="odds"), name="draw_gives_what_it_rolled"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-drawn_at"], name="draw_by_customer"),
            models.Index(fields=["prize", "-drawn_at"], name="draw_by_prize"),
            models.Index(fields=["claim_by"], name="draw_to_claim", condition=Q(state="won")),
            models.Index(fields=["customer"], name="draw_to_hand_over", condition=Q(state="claimed")),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="never_redrawn",
                exclude=["customer", "state", "claim_by", "settled_at", "settled_by", "reference"],
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.lottery_id}#{self.pk}"
