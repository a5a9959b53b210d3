"""Uploaded files, and what became of every row."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Import(models.Model):
    """One uploaded file, how it is understood, and what became of every row."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Waiting for columns")
        WAITING = "waiting", _("Waiting for a worker")
        RUNNING = "running", _("Running")
        CHECKED = "checked", _("Checked, not yet imported")
        DONE = "done", _("Done")
        FAILED = "failed", _("Stopped")
        CANCELLED = "cancelled", _("Cancelled")
        UNDONE = "undone", _("Undone")

    class Task(models.TextChoices):
        CHECK = "check", _("Check every row")
        RUN = "run", _("Import")
        UNDO = "undo", _("Undo")

    class Step(models.TextChoices):
        READING = "reading", _("Reading rows")
        PEOPLE = "people", _("Finding customers")
        ORDERS = "orders", _("Comparing and storing orders")
        RECORD = "record", _("Comparing and storing")
        FIGURES = "figures", _("Working out figures")
        UNDOING = "undoing", _("Taking orders back")

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    at = models.DateTimeField()
    file_name = models.CharField(max_length=200)
    size = models.BigIntegerField(default=0, help_text="Bytes of the file")
    forgotten_at = models.DateTimeField(null=True, blank=True, help_text="When the file itself was deleted")
    encoding = models.CharField(max_length=20)
    source = models.CharField(max_length=40)
    # What was decided about the file, and what is open about it: imports.choices.Choices, understanding.Findings.
    choices = models.JSONField(default=dict)
    findings = models.JSONField(default=dict)
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
    is_cancel_asked = models.BooleanField(default=False)
    # The counts that a check has promised; a new mapping drops them.
    planned = models.JSONField(default=dict)
    # Kinds of questions that whoever asked for the import has said yes to beforehand.
    accepted = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    undo_until = models.DateTimeField(null=True, blank=True)
    undone = models.JSONField(default=dict)

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

    @property
    def mapping(self) -> dict[str, str]:
        """Field -> column."""
        return dict(self.choices.get("mapping", {}))

    @property
    def kind(self) -> str:
        """What its rows are: one of imports.fields.KINDS."""
        return str(self.choices.get("kind", "orders"))


class ImportProfile(models.Model):
    """How files are understood: with a source, everything that was chosen for it; without one, to be chosen by name."""

    name = models.CharField(max_length=80, unique=True)
    source = models.CharField(max_length=40, blank=True)
    kind = models.CharField(max_length=12, default="orders")
    choices = models.JSONField()
    columns = models.JSONField(default=list, help_text="Names of all columns of the file that it is of")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "kind"], condition=~models.Q(source=""), name="one_import_profile_per_source"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ImportChunk(models.Model):
    """A part of an uploaded file, sealed. Number 0 is what was seen of the file, the file itself begins with 1."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="import_chunk_once")]

    def __str__(self) -> str:
        return f"{self.run_id}: {self.number}"


class RejectedRow(models.Model):
    """A row that did not go in: where, and why. What it says stands in the file alone, which is sealed."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="rejected")
    line_number = models.IntegerField()
    column = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=300)

    def __str__(self) -> str:
        return f"{self.line_number}: {self.reason}"


class ImportNote(models.Model):
    """What was left out or changed of a row that goes in; `code` is one of imports.notes.TEXTS."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="notes")
    line_number = models.IntegerField()
    column = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=20)

    def __str__(self) -> str:
        return f"{self.line_number}: {self.code}"


class ImportPlan(models.Model):
    """What a check saw in the record at each row of the file, so that the import can tell what has changed since."""

    run = models.OneToOneField(Import, models.CASCADE, primary_key=True, related_name="plan")
    seen = ArrayField(models.IntegerField(null=True))

    def __str__(self) -> str:
        return str(self.run_id)


class ImportQuestion(models.Model):
    """A row that would take something from the record, or cannot well be: what was, what would be, and the answer."""

    class Kind(models.TextChoices):
        CUSTOMER = "customer", _("Another customer")
        DAY = "day", _("Another day")
        LINES = "lines", _("Fewer or other lines")
        AMOUNT = "amount", _("Another amount")
        REOPENED = "reopened", _("Cancelled, now paid")
        SHOP = "shop", _("Told by the shop itself")
        ANSWERED = "answered", _("Changed by a yes before")
        UNUSUAL = "unusual", _("A thousand times the usual amount")
        FUTURE = "future", _("In the future")
        LONG_AGO = "long_ago", _("Before 1990")
        CHANGED = "changed", _("Changed since the check")
        TYPED = "typed", _("Told by a person here")

    class Answer(models.TextChoices):
        OPEN = "", _("Waits for an answer")
        YES = "yes", _("Yes")
        NO = "no", _("No")
        DONE = "done", _("Done")

    run = models.ForeignKey(Import, models.CASCADE, related_name="questions", db_index=False)
    line_number = models.IntegerField()
    external_id = models.CharField(max_length=80, db_index=True)
    asks = ArrayField(models.CharField(max_length=10, choices=Kind))
    before = models.JSONField()
    after = models.JSONField()
    answer = models.CharField(max_length=4, choices=Answer, blank=True, default="")
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "external_id"], name="one_question_per_order"),
            models.CheckConstraint(
                condition=models.Q(answer="") | models.Q(answered_at__isnull=False), name="answer_has_a_time"
            ),
            models.CheckConstraint(
                condition=~models.Q(answer="done") | models.Q(applied_at__isnull=False), name="done_answer_was_applied"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_number}: {self.external_id}"


class ImportPart(models.Model):
    """What one transaction of an import has made: ids of orders and customers, to undo it by."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="parts")
    order_ids = ArrayField(models.BigIntegerField())
    customer_ids = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return f"{len(self.order_ids)} + {len(self.customer_ids)}"


class ImportChange(models.Model):
    """An order as it was before an import changed it, with its lines and refunds, to undo the import by."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="changes", db_index=False)
    order_id = models.BigIntegerField()
    before = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "order_id"], name="one_change_per_order")]

    def __str__(self) -> str:
        return str(self.order_id)


class ImportRecord(models.Model):
    """A customer or product that an import has made or changed: what it said before and after, to undo it by."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="records", db_index=False)
    record_id = models.BigIntegerField()
    is_new = models.BooleanField()
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "record_id"], name="one_import_record_per_row")]

    def __str__(self) -> str:
        return str(self.record_id)
