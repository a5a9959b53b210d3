"""The days of somebody's life that come every year, and who must not be written to or called any more."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.lib.almanac.days import LifeDay
from customers.models.people import Customer, copied_birthday

USER = settings.AUTH_USER_MODEL


def _copied_to_the_standing(kept: str, gone: str) -> str:
    """Whoever writes a birthday, by whatever door, changes what lists know of it in the same statement."""
    told = copied_birthday("s.customer_id")
    return (
        f"UPDATE customers_standing s SET birthday = ({told}) WHERE s.customer_id IN ({kept}, {gone});"  # noqa: S608
        " RETURN NULL;"
    )


class LifeDate(models.Model):
    """Greeted: what is to be `greet`-ed and is not `doubtful`. The customer's own birthday has no `of_whom`."""

    class Kind(models.TextChoices):
        BIRTHDAY = "birthday", _("Birthday")
        WEDDING = "wedding", _("Wedding day")
        FOUNDING = "founding", _("Founding day")
        MEMORIAL = "memorial", _("Day of mourning")
        OTHER = "other", _("Other day")

    class Calendar(models.TextChoices):
        SOLAR = "solar", _("Usual calendar")
        LUNAR = "lunar", _("Lunar calendar")

    class Certainty(models.TextChoices):
        SURE = "sure", _("Sure")
        SAID = "said", _("As told")
        DOUBTFUL = "doubtful", _("Doubtful")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="life_dates")
    kind = models.CharField(_("day"), max_length=8, choices=Kind)
    label = models.CharField(_("what for"), max_length=60, blank=True, default="")
    of_whom = models.CharField(_("whose"), max_length=60, blank=True, default="")
    calendar = models.CharField(max_length=5, choices=Calendar, default=Calendar.SOLAR)
    month = models.SmallIntegerField()
    day = models.SmallIntegerField(null=True, blank=True)
    leap = models.BooleanField(default=False)
    year = models.SmallIntegerField(null=True, blank=True)
    greet = models.BooleanField(default=True)
    certainty = models.CharField(max_length=8, choices=Certainty, default=Certainty.SAID)
    # The door through which it came, of a file the source that wrote it.
    source = models.CharField(max_length=40, blank=True, default="")
    by = models.ForeignKey(USER, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(month__range=(1, 12))
                & (
                    Q(day__isnull=True)
                    | Q(calendar="lunar", day__range=(1, 30))
                    | Q(calendar="solar", day__range=(1, 29))
                    | Q(calendar="solar", day=30) & ~Q(month=2)
                    | Q(calendar="solar", day=31, month__in=[1, 3, 5, 7, 8, 10, 12])
                ),
                name="life_date_is_a_day",
            ),
            models.CheckConstraint(condition=Q(leap=False) | Q(calendar="lunar"), name="life_date_leap_is_lunar"),
            models.CheckConstraint(condition=~Q(kind="memorial") | Q(greet=False), name="memorial_is_not_greeted"),
            models.UniqueConstraint(
                fields=["customer"], condition=Q(kind="birthday", of_whom="", greet=True), name="one_birthday_greeted"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="birthday_to_standing",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.kind = 'birthday' OR NEW.kind = 'birthday'"),
                func=_copied_to_the_standing("NEW.customer_id", "OLD.customer_id"),
            ),
            pgtrigger.Trigger(
                name="birthday_known",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Condition("NEW.kind = 'birthday'"),
                func=_copied_to_the_standing("NEW.customer_id", "NEW.customer_id"),
            ),
            pgtrigger.Trigger(
                name="birthday_gone",
                when=pgtrigger.After,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.kind = 'birthday'"),
                func=_copied_to_the_standing("OLD.customer_id", "OLD.customer_id"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.kind}"

    @property
    def life_day(self) -> LifeDay:
        """The day as it is reckoned with."""
        return LifeDay(self.month, self.day, self.year, self.calendar == self.Calendar.LUNAR, self.leap)

    @property
    def is_greeted(self) -> bool:
        return self.greet and self.certainty != self.Certainty.DOUBTFUL


class ContactStop(models.Model):
    """Nobody plans to reach this customer any more, and the letters' gate holds back what is not asked for by them."""

    class Kind(models.TextChoices):
        DECEASED = "deceased", _("Deceased")
        NO_CONTACT = "no_contact", _("Wants no contact")
        WRONG_PERSON = "wrong_person", _("Somebody else is reached")

    customer = models.OneToOneField(Customer, models.CASCADE, related_name="stop")
    kind = models.CharField(max_length=12, choices=Kind)
    since = models.DateField()
    said_by = models.CharField(max_length=120, blank=True, default="")
    note = models.CharField(max_length=200, blank=True, default="")
    # What was dropped, to be there again when the stop is undone.
    dropped = models.JSONField(default=list, help_text="Ids of the tasks")
    next_contact_on = models.DateField(null=True, blank=True)
    by = models.ForeignKey(USER, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.customer_id} {self.kind}"
