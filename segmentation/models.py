"""What the numbers say: rules, fitted parameters, the figures of each night, changes, alerts and segments."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.accounts.models import Team
from core.lib.money import MoneyField
from customers.models import Category, Customer, Standing


class RuleSet(models.Model):
    """One version of all constants of the night. Rows are never edited: a change is a new version."""

    version = models.PositiveIntegerField(unique=True)
    parameters = models.JSONField()
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    at = models.DateTimeField()
    starts_on = models.DateField(null=True, blank=True, help_text="The first night it is for; empty: the next one")
    # The version whose moves its first night takes back.
    rolls_back = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True, help_text="Taken back before its first night")

    def __str__(self) -> str:
        return f"v{self.version}"


class Fit(models.Model):
    """Parameters fitted on the shop's own history, kept as long as figures refer to them."""

    as_of = models.DateField(unique=True)
    parameters = models.JSONField()
    diagnostics = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.as_of}"


class Night(models.Model):
    """The global figures of one night: bars, counts, and which rules and fit made them."""

    as_of = models.DateField(unique=True)
    rules = models.ForeignKey(RuleSet, models.PROTECT)
    fit = models.ForeignKey(Fit, models.PROTECT)
    value_bar = models.FloatField()
    potential_bar = models.FloatField()
    figures = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.as_of}"


class Change(models.Model):
    """A customer moved: class or matrix type, when, from where, and the figures that moved them."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="changes", db_index=False)
    on = models.DateField()
    class_before = models.SmallIntegerField(choices=Standing.Class)
    class_after = models.SmallIntegerField(choices=Standing.Class)
    type_before = models.SmallIntegerField(choices=Standing.Type)
    type_after = models.SmallIntegerField(choices=Standing.Type)
    value = MoneyField()
    potential = MoneyField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "on"], name="one_change_per_night")]
        indexes = [models.Index(fields=["-on", "customer"], name="change_by_night")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.on}"


_HELD = """
    IF TG_OP <> 'INSERT' AND OLD.state = 'open' THEN
        UPDATE customers_standing SET held_class = -1 WHERE customer_id = OLD.customer_id AND held_class <> -1;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.state = 'open' THEN
        UPDATE customers_standing SET held_class = NEW.served_as
         WHERE customer_id = NEW.customer_id AND held_class <> NEW.served_as;
    END IF;
    RETURN NULL;
