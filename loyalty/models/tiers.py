"""Tiers: rules in versions, what each member holds, how it came about, and floors promised by a person.

A customer without a row in Membership is of the lowest level. Ranks count from 0 within the version in force.
"""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from loyalty.maths.tiers import Reason, Rule
from loyalty.tier_rules import LevelTerms, rule_of

User = settings.AUTH_USER_MODEL


def _days(first: str, end: str) -> Func:
    return Func(F(first), F(end), function="daterange")


class TierDraft(models.Model):
    """Rules somebody is working on. `by` wrote the last word: another person has to publish."""

    class State(models.TextChoices):
        OPEN = "open", _("Being written")
        PUBLISHED = "published", _("Published")
        DROPPED = "dropped", _("Dropped")

    content = models.JSONField()
    starts_on = models.DateField(_("in force from"))
    reason = models.CharField(_("why the rules change"), max_length=300, blank=True)
    notice = models.TextField(_("what the members concerned are told"), blank=True, max_length=500)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    by = models.ForeignKey(User, models.PROTECT, related_name="tier_drafts")
    at = models.DateTimeField()
    rolls_back = models.ForeignKey("TierRules", models.PROTECT, null=True, blank=True, related_name="+")
    client_key = models.CharField(
        max_length=80, blank=True, help_text="The request that asked for it, should it be repeated"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_key"], name="one_tier_draft_per_key", condition=~Q(client_key=""))
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"

    @property
    def rule(self) -> Rule:
        return rule_of(self.content)


class TierSimulation(models.Model):
    """What a draft would do on its first night, worked out by the code of that night. Fresh while digests agree."""

    draft = models.ForeignKey(TierDraft, models.CASCADE, related_name="simulations", db_index=False)
    digest = models.CharField(max_length=64)
    based_on = models.ForeignKey("TierRules", models.PROTECT, null=True, related_name="+")
    computed_on = models.DateField()
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    figures = models.JSONField()
    moves = models.BinaryField(help_text="Compressed: customer, rank before, rank after of everybody who moves")

    class Meta:
        indexes = [models.Index(fields=["draft", "-id"], name="tier_simulation_newest")]

    def __str__(self) -> str:
        return f"simulation of {self.draft_id}"


class TierRules(models.Model):
    """One published version, in force over [starts_on, ends_on). Only its end can still change."""

    version = models.PositiveIntegerField(unique=True)
    content = models.JSONField()
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=300)
    notice = models.TextField(blank=True)
    drafted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    published_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    published_at = models.DateTimeField()
    # Typed by the only person who may publish, about what they wrote themselves.
    alone_because = models.CharField(max_length=200, blank=True)
    simulation = models.OneToOneField(TierSimulation, models.PROTECT, related_name="published")
    rolls_back = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_because = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="tier_rules_do_not_overlap",
                expressions=[(_days("starts_on", "ends_on"), RangeOperators.OVERLAPS)],
                condition=Q(withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(
                condition=~Q(drafted_by=F("published_by")) | ~Q(alone_because=""), name="tier_rules_need_two_people"
            ),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gt=F("starts_on")), name="tier_rules_end_after_start"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="never_edited", exclude=["ends_on", "withdrawn_at", "withdrawn_by", "withdrawn_because"]
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"

    @property
    def rule(self) -> Rule:
        return rule_of(self.content)

    @property
    def levels(self) -> list[LevelTerms]:
        return list(self.content["levels"])


