"""What burns, who was told of it, and who has been heard of lately."""

from django.db import models
from django.db.models import Q

from core.jobs.models import Leased


class Trouble(models.Model):
    """A condition that holds or held: one row from its beginning to its end."""

    what = models.CharField(max_length=20)
    about = models.CharField(max_length=120, blank=True, help_text="Which of several: a queue, a disk, an endpoint")
    case = models.CharField(max_length=20)
    params = models.JSONField(default=dict)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["what", "about"], name="one_trouble_at_a_time", condition=Q(ended_at=None)),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("began_at")), name="trouble_ends_later"
            ),
        ]
        indexes = [models.Index(fields=["-ended_at"], name="trouble_ended")]

    def __str__(self) -> str:
        return f"{self.what} {self.about}".strip()


class OperatorMail(Leased):
    """A mail to whoever runs Laoke, whose address need not be that of a person here. `key` makes it one."""

    trouble = models.ForeignKey(Trouble, models.CASCADE, related_name="mails")
    key = models.CharField(max_length=360, unique=True)
    address = models.EmailField()
    subject = models.CharField(max_length=200)
    body = models.TextField()
    queued_at = models.DateTimeField()
    # Empty once it is sent, or given up.
    next_attempt_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(next_attempt_at__isnull=True), name="sent_is_not_tried_again"
            )
        ]
        indexes = [models.Index(fields=["next_attempt_at"], name="operator_mail_due")]

    def __str__(self) -> str:
        return self.subject


class Heartbeat(models.Model):
    """When a part of Laoke was last heard of: the workers of a queue, the relay, the watch itself."""

    name = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at}"
