"""Coupons: what a campaign promises, the codes that were handed out, and what each order took from it.

The counters of a campaign and of each customer move only by `UPDATE … WHERE used < most`; the checks below stand
behind that.
"""

from decimal import Decimal

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.lib.money import MoneyField
from customers.models import Customer, Order

User = settings.AUTH_USER_MODEL
NOTHING = Decimal("0.00")


class CouponCampaign(models.Model):
    class Kind(models.TextChoices):
        AMOUNT = "amount", _("Amount off")
        PERCENT = "percent", _("Percent off")
        SHIPPING = "shipping", _("Free shipping")
        GIFT = "gift", _("Gift")

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        ENDED = "ended", _("Ended")

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind)
    amount = MoneyField(
        default=NOTHING,
        help_text="What comes off the order, what is paid of the shipping at most, or the stated price of the gift",
    )
    percent = models.PositiveSmallIntegerField(default=0)
    gift = models.CharField(max_length=80, blank=True)
    most_off = MoneyField(null=True, blank=True)
    min_spend = MoneyField(default=NOTHING)
    categories = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    # Two coupons of one group never meet on one order.
    stack_group = models.CharField(max_length=30, blank=True)
    needs_code = models.BooleanField(default=True)
    total_limit = models.PositiveIntegerField()
    per_customer_limit = models.PositiveIntegerField(default=1)
    budget = MoneyField(null=True, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="First instant at which it no longer holds")
    valid_days = models.PositiveSmallIntegerField(null=True, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # Moved by coupons.py alone.
    used = models.PositiveIntegerField(default=0, editable=False)
    budget_used = MoneyField(default=NOTHING, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(used__lte=F("total_limit")), name="coupon_used_within_limit"),
            models.CheckConstraint(
                condition=Q(budget_used__gte=0) & (Q(budget__isnull=True) | Q(budget_used__lte=F("budget"))),
                name="coupon_budget_kept",
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="coupon_campaign_ends"),
            models.CheckConstraint(condition=Q(per_customer_limit__gt=0), name="coupon_limit_per_customer"),
            models.CheckConstraint(
                condition=Q(kind="percent", percent__gt=0, percent__lte=100, amount=0)
                | Q(kind="gift", percent=0, amount__gt=0) & ~Q(gift="")
                | Q(kind__in=("amount", "shipping"), percent=0, amount__gt=0),
                name="coupon_gives_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(min_spend__gte=0) & (Q(most_off__isnull=True) | Q(most_off__gt=0)),
                name="coupon_bounds_not_negative",
            ),
        ]
        indexes = [models.Index(fields=["-starts_at"], name="coupon_campaign_newest")]

    def __str__(self) -> str:
        return self.code


class CouponTerms(models.Model):
    """What a campaign promises from a moment on, as it was confirmed; `begun_at` once the campaign says so."""

    campaign = models.ForeignKey(CouponCampaign, models.CASCADE, related_name="versions", db_index=False)
    version = models.PositiveIntegerField()
    content = models.JSONField()
    starts_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    # Says again what was said before: limits may sink, and nothing is handed out anew.
    takes_back = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "version"], name="one_version_of_coupon_terms"),
            models.CheckConstraint(
                condition=Q(begun_at__isnull=True) | Q(withdrawn_at__isnull=True), name="begun_terms_are_not_withdrawn"
            ),
        ]
        indexes = [
            models.Index(
                fields=["starts_at"], name="coupon_terms_to_begin", condition=Q(begun_at=None, withdrawn_at=None)
            )
        ]
        triggers = [
            pgtrigger.ReadOnly(name="says_what_it_said", fields=["campaign", "version", "content", "starts_at", "by"])
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} v{self.version}"


class CampaignUsage(models.Model):
    """How often one customer has used a campaign; `most` follows the campaign's limit, so that a check can keep it."""

    campaign = models.ForeignKey(CouponCampaign, models.CASCADE, related_name="usage", db_index=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    used = models.PositiveIntegerField(default=0)
    most = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "customer"], name="one_usage_per_customer"),
            models.CheckConstraint(condition=Q(used__lte=F("most")), name="usage_within_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.customer_id}: {self.used}"


class CouponIssue(models.Model):
    """One hand-out: to a group of customers, or `bearer` codes for whoever shows them. Done once per key."""

    campaign = models.ForeignKey(CouponCampaign, models.PROTECT, related_name="issues", db_index=False)
    client_key = models.CharField(max_length=64)
    group = models.JSONField(default=dict, help_text="What the customers had in common")
    bearer = models.BooleanField(default=False)
    count = models.PositiveIntegerField()
    cost = MoneyField(default=NOTHING, help_text="What telling the customers cost")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "client_key"], name="one_coupon_issue_per_key")]

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.count}"


