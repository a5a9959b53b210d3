"""How quickly what must be right: versioned policies, their escalation, and the priority matrix."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.calendars import BusinessCalendar
from complaints.models.catalogue import Severity
from complaints.models.desk import Queue
from customers.models import Standing


class Metric(models.TextChoices):
    FIRST_RESPONSE = "first_response", _("First answer")
    NEXT_RESPONSE = "next_response", _("Next answer")
    RESOLUTION = "resolution", _("Solution")


class SlaPolicy(models.Model):
    """One version of the promises. Published versions never change; their times in force do not overlap."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("In force")

    class ResolutionMode(models.TextChoices):
        CYCLE = "cycle", _("Each reopening starts afresh")
        TOTAL = "total", _("All work on the case counts together")

    version = models.PositiveIntegerField(unique=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    # Empty while it is a draft.
    effective = DateTimeRangeField(null=True, blank=True)  # type: ignore[misc]
    resolution_mode = models.CharField(
        _("after reopening"), max_length=5, choices=ResolutionMode, default=ResolutionMode.CYCLE
    )
    pause_reasons = ArrayField(models.CharField(max_length=12), default=list)
    reopen_days = models.PositiveSmallIntegerField(_("days to reopen"), default=7)
    auto_close_days = models.PositiveSmallIntegerField(_("days until a solved case closes"), default=5)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="draft") | Q(effective__isnull=False), name="published_policy_has_a_time"
            ),
            ExclusionConstraint(
                name="one_policy_at_a_time",
                expressions=[("effective", RangeOperators.OVERLAPS)],
                condition=Q(status="published"),
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class SlaTarget(models.Model):
    """Minutes for one metric; empty class or severity means any. The closest match wins."""

    policy = models.ForeignKey(SlaPolicy, models.CASCADE, related_name="targets", db_index=False)
    customer_class = models.SmallIntegerField(_("class"), choices=Standing.Class, null=True, blank=True)
    severity = models.PositiveSmallIntegerField(_("severity"), choices=Severity, null=True, blank=True)
    metric = models.CharField(_("promise"), max_length=14, choices=Metric)
    minutes = models.PositiveIntegerField(_("minutes"))
    calendar = models.ForeignKey(BusinessCalendar, models.PROTECT, verbose_name=_("working hours"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "customer_class", "severity", "metric"], nulls_distinct=False, name="target_once"
            ),
            models.CheckConstraint(condition=Q(minutes__gt=0), name="target_takes_time"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.minutes} min"


class EscalationStep(models.Model):
    """What happens when this share of a clock's time is used up."""

    class Notify(models.TextChoices):
        OWNER = "owner", _("Owner")
        ACCOUNT_MANAGER = "manager", _("Account manager")
        DEPARTMENT_HEAD = "head", _("Head of department")

    policy = models.ForeignKey(SlaPolicy, models.CASCADE, related_name="steps", db_index=False)
    metric = models.CharField(max_length=14, choices=Metric)
    at_percent = models.PositiveSmallIntegerField(_("at % of the time"))
    notify = ArrayField(models.CharField(max_length=8, choices=Notify), default=list)
    raise_priority = models.BooleanField(_("raise priority"), default=False)
    move_to = models.ForeignKey(Queue, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["metric", "at_percent"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "metric", "at_percent"], name="step_once"),
            models.CheckConstraint(condition=Q(at_percent__gt=0), name="step_after_the_start"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.at_percent}%"


class PriorityMatrix(models.Model):
    """One version: `cells` maps the class to the priorities of severities 1 to 4. The newest that has begun holds."""

    version = models.PositiveIntegerField(unique=True)
    cells = models.JSONField()
    reason = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    at = models.DateTimeField()
    starts_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it was always there")
    withdrawn_at = models.DateTimeField(null=True, blank=True, help_text="Before it began")

    def __str__(self) -> str:
        return f"v{self.version}"
