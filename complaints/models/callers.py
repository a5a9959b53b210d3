"""Callers whom the next colleague is warned of, for a time."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer


class CallerMark(models.Model):
    """This customer was abusive on the phone, and until when colleagues are warned. After that day it says nothing."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("Waits for the head of the desk")
        APPROVED = "approved", _("Approved")
        REMOVED = "removed", _("Removed")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="caller_marks")
    reason = models.CharField(max_length=200)
    until = models.DateField()
    state = models.CharField(max_length=8, choices=State, default=State.PROPOSED)
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    marked_at = models.DateTimeField()
    marked_on = models.DateField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("marked_on")), name="caller_mark_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_by__isnull=True)
                | (~Q(state="proposed") & Q(decided_by__isnull=False)),
                name="caller_mark_says_who_decided",
            ),
        ]
        indexes = [models.Index(fields=["state", "until"], name="caller_mark_waits")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.until}"
