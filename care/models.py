"""What we plan to do for people: how often we talk with each of them, and the visits and calls that are agreed."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from customers.models import Contact, Customer

USER = settings.AUTH_USER_MODEL


class Means(models.TextChoices):
    """How at least: a visit is also a talk, a talk also a letter."""

    LETTER = "letter", _("In writing")
    TALK = "talk", _("By a talk")
    VISIT = "visit", _("By a visit")


class Who(models.TextChoices):
    MANAGER = "manager", _("The manager")
    ASSISTANT = "assistant", _("The assistant")
    EITHER = "either", _("Either of them")


class PlanRules(models.Model):
    """How often whom, in versions after the first, which is code."""

    version = models.PositiveIntegerField(unique=True)
    rows = models.JSONField(help_text="The rows of care/rules.py")
    starts_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(version__gt=1), name="first_plan_rules_are_code")]

    def __str__(self) -> str:
        return f"v{self.version}"


class CustomerPlan(models.Model):
    """A customer has a plan of their own, whatever the rules say, until that day."""

    customer = models.OneToOneField(Customer, models.CASCADE, related_name="own_plan")
    every_days = models.PositiveSmallIntegerField()
    means = models.CharField(max_length=6, choices=Means, default=Means.TALK)
    who = models.CharField(max_length=9, choices=Who, default=Who.MANAGER)
    visits_a_year = models.PositiveSmallIntegerField(default=0)
    leader_visits_a_year = models.PositiveSmallIntegerField(default=0)
    why = models.CharField(max_length=200)
    until = models.DateField(null=True, blank=True)
    by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(every_days__gte=1, every_days__lte=730), name="plan_within_two_years"),
            models.CheckConstraint(condition=~Q(why=""), name="plan_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.every_days}"


class PlanDue(models.Model):
    """What somebody's plan comes to: by which row, since when, and by which working day we talk with them next.

    Worked out from the rules, the own plans and the contacts by one SQL file, for one customer or for all.
    """

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="plan")
    owner = models.ForeignKey(USER, models.PROTECT, related_name="+", db_index=False)
    # The place of the row that won, from 1; 0: the plan is their own.
    place = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField(help_text="Of the rules")
    every_days = models.PositiveSmallIntegerField()
    means = models.CharField(max_length=6, choices=Means)
    who = models.CharField(max_length=9, choices=Who)
    visits_a_year = models.PositiveSmallIntegerField()
    leader_visits_a_year = models.PositiveSmallIntegerField()
    last_on = models.DateField(null=True, blank=True)
    since = models.DateField(help_text="The last talk, else since when the manager has them")
    due_on = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["owner", "due_on"], name="plan_by_owner")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.due_on}"


class Appointment(models.Model):
    """A visit or a call is agreed for a day, and perhaps an hour of it; what became of it stays."""

    class How(models.TextChoices):
        CALL = "call", _("Call")
        VISIT = "visit", _("Visit")

    class Purpose(models.TextChoices):
        PLAN = "plan", _("Contact plan")
        LEADER = "leader", _("Visit of a leader")
        PROMISE = "promise", _("Promise")
        WINBACK = "winback", _("Winning back")
        OTHER = "other", _("Something else")

    class State(models.TextChoices):
        BOOKED = "booked", _("Agreed")
        DONE = "done", _("Done")
        NOT_REACHED = "nobody", _("Nobody there")
        MISSED = "missed", _("Missed")
        CANCELLED = "off", _("Called off")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="appointments", db_index=False)
    owner = models.ForeignKey(USER, models.PROTECT, related_name="appointments", db_index=False)
    on = models.DateField()
    hour = models.TimeField(null=True, blank=True)
    minutes = models.PositiveSmallIntegerField(default=30)
    how = models.CharField(max_length=5, choices=How, default=How.CALL)
    purpose = models.CharField(max_length=7, choices=Purpose, default=Purpose.PLAN)
    place = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=200, blank=True)
    attendees: models.ManyToManyField[User, Any] = models.ManyToManyField(User, related_name="+", blank=True)
    state = models.CharField(max_length=6, choices=State, default=State.BOOKED)
    moves = models.PositiveSmallIntegerField(default=0)
    # Where it stood before it was moved last: one step back is always possible.
    before_on = models.DateField(null=True, blank=True)
    before_hour = models.TimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was called off")
    contact = models.OneToOneField(Contact, models.SET_NULL, null=True, blank=True, related_name="appointment")
    client_key = models.CharField(max_length=80)
    by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_key"], name="one_appointment_per_key"),
            models.CheckConstraint(condition=Q(minutes__gte=5, minutes__lte=480), name="appointment_within_a_day"),
            models.CheckConstraint(condition=~Q(state="off") | ~Q(reason=""), name="appointment_off_says_why"),
            models.CheckConstraint(
                condition=Q(moves=0, before_on__isnull=True) | Q(moves__gt=0, before_on__isnull=False),
                name="appointment_moved_from_somewhere",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "on"], name="appointment_by_owner"),
            models.Index(F("customer"), F("on").desc(), name="appointment_by_customer"),
            models.Index(fields=["on"], name="appointment_booked", condition=Q(state="booked")),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.on}"
