"""Every piece of work that must happen is a row here; a Celery message only says "look"."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class JobRun(models.Model):
    """One job for one business date: at most one row, whatever started it and however often.

    `fence` grows with every attempt: a worker that was taken for dead holds an old fence and its
    writes are refused. `heartbeat_at` says when the holder last spoke.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    job = models.CharField(max_length=40)
    business_date = models.DateField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    fence = models.PositiveBigIntegerField(default=0)
    step = models.CharField(max_length=60, blank=True)
    cursor = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    holder = models.CharField(max_length=120, blank=True)
    planned_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "business_date"], name="one_run_per_job_and_date"),
            models.CheckConstraint(
                condition=~models.Q(state="done") | models.Q(finished_at__isnull=False), name="done_has_an_end"
            ),
        ]
        indexes = [
            models.Index(
                fields=["heartbeat_at"], name="unfinished_runs", condition=models.Q(state__in=["waiting", "running"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.business_date}"


class Part(models.Model):
    """A range of ids of a running step, so that several workers can share it. Gone when the step is done."""

    run = models.ForeignKey(JobRun, on_delete=models.CASCADE, related_name="parts", db_index=False)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "first_id"], name="one_part_per_run_and_range"),
            models.CheckConstraint(condition=models.Q(first_id__lte=models.F("last_id")), name="part_is_a_range"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.first_id} to {self.last_id}"


class Leased(models.Model):
    """A row that is worked in attempts outside of any transaction, each by whoever holds it until `claimed_until`."""

    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class LawState(models.Model):
    """How far a book has been held against its laws: changes of which transactions, and which seventh of it when."""

    book = models.CharField(primary_key=True, max_length=20)
    # Changes of transactions before this one have been looked at; empty: everything has to be.
    seen_until = models.BigIntegerField(null=True)
    # When each seventh was last looked at as a whole, changed or not.
    sevenths = ArrayField(models.DateField(), default=list)

    def __str__(self) -> str:
        return f"{self.book} {self.seen_until}"


class BrokenLaw(models.Model):
    """A law of a book that rows were found to break; over when a look at everything finds none."""

    book = models.CharField(max_length=20)
    law = models.CharField(max_length=40, help_text="The step of the book's laws.sql")
    rows = models.JSONField(help_text="At most ten of them, by their ids")
    found_at = models.DateTimeField()
    mended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "law"], name="law_broken_once", condition=models.Q(mended_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.book}: {self.law}"
