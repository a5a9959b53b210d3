"""Every letter to a customer: what it is for, how far it has come, and what becomes of letters in general."""

import uuid

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.jobs.models import Leased
from customers.models.consent import Channel, Purpose
from customers.models.people import ContactPoint, Customer


class Letter(Leased):
    """One letter to one customer by one channel, at most once per `once_key`. It holds no address.

    Its words are sealed; the address is opened in memory while it is handed over.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        WAITING = "waiting", _("Waiting")
        HANDING = "handing", _("On its way out")
        HANDED = "handed", _("Sent")
        DELIVERED = "delivered", _("Delivered")
        BOUNCED = "bounced", _("Did not arrive")
        REFUSED = "refused", _("Not accepted")
        UNKNOWN = "unknown", _("Perhaps sent")
        BLOCKED = "blocked", _("Not allowed")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        EXPIRED = "expired", _("Too late")
        STOPPED = "stopped", _("Stopped")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="letters", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel)
    purpose = models.CharField(max_length=10, choices=Purpose)
    occasion = models.CharField(max_length=60, help_text="What it is about: case:57")
    period = models.CharField(max_length=60, help_text="Which of several about it: message:12")
    once_key = models.CharField(max_length=160, unique=True)
    language = models.CharField(max_length=10, blank=True)
    sealed = models.BinaryField(null=True, help_text="Subject, words and thread, encrypted; none once they are gone")
    reply_token = models.CharField(max_length=32, unique=True, help_text="In the address of the customer's own choices")
    own_id = models.CharField(max_length=200, db_index=True, help_text="Message-ID, by which a repetition is known")
    by_hand = models.BooleanField(default=False, help_text="A colleague sends it and says so")
    by_rule = models.BooleanField(default=False, help_text="Who gets it was worked out from what they bought")
    point = models.ForeignKey(ContactPoint, models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=40, blank=True, help_text="Code: why it waits or did not go out")
    priority = models.SmallIntegerField(default=50, help_text="The smaller the sooner")
    written_at = models.DateTimeField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    next_at = models.DateTimeField(help_text="When it is looked at next")
    handed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When its end was known, whatever that is")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(valid_until__gt=models.F("valid_from")), name="letter_has_a_term"),
            models.CheckConstraint(
                condition=Q(state__in=["handed", "delivered", "bounced"], handed_at__isnull=False)
                | ~Q(state__in=["handed", "delivered", "bounced"]),
                name="letter_handed_has_a_moment",
            ),
        ]
        indexes = [
            models.Index(
                fields=["priority", "valid_from", "id"],
                name="letter_due",
                condition=Q(state="waiting", by_hand=False),
            ),
            models.Index(fields=["claimed_until"], name="letter_handing", condition=Q(state="handing")),
            models.Index(fields=["customer", "handed_at"], name="letter_of_customer"),
            models.Index(fields=["-written_at"], name="letter_by_day"),
            models.Index(fields=["valid_from"], name="letter_open", condition=Q(state__in=["planned", "waiting"])),
            models.Index(fields=["occasion"], name="letter_occasion"),
            models.Index(
                fields=["valid_until"],
                name="letter_no_receipt",
                condition=Q(state="handed", by_hand=False, channel__in=["wechat", "shop"]),
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="states",
                field="state",
                transitions=[
                    ("planned", "waiting"),
                    *(
                        (before, after)
                        for before in ("planned", "waiting")
                        for after in ("blocked", "withdrawn", "expired", "stopped")
                    ),
                    ("waiting", "handing"),
                    ("waiting", "handed"),
                    *(("handing", after) for after in ("waiting", "handed", "refused", "unknown")),
                    *(("handed", after) for after in ("delivered", "bounced", "refused", "unknown")),
                    *(("unknown", after) for after in ("handed", "delivered", "bounced", "refused")),
                ],
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.occasion} {self.period}: {self.state}"


class LetterEvent(models.Model):
    """What happened to a letter, and what others said of it. `key` makes each word count once."""

    class Kind(models.TextChoices):
        CLAIMED = "claimed", _("Taken in hand")
        HANDED = "handed", _("Sent")
        BY_HAND = "by_hand", _("Sent by a colleague")
        FAILED = "failed", _("Attempt failed")
        RECEIPT = "receipt", _("Receipt")
        HELD = "held", _("Waits")
        ENDED = "ended", _("Did not go out")

    letter = models.ForeignKey(Letter, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField()
    code = models.CharField(max_length=60, blank=True)
    key = models.CharField(max_length=160, unique=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.letter_id} {self.kind} {self.code}"


class BadPoint(models.Model):
    """An address that sent a letter back for good; good again once somebody confirms it after that."""

    point = models.OneToOneField(ContactPoint, models.CASCADE, primary_key=True, related_name="bad")
    since = models.DateTimeField()
    code = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return f"{self.point_id} {self.code}"


class SendPolicy(models.Model):
    """How often and at which hours customers are written to. A change is a new version; the last one holds."""

    version = models.PositiveIntegerField(unique=True)
    opens = models.PositiveSmallIntegerField(default=9)
    closes = models.PositiveSmallIntegerField(default=20)
    a_day = models.PositiveSmallIntegerField(default=1)
    in_7_days = models.PositiveSmallIntegerField(default=2)
    in_30_days = models.PositiveSmallIntegerField(default=6)
    survey_days = models.PositiveSmallIntegerField(default=90)
    asks_by_letter = models.BooleanField(default=True)
    reason = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(opens__gte=8, closes__lte=21, opens__lt=models.F("closes")), name="sends_by_day"
            ),
            models.CheckConstraint(
                condition=Q(a_day__gte=1, in_7_days__gte=1, in_30_days__gte=models.F("in_7_days"), survey_days__gte=1),
                name="send_caps_make_sense",
            ),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"v{self.version}"
