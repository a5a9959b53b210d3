"""How people look at lists: conditions, columns and order under a name, whose they are, and who has them at hand."""

import builtins

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.accounts.models import Team

USER = settings.AUTH_USER_MODEL


class SavedView(models.Model):
    """A way to look at one list. Only its owner changes it; the rows are always those that its reader may see."""

    class Visibility(models.TextChoices):
        PRIVATE = "private", _("Only me")
        TEAM = "team", _("My team")
        ALL = "all", _("Everybody")

    list = models.CharField(max_length=20)
    owner = models.ForeignKey(USER, models.PROTECT, related_name="saved_views", db_index=False)
    name = models.CharField(_("name"), max_length=60)
    visibility = models.CharField(max_length=7, choices=Visibility, default=Visibility.PRIVATE)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    query = models.JSONField()
    columns = ArrayField(models.CharField(max_length=30), default=builtins.list, blank=True)
    sort = models.CharField(max_length=31, blank=True)
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "list", "name"], condition=Q(archived_at__isnull=True), name="one_view_of_a_name"
            ),
            models.CheckConstraint(
                condition=Q(visibility="team", team__isnull=False) | (~Q(visibility="team") & Q(team__isnull=True)),
                name="view_of_a_team_names_it",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ViewPin(models.Model):
    """A view that somebody has at hand above the list: a saved one, or one that comes with the list, by its key."""

    user = models.ForeignKey(USER, models.CASCADE, related_name="+", db_index=False)
    list = models.CharField(max_length=20)
    view = models.ForeignKey(SavedView, models.CASCADE, null=True, blank=True, related_name="pins")
    system = models.CharField(max_length=20, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "view"], condition=Q(view__isnull=False), name="saved_view_pinned_once"
            ),
            models.UniqueConstraint(
                fields=["user", "list", "system"], condition=~Q(system=""), name="system_view_pinned_once"
            ),
            models.CheckConstraint(
                condition=Q(view__isnull=True, system__gt="") | Q(view__isnull=False, system=""), name="pin_of_one_view"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.view_id or self.system}"


class ListPreference(models.Model):
    """Which columns of a list somebody wants to see, in which order, and how high its rows are."""

    class Density(models.TextChoices):
        COMPACT = "compact", _("Close together")
        WIDE = "wide", _("Wide")

    user = models.ForeignKey(USER, models.CASCADE, related_name="+", db_index=False)
    list = models.CharField(max_length=20)
    columns = ArrayField(models.CharField(max_length=30), default=builtins.list)
    density = models.CharField(max_length=7, choices=Density, default=Density.COMPACT, db_default=Density.COMPACT)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "list"], name="one_preference_of_a_list")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.list}"