"""


def _held_while_open() -> list[pgtrigger.Trigger]:
    """While an alert is open its customer is served as the class of its first day, whatever door opens or ends it."""
    return [
        pgtrigger.Trigger(
            name="held_while_open",
            when=pgtrigger.After,
            operation=pgtrigger.Insert | pgtrigger.UpdateOf("state", "customer_id", "served_as") | pgtrigger.Delete,  # type: ignore[no-untyped-call]
            func=_HELD,
        )
    ]


class Alert(models.Model):
    """One silence of one customer: owned work that ends with a purchase, a cause, or its window."""

    class Kind(models.TextChoices):
        QUIET = "quiet", _("Past their own usual interval")
        LONG_ABSENCE = "long_absence", _("Long absence")
        SUSPECTED = "suspected", _("Suspected by a colleague")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        RECOVERED = "recovered", _("Bought again")
        LOST = "lost", _("Lost")
        NO_RESPONSE = "no_response", _("No response")
        STOPPED = "stopped", _("Not to be reached")

    class Cause(models.TextChoices):
        GAVE_UP = "gave_up", _("Given up by us")
        LEFT = "left", _("Left by choice")
        POACHED = "poached", _("Poached by a rival")
        ATTRACTED = "attracted", _("Attracted away")
        FORCED = "forced", _("Forced to leave")
        OTHER = "other", _("Other")

    class Decision(models.TextChoices):
        NONE = "", _("Not decided")
        CONTACT = "contact", _("Contact")
        OFFER = "offer", _("Make an offer")
        VISIT = "visit", _("Visit")
        WATCH = "watch", _("Watch")

    class Chance(models.TextChoices):
        YES = "yes", _("Yes")
        MAYBE = "maybe", _("Perhaps")
        NO = "no", _("No")

    class Compared(models.IntegerChoices):
        MUCH_WORSE = -2, _("Much worse than ours")
        WORSE = -1, _("Worse than ours")
        ALIKE = 0, _("Alike")
        BETTER = 1, _("Better than ours")
        MUCH_BETTER = 2, _("Much better than ours")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="alerts", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    last_on = models.DateField(help_text="The last purchase day before the silence")
    opened_on = models.DateField()
    window_ends_on = models.DateField()
    silent = models.BooleanField(default=False, help_text="Backlog of a first run: listed, not notified")
    severity = MoneyField(help_text="Expected profit at stake over the horizon")
    evidence = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    decision = models.CharField(max_length=8, choices=Decision, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    cause = models.CharField(max_length=10, choices=Cause, blank=True, default="")
    interview = models.JSONField(default=dict)
    chance = models.CharField(max_length=5, choices=Chance, blank=True, default="", db_default="")
    rival_service = models.SmallIntegerField(choices=Compared, null=True, blank=True)
    recovered_after_days = models.IntegerField(null=True, blank=True)
    served_as = models.SmallIntegerField(
        choices=Standing.Class, default=Standing.Class.PROSPECT, db_default=-1, help_text="The class of its first day"
    )
    # Of a lost one, as it was when it was closed: what they mostly bought, what they brought in the twelve months before
    # the silence, and whose customer it was; and the day on which they came back after all, which makes it no less lost.
    line = models.ForeignKey(Category, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    profit_before = MoneyField(null=True, blank=True)
    manager_at_close = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    returned_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            # What somebody hears can be heard again in the same silence.
            models.UniqueConstraint(
                fields=["customer", "kind", "last_on"], condition=~Q(kind="suspected"), name="one_alert_per_silence"
            ),
            models.UniqueConstraint(fields=["customer"], condition=Q(state="open"), name="one_open_alert_per_customer"),
            models.CheckConstraint(condition=~Q(state="lost") | ~Q(cause=""), name="lost_names_a_cause"),
            models.CheckConstraint(
                condition=Q(state="open") | Q(closed_on__isnull=False), name="closed_alert_has_a_day"
            ),
        ]
        indexes = [
            models.Index(fields=["-severity"], name="alert_open", condition=Q(state="open")),
            models.Index(fields=["customer", "-opened_on"], name="alert_by_customer"),
            models.Index(fields=["-closed_on", "-id"], name="alert_lost", condition=Q(state="lost")),
        ]
        triggers = _held_while_open()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.customer_id}"


class AlertComment(models.Model):
    """What somebody says about an alert. With a `sign` they suspect that the customer is leaving, and heard it so."""

    class Sign(models.TextChoices):
        RIVAL = "rival", _("Buys or wants to buy elsewhere")
        PRICE = "price", _("Finds us too dear")
        SERVICE = "service", _("Is disappointed by our service")
        QUALITY = "quality", _("Is disappointed by the goods")
        MOVED = "moved", _("Moves away, or needs it no more")
        SILENT = "silent", _("Does not answer any more")
        OTHER = "other", _("Something else")

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="comments")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    at = models.DateTimeField()
    text = models.TextField()
    sign = models.CharField(max_length=8, choices=Sign, blank=True, default="", db_default="")
    mentions = ArrayField(models.BigIntegerField(), default=list, db_default=[], help_text="The people it calls for")

    def __str__(self) -> str:
        return f"{self.alert_id} {self.at:%Y-%m-%d}"


class Backtest(models.Model):
    """A measurement of the rules on the shop's own past, cut at one day."""

    cut_on = models.DateField()
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    table = models.JSONField()

    def __str__(self) -> str:
        return f"{self.cut_on}"


class Segment(models.Model):
    """A named rule about customers that other things depend on. What it says is its last version."""

    class Visibility(models.TextChoices):
        PRIVATE = "private", _("Only me")
        TEAM = "team", _("My team")
        ALL = "all", _("Everybody")

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    about = models.CharField(_("what it is for"), max_length=300, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    visibility = models.CharField(_("who sees it"), max_length=8, choices=Visibility, default=Visibility.PRIVATE)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="+")
    tracked = models.BooleanField(default=False, help_text="Who is in it is kept, night by night")
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(visibility="team", team__isnull=False) | (~Q(visibility="team") & Q(team__isnull=True)),
                name="shared_with_a_team_names_it",
            ),
            models.CheckConstraint(
                condition=Q(archived_at__isnull=True) | Q(tracked=False), name="archived_is_not_tracked"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentVersion(models.Model):
    """What a segment says since a moment. Never edited: a change is a new version."""

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="versions", db_index=False)
    n = models.PositiveIntegerField()
    tree = models.JSONField()
    sentence = models.TextField(blank=True, help_text="In English, as it was said then")
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "n"], name="one_version_of_a_number")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.segment_id} v{self.n}"


