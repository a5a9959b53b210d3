"""Points: an append-only double-entry ledger with a lot on every posting, and cached balances under the account's lock.

Points move between buckets. Those of a lot: ISSUED (the mall's side, negative), PENDING, AVAILABLE, HELD, REDEEMED,
EXPIRED, VOIDED. Those of an account without lot: DEBT (negative) and OWED, its other side. Every transaction sums
to zero, in all and for each lot, and the database refuses one that does not.
"""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, Order

User = settings.AUTH_USER_MODEL


def _moments(first: str, end: str) -> Func:
    return Func(F(first), F(end), function="tstzrange")


def _append_only() -> list[pgtrigger.Trigger]:
    return [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]


class PointRules(models.Model):
    """How points are earned and how long they live, in versions. Only the end of a version can still change."""

    class Shortfall(models.TextChoices):
        DEBT = "debt", _("are owed: the next points repay them")
        FORGIVEN = "forgiven", _("are forgiven, and the line says so")

    class EndOf(models.TextChoices):
        DAY = "day", _("that day")
        MONTH = "month", _("the end of that month")
        QUARTER = "quarter", _("the end of that quarter")
        YEAR = "year", _("the end of that year")

    version = models.PositiveIntegerField(unique=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    rate = models.DecimalField(_("points per yuan"), max_digits=8, decimal_places=4)
    least_order = models.DecimalField(
        _("orders below so many yuan earn nothing"), max_digits=10, decimal_places=2, default=0
    )
    most_per_order = models.PositiveIntegerField(_("points per order at most"), null=True, blank=True)
    most_per_day = models.PositiveIntegerField(_("points per customer and day at most"), null=True, blank=True)
    # Ids, so that the trigger that keeps a version from being edited keeps these too.
    excluded_categories = ArrayField(models.BigIntegerField(), default=list, blank=True)
    bonus_from = models.DecimalField(
        _("a single order from so many yuan on"), max_digits=10, decimal_places=2, null=True, blank=True
    )
    bonus_points = models.PositiveIntegerField(_("earns so many points more"), default=0)
    referrer_points = models.PositiveIntegerField(_("points for who brings a friend"), default=0)
    referred_points = models.PositiveIntegerField(_("points for the friend"), default=0)
    referral_least = models.DecimalField(
        _("once the friend has bought for so many yuan"), max_digits=10, decimal_places=2, default=0
    )
    pending_days = models.PositiveSmallIntegerField(_("days until points can be used"), default=15)
    life_months = models.PositiveSmallIntegerField(_("months points live"), null=True, blank=True, default=12)
    life_ends = models.CharField(_("and expire on"), max_length=8, choices=EndOf, default=EndOf.MONTH)
    shortfall = models.CharField(
        _("points of a refunded order that are spent already"), max_length=8, choices=Shortfall, default=Shortfall.DEBT
    )
    hold_minutes = models.PositiveIntegerField(_("minutes a redemption may take"), default=30)
    grace_days = models.PositiveSmallIntegerField(_("days for points that come back after their expiry"), default=30)
    yuan_per_point = models.DecimalField(
        _("what a point costs the mall, in yuan"), max_digits=8, decimal_places=4, default="0.01"
    )
    notice_days = models.PositiveSmallIntegerField(_("days before a change of these rules is known"), default=1)
    reason = models.CharField(_("why"), max_length=300)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    # Taken back before it began: no order was ever of this version.
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="point_rules_do_not_overlap",
                expressions=[(_moments("starts_at", "ends_at"), RangeOperators.OVERLAPS)],
                condition=Q(withdrawn_at__isnull=True),
            ),
            models.CheckConstraint(condition=Q(rate__gte=0), name="point_rate_not_negative"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")), name="point_rules_end_after_start"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="never_edited", exclude=["ends_at", "withdrawn_at"]),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class PointAccount(models.Model):
    """One customer's points. The balances are kept from the postings by whoever holds the lock of this row."""

    class State(models.TextChoices):
        ACTIVE = "active", _("In use")
        FROZEN = "frozen", _("Frozen: earns, but cannot redeem")
        MERGED = "merged", _("Merged into another account")

    customer = models.OneToOneField(Customer, models.PROTECT, primary_key=True, related_name="points")
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    pending = models.BigIntegerField(default=0)
    available = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    debt = models.BigIntegerField(default=0)
    earned = models.BigIntegerField(default=0, help_text="Everything ever issued")
    last_seq = models.BigIntegerField(default=0)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    # The ledger's own time of this account: never runs backwards, whatever the clocks of its callers say.
    settled_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(pending__gte=0, available__gte=0, held__gte=0, debt__gte=0, earned__gte=0),
                name="points_never_negative",
            ),
            models.CheckConstraint(condition=Q(debt=0) | Q(available=0), name="debt_is_repaid_first"),
            models.CheckConstraint(
                condition=Q(state="merged", merged_into__isnull=False, pending=0, available=0, held=0, debt=0)
                | (~Q(state="merged") & Q(merged_into__isnull=True)),
                name="merged_account_is_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.available}"


# A lot that still holds something. One spelling for the index and for whoever asks: PostgreSQL does not prove another
# one, “not all of them zero” say, to be the same, and reads every lot of the mall.
OPEN_LOT = Q(pending__gt=0) | Q(available__gt=0) | Q(held__gt=0)


class PointLot(models.Model):
    """Points that came together and expire together. `expires_at` is the first instant at which they are gone."""

    class Source(models.TextChoices):
        ORDER = "order", _("Purchase")
        GOODWILL = "goodwill", _("Goodwill")
        ADJUSTMENT = "adjustment", _("Adjustment")
        REWARD = "reward", _("Reward")
        PRIZE = "prize", _("Prize")
        REFERRAL = "referral", _("Referral")
        RETURNED = "returned", _("Given back after their expiry")

    account = models.ForeignKey(PointAccount, models.PROTECT, related_name="lots", db_index=False)
    source = models.CharField(max_length=10, choices=Source)
    order = models.ForeignKey(Order, models.PROTECT, null=True, blank=True, related_name="+")
    original = models.BigIntegerField()
    pending = models.BigIntegerField(default=0)
    available = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    earned_at = models.DateTimeField()
    available_from = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(original__gt=0, pending__gte=0, available__gte=0, held__gte=0)
                & Q(original__gte=F("pending") + F("available") + F("held")),
                name="lot_within_its_original",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account"],
                name="lot_open",
                condition=OPEN_LOT,
            ),
            models.Index(fields=["expires_at"], name="lot_to_expire", condition=Q(available__gt=0)),
            models.Index(fields=["available_from"], name="lot_to_release", condition=Q(pending__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.original}"


class PointHold(models.Model):
    """Points set aside until something is handed over, or until `expires_at`."""

    class Purpose(models.TextChoices):
        ORDER = "order", _("Order")
        REWARD = "reward", _("Reward")
        DRAW = "draw", _("Draw")

    class State(models.TextChoices):
        ACTIVE = "active", _("Points set aside")
        CAPTURED = "captured", _("Points redeemed")
        RELEASED = "released", _("Given back")
        LAPSED = "lapsed", _("Ran out")

    account = models.ForeignKey(PointAccount, models.PROTECT, related_name="holds")
    purpose = models.CharField(max_length=8, choices=Purpose)
    ref = models.CharField(max_length=80)
    points = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    extended = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["purpose", "ref"], name="one_hold_per_purpose", condition=Q(state__in=["active", "captured"])
            ),
            models.CheckConstraint(condition=Q(points__gt=0), name="hold_holds_something"),
            models.CheckConstraint(
                condition=Q(state="active", ended_at__isnull=True) | (~Q(state="active") & Q(ended_at__isnull=False)),
                name="ended_hold_says_when",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="hold_to_lapse", condition=Q(state="active"))]
        triggers = [
            pgtrigger.FSM(
                name="ends_once",
                field="state",
                transitions=[("active", "captured"), ("active", "released"), ("active", "lapsed")],
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.purpose}:{self.ref} {self.points}"


class HoldAllocation(models.Model):
    """Which lots a hold took its points from, and how many have come back after it was redeemed."""

    hold = models.ForeignKey(PointHold, models.PROTECT, related_name="allocations", db_index=False)
    lot = models.ForeignKey(PointLot, models.PROTECT, related_name="+")
    points = models.BigIntegerField()
    returned = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hold", "lot"], name="hold_takes_of_a_lot_once"),
            models.CheckConstraint(condition=Q(points__gt=0), name="allocation_is_positive"),
            models.CheckConstraint(
                condition=Q(returned__gte=0) & Q(returned__lte=F("points")), name="returned_within_allocation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hold_id} {self.points}"


class PointState(models.Model):
    """One row: orders that arrived before this have been looked at by the night."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    orders_until = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_point_state")]

    def __str__(self) -> str:
        return str(self.orders_until)


class OrderPoints(models.Model):
    """What an order has earned so far, by the rules and the level of when it was made."""

    order = models.OneToOneField(Order, models.PROTECT, primary_key=True, related_name="points")
    account = models.ForeignKey(PointAccount, models.PROTECT, related_name="+")
    rules = models.ForeignKey(PointRules, models.PROTECT, related_name="+")
    multiplier = models.DecimalField(max_digits=6, decimal_places=2)
    made_at = models.DateTimeField(null=True, help_text="When it was made, by which rules and multiplier were chosen")
    most = models.BigIntegerField(null=True, help_text="What the cap of its day left for it; empty: no cap")
    granted = models.BigIntegerField(default=0, help_text="Equals the sum of the order's deltas in the ledger")
    # The order as it was when this was worked out: its version, and how often files have changed it since.
    order_version = models.BigIntegerField()
    order_file_changes = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(granted__gte=0), name="granted_not_negative")]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.granted}"


class PointTxn(models.Model):
    """One line of an account's ledger. `key`, where there is one, makes the same request one transaction."""

    class Kind(models.TextChoices):
        EARN = "earn", _("Purchase")
        RELEASE = "release", _("Can be used now")
        HOLD = "hold", _("Points set aside")
        UNHOLD = "unhold", _("Points no longer set aside")
        CAPTURE = "capture", _("Points redeemed")
        RETURN = "return", _("Redemption taken back")
        EXPIRE = "expire", _("Expired")
        GRANT = "grant", _("Points given")
        TAKE = "take", _("Points taken")
        MERGE = "merge", _("Accounts merged")

    account = models.ForeignKey(PointAccount, models.PROTECT, related_name="txns", db_index=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    key = models.CharField(max_length=120, blank=True)
    points = models.BigIntegerField(default=0, help_text="What was asked for, where a request says how many")
    order = models.ForeignKey(Order, models.PROTECT, null=True, blank=True, related_name="+")
    order_delta = models.BigIntegerField(default=0)
    forgiven = models.BigIntegerField(default=0, help_text="Of a refund: neither taken back nor owed")
    hold = models.ForeignKey(PointHold, models.PROTECT, null=True, blank=True, related_name="+")
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    # What the customer could use before and after: the statement needs no sums.
    change = models.BigIntegerField(help_text="Of the points that can be used")
    balance = models.BigIntegerField(help_text="Points that can be used afterwards")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "seq"], name="txn_numbers_without_gap"),
            models.UniqueConstraint(fields=["key"], name="txn_once_per_key", condition=~Q(key="")),
            models.CheckConstraint(
                condition=Q(order_delta=0) | Q(order__isnull=False), name="delta_belongs_to_an_order"
            ),
        ]
        # Written in the order of their moments: what is asked of the last months is not looked for in all years.
        indexes = [BrinIndex(fields=["at"], name="txn_moments")]
        triggers = _append_only()

    def __str__(self) -> str:
        return f"{self.account_id}#{self.seq} {self.kind}"


