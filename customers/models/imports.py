"""Uploaded files of orders, and what became of every row."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Import(models.Model):
    """One uploaded file of orders, its column mapping, and what became of every row."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Waiting for columns")
        WAITING = "waiting", _("Waiting for a worker")
        RUNNING = "running", _("Running")
        CHECKED = "checked", _("Checked, not yet imported")
        DONE = "done", _("Done")
        FAILED = "failed", _("Stopped")

    class Task(models.TextChoices):
        CHECK = "check", _("Check every row")
        RUN = "run", _("Import")

    class Step(models.TextChoices):
        READING = "reading", _("Reading rows")
        PEOPLE = "people", _("Finding customers")
        ORDERS = "orders", _("Comparing and storing orders")
        FIGURES = "figures", _("Working out figures")

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    at = models.DateTimeField()
    file_name = models.CharField(max_length=200)
    size = models.BigIntegerField(default=0, help_text="Bytes of the file")
    forgotten_at = models.DateTimeField(null=True, blank=True, help_text="When the file itself was deleted")
    encoding = models.CharField(max_length=20)
    source = models.CharField(max_length=40)
    mapping = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    counts = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True, blank=True)
    # What is being done, how far it is, and when whoever does it last spoke.
    task = models.CharField(max_length=10, choices=Task, blank=True)
    language = models.CharField(max_length=10, blank=True, help_text="Of whoever asked: a worker writes reasons in it")
    step = models.CharField(max_length=10, choices=Step, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="unfinished_imports", condition=models.Q(state__in=["waiting", "running"]))
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(percent__lte=100), name="import_percent_is_one"),
            models.CheckConstraint(
                condition=~models.Q(state="waiting") | ~models.Q(task=""), name="waiting_import_has_a_task"
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportChunk(models.Model):
    """A part of an uploaded file, sealed. Number 0 is what was seen of the file, the file itself begins with 1."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="import_chunk_once")]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.number}"


class RejectedRow(models.Model):
    """A row that did not go in: where, why, and the original line, so that nothing is lost."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="rejected")
    line_number = models.IntegerField()
    column = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=300)
    line = models.TextField()

    def __str__(self) -> str:
        return f"{self.line_number}: {self.reason}"
