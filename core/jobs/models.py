"""Every piece of work that must happen is a row here; a Celery message only says "look"."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
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


class BulkRun(models.Model):
    """Something is done with many rows of a list: with those that were frozen when it was asked for, and no others.

    `fence`, `attempts` and `heartbeat_at` are those of a JobRun. Whoever works it takes some items at a time, each batch
    with what it did in one transaction.
    """

    class State(models.TextChoices):
        CONFIRM = "confirm", _("To be confirmed")
        APPROVAL = "approval", _("Waits for a second person")
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")
        UNDOING = "undoing", _("Being undone")
        UNDONE = "undone", _("Undone")

    kind = models.CharField(max_length=20)
    list = models.CharField(max_length=20)
    # The conditions that chose the rows; empty where somebody ticked them.
    tree = models.JSONField(null=True, blank=True)
    params = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=200, blank=True)
    # How many whoever asked for it saw, and how many were frozen.
    expected = models.PositiveIntegerField()
    total = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.CONFIRM)
    changed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    undone = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    alone_because = models.CharField(max_length=200, blank=True)
    # What came of it beside its items (of an export: the file), and why it ended early.
    outcome = models.JSONField(default=dict)
    error = models.CharField(max_length=200, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField()
    stop_asked_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    undo_until = models.DateTimeField(null=True, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    client_key = models.UUIDField(default=uuid.uuid4)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["by", "client_key"], name="bulk_asked_for_once"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("by")) | Q(alone_because__gt=""),
                name="bulk_has_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["done", "stopped", "failed", "undone"]) | Q(finished_at__isnull=False),
                name="bulk_that_is_over_has_an_end",
            ),
        ]
        indexes = [
            models.Index(fields=["by", "-asked_at"], name="bulk_by_person"),
            models.Index(
                fields=["state"],
                name="bulk_unfinished",
                condition=Q(state__in=["confirm", "approval", "waiting", "running", "undoing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class BulkItem(models.Model):
    """One of the frozen rows: what became of it, why nothing did (`code`), and what it was before."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Done")
        SKIPPED = "skipped", _("Left out")
        FAILED = "failed", _("Failed")
        UNDONE = "undone", _("Undone")
        KEPT = "kept", _("Left as it is")

    pk = models.CompositePrimaryKey("run", "n")
    run = models.ForeignKey(BulkRun, models.CASCADE, related_name="items", db_index=False)
    n = models.PositiveIntegerField()
    target = models.BigIntegerField()
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    code = models.CharField(max_length=20, blank=True)
    before = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "target"], name="bulk_item_once")]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.target}"


class ExportPart(models.Model):
    """A piece of a file that is taken away, sealed: first rows, then the file itself; gone once it is fetched."""

    run = models.ForeignKey(BulkRun, models.CASCADE, related_name="parts", db_index=False)
    is_file = models.BooleanField(default=False)
    n = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "is_file", "n"], name="export_part_once")]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.n}"
