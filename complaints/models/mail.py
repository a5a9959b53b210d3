"""An answer to the customer that leaves by e-mail: queued, sent, failed, or waiting for somebody to send it by hand."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.cases import CaseMessage
from core.jobs.models import Leased


class CaseMail(Leased):
    """How one message travels. The customer's address is read from the vault when it is sent, and never stored here."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Queued")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Not delivered")
        BY_HAND = "by_hand", _("To be sent by hand")
        DROPPED = "dropped", _("Not sent")

    message = models.OneToOneField(CaseMessage, models.CASCADE, related_name="mail")
    state = models.CharField(max_length=8, choices=State)
    own_id = models.CharField(max_length=200, unique=True, help_text="Ours, by which an answer to it is known")
    in_reply_to = models.CharField(max_length=300, blank=True)
    references = models.TextField(blank=True)
    subject = models.CharField(max_length=240)
    next_attempt_at = models.DateTimeField()
    error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | ~Q(state="sent") & Q(sent_at__isnull=True),
                name="sent_mail_says_when",
            )
        ]
        indexes = [models.Index(fields=["next_attempt_at"], name="case_mail_due", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.own_id} {self.state}"