class Posting(models.Model):
    """Points into (positive) or out of (negative) one bucket of one lot, or of the account itself."""

    class Bucket(models.IntegerChoices):
        ISSUED = 1, _("issued")
        PENDING = 2, _("not yet usable")
        AVAILABLE = 3, _("usable")
        HELD = 4, _("set aside")
        REDEEMED = 5, _("redeemed")
        EXPIRED = 6, _("expired")
        VOIDED = 7, _("taken back")
        DEBT = 8, _("debt")
        OWED = 9, _("owed to the mall")

    txn = models.ForeignKey(PointTxn, models.PROTECT, related_name="postings", db_index=False)
    account = models.ForeignKey(PointAccount, models.PROTECT, related_name="+", db_index=False)
    lot = models.ForeignKey(PointLot, models.PROTECT, null=True, blank=True, related_name="postings")
    bucket = models.SmallIntegerField(choices=Bucket)
    points = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["txn", "lot", "bucket"], name="one_posting_per_bucket", nulls_distinct=False
            ),
            models.CheckConstraint(condition=~Q(points=0), name="posting_moves_something"),
            models.CheckConstraint(
                condition=Q(bucket__lte=7, lot__isnull=False) | Q(bucket__gte=8, lot__isnull=True),
                name="bucket_belongs_to_a_lot_or_the_account",
            ),
        ]
        triggers = [
            *_append_only(),
            pgtrigger.Trigger(
                name="sums_to_zero",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func="""
                IF EXISTS (SELECT FROM loyalty_posting WHERE txn_id = NEW.txn_id
                            GROUP BY lot_id HAVING sum(points) <> 0) THEN
                    RAISE EXCEPTION 'points of transaction % do not sum to zero', NEW.txn_id
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'points_sum_to_zero';
                END IF;
                RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.txn_id} {self.bucket} {self.points}"


class PointAdjustment(models.Model):
    """Points asked for by hand. Above the limit of a role a second person decides; nobody decides their own request."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waits for a second person")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Turned down")
        BACK = "back", _("Taken back by who asked")

    account = models.ForeignKey(PointAccount, models.PROTECT, related_name="adjustments")
    points = models.BigIntegerField(help_text="Negative takes points away")
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    # Typed by the only person who may decide, about what they asked for themselves.
    alone_because = models.CharField(max_length=200, blank=True)
    client_key = models.CharField(max_length=80)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_key"], name="adjustment_once"),
            models.CheckConstraint(condition=~Q(points=0), name="adjustment_moves_something"),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True) | ~Q(state="waiting"), name="waiting_is_undecided"
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("by")) | ~Q(alone_because=""),
                name="adjustment_needs_two_people",
            ),
        ]
        indexes = [models.Index(fields=["at"], name="adjustment_waiting", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.account_id} {self.points:+}"


class Reward(models.Model):
    """What points can be exchanged for. `stock` empty means without end."""

    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=300, blank=True)
    points = models.PositiveIntegerField(_("points"))
    stock = models.PositiveIntegerField(_("in stock"), null=True, blank=True)
    active = models.BooleanField(_("offered"), default=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(points__gt=0), name="reward_costs_something")]

    def __str__(self) -> str:
        return self.name


class Redemption(models.Model):
    """A reward for points: set aside while the hold runs, handed over, or taken back."""

    class State(models.TextChoices):
        RESERVED = "reserved", _("Waits to be handed over")
        DONE = "done", _("Reward handed over")
        CANCELLED = "cancelled", _("Not taken")
        RETURNED = "returned", _("Taken back")

    reward = models.ForeignKey(Reward, models.PROTECT, related_name="redemptions")
    hold = models.OneToOneField(PointHold, models.PROTECT, related_name="redemption")
    quantity = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=9, choices=State, default=State.RESERVED)
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(quantity__gt=0), name="redemption_of_something")]
        indexes = [models.Index(fields=["-at"], name="redemption_newest")]

    def __str__(self) -> str:
        return f"{self.reward_id} × {self.quantity}"
