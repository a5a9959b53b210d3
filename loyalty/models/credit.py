"""Goods on account for key customers: a limit and a term, entries that are never edited, and what is reserved."""

from decimal import Decimal

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.lib.money import MoneyField
from customers.models import Customer, Order

User = settings.AUTH_USER_MODEL
NOTHING = Decimal("0.00")
LONGEST_TERM = 180


class CreditAccount(models.Model):
    """`exposure` = sum of the entries; `authorised` = sum of what orders have reserved and not yet charged."""

    class Status(models.TextChoices):
        OPEN = "open", _("Credit is open")
        HOLD = "hold", _("No new charges")
        CLOSED = "closed", _("Closed")

    customer = models.OneToOneField(Customer, models.PROTECT, related_name="credit")
    credit_limit = MoneyField(default=NOTHING)
    term_days = models.PositiveSmallIntegerField(default=30)
    exposure = MoneyField(default=NOTHING, editable=False)
    authorised = MoneyField(default=NOTHING, editable=False)
    status = models.CharField(max_length=6, choices=Status, default=Status.OPEN)
    status_reason = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField()
    last_seq = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(credit_limit__gte=0, exposure__gte=0, authorised__gte=0), name="credit_not_negative"
            ),
            models.CheckConstraint(condition=Q(term_days__gte=1, term_days__lte=LONGEST_TERM), name="credit_term"),
            models.CheckConstraint(
                condition=~Q(status="closed") | Q(exposure=0, authorised=0), name="credit_closed_when_settled"
            ),
        ]
        triggers = [
            # The row lock is the plan. A lowered limit may lie below what is owed; nothing new may then be added.
            pgtrigger.Trigger(
                name="limit_kept",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="IF NEW.exposure + NEW.authorised > OLD.exposure + OLD.authorised "
                "AND NEW.exposure + NEW.authorised > NEW.credit_limit THEN "
                "RAISE EXCEPTION 'beyond the credit limit'; END IF; RETURN NEW;",
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.exposure}"

    @property
    def left(self) -> Decimal:
        left: Decimal = self.credit_limit - self.exposure - self.authorised
        return max(NOTHING, left)

    @property
    def is_over(self) -> bool:
        return bool(self.exposure + self.authorised > self.credit_limit)


class CreditEntry(models.Model):
    """Charges are positive, payments and refunds negative. A refund falls due with the charge it takes back."""

    class Kind(models.TextChoices):
        CHARGE = "charge", _("Charge")
        PAYMENT = "payment", _("Payment")
        REFUND = "refund", _("Refund")
        ADJUST = "adjust", _("Correction")

    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="entries", db_index=False)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    amount = MoneyField()
    order_ref = models.CharField(max_length=121, blank=True)
    due_on = models.DateField(null=True, blank=True, help_text="Last day on which it is paid in time")
    idem_key = models.CharField(max_length=160)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "seq"], name="credit_entries_have_an_order"),
            models.UniqueConstraint(fields=["account", "idem_key"], name="one_credit_entry_per_key"),
            models.CheckConstraint(
                condition=Q(kind="charge", amount__gt=0, due_on__isnull=False)
                | Q(kind__in=("payment", "refund"), amount__lt=0)
                | Q(kind="adjust") & ~Q(amount=0),
                name="credit_entry_sign",
            ),
        ]
        indexes = [models.Index(fields=["account", "due_on"], name="credit_entry_due")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.seq}: {self.amount}"


class CreditAuthorisation(models.Model):
    """`returned`: of what was charged, how much the order's refunds have taken back so far."""

    class Status(models.TextChoices):
        AUTHORISED = "authorised", _("Reserved")
        CAPTURED = "captured", _("Charged")
        VOIDED = "voided", _("Given back")
        EXPIRED = "expired", _("Ran out")

    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="authorisations", db_index=False)
    order_ref = models.CharField(max_length=121, help_text="source:external_id, as the shop names it at the checkout")
    order = models.ForeignKey(
        Order, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Once it has arrived"
    )
    amount = MoneyField()
    captured = MoneyField(default=NOTHING)
    returned = MoneyField(default=NOTHING)
    status = models.CharField(max_length=10, choices=Status, default=Status.AUTHORISED)
    idem_key = models.CharField(max_length=120)
    at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "idem_key"], name="one_authorisation_per_key"),
            models.UniqueConstraint(
                fields=["account", "order_ref"],
                name="one_live_authorisation_per_order",
                condition=Q(status__in=("authorised", "captured")),
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, captured__gte=0, captured__lte=F("amount"), returned__gte=0)
                & Q(returned__lte=F("captured")),
                name="authorisation_amounts",
            ),
            models.CheckConstraint(
                condition=Q(status="captured", captured__gt=0) | ~Q(status="captured") & Q(captured=0),
                name="captured_when_charged",
            ),
        ]
        indexes = [
            models.Index(fields=["order_ref"], name="authorisation_by_order"),
            models.Index(fields=["expires_at"], name="authorisation_runs_out", condition=Q(status="authorised")),
        ]

    def __str__(self) -> str:
        return f"{self.order_ref}: {self.amount}"


class CreditLimitChange(models.Model):
    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waiting for a second person")
        APPROVED = "approved", _("In force")
        DECLINED = "declined", _("Turned down")
        WITHDRAWN = "withdrawn", _("Taken back")

    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="limit_changes", db_index=False)
    limit_before = MoneyField()
    limit_after = MoneyField()
    term_before = models.PositiveSmallIntegerField()
    term_after = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=Status, default=Status.PROPOSED)
    within_own_limit = models.BooleanField(help_text="The proposer's role may decide as much alone")
    proposed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)
    # Typed by the only person who may decide, about what they proposed themselves.
    alone_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account"], name="one_open_limit_change", condition=Q(status="proposed")),
            models.CheckConstraint(
                condition=~Q(status="approved")
                | Q(within_own_limit=True)
                | ~Q(decided_by=F("proposed_by"))
                | ~Q(alone_because=""),
                name="limit_needs_two_people",
            ),
            models.CheckConstraint(
                condition=Q(status="proposed", decided_at__isnull=True)
                | ~Q(status="proposed") & Q(decided_at__isnull=False, decided_by__isnull=False),
                name="limit_change_decided",
            ),
        ]
        indexes = [models.Index(fields=["account", "-proposed_at"], name="limit_change_newest")]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.limit_before} → {self.limit_after}"