class SegmentMember(models.Model):
    """Somebody was in a tracked segment from a day on, and until a day, on which they were in it no more."""

    class Why(models.TextChoices):
        FIRST = "first", _("when the history began")
        NIGHT = "night", _("by the night")
        RULE = "rule", _("by a new rule")
        ASKED = "asked", _("on request")
        MERGE = "merge", _("with a merged record")
        ERASED = "erased", _("erased")

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="members", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="in_segments", db_index=False)
    version = models.ForeignKey(SegmentVersion, models.PROTECT, related_name="+", db_index=False)
    entered_on = models.DateField()
    entered_at = models.DateTimeField()
    why = models.CharField(max_length=8, choices=Why)
    left_on = models.DateField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    left_why = models.CharField(max_length=8, choices=Why, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["segment", "customer"], condition=Q(left_on__isnull=True), name="in_a_segment_once"
            ),
            models.CheckConstraint(
                condition=Q(left_on__isnull=True, left_at__isnull=True, left_why="")
                | (Q(left_on__gte=models.F("entered_on"), left_at__isnull=False) & ~Q(left_why="")),
                name="who_left_says_when_and_why",
            ),
        ]
        indexes = [
            models.Index(fields=["segment", "entered_at"], name="member_by_entry"),
            models.Index(fields=["customer"], name="member_by_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} in {self.segment_id}"


class SegmentDay(models.Model):
    """How many were in a tracked segment at the end of a day, how many came and went on it, and by which version."""

    segment = models.ForeignKey(Segment, models.PROTECT, related_name="days", db_index=False)
    on = models.DateField()
    version = models.ForeignKey(SegmentVersion, models.PROTECT, related_name="+", db_index=False)
    size = models.IntegerField()
    entered = models.IntegerField(default=0)
    left = models.IntegerField(default=0)
    seconds = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "on"], name="one_day_of_a_segment")]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.on}: {self.size}"


class Rising(models.Model):
    """A random customer who has begun to buy like an active one: asked about once a quarter, adopted or not now."""

    class State(models.TextChoices):
        OPEN = "open", _("Waits for an answer")
        ADOPTED = "adopted", _("Adopted")
        NOT_NOW = "not_now", _("Not now")
        GREW = "grew", _("Grew without being adopted")
        LAPSED = "lapsed", _("Nobody answered")

    class Why(models.TextChoices):
        NO_TIME = "no_time", _("No time for one more customer")
        ONCE_ONLY = "once_only", _("A gift or a single event")
        NO_CONTACT = "no_contact", _("Would rather be left alone")
        SERVED = "served", _("Is looked after by somebody else")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="rises", db_index=False)
    quarter = models.DateField(help_text="Its first day")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    opened_on = models.DateField()
    # The figures of that night: purchase days of 90 days and of the 90 before, what was paid, and the bar.
    days = models.SmallIntegerField()
    days_before = models.SmallIntegerField()
    paid = MoneyField()
    bar = MoneyField(help_text="What the middle one of the active customers paid in 90 days")
    decided_on = models.DateField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    why = models.CharField(max_length=10, choices=Why, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "quarter"], name="rises_once_a_quarter"),
            models.CheckConstraint(
                condition=Q(state="open", decided_on__isnull=True) | (~Q(state="open") & Q(decided_on__isnull=False)),
                name="rising_decided_on_a_day",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("adopted", "not_now"), decided_by__isnull=False)
                | (~Q(state__in=("adopted", "not_now")) & Q(decided_by__isnull=True)),
                name="rising_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(state="not_now") & ~Q(why="") | ~Q(state="not_now") & Q(why=""), name="rising_not_now_why"
            ),
        ]
        indexes = [models.Index(fields=["-opened_on", "-id"], name="rising_by_day")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.quarter}"
