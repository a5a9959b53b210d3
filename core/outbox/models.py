"""Every message to a person leaves here: stored with the change that caused it, delivered afterwards."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.jobs.models import Leased
from core.outbox.kinds import NEVER_OFF, Topic


class Message(Leased):
    class Channel(models.TextChoices):
        IN_APP = "in_app", _("In Laoke")
        EMAIL = "email", _("E-mail")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="messages", db_index=False)
    channel = models.CharField(max_length=10, choices=Channel)
    dedupe_key = models.CharField(max_length=120, unique=True)
    # In-app messages are shown as `kind` with `params`; `subject` is how it read when it was written.
    kind = models.CharField(max_length=40, blank=True)
    params = models.JSONField(default=dict)
    topic = models.CharField(max_length=12, choices=Topic, default=Topic.CASE)
    thread = models.CharField(max_length=80, blank=True, help_text="What it is about: case:12")
    needs = models.BooleanField(default=False, help_text="Somebody has to do something")
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    link = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    next_attempt_at = models.DateTimeField()
    error = models.CharField(max_length=300, blank=True)
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="Nobody has to do anything any more")

    class Meta:
        indexes = [
            # What the header counts on every page.
            models.Index(
                fields=["recipient", "thread"],
                name="outbox_bell",
                condition=models.Q(channel="in_app", read_at__isnull=True, settled_at__isnull=True),
            ),
            models.Index(fields=["thread"], name="outbox_thread", condition=models.Q(settled_at__isnull=True)),
            models.Index(fields=["next_attempt_at"], name="outbox_due", condition=models.Q(state="waiting")),
            models.Index(fields=["id"], name="outbox_failed", condition=models.Q(state="failed")),
            models.Index(fields=["recipient", "-queued_at"], name="outbox_recipient"),
        ]

    def __str__(self) -> str:
        return self.subject


class NoticeChoice(models.Model):
    """What one person wants to happen with a topic, where that is not the usual."""

    class Level(models.TextChoices):
        RING = "ring", _("Ring")
        NEWS = "news", _("Only in the digest")
        OFF = "off", _("Off")
        MAIL = "mail", _("Also by e-mail")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_choices", db_index=False)
    topic = models.CharField(max_length=12, choices=Topic)
    level = models.CharField(max_length=4, choices=Level)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "topic"], name="one_choice_per_topic"),
            models.CheckConstraint(
                condition=~models.Q(level="off", topic__in=sorted(NEVER_OFF)), name="approvals_are_never_off"
            ),
            models.CheckConstraint(
                condition=models.Q(topic="digest", level="mail") | ~models.Q(topic="digest") & ~models.Q(level="mail"),
                name="only_the_digest_is_mailed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.topic} {self.level}"


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


class ChannelSwitch(models.Model):
    """Whether anything goes to customers by this channel, for this purpose: the last row of the two says so."""

    EVERY = "*"

    channel = models.CharField(max_length=8)
    purpose = models.CharField(max_length=10)
    is_open = models.BooleanField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["channel", "purpose", "-id"], name="channel_switch_last")]

    def __str__(self) -> str:
        return f"{self.channel}/{self.purpose} {'open' if self.is_open else 'closed'}"
