"""Changes of rules of every kind, from the first word to the day they begin."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

User = settings.AUTH_USER_MODEL


class RuleChange(models.Model):
    """What a kind of rules shall say from a day on. `by` wrote the last word of it: another person has to confirm.

    What it says is never edited: other words are another change. `foretold` holds each figure as [before, after].
    """

    class State(models.TextChoices):
        OPEN = "open", _("Waits for a second person")
        CONFIRMED = "confirmed", _("Confirmed to begin")
        DROPPED = "dropped", _("Dropped")
        WITHDRAWN = "withdrawn", _("Withdrawn before it began")

    kind = models.CharField(max_length=20)
    content = models.JSONField()
    starts_on = models.DateField(_("in force from"))
    reason = models.CharField(_("why the rules change"), max_length=300)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    # The newest version when it was written: a change is read beside that one and no other.
    based_on = models.PositiveIntegerField(null=True, blank=True)
    # The version that it takes back.
    rolls_back = models.PositiveIntegerField(null=True, blank=True)
    foretold = models.JSONField(default=dict)
    moves = models.JSONField(default=list, help_text="[customer, before, after] of everybody whom the rule moves")
    foretold_at = models.DateTimeField()
    version = models.PositiveIntegerField(null=True, blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    # Of the program that proposed it, so that the same request proposes it once.
    client_key = models.CharField(max_length=80, blank=True)
    # Who has dropped or withdrawn it, and why.
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=300, blank=True)
    # Typed by the only person who may confirm, about what they wrote themselves.
    alone_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "version"], name="one_change_per_version", condition=Q(state="confirmed")
            ),
            models.UniqueConstraint(fields=["kind"], name="one_start_waits", condition=Q(state="open", based_on=0)),
            models.UniqueConstraint(fields=["client_key"], name="one_change_per_key", condition=~Q(client_key="")),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(version__isnull=False, decided_by__isnull=False),
                name="confirmed_change_is_a_version",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | ~Q(by=F("decided_by")) | ~Q(alone_because=""),
                name="rules_need_two_people",
            ),
        ]
        indexes = [models.Index(fields=["kind", "-id"], name="rule_change_newest")]
        triggers = [
            pgtrigger.ReadOnly(
                name="says_what_it_said", fields=["kind", "content", "by", "at", "based_on", "rolls_back"]
            ),
            pgtrigger.FSM(
                name="is_decided_once",
                field="state",
                transitions=[("open", "confirmed"), ("open", "dropped"), ("confirmed", "withdrawn")],
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
