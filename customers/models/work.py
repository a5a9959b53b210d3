"""What was said to them and what is to be done for them."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.lib.money import MoneyField
from core.lib.periods import mall_day, mall_time
from customers.models.people import Customer
from customers.models.promises import Promise


class Contact(models.Model):
    """A conversation with a customer: who, how, what came of it."""

    class Direction(models.TextChoices):
        OUT = "out", _("We contacted them")
        IN = "in", _("They contacted us")

    class Channel(models.TextChoices):
        PHONE = "phone", _("Phone")
        VISIT = "visit", _("Visit")
        WECHAT = "wechat", _("WeChat")
        EMAIL = "email", _("E-mail")
        SMS = "sms", _("Text message")

    class Outcome(models.TextChoices):
        REACHED = "reached", _("Reached")
        NO_ANSWER = "no_answer", _("No answer")
        CALL_BACK = "call_back", _("Wants a call back")
        PROMISED = "promised", _("Something was promised")

    class Mood(models.TextChoices):
        GOOD = "good", _("Good")
        NEUTRAL = "neutral", _("Neutral")
        BAD = "bad", _("Bad")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts", db_index=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    at = models.DateTimeField()
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    direction = models.CharField(_("direction"), max_length=3, choices=Direction, default=Direction.OUT)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    mood = models.CharField(_("mood"), max_length=7, choices=Mood, default=Mood.NEUTRAL)
    note = models.TextField(_("note"), blank=True)
    # Said about a complaint: no talk that a contact plan asks for.
    from_complaint = models.BooleanField(default=False, db_default=False)
    minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    place = models.CharField(max_length=120, blank=True, default="", db_default="")
    attendees = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    # Of the form: sent twice, by a double tap or from a phone that had no net, it is one contact.
    client_key = models.CharField(max_length=40, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_key"], name="one_contact_per_key", condition=~Q(client_key=""))
        ]
        indexes = [models.Index(fields=["customer", "-at"], name="contact_by_customer")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.at:%Y-%m-%d}"


class Todo(models.Model):
    """A piece of work with an owner. `dedupe_key` makes opening it twice harmless."""

    class Reason(models.TextChoices):
        ALERT = "alert", _("Quiet customer")
        PROMISE = "promise", _("Promise")
        CONTACT = "contact", _("Planned contact")
        PLAN = "plan", _("Contact plan")
        BOOKED = "booked", _("Appointment")
        TIER = "tier", _("Level at risk")
        CREDIT = "credit", _("Payment overdue")
        CHECK = "check", _("To be checked")
        RISING = "rising", _("Buys more often")
        LETTER = "letter", _("Letter to be sent")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        DONE = "done", _("Done")
        DROPPED = "dropped", _("No longer needed")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="todos")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="todos")
    reason = models.CharField(max_length=10, choices=Reason)
    text = models.JSONField(default=dict, help_text="What the one-line reason is made of")
    due_on = models.DateField()
    due_at = models.DateTimeField(null=True, blank=True, help_text="The moment, where more than the day was promised")
    at_stake = MoneyField(default=0)
    stake_parts = models.JSONField(default=dict, help_text="Risk, value and rule version of the money at stake")
    promise = models.OneToOneField(Promise, models.CASCADE, null=True, blank=True, related_name="todo")
    dedupe_key = models.CharField(max_length=120, unique=True)
    alert_id = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    snoozed_until = models.DateField(null=True, blank=True)
    snooze_reason = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="todos_closed"
    )

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-at_stake"], name="todo_open", condition=Q(state="open")),
            models.Index(fields=["customer"], name="todo_by_customer", condition=Q(state="open")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["customer"], condition=Q(reason="plan", state="open"), name="one_open_plan_of_a_customer"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.customer_id}"

    def is_late(self, at: datetime) -> bool:
        """Past its moment where it has one, else past its day in the mall."""
        return self.due_at < at if self.due_at else self.due_on < mall_day(at)

    @property
    def undecided(self) -> bool:
        """It tells of an alert about which nobody has said yet what is done."""
        said = self.agreed or self.text.get("decision") or self.text.get("ask")
        return self.alert_id is not None and not said

    @property
    def agreed(self) -> str:
        """What was agreed in the discussion of an alert, in its words; empty for the work of the alert itself."""
        return str(self.text.get("task") or "")

    @property
    def promised(self) -> str:
        """What was promised: somebody's words, or the call of a complaint in the reader's language; empty for others."""
        if self.due_at and (number := self.text.get("call")):
            return gettext("%(number)s: call back by %(time)s") % {
                "number": number,
                "time": f"{mall_time(self.due_at):%m-%d %H:%M}",
            }
        return str(self.text.get("promise") or "")


class RiskRules(models.Model):
    """How much of a customer's value is at stake with each kind of work, in versions after the first, which is code."""

    version = models.PositiveIntegerField(unique=True)
    shares = models.JSONField(help_text="Reason: share of the value, 0 to 1, as text")
    starts_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(version__gt=1), name="first_risks_are_code")]

    def __str__(self) -> str:
        return f"v{self.version}"


class Lookup(models.Model):
    """A service agent found this customer by an exact number today: the door to the record until midnight."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE)
    on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "customer", "on"], name="one_lookup_a_day")]

    def __str__(self) -> str:
        return f"{self.user} {self.customer_id} {self.on}"


class BookMove(models.Model):
    """Customers of one manager went to others in one go: who has whom since, so that it can be taken back."""

    giver = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    # [customer, new manager, in the giver's book since] and [task, new owner], by their ids
    customers = models.JSONField(default=list)
    tasks = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["-at"], name="book_move_at")]
        constraints = [
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True) | Q(undone_at__gte=models.F("at")), name="book_move_undone_after"
            )
        ]

    def __str__(self) -> str:
        return f"{self.giver_id} {self.at:%Y-%m-%d}"
