"""What the desk chooses from: categories, root causes, reply templates. Never deleted, only put out of use."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from complaints.models.desk import Department, Queue


class Severity(models.IntegerChoices):
    CRITICAL = 1, _("Safety or legal")
    HIGH = 2, _("High")
    NORMAL = 3, _("Normal")
    LOW = 4, _("Low")


class Category(models.Model):
    """What the customer complains about, in two levels; a case carries one of the second."""

    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    default_severity = models.PositiveSmallIntegerField(_("usual severity"), choices=Severity, default=Severity.NORMAL)
    queue = models.ForeignKey(
        Queue, models.PROTECT, null=True, blank=True, related_name="categories", verbose_name=_("queue")
    )
    needs_root_cause = models.BooleanField(_("root cause required"), default=True)
    # What the next colleague who serves this customer is told after the case is solved.
    prompt_trigger = models.CharField(_("prompt at"), max_length=10, blank=True)
    prompt_department = models.ForeignKey(Department, models.PROTECT, null=True, blank=True, related_name="+")
    prompt_text = models.CharField(_("prompt"), max_length=300, blank=True)
    active = models.BooleanField(_("in use"), default=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(default_severity__range=(1, 4)), name="category_severity_known")
        ]

    def __str__(self) -> str:
        return self.name


class RootCause(models.Model):
    """Why it happened, which is another matter than what the customer says; it carries the responsible department."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    department = models.ForeignKey(Department, models.PROTECT, verbose_name=_("responsible department"))
    controllable = models.BooleanField(_("within our control"), default=True)
    active = models.BooleanField(_("in use"), default=True)

    def __str__(self) -> str:
        return self.name


# What stands in braces in ready words, and is filled in when a reply is begun.
REPLY_FIELDS = ("name", "number", "agent", "mall")


class ReplyTemplate(models.Model):
    """Words to start a reply from. Fields in braces: {name} {number} {agent} {mall}."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    body = models.TextField(_("text"))
    category = models.ForeignKey(Category, models.CASCADE, null=True, blank=True, related_name="templates")
    active = models.BooleanField(_("in use"), default=True)

    def __str__(self) -> str:
        return self.name
