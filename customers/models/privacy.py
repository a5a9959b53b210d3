"""Who opened a customer's record, and what customers asked about the data of theirs."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models.people import Customer


class Opened(models.Model):
    """A person had this customer's page before them on this day: one row a day, however often."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="opened", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    on = models.DateField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "user", "on"], name="opened_once_a_day")]
        indexes = [models.Index(fields=["on", "user"], name="opened_by_day")]

    def __str__(self) -> str:
        return f"{self.user} → {self.customer} {self.on}"


class PrivacyRequest(models.Model):
    """What a customer asks about the data of theirs, and what became of it."""

    class Kind(models.TextChoices):
        SEE = "see", _("See what is stored")
        CORRECT = "correct", _("Have it corrected")
        ERASE = "erase", _("Have it erased")
        RESTRICT = "restrict", _("Have its use restricted")
        OBJECT = "object", _("No more advertising")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="privacy_requests")
    kind = models.CharField(_("what is asked"), max_length=10, choices=Kind)
    asked_on = models.DateField(_("asked on"))
    due_on = models.DateField(_("due on"))
    note = models.CharField(_("note"), max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(_("what was done"), max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(due_on__gte=models.F("asked_on")), name="privacy_due_after_asked"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | (~Q(state="open") & Q(ended_at__isnull=False)),
                name="privacy_ended_has_a_moment",
            ),
            models.UniqueConstraint(fields=["customer", "kind"], name="privacy_asked_once", condition=Q(state="open")),
        ]
        indexes = [models.Index(fields=["due_on", "id"], name="privacy_due", condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.customer}"


class Erasure(models.Model):
    """What was proposed to be erased of one customer, who agreed, and how much of what went."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting for a second person")
        DONE = "done", _("Erased")
        REFUSED = "refused", _("Turned down")
        WITHDRAWN = "withdrawn", _("Taken back")

    request = models.ForeignKey(PrivacyRequest, models.PROTECT, related_name="erasures")
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)
    # Typed by the only person who may agree, about what they proposed themselves.
    alone_because = models.CharField(max_length=200, blank=True)
    counts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request"], condition=Q(state="waiting"), name="one_open_erasure"),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True)
                | ~Q(state="waiting") & Q(decided_at__isnull=False, decided_by__isnull=False),
                name="erasure_decided",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(decided_by=models.F("proposed_by")) | ~Q(alone_because=""),
                name="erasure_needs_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.state}"
