"""A question of the desk to a department: named person, due moment, answer."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.cases import Case
from complaints.models.desk import Department


class Handover(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending", _("Not accepted yet")
        ACCEPTED = "accepted", _("Being worked on")
        DONE = "done", _("Answered")
        REJECTED = "rejected", _("Declined")
        CANCELLED = "cancelled", _("Withdrawn")

    case = models.ForeignKey(Case, models.PROTECT, related_name="handovers")
    from_department = models.ForeignKey(Department, models.PROTECT, related_name="+")
    to_department = models.ForeignKey(Department, models.PROTECT, related_name="handovers", db_index=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="handovers"
    )
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    ask = models.TextField(_("question"))
    # What the department needs to know of the customer, as it was when asked.
    brief = models.JSONField(default=dict)
    blocking = models.BooleanField(_("the case cannot be solved without it"), default=True)
    with_files = models.BooleanField(_("they see the files of the case"), default=False)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    escalated_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField(_("answer"), blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "accepted"], ended_at__isnull=True)
                | (~Q(status__in=["pending", "accepted"]) & Q(ended_at__isnull=False)),
                name="ended_handover_says_when",
            )
        ]
        indexes = [
            models.Index(
                fields=["to_department", "due_at"],
                name="handover_open",
                condition=Q(status__in=["pending", "accepted"]),
            ),
            models.Index(
                fields=["due_at"],
                name="handover_to_escalate",
                condition=Q(status__in=["pending", "accepted"], escalated_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} → {self.to_department_id}"
