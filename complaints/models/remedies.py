"""What the customer gets, and how much each role may give."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from complaints.models.cases import Case
from core.accounts.models import Role
from core.lib.money import MoneyField
from customers.models import Customer, Standing
from loyalty.models import Coupon


class RemedyKind(models.TextChoices):
    REFUND = "refund", _("Refund")
    POINTS = "points", _("Points")
    COUPON = "coupon", _("Coupon")
    CREDIT = "credit", _("Store credit")
    REPLACEMENT = "replacement", _("Replacement")
    GIFT = "gift", _("Gift")
    VISIT = "visit", _("Personal visit")
    APOLOGY = "apology", _("Apology")


class Remedy(models.Model):
    """`amount`: money, or the number of points. Proposed by one person and, above the limits, approved by another."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("Waiting for approval")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Refused")
        ISSUED = "issued", _("Given")
        FAILED = "failed", _("Failed")
        REVOKED = "revoked", _("Taken back")

    case = models.ForeignKey(Case, models.PROTECT, related_name="remedies")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="remedies", db_index=False)
    kind = models.CharField(_("remedy"), max_length=12, choices=RemedyKind)
    amount = MoneyField(_("amount"), default=0)
    reason = models.CharField(_("reason"), max_length=200)
    status = models.CharField(max_length=9, choices=Status)
    needs_approval = models.BooleanField()
    # Which limits were exceeded, with the figures as they stood.
    limits = models.JSONField(default=dict)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    # Typed by the only person who may decide, about what they proposed themselves.
    alone_because = models.CharField(max_length=200, blank=True)
    refused_because = models.CharField(max_length=200, blank=True)
    promised_at = models.DateTimeField(_("promised for"), null=True, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    # The refund number, the points transaction or the coupon: what the other side knows it by.
    reference = models.CharField(max_length=120, blank=True)
    # The coupon that was handed out with it.
    coupon = models.OneToOneField(Coupon, models.PROTECT, null=True, blank=True, related_name="remedy")
    error = models.CharField(max_length=200, blank=True)
    client_key = models.CharField(max_length=80, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="remedy_not_negative"),
            models.CheckConstraint(
                condition=Q(needs_approval=False)
                | Q(status__in=["proposed", "rejected"])
                | (Q(decided_by__isnull=False) & (~Q(decided_by=F("proposed_by")) | ~Q(alone_because=""))),
                name="remedy_by_two_persons",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["issued", "revoked"]) | Q(issued_at__isnull=False),
                name="given_remedy_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "proposed_at"], name="remedy_by_customer"),
            models.Index(
                fields=["promised_at"],
                name="remedy_promised",
                condition=Q(status__in=["proposed", "approved", "failed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.kind} {self.amount}"


class RemedyLimit(models.Model):
    """How much a role may give by itself; above it a second person is asked. Empty class means any."""

    role = models.CharField(_("role"), max_length=20, choices=Role)
    customer_class = models.SmallIntegerField(_("class"), choices=Standing.Class, null=True, blank=True)
    kind = models.CharField(_("remedy"), max_length=12, choices=RemedyKind)
    at_once = MoneyField(_("at once"))
    per_case = MoneyField(_("per case"))
    per_customer = MoneyField(_("per customer in 30 days"))
    per_day = MoneyField(_("per person and day"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["role", "customer_class", "kind"], nulls_distinct=False, name="limit_once"),
            models.CheckConstraint(
                condition=Q(at_once__gte=0, per_case__gte=0, per_customer__gte=0, per_day__gte=0),
                name="limits_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} · {self.get_kind_display()}"
