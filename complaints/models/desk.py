"""Who answers: departments, queues and their members."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.calendars import BusinessCalendar


class Department(models.Model):
    """`answer_minutes` of its calendar is the time it has for what the desk hands over to it; its people answer."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    head = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="heads", verbose_name=_("head")
    )
    calendar = models.ForeignKey(BusinessCalendar, models.PROTECT, verbose_name=_("working hours"))
    answer_minutes = models.PositiveIntegerField(_("minutes to answer"), default=240)
    active = models.BooleanField(_("in use"), default=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="departments", verbose_name=_("people")
    )

    def __str__(self) -> str:
        return self.name


class Queue(models.Model):
    class Routing(models.TextChoices):
        MANUAL = "manual", _("Taken by hand")
        LEAST_LOADED = "least_loaded", _("To the least loaded")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    department = models.ForeignKey(Department, models.PROTECT, verbose_name=_("department"))
    routing = models.CharField(_("handing out"), max_length=12, choices=Routing, default=Routing.LEAST_LOADED)
    is_vip = models.BooleanField(_("for big customers"), default=False)
    is_default = models.BooleanField(_("when no other fits"), default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_default"], name="one_default_queue", condition=Q(is_default=True)),
            models.UniqueConstraint(fields=["is_vip"], name="one_vip_queue", condition=Q(is_vip=True)),
        ]

    def __str__(self) -> str:
        return self.name


class QueueMember(models.Model):
    """`capacity`: open cases handed out automatically at most, a case of priority 1 counting double."""

    queue = models.ForeignKey(Queue, models.CASCADE, related_name="members", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="complaint_queues")
    capacity = models.PositiveSmallIntegerField(_("cases at most"), default=20)
    available = models.BooleanField(_("takes cases now"), default=True)
    last_assigned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["queue", "user"], name="member_once"),
            models.CheckConstraint(condition=Q(capacity__gt=0), name="member_has_capacity"),
        ]

    def __str__(self) -> str:
        return f"{self.user} @ {self.queue}"
