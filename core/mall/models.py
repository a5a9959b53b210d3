"""The mall itself: one row, made when Laoke is set up."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class MallSettings(models.Model):
    """The only row. Read through `core.lib.mall.facts`, written by `crm.flows.mall`."""

    THE_ROW = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ROW)
    name = models.CharField(_("Name of the mall"), max_length=80)
    currency = models.CharField(_("Currency"), max_length=3)
    time_zone = models.CharField(_("Time zone"), max_length=60)
    language = models.CharField(_("Language"), max_length=10)
    phone_region = models.CharField(_("Country of its phone numbers"), max_length=2)
    set_up_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="only_one_mall"),
            models.CheckConstraint(
                condition=models.Q(currency__regex="^[A-Z]{3}$", phone_region__regex="^[A-Z]{2}$"),
                name="mall_codes_are_codes",
            ),
            models.CheckConstraint(condition=~models.Q(name="") & ~models.Q(time_zone=""), name="mall_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class SetupCode(models.Model):
    """What proves that somebody has the machine, as long as nobody can sign in. Only its SHA-256 is stored."""

    THE_ROW = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ROW)
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="only_one_setup_code")]

    def __str__(self) -> str:
        return f"{self.made_at:%Y-%m-%d %H:%M}"


class VaultKey(models.Model):
    """A key under which something here is encrypted. `core.lib.database` holds each process to its fingerprint."""

    fingerprint = models.CharField(max_length=16, primary_key=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return self.fingerprint
