"""An answer to the customer in writing: queued, sent, arrived or come back, or waiting for somebody to send it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.cases import CaseMessage
from customers.models import Letter


class CaseMail(models.Model):
    """How one message travels: its thread here, the journey itself in its letter, which nobody unknown can have."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Queued")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Not delivered")
        BY_HAND = "by_hand", _("To be sent by hand")
        DROPPED = "dropped", _("Not sent")
        DELIVERED = "delivered", _("Delivered")
        BOUNCED = "bounced", _("Did not arrive")

    message = models.OneToOneField(CaseMessage, models.CASCADE, related_name="mail")
    state = models.CharField(max_length=9, choices=State)
    own_id = models.CharField(max_length=200, unique=True, help_text="Ours, by which an answer to it is known")
    in_reply_to = models.CharField(max_length=300, blank=True)
    references = models.TextField(blank=True)
    subject = models.CharField(max_length=240)
    letter = models.OneToOneField(Letter, models.PROTECT, null=True, blank=True, related_name="+")
    attempt = models.PositiveSmallIntegerField(default=1, help_text="The letter is the last of so many")
    error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["sent", "delivered", "bounced"], sent_at__isnull=False)
                | ~Q(state__in=["sent", "delivered", "bounced"]) & Q(sent_at__isnull=True),
                name="sent_mail_says_when",
            )
        ]
        indexes = [models.Index(fields=["id"], name="case_mail_open", condition=Q(state__in=["waiting", "sent"]))]

    def __str__(self) -> str:
        return f"{self.own_id} {self.state}"
