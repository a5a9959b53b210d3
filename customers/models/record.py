"""What a mall adds to the record itself: own fields, who changed what, who may be the same person, what was merged."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models.people import Customer


class CustomField(models.Model):
    """A question of this mall about every customer; the answers are in `Customer.custom` under its key."""

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        NUMBER = "number", _("A number")
        DATE = "date", _("Date")
        CHOICE = "choice", _("Choice")

    key = models.SlugField(_("key"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60, unique=True)
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    choices = ArrayField(models.CharField(max_length=60), default=list, blank=True, verbose_name=_("choices"))
    position = models.PositiveSmallIntegerField(_("place"), default=100)
    active = models.BooleanField(_("in use"), default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="choice") | Q(choices__len__gte=1), name="choice_field_has_choices"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CustomerChange(models.Model):
    """One field of the record was changed: by whom, through which door, what it said before. Contacts are masked."""

    class Door(models.TextChoices):
        PAGE = "page", _("On a page")
        API = "api", _("By a system of the mall")
        FILE = "file", _("From a file")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="record_changes", db_index=False)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    door = models.CharField(max_length=4, choices=Door)
    field = models.CharField(max_length=60)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["customer", "-at"], name="change_by_customer")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.field}"


class _Pair(models.Model):
    """Two customers, the lower id first."""

    first = models.ForeignKey(Customer, models.CASCADE, related_name="+", db_index=False)
    second = models.ForeignKey(Customer, models.CASCADE, related_name="+")

    class Meta:
        abstract = True


class PossibleDuplicate(_Pair):
    """Two records that may be one person, and why; written anew by every night."""

    reasons = ArrayField(models.CharField(max_length=10))
    score = models.SmallIntegerField()
    found_on = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="possible_duplicate_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="possible_duplicate_in_order"),
        ]
        indexes = [models.Index(fields=["-score", "id"], name="possible_duplicate_order")]

    def __str__(self) -> str:
        return f"{self.first_id} = {self.second_id}?"


class NotTheSame(_Pair):
    """Somebody has looked and says that these are two people."""

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="not_the_same_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="not_the_same_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} ≠ {self.second_id}"


class Merge(models.Model):
    """One record went into another: what was whose before, so that it can be taken apart again."""

    loser = models.ForeignKey(Customer, models.CASCADE, related_name="+")
    winner = models.ForeignKey(Customer, models.CASCADE, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    kept = models.JSONField(
        default=dict, encoder=DjangoJSONEncoder, help_text="Ids of the loser's rows by model, and fields of both before"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["loser"], condition=Q(undone_at__isnull=True), name="merged_once"),
        ]

    def __str__(self) -> str:
        return f"{self.loser_id} → {self.winner_id}"
