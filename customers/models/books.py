"""Who looked after whom, from which day to which, and to whom customers are proposed."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models.people import Customer


class ManagerSpan(models.Model):
    """A customer had this manager on these days; without an end it is so today, without a beginning it began before the
    record. Kept by a trigger of the customer: whoever changes the manager, by whatever door, changes this with it.
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="spans", db_index=False)
    manager = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    days = DateRangeField()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_manager_at_a_time",
                expressions=[("customer", RangeOperators.EQUAL), ("days", RangeOperators.OVERLAPS)],
            ),
            models.CheckConstraint(condition=Q(days__isempty=False), name="manager_span_has_days"),
        ]
        indexes = [models.Index(fields=["manager"], name="span_by_manager")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.manager_id} {self.days}"


class BookHandOver(models.Model):
    """Customers of one manager are proposed to another one, who looks at each and says yes or no."""

    giver = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    receiver = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    # When nobody has anything to say to it any more.
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(giver=F("receiver")), name="hand_over_to_another"),
            models.CheckConstraint(condition=~Q(reason=""), name="hand_over_says_why"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("at")), name="hand_over_ended_after"
            ),
        ]
        indexes = [
            models.Index(fields=["receiver"], name="hand_over_open", condition=Q(ended_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.giver_id} → {self.receiver_id} {self.at:%Y-%m-%d}"


class HandOverLine(models.Model):
    """One customer of a proposal: whether the new manager has read the pack, and what they said."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("Proposed")
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    hand_over = models.ForeignKey(BookHandOver, models.CASCADE, related_name="lines", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="hand_over_lines")
    note = models.CharField(max_length=500, blank=True, help_text="What the giver says to the new manager")
    read_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.PROPOSED)
    why = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    move = models.ForeignKey("customers.BookMove", models.SET_NULL, null=True, blank=True, related_name="lines")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hand_over", "customer"], name="one_line_a_customer"),
            # Nobody is proposed to two colleagues at once.
            models.UniqueConstraint(fields=["customer"], condition=Q(state="proposed"), name="one_open_proposal"),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_at__isnull=True)
                | (~Q(state="proposed") & Q(decided_at__isnull=False)),
                name="line_decided_says_when",
            ),
            models.CheckConstraint(condition=~Q(state="refused") | ~Q(why=""), name="line_refused_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.hand_over_id}: {self.customer_id} {self.state}"


class BookRules(models.Model):
    """How full a book may be and where new customers go, in versions after the first, which is code."""

    version = models.PositiveIntegerField(unique=True)
    content = models.JSONField()
    starts_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(version__gt=1), name="first_book_rules_are_code")]

    def __str__(self) -> str:
        return f"v{self.version}"
