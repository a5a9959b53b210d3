"""What the next colleague who serves the customer must know, and whether it reached somebody."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.cases import Case
from complaints.models.desk import Department
from customers.models import Customer


class ServicePrompt(models.Model):
    """`text` is what a person wrote; without it the wording is made from the case."""

    class Trigger(models.TextChoices):
        ORDER = "order", _("Next order")
        DELIVERY = "delivery", _("Next delivery")
        CONTACT = "contact", _("Next contact")
        VISIT = "visit", _("Next visit")

    class Status(models.TextChoices):
        ARMED = "armed", _("Waiting for its moment")
        ACKNOWLEDGED = "acknowledged", _("Seen to")
        EXPIRED = "expired", _("Ran out")
        CANCELLED = "cancelled", _("Withdrawn")

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="service_prompts", db_index=False)
    case = models.ForeignKey(Case, models.PROTECT, related_name="prompts")
    trigger = models.CharField(_("moment"), max_length=10, choices=Trigger)
    department = models.ForeignKey(Department, models.PROTECT, null=True, blank=True, related_name="+")
    text = models.CharField(_("prompt"), max_length=300, blank=True)
    valid: Any = DateTimeRangeField()
    status = models.CharField(max_length=12, choices=Status, default=Status.ARMED)
    armed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["customer", "trigger"], name="prompt_armed", condition=Q(status="armed")),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.trigger}"


class PromptDelivery(models.Model):
    """The prompt came up at one order, delivery, contact or visit; at most once for each."""

    prompt = models.ForeignKey(ServicePrompt, models.CASCADE, related_name="deliveries", db_index=False)
    context_ref = models.CharField(max_length=120)
    shown_to = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    shown_at = models.DateTimeField()
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prompt", "context_ref"], name="prompt_once_per_context")]

    def __str__(self) -> str:
        return f"{self.prompt_id} @ {self.context_ref}"
