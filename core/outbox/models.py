"""Every message to a person leaves here: stored with the change that caused it, delivered afterwards."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.jobs.models import Leased


class Message(Leased):
    class Channel(models.TextChoices):
        IN_APP = "in_app", _("In Laoke")
        EMAIL = "email", _("E-mail")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="messages")
    channel = models.CharField(max_length=10, choices=Channel)
    dedupe_key = models.CharField(max_length=120, unique=True)
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    link = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    next_attempt_at = models.DateTimeField()
    error = models.CharField(max_length=300, blank=True)
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_attempt_at"], name="outbox_due", condition=models.Q(state="waiting")),
            models.Index(fields=["recipient", "-queued_at"], name="outbox_recipient"),
        ]

    def __str__(self) -> str:
        return self.subject


class WebhookEndpoint(models.Model):
    """An address of the mall that is told what happens. Its secret is stored encrypted, and shown once."""

    url = models.URLField(_("address"), max_length=400, unique=True)
    events = ArrayField(models.CharField(max_length=40))
    secret = models.BinaryField()
    active = models.BooleanField(default=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # Since its last success every attempt has failed, the first of them at this moment.
    failing_since = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Disabled by a person, or after days of failures")

    def __str__(self) -> str:
        return self.url


class WebhookEvent(Leased):
    """One thing to tell one endpoint. The same event has the same `event_id` at every endpoint, and at every attempt."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False)
    event_id = models.UUIDField()
    kind = models.CharField(max_length=40)
    happened_at = models.DateTimeField()
    data = models.JSONField(help_text="Numbers and figures, never personal data")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    next_attempt_at = models.DateTimeField()
    error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhook_event_once")]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"], name="webhook_due", condition=models.Q(state="waiting")
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_failed", condition=models.Q(state="failed")),
            models.Index(fields=["next_attempt_at"], name="webhook_old"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