class TierState(models.Model):
    """One row: the night up to which members are evaluated, and the rules their ranks are counted in."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    evaluated_on = models.DateField()
    rules = models.ForeignKey(TierRules, models.PROTECT)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_tier_state")]

    def __str__(self) -> str:
        return f"{self.evaluated_on}"


class Membership(models.Model):
    """What a member holds by the rules alone; a floor promised by a person lies above it (see TierOverride)."""

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="membership")
    rank = models.SmallIntegerField()
    since = models.DateField(help_text="First day with this level")
    review_on = models.DateField(null=True, blank=True)
    grace_until = models.DateField(null=True, blank=True)
    # While a refund can still undo the upgrade: the days and the amount it was earned with.
    earned_from = models.DateField(null=True, blank=True)
    earned_to = models.DateField(null=True, blank=True)
    earned_bar = models.BigIntegerField(default=0)
    seq = models.IntegerField(help_text="Number of the last line of its history")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rank__gte=0), name="membership_rank_not_negative"),
            models.CheckConstraint(
                condition=Q(rank__gt=0) | Q(review_on__isnull=True, grace_until__isnull=True),
                name="lowest_level_is_not_reviewed",
            ),
            models.CheckConstraint(
                condition=Q(grace_until__isnull=True) | Q(review_on__isnull=False), name="grace_follows_a_review"
            ),
        ]
        indexes = [
            models.Index(fields=["rank", "customer"], name="membership_by_rank"),
            models.Index(fields=["review_on"], name="membership_review", condition=Q(review_on__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.rank}"


class NextLevel(models.Model):
    """How far somebody is on the way to the next level, as the last night found: of those who are on it at all."""

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="+")
    per_cent = models.SmallIntegerField(help_text="Of what the next level asks, rounded down")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(per_cent__gte=0, per_cent__lte=99), name="on_the_way_to_a_level"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.per_cent} %"


class TierChange(models.Model):
    """One line of a member's history. Never edited: the period of a level ends where the next line begins."""

    class Why(models.IntegerChoices):
        UPGRADE = Reason.UPGRADE.value, _("Reached by purchases")
        RENEWED = Reason.RENEWED.value, _("Renewed at the review")
        GRACE = Reason.GRACE.value, _("Fell short at the review: days of grace")
        DOWNGRADE = Reason.DOWNGRADE.value, _("Fell short")
        RULES = Reason.RULES.value, _("New rules")
        REFUND = Reason.REFUND.value, _("The purchase behind it was taken back")
        MERGE = Reason.MERGE.value, _("Two records became one")

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="tier_changes", db_index=False)
    seq = models.IntegerField()
    on = models.DateField(help_text="The night that counted it")
    at = models.DateTimeField()
    reason = models.SmallIntegerField(choices=Why)
    rules = models.ForeignKey(TierRules, models.PROTECT, db_index=False)
    rank_before = models.SmallIntegerField()
    rank_after = models.SmallIntegerField()
    level_before = models.CharField(max_length=20)
    level_after = models.CharField(max_length=20)
    since = models.DateField()
    review_on = models.DateField(null=True)
    grace_until = models.DateField(null=True)
    amount = models.BigIntegerField(help_text="What counted that night, in minor units or orders")
    before = models.JSONField(default=dict, help_text="The row of Membership that this line replaced")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "seq"], name="tier_history_has_an_order")]
        indexes = [models.Index(fields=["-on", "customer"], name="tier_change_by_night")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.on}"

    @property
    def name_before(self) -> str:
        return self._name(self.level_before)

    @property
    def name_after(self) -> str:
        return self._name(self.level_after)

    def _name(self, code: str) -> str:
        """As the rules of that night call it; a level they no longer know goes by its code."""
        return next((level["name"] for level in self.rules.levels if level["code"] == code), code)


class TierOverride(models.Model):
    """A floor: until `ends_on` the customer has at least this level. The rules go on counting underneath."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="tier_overrides", db_index=False)
    level = models.CharField(max_length=20)
    rank = models.SmallIntegerField(help_text="Of the level when promised, should its code cease to exist")
    starts_on = models.DateField()
    ends_on = models.DateField(help_text="First day on which it no longer holds")
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_tier_override_at_a_time",
                expressions=[
                    ("customer", RangeOperators.EQUAL),
                    (_days("starts_on", "ends_on"), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="tier_override_ends"),
        ]
        indexes = [models.Index(fields=["ends_on"], name="tier_override_end")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.level}"
