"""Points for something else than money: a friend who was brought along, visits in a year."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer


class Referral(models.Model):
    """Who brought this customer. `rewarded_at`: both have had their points."""

    referred = models.OneToOneField(Customer, models.PROTECT, primary_key=True, related_name="referral")
    referrer = models.ForeignKey(Customer, models.PROTECT, related_name="referrals")
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    rewarded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(referred=F("referrer")), name="nobody_brings_themselves"),
        ]
        indexes = [models.Index(fields=["at"], name="referral_waiting", condition=Q(rewarded_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.referrer_id} → {self.referred_id}"


class VisitStep(models.Model):
    """So many purchase days within one calendar year are worth so many points."""

    visits = models.PositiveSmallIntegerField(_("purchase days in a year"), unique=True)
    points = models.PositiveIntegerField(_("points"))

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(visits__gt=0, points__gt=0), name="visit_step_is_positive")]
        ordering = ["visits"]

    def __str__(self) -> str:
        return f"{self.visits}: {self.points}"
