"""After the case: was the customer content, what must change for good, and who says nothing."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.cases import Case
from complaints.models.catalogue import Category, RootCause
from customers.models import Customer, Letter


class Survey(models.Model):
    """One question per case and cycle. Only a digest of the link is stored; a link answers one survey, once."""

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        SENT = "sent", _("Sent")
        ANSWERED = "answered", _("Answered")
        EXPIRED = "expired", _("No answer")
        CANCELLED = "cancelled", _("Not sent")

    case = models.ForeignKey(Case, models.PROTECT, related_name="surveys", db_index=False)
    cycle = models.PositiveSmallIntegerField()
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=9, choices=State, default=State.PLANNED)
    digest = models.CharField(max_length=64, null=True, blank=True, unique=True)
    send_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    solved = models.BooleanField(null=True, blank=True)
    comment = models.TextField(blank=True)
    # The letter that carries the link; none where a system of the mall sends it.
    letter = models.OneToOneField(Letter, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "cycle"], name="survey_once_per_cycle"),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__range=(1, 5)), name="survey_score_one_to_five"
            ),
            models.CheckConstraint(
                condition=~Q(state="answered") | Q(score__isnull=False, answered_at__isnull=False),
                name="answered_survey_has_a_score",
            ),
        ]
        indexes = [
            models.Index(fields=["send_at"], name="survey_to_send", condition=Q(state="planned")),
            models.Index(fields=["expires_at"], name="survey_to_expire", condition=Q(state="sent")),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}/{self.cycle}"


class CorrectiveAction(models.Model):
    """A cause that keeps coming back, with an owner, until its rate has been low for four weeks."""

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        DONE = "done", _("Measure taken, being watched")
        CLOSED = "closed", _("Worked")
        DROPPED = "dropped", _("Given up")

    class Rule(models.TextChoices):
        COUNT = "count", _("Five or more in 30 days")
        RATE = "rate", _("Twice the usual rate")
        BIG = "big", _("Two big customers")
        MANUAL = "manual", _("Opened by hand")

    root_cause = models.ForeignKey(RootCause, models.PROTECT, related_name="actions", db_index=False)
    category = models.ForeignKey(Category, models.PROTECT, null=True, blank=True, related_name="+")
    product_ref = models.CharField(max_length=80, blank=True)
    rule = models.CharField(max_length=8, choices=Rule)
    evidence = models.JSONField(default=dict)
    title = models.CharField(_("what is to change"), max_length=200, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    opened_on = models.DateField()
    due_on = models.DateField(_("due"))
    done_on = models.DateField(null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    # Cases per 1000 orders.
    baseline_rate = models.FloatField()
    target_rate = models.FloatField()
    measured_rate = models.FloatField(null=True, blank=True)
    cases = models.ManyToManyField(Case, related_name="corrective_actions")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["root_cause", "product_ref"],
                name="one_running_action",
                condition=Q(status__in=["open", "done"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.root_cause_id} {self.product_ref}"


class SilentSign(models.Model):
    """A customer who is probably unhappy and has not said so. Dismissals are kept and counted."""

    class Sign(models.TextChoices):
        REFUND = "refund", _("Sent goods back without a word")
        MOOD = "mood", _("Sounded annoyed")
        OVERDUE = "overdue", _("Has gone quiet")
        PRODUCT = "product", _("Bought what others complain about")
        UNHAPPY = "unhappy", _("Solved, yet not content")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        CALLED = "called", _("Called")
        CONVERTED = "converted", _("Became a complaint")
        DISMISSED = "dismissed", _("Dismissed")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="silent_signs", db_index=False)
    sign = models.CharField(max_length=8, choices=Sign)
    ref = models.CharField(max_length=120)
    evidence = models.JSONField(default=dict)
    found_on = models.DateField()
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    case = models.ForeignKey(Case, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "sign", "ref"], name="sign_once")]
        indexes = [models.Index(fields=["-found_on"], name="sign_open", condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.sign}"
