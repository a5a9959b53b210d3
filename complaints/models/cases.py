"""The case, its append-only history, what was said, and unsent words."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from complaints.models.catalogue import Category, RootCause, Severity
from complaints.models.desk import Queue
from complaints.models.sla import Metric, SlaPolicy
from core.lib.money import MoneyField
from customers.models import Customer, Standing

OPEN = ("new", "in_progress", "waiting_customer", "waiting_internal")
# Every change of status there is; the database refuses any other.
TRANSITIONS = (
    *((a, b) for a in OPEN for b in OPEN if a != b and b != "new"),
    *((a, b) for a in OPEN for b in ("resolved", "merged", "withdrawn", "invalid")),
    ("resolved", "in_progress"),
    ("resolved", "closed"),
    ("closed", "in_progress"),
    ("withdrawn", "in_progress"),
)


class Case(models.Model):
    """A complaint. `version` counts accepted changes and equals the number of events."""

    class Status(models.TextChoices):
        NEW = "new", _("New")
        IN_PROGRESS = "in_progress", _("In progress")
        WAITING_CUSTOMER = "waiting_customer", _("Waiting for the customer")
        WAITING_INTERNAL = "waiting_internal", _("Waiting for a department")
        RESOLVED = "resolved", _("Solved")
        CLOSED = "closed", _("Closed")
        MERGED = "merged", _("Merged")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        INVALID = "invalid", _("Not a complaint")

    class Kind(models.TextChoices):
        COMPLAINT = "complaint", _("Complaint")
        GRUMBLE = "grumble", _("Remark in passing")

    class Channel(models.TextChoices):
        PHONE = "phone", _("Phone")
        WECHAT = "wechat", _("WeChat")
        WEB = "web", _("Web form")
        EMAIL = "email", _("E-mail")
        SHOP = "shop", _("Shop chat")
        VISIT = "visit", _("Visit")
        API = "api", _("API")

    class PrioritySource(models.TextChoices):
        RULE = "rule", _("By the matrix")
        MANUAL = "manual", _("By hand")
        ESCALATION = "escalation", _("Raised as time ran out")

    class Justified(models.TextChoices):
        UNKNOWN = "unknown", _("Not yet known")
        JUSTIFIED = "justified", _("Justified")
        PARTLY = "partly", _("Partly justified")
        UNJUSTIFIED = "unjustified", _("Not justified")

    class Outcome(models.TextChoices):
        FIXED = "fixed", _("Put right")
        COMPENSATED = "compensated", _("Compensated")
        REPLACED = "replaced", _("Replaced or returned")
        EXPLAINED = "explained", _("Explained")
        GOODWILL = "goodwill", _("Goodwill without accepting")
        REJECTED = "rejected", _("Rejected with reasons")

    # Nobody, while the caller is anonymous: then the case waits to be linked, or stays nobody's.
    customer = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, related_name="complaints", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.COMPLAINT)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    # Saving a form twice, or telling the same mail twice, finds the first case again.
    client_key = models.CharField(max_length=80, blank=True)
    # A digest of what was told under that key or number, by which the same is told from something else.
    told = models.CharField(max_length=32, blank=True, editable=False)
    source = models.CharField(max_length=40, blank=True)
    source_ref = models.CharField(max_length=120, blank=True)
    # The address the customer wrote from, to which an answer by e-mail goes.
    mail_from = models.ForeignKey(
        "customers.ContactPoint", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    order_ref = models.CharField(_("order"), max_length=80, blank=True)
    product_ref = models.CharField(_("product"), max_length=80, blank=True)
    category = models.ForeignKey(Category, models.PROTECT, db_index=False, verbose_name=_("category"))
    title = models.CharField(_("subject"), max_length=200)
    description = models.TextField(_("what happened"), blank=True)
    remedy_sought = models.CharField(_("what the customer wants"), max_length=300, blank=True)
    external_case = models.CharField(_("number with the authority or platform"), max_length=80, blank=True)

    severity = models.PositiveSmallIntegerField(_("severity"), choices=Severity)
    class_at_open = models.SmallIntegerField(choices=Standing.Class)
    # Rises with the customer while the case is open, never falls.
    served_as = models.SmallIntegerField(_("served as"), choices=Standing.Class)
    value_at_open = MoneyField(default=0)
    priority = models.PositiveSmallIntegerField(_("priority"))
    priority_source = models.CharField(max_length=10, choices=PrioritySource, default=PrioritySource.RULE)
    priority_reason = models.JSONField(default=dict)

    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.NEW)
    queue = models.ForeignKey(Queue, models.PROTECT, verbose_name=_("queue"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="cases", verbose_name=_("owner")
    )
    version = models.PositiveIntegerField(default=0)
    policy = models.ForeignKey(SlaPolicy, models.PROTECT, related_name="+")

    received_at = models.DateTimeField(_("said at"))
    late_reason = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    first_response_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    cycle = models.PositiveSmallIntegerField(default=1)
    reopen_count = models.PositiveSmallIntegerField(default=0)

    # Kept from the running clocks by the one service that changes them, so that lists walk an index.
    next_due_at = models.DateTimeField(null=True, blank=True)
    next_due_metric = models.CharField(max_length=14, choices=Metric, blank=True)
    breached = models.BooleanField(default=False)
    # The customer wrote after the case was solved and nobody has looked yet.
    needs_a_look = models.BooleanField(default=False)
    close_at = models.DateTimeField(null=True, blank=True)

    justified = models.CharField(_("justified"), max_length=12, choices=Justified, default=Justified.UNKNOWN)
    root_cause = models.ForeignKey(
        RootCause, models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("root cause")
    )
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    resolution = models.TextField(_("solution"), blank=True)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged_cases")
    follows = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="followed_by")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_key"], name="case_once_per_key", condition=~Q(client_key="")),
            models.UniqueConstraint(
                fields=["source", "source_ref"], name="case_once_per_source", condition=~Q(source_ref="")
            ),
            models.CheckConstraint(condition=Q(severity__range=(1, 4)), name="case_severity_known"),
            models.CheckConstraint(condition=Q(priority__range=(1, 4)), name="case_priority_known"),
            models.CheckConstraint(
                condition=Q(status="merged", merged_into__isnull=False)
                | (~Q(status="merged") & Q(merged_into__isnull=True)),
                name="case_merged_says_into_what",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")), name="case_not_into_itself"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["resolved", "closed"])
                | (Q(resolved_at__isnull=False) & ~Q(outcome="") & ~Q(resolution="")),
                name="case_solved_says_how",
            ),
            models.CheckConstraint(condition=Q(received_at__lte=F("opened_at")), name="case_received_before_opened"),
        ]
        indexes = [
            models.Index(
                fields=["queue", "priority", "next_due_at", "id"], name="case_by_queue", condition=Q(status__in=OPEN)
            ),
            models.Index(
                fields=["owner", "priority", "next_due_at", "id"], name="case_by_owner", condition=Q(status__in=OPEN)
            ),
            models.Index(fields=["close_at"], name="case_to_close", condition=Q(status="resolved")),
            models.Index(fields=["customer", "-opened_at"], name="case_by_customer"),
            models.Index(fields=["category", "opened_at"], name="case_by_category"),
            models.Index(fields=["root_cause", "resolved_at"], name="case_by_root_cause"),
            models.Index(fields=["product_ref", "opened_at"], name="case_by_product", condition=~Q(product_ref="")),
            BrinIndex(fields=["opened_at"], name="case_opened"),
        ]
        triggers = [
            pgtrigger.FSM(name="status_by_the_table", field="status", transitions=list(TRANSITIONS)),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """What is read aloud to the customer."""
        return f"C-{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def who(self) -> str:
        """The name of whose case it is, as pages show it."""
        return self.customer.name if self.customer else gettext("Anonymous caller")


class CaseOrder(models.Model):
    """An order the case is about, by its number: what the record knows of that number is looked up when it is read."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="about_orders", db_index=False)
    number = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "number"], name="case_order_once")]
        indexes = [models.Index(fields=["number"], name="case_order_number")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.number}"


