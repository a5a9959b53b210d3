"""When a team works: weekly shifts, closed days, and days that are worked instead."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _


class Minutes(Func):
    """The half-open range of minutes of a day that a shift covers."""

    function = "INT4RANGE"
    output_field = models.CharField()

    def __init__(self, start: str = "start_minute", end: str = "end_minute") -> None:
        super().__init__(F(start), F(end), RangeBoundary())


class BusinessCalendar(models.Model):
    """`version` grows with every edit; a clock keeps the version its due moment was worked out with."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    zone = models.CharField(_("time zone"), max_length=60)
    day_and_night = models.BooleanField(_("day and night"), default=False)
    country = models.CharField(
        _("holidays of"), max_length=2, blank=True, help_text="ISO code; empty: no public holidays"
    )
    version = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return self.name


class CalendarShift(models.Model):
    """Open minutes of a weekday by the wall clock, [from, until). A lunch break makes two of them."""

    calendar = models.ForeignKey(BusinessCalendar, models.CASCADE, related_name="shifts")
    weekday = models.PositiveSmallIntegerField(_("weekday"), help_text="1 = Monday … 7 = Sunday")
    start_minute = models.PositiveSmallIntegerField(_("from"))
    end_minute = models.PositiveSmallIntegerField(_("until"))

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(weekday__range=(1, 7)), name="shift_on_a_weekday"),
            models.CheckConstraint(
                condition=Q(start_minute__lt=F("end_minute"), end_minute__lte=1440), name="shift_within_a_day"
            ),
            ExclusionConstraint(
                name="shifts_apart",
                expressions=[(F("calendar"), "="), (F("weekday"), "="), (Minutes(), "&&")],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.start_minute}–{self.end_minute}"


class CalendarWeek(models.Model):
    """The hours of a week as a version: what it says holds from `begun_at` on. The first is what was there before."""

    calendar = models.ForeignKey(BusinessCalendar, models.CASCADE, related_name="weeks", db_index=False)
    version = models.PositiveIntegerField()
    week = models.JSONField(help_text="Weekday, 1 = Monday: [[minute from, until], …]")
    starts_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["calendar", "version"], name="one_version_of_a_week"),
            models.CheckConstraint(
                condition=Q(begun_at__isnull=True) | Q(withdrawn_at__isnull=True), name="begun_week_is_not_withdrawn"
            ),
        ]
        indexes = [
            models.Index(
                fields=["starts_at"],
                name="week_to_begin",
                condition=Q(begun_at__isnull=True, withdrawn_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.calendar_id} v{self.version}"


class CalendarDay(models.Model):
    """One date that differs from its weekday. Closed wins the day; open rows replace the weekly shifts."""

    class Kind(models.TextChoices):
        CLOSED = "closed", _("Day off")
        OPEN = "open", _("Worked")

    class Source(models.TextChoices):
        MANUAL = "manual", _("Entered")
        IMPORT = "import", _("Public holidays")

    calendar = models.ForeignKey(BusinessCalendar, models.CASCADE, related_name="days")
    date = models.DateField(_("date"))
    kind = models.CharField(max_length=6, choices=Kind)
    start_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    end_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    source = models.CharField(max_length=6, choices=Source, default=Source.MANUAL)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["calendar", "date"], name="closed_once", condition=Q(kind="closed")),
            models.CheckConstraint(
                condition=Q(kind="closed", start_minute__isnull=True, end_minute__isnull=True)
                | Q(kind="open", start_minute__isnull=False, start_minute__lt=F("end_minute"), end_minute__lte=1440),
                name="day_closed_or_with_hours",
            ),
            ExclusionConstraint(
                name="worked_hours_apart",
                expressions=[(F("calendar"), "="), (F("date"), "="), (Minutes(), "&&")],
                condition=Q(kind="open"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.kind}"


class CalendarYear(models.Model):
    """Somebody has looked at this year's holidays of this calendar. Without it, a deadline in that year is a guess."""

    calendar = models.ForeignKey(BusinessCalendar, models.CASCADE, related_name="years", db_index=False)
    year = models.PositiveSmallIntegerField()
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    confirmed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["calendar", "year"], name="year_confirmed_once")]

    def __str__(self) -> str:
        return f"{self.calendar} {self.year}"
