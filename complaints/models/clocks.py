"""Running promises: one row per case, metric, cycle and generation, with the moments to look at next."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.cases import Case
from complaints.models.sla import EscalationStep, Metric, SlaTarget

LIVE = ("running", "paused")


class Clock(models.Model):
    """`due_at` follows from the start, the budget, the calendar and all pauses; it is never nudged.

    `breached_at` is the due moment that passed unmet, whenever somebody noticed; it is never cleared.
    `look_at` is when the next escalation step is to be taken or the breach to be written down.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        MET = "met", _("Kept")
        MISSED = "missed", _("Missed")
        CANCELLED = "cancelled", _("Dropped")

    case = models.ForeignKey(Case, models.PROTECT, related_name="clocks", db_index=False)
    metric = models.CharField(max_length=14, choices=Metric)
    cycle = models.PositiveSmallIntegerField()
    # Several questions of the customer in one cycle, or a change of promise, make several clocks.
    generation = models.PositiveSmallIntegerField(default=1)
    target = models.ForeignKey(SlaTarget, models.PROTECT, related_name="+")
    budget_minutes = models.PositiveIntegerField()
    calendar_version = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.RUNNING)
    due_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)
    look_at = models.DateTimeField(null=True, blank=True)
    elapsed_seconds = models.PositiveIntegerField(null=True, blank=True, help_text="Business time, when it stopped")
    note = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "metric", "cycle", "generation"], name="clock_once"),
            models.UniqueConstraint(fields=["case", "metric"], name="one_live_clock", condition=Q(state__in=LIVE)),
            models.CheckConstraint(
                condition=Q(state="paused", due_at__isnull=True)
                | Q(state="running", due_at__isnull=False)
                | Q(state__in=["met", "missed", "cancelled"]),
                name="paused_clock_is_not_due",
            ),
            models.CheckConstraint(
                condition=(Q(state__in=LIVE) & Q(stopped_at__isnull=True))
                | (~Q(state__in=LIVE) & Q(stopped_at__isnull=False)),
                name="stopped_clock_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(metric="first_response") | ~Q(state="paused"), name="first_response_never_pauses"
            ),
            models.CheckConstraint(
                condition=~Q(state="missed") | Q(breached_at__isnull=False), name="missed_says_when"
            ),
        ]
        indexes = [
            models.Index(
                fields=["look_at"], name="clock_to_look_at", condition=Q(state="running", look_at__isnull=False)
            ),
            models.Index(fields=["due_at"], name="clock_due", condition=Q(state="running")),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} {self.metric} {self.state}"


class Pause(models.Model):
    """The clock stands still meanwhile; the upper end is open while it lasts."""

    class Reason(models.TextChoices):
        ANSWER = "answer", _("The customer's answer")
        RETURN = "return", _("Goods on their way back")
        AUTHORITY = "authority", _("An authority or platform")
        SOLVED = "solved", _("Solved meanwhile")

    clock = models.ForeignKey(Clock, models.CASCADE, related_name="pauses", db_index=False)
    reason = models.CharField(max_length=10, choices=Reason)
    period: Any = DateTimeRangeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="pauses_apart", expressions=[("clock", RangeOperators.EQUAL), ("period", RangeOperators.OVERLAPS)]
            )
        ]

    def __str__(self) -> str:
        return f"{self.clock_id} {self.reason}"


class ClockAlert(models.Model):
    """This step of this clock has been taken, once. `due_at` is when it should have been, `fired_at` when it was."""

    clock = models.ForeignKey(Clock, models.CASCADE, related_name="alerts", db_index=False)
    step = models.ForeignKey(EscalationStep, models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clock", "step"], name="step_taken_once")]

    def __str__(self) -> str:
        return f"{self.clock_id} {self.step_id}"