class Coupon(models.Model):
    class Status(models.TextChoices):
        ISSUED = "issued", _("Issued")
        RESERVED = "reserved", _("Reserved")
        REDEEMED = "redeemed", _("Redeemed")
        EXPIRED = "expired", _("Expired")
        REVOKED = "revoked", _("Revoked")

    campaign = models.ForeignKey(CouponCampaign, models.PROTECT, related_name="coupons", db_index=False)
    issue = models.ForeignKey(CouponIssue, models.PROTECT, null=True, related_name="coupons", db_index=False)
    code = models.CharField(max_length=24, unique=True, help_text="Normalised: capitals and digits without blanks")
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, related_name="coupons", db_index=False)
    status = models.CharField(max_length=8, choices=Status, default=Status.ISSUED)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="First instant at which it no longer holds")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issue", "customer"],
                name="one_coupon_per_customer_and_issue",
                condition=Q(customer__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["campaign", "status"], name="coupon_by_campaign"),
            models.Index(fields=["customer", "-expires_at"], name="coupon_by_customer"),
            models.Index(fields=["expires_at"], name="coupon_expiry", condition=Q(status="issued")),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} ···{self.code[-4:]}"

    @property
    def shown(self) -> str:
        """Enough to tell one from another, not enough to spend it."""
        return f"····-····-{self.code[-4:]}"


class CouponRedemption(models.Model):
    """What one order took. `discount` came off the bill; `worth` is what it cost the mall (a gift: its stated price)."""

    class Status(models.TextChoices):
        RESERVED = "reserved", _("Reserved")
        REDEEMED = "redeemed", _("Redeemed")
        RELEASED = "released", _("Released")
        ROLLED_BACK = "rolled_back", _("Rolled back")

    class Word(models.TextChoices):
        REDEEMED = "redeemed", _("Redeemed")
        GIVEN_BACK = "given_back", _("Given back")

    campaign = models.ForeignKey(CouponCampaign, models.PROTECT, related_name="redemptions", db_index=False)
    coupon = models.ForeignKey(Coupon, models.PROTECT, null=True, related_name="redemptions", db_index=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="coupon_redemptions", db_index=False)
    order_ref = models.CharField(max_length=121, help_text="source:external_id, as the shop names it at the checkout")
    order = models.ForeignKey(
        Order, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Once it has arrived"
    )
    stack_group = models.CharField(max_length=30, blank=True)
    goods = MoneyField(help_text="The order's lines before the discount")
    discount = MoneyField()
    worth = MoneyField()
    content = models.CharField(max_length=64, help_text="Digest of the order it was worked out for")
    status = models.CharField(max_length=12, choices=Status, default=Status.RESERVED)
    # What the shop itself has said last: that holds, whatever is known of the order.
    word = models.CharField(max_length=10, choices=Word, blank=True, default="")
    # A refund made to head off a dispute gives the money back and not the coupon.
    keeps_slot = models.BooleanField(default=False)
    reserved_at = models.DateTimeField()
    reserved_until = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "order_ref"],
                name="one_live_redemption_per_order",
                condition=Q(status__in=("reserved", "redeemed")),
            ),
            models.UniqueConstraint(
                fields=["coupon"],
                name="one_live_redemption_per_coupon",
                condition=Q(status__in=("reserved", "redeemed")),
            ),
            models.UniqueConstraint(
                fields=["order_ref", "stack_group"],
                name="coupons_of_a_group_do_not_combine",
                condition=Q(status__in=("reserved", "redeemed")),
            ),
            models.CheckConstraint(
                condition=Q(worth__gt=0) & (Q(discount=0) | Q(discount=F("worth"))), name="redemption_gives_something"
            ),
            models.CheckConstraint(
                condition=Q(keeps_slot=False) | Q(status="rolled_back"), name="slot_kept_only_after_roll_back"
            ),
            models.CheckConstraint(
                condition=Q(status__in=("reserved", "redeemed"), ended_at__isnull=True)
                | Q(status__in=("released", "rolled_back"), ended_at__isnull=False),
                name="redemption_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("reserved", "released"), redeemed_at__isnull=True)
                | Q(status__in=("redeemed", "rolled_back"), redeemed_at__isnull=False),
                name="redemption_has_its_moment",
            ),
        ]
        indexes = [
            models.Index(fields=["reserved_until"], name="redemption_runs_out", condition=Q(status="reserved")),
            models.Index(fields=["order_ref"], name="redemption_by_order"),
            models.Index(fields=["campaign", "-reserved_at"], name="redemption_by_campaign"),
            models.Index(fields=["customer", "-reserved_at"], name="redemption_by_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.order_ref} −{self.discount}"

    @property
    def is_live(self) -> bool:
        return self.status in (self.Status.RESERVED, self.Status.REDEEMED)


class CouponLineShare(models.Model):
    """The part of the discount that lies on one line of the order; what a return of that line pays back is less by it."""

    redemption = models.ForeignKey(CouponRedemption, models.PROTECT, related_name="shares", db_index=False)
    line_ref = models.CharField(max_length=80)
    net = MoneyField(help_text="The line before the discount")
    amount = MoneyField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["redemption", "line_ref"], name="one_share_per_line"),
            models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=F("net")), name="share_within_its_line"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.line_ref}: {self.amount}"