class CaseEvent(models.Model):
    """One accepted change. `touched` names what it changed, so that a stale editor is refused only where it matters."""

    class Actor(models.TextChoices):
        USER = "user", _("Staff")
        CUSTOMER = "customer", _("Customer")
        SYSTEM = "system", _("Laoke")

    class Kind(models.TextChoices):
        LOGGED = "logged", _("Logged")
        ROUTED = "routed", _("Handed out")
        ACKNOWLEDGED = "acknowledged", _("Acknowledged")
        ASSIGNED = "assigned", _("Assigned")
        CLAIMED = "claimed", _("Taken")
        RELEASED = "released", _("Given back to the queue")
        TRANSFERRED = "transferred", _("Moved to another queue")
        EDITED = "edited", _("Changed")
        PRIORITISED = "prioritised", _("Priority changed")
        REPLIED = "replied", _("Answered")
        NOTED = "noted", _("Note added")
        WAITED = "waited", _("Waiting for the customer")
        CUSTOMER_REPLIED = "customer_replied", _("The customer wrote")
        HANDED_OVER = "handed_over", _("Asked a department")
        HANDOVER_ACCEPTED = "handover_accepted", _("Department accepted")
        HANDOVER_ANSWERED = "handover_answered", _("Department answered")
        HANDOVER_REJECTED = "handover_rejected", _("Department declined")
        HANDOVER_CANCELLED = "handover_cancelled", _("Question withdrawn")
        RESUMED = "resumed", _("Work goes on")
        REMEDY = "remedy", _("Remedy")
        RESOLVED = "resolved", _("Solved")
        REOPENED = "reopened", _("Reopened")
        KEPT_RESOLVED = "kept_resolved", _("Stays solved")
        CLOSED = "closed", _("Closed")
        MERGED = "merged", _("Merged into another case")
        ABSORBED = "absorbed", _("Another case merged in")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        INVALIDATED = "invalidated", _("Found not to be a complaint")
        ESCALATED = "escalated", _("Escalated")
        RECALCULATED = "recalculated", _("Deadlines worked out again")
        ANSWERED = "answered", _("Survey answered")
        REDACTED = "redacted", _("Words removed")
        MAILED = "mailed", _("E-mail sent")
        MAIL_BACK = "mail_back", _("E-mail came back")
        LINKED = "linked", _("Linked to a customer")
        PROMISED = "promised", _("Call promised")
        FILE_ADDED = "file_added", _("File added")
        FILE_REMOVED = "file_removed", _("File removed")

    case = models.ForeignKey(Case, models.PROTECT, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    actor_kind = models.CharField(max_length=8, choices=Actor)
    kind = models.CharField(max_length=20, choices=Kind)
    from_status = models.CharField(max_length=16, choices=Case.Status, blank=True)
    to_status = models.CharField(max_length=16, choices=Case.Status)
    touched = ArrayField(models.CharField(max_length=20), default=list)
    data = models.JSONField(default=dict)
    request_key = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "seq"], name="event_once"),
            models.UniqueConstraint(
                fields=["case", "request_key"], name="event_once_per_request", condition=~Q(request_key="")
            ),
        ]
        indexes = [BrinIndex(fields=["at"], name="event_at")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.case_id}#{self.seq} {self.kind}"


class CaseMessage(models.Model):
    """What was said: by the customer, to the customer, or a note among ourselves."""

    class Direction(models.TextChoices):
        IN = "in", _("From the customer")
        OUT = "out", _("To the customer")
        NOTE = "note", _("Note")

    case = models.ForeignKey(Case, models.PROTECT, related_name="messages", db_index=False)
    direction = models.CharField(max_length=4, choices=Direction)
    channel = models.CharField(max_length=8, choices=Case.Channel, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    body = models.TextField()
    sent_at = models.DateTimeField()
    cycle = models.PositiveSmallIntegerField()
    external_ref = models.CharField(max_length=120, null=True, blank=True, unique=True)
    counts_as_response = models.BooleanField(default=False)
    redacted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(counts_as_response=False) | Q(direction="out", author__isnull=False),
                name="only_a_person_answers",
            )
        ]
        indexes = [models.Index(fields=["case", "sent_at", "id"], name="message_by_case")]
        triggers = [pgtrigger.Protect(name="message_never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.case_id} {self.direction}"


class Draft(models.Model):
    """Unsent words of one author on one case; nobody else can discard them."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="drafts", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    body = models.TextField()
    base_version = models.PositiveIntegerField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "author"], name="one_draft_per_author")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.author_id}"
