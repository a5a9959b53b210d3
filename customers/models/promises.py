"""What was said to a customer: one row a promise, with its keeper and its hour, and everything that became of it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models.people import Customer

USER = settings.AUTH_USER_MODEL


class Promise(models.Model):
    """Kept or late is decided by `counts_at`: the first hour, or the one it was moved to once and in time."""

    class Grain(models.TextChoices):
        HOUR = "hour", _("To the hour")
        DAY = "day", _("On the day")

    class Source(models.TextChoices):
        TALK = "talk", _("Contact")
        COMPLAINT = "complaint", _("Complaint")
        REMEDY = "remedy", _("Remedy")
        SHOP = "shop", _("Shop")
        OTHER = "other", _("Other")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        KEPT = "kept", _("Kept")
        LATE = "late", _("Kept late")
        RELEASED = "released", _("Released")
        VOID = "void", _("No longer needed")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="promises", db_index=False)
    words = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    owner = models.ForeignKey(USER, models.PROTECT, related_name="promises", db_index=False)
    due_at = models.DateTimeField()
    grain = models.CharField(max_length=4, choices=Grain)
    first_due_at = models.DateTimeField()
    counts_at = models.DateTimeField()
    source = models.CharField(max_length=9, choices=Source)
    source_id = models.BigIntegerField()
    ordinal = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    how = models.CharField(max_length=200, blank=True)
    moves = models.PositiveSmallIntegerField(default=0)
    agreed_with_customer = models.BooleanField(default=False)
    kept_for = models.ForeignKey(
        USER,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Whose it is again when they are back",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "source_id", "ordinal"], name="one_promise_of_a_source"),
            models.CheckConstraint(
                condition=~Q(state="kept") | Q(done_at__lte=F("counts_at")), name="promise_kept_in_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="late") | Q(done_at__gt=F("counts_at")), name="promise_late_after_its_hour"
            ),
            models.CheckConstraint(
                condition=Q(state="open", done_at__isnull=True) | (~Q(state="open") & Q(done_at__isnull=False)),
                name="promise_ended_says_when",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["released", "void"]) | ~Q(how=""), name="promise_let_go_says_why"
            ),
            models.CheckConstraint(condition=~Q(words=""), name="promise_has_words"),
            models.CheckConstraint(
                condition=Q(moves=0, due_at=F("first_due_at"), counts_at=F("first_due_at")) | Q(moves__gt=0),
                name="promise_moved_is_counted",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "due_at"], name="promise_open", condition=Q(state="open")),
            models.Index(
                fields=["kept_for"], name="promise_kept_for", condition=Q(state="open", kept_for__isnull=False)
            ),
            models.Index(fields=["customer", "-made_at"], name="promise_by_customer"),
            models.Index(fields=["first_due_at"], name="promise_by_first_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.due_at:%Y-%m-%d %H:%M}"


class PromiseEvent(models.Model):
    """What happened to a promise, in order; rows are added, never changed."""

    class Kind(models.TextChoices):
        MADE = "made", _("Promised")
        MOVED = "moved", _("Promise moved")
        HANDED_OVER = "handed", _("Promise handed over")
        KEPT = "kept", _("Promise kept")
        LATE = "late", _("Promise kept late")
        RELEASED = "released", _("Promise released")
        VOID = "void", _("Promise no longer needed")
        REOPENED = "reopened", _("Promise open again")

    promise = models.ForeignKey(Promise, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField()
    by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    # The hour it was due at before and is due at now, and who kept it before.
    before = models.DateTimeField(null=True, blank=True)
    after = models.DateTimeField(null=True, blank=True)
    owner_before = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        triggers = [pgtrigger.Protect(name="never_rewritten", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.promise_id} {self.kind}"
