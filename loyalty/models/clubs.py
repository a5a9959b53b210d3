"""Clubs of customers, what is arranged or sent to them, who came, and what partners give to a level."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer

User = settings.AUTH_USER_MODEL


class Club(models.Model):
    name = models.CharField(max_length=80, unique=True)
    about = models.CharField(max_length=300, blank=True)
    min_level = models.CharField(max_length=20, blank=True)
    closed_on = models.DateField(null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class ClubMember(models.Model):
    club = models.ForeignKey(Club, models.PROTECT, related_name="members", db_index=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="clubs", db_index=False)
    joined_on = models.DateField()
    left_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["club", "customer"], name="one_membership_of_a_club", condition=Q(left_on__isnull=True)
            ),
            models.CheckConstraint(
                condition=Q(left_on__isnull=True) | Q(left_on__gte=F("joined_on")), name="left_after_joining"
            ),
        ]
        indexes = [models.Index(fields=["customer"], name="club_member_by_customer")]

    def __str__(self) -> str:
        return f"{self.club_id}/{self.customer_id}"


class ClubEvent(models.Model):
    """A meeting with seats, or something sent to every member (`seats` empty, nobody signs up)."""

    class Kind(models.TextChoices):
        MEETING = "meeting", _("Meeting")
        CONTENT = "content", _("Reading or video")

    club = models.ForeignKey(Club, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=80)
    place = models.CharField(max_length=200, blank=True, help_text="Where it is, or the address of what is sent")
    on = models.DateField()
    seats = models.PositiveIntegerField(null=True, blank=True)
    taken = models.PositiveIntegerField(default=0, editable=False)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(seats__isnull=True) | Q(taken__lte=F("seats")), name="event_has_seats"),
            models.CheckConstraint(condition=Q(kind="meeting") | Q(seats__isnull=True), name="content_has_no_seats"),
        ]

    def __str__(self) -> str:
        return self.name


class ClubVisit(models.Model):
    event = models.ForeignKey(ClubEvent, models.PROTECT, related_name="visits", db_index=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="club_visits")
    came = models.BooleanField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "customer"], name="one_seat_per_member")]

    def __str__(self) -> str:
        return f"{self.event_id}/{self.customer_id}"


class PartnerBenefit(models.Model):
    """What another house gives our customers from a level on, over [starts_on, ends_on)."""

    partner = models.CharField(max_length=80)
    gives = models.CharField(max_length=200)
    min_level = models.CharField(max_length=20, blank=True)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")), name="partner_benefit_ends"
            )
        ]

    def __str__(self) -> str:
        return f"{self.partner}: {self.gives}"
