"""Orders that wait for a person: those of nobody, and those whose amount is hard to believe."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.lib.money import MoneyField
from customers.models.facts import Order


class GuestOrder(models.Model):
    """An order of which nobody knows whose it is. It counts in nobody's figures, and goes when it becomes an order.

    `fact` is what the source told of the order; of the person nothing is kept.
    """

    class Why(models.TextChoices):
        NOBODY = "nobody", _("No customer was named")
        UNUSABLE = "unusable", _("The phone or e-mail cannot be used")
        AMBIGUOUS = "ambiguous", _("Several customers share the phone or e-mail")

    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=80)
    version = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Order.Status)
    fact = models.JSONField()
    paid = MoneyField()
    ordered_at = models.DateTimeField()
    received_at = models.DateTimeField()
    why = models.CharField(max_length=10, choices=Why)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="one_guest_order_per_identity"),
            models.CheckConstraint(condition=Q(paid__gte=0), name="guest_order_paid_not_negative"),
        ]
        indexes = [
            models.Index(fields=["-ordered_at", "-id"], name="guest_orders_newest"),
            models.Index(fields=["external_id"], name="guest_orders_by_number"),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class UnusualOrder(models.Model):
    """An order whose amount is far from all that the shop has sold. The order is HELD until somebody says it is right."""

    class State(models.TextChoices):
        OPEN = "open", _("To be looked at")
        RIGHT = "right", _("It is right")
        KEPT_OUT = "kept_out", _("Kept out of the figures")

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True, related_name="unusual")
    usual = MoneyField(help_text="What an order of the shop came to when this one arrived")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open") | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="unusual_order_decided_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["-asked_at"], name="unusual_orders_open", condition=~Q(state="right")),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.state}"
