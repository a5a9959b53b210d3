"""The unified record: who the customers are, how to reach them, what they bought, what is to be done.

Facts (orders, lines, refunds) are keyed by (source, external_id) with a monotone version.
`Summary` is derived from the facts by one SQL file; `Standing` is what lists sort and filter by.
"""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.lib.money import MoneyField


class Customer(models.Model):
    class Mindset(models.TextChoices):
        UNKNOWN = "unknown", _("Not known")
        DISCOUNT = "discount", _("Discount-minded")
        STATUS = "status", _("Status-minded")

    class Channel(models.TextChoices):
        UNKNOWN = "unknown", _("Not known")
        PHONE = "phone", _("Phone")
        SMS = "sms", _("Text message")
        EMAIL = "email", _("E-mail")
        WECHAT = "wechat", _("WeChat")

    number = models.CharField(_("customer number"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=120)
    name_pinyin = models.CharField(max_length=240, blank=True)
    # One- and two-character grams of the name: trigrams cannot find two Chinese characters.
    name_grams = ArrayField(models.CharField(max_length=8), default=list)
    region = models.CharField(_("province"), max_length=60, blank=True)
    city = models.CharField(_("city"), max_length=60, blank=True)
    registered_on = models.DateField(_("registered on"))
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    birthday_is_lunar = models.BooleanField(_("lunar birthday"), default=False)
    interests = ArrayField(models.CharField(max_length=40), default=list, blank=True, verbose_name=_("interests"))
    mindset = models.CharField(_("mindset"), max_length=10, choices=Mindset, default=Mindset.UNKNOWN)
    preferred_channel = models.CharField(
        _("preferred channel"), max_length=10, choices=Channel, default=Channel.UNKNOWN
    )
    is_reseller = models.BooleanField(_("buys to resell"), default=False)
    notes = models.TextField(_("notes"), blank=True)
    manager = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="book", verbose_name=_("manager")
    )
    manager_since = models.DateField(_("manager since"), null=True, blank=True)
    next_contact_on = models.DateField(_("next contact"), null=True, blank=True)
    # Of a record that turned out to be somebody known already: whose number to use instead. Its own rows are there.
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")

    class Meta:
        indexes = [GinIndex(fields=["name_grams"], name="customer_name_grams")]
        constraints = [
            models.CheckConstraint(condition=~Q(merged_into=F("id")), name="merged_into_another"),
            models.CheckConstraint(
                condition=Q(manager__isnull=True) | Q(manager_since__isnull=False), name="manager_has_a_since"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class ContactPoint(models.Model):
    """The vault: the encrypted value, its mask, and keyed blind indexes (whole value, last four digits)."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("Phone")
        EMAIL = "email", _("E-mail")
        ADDRESS = "address", _("Address")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contact_points")
    kind = models.CharField(max_length=10, choices=Kind)
    mask = models.CharField(max_length=120)
    encrypted = models.BinaryField()
    blind_index = models.BinaryField(max_length=16)
    tail_index = models.BinaryField(max_length=16, null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "kind", "blind_index"], name="contact_point_once"),
        ]
        indexes = [
            models.Index(fields=["kind", "blind_index"], name="contact_point_whole"),
            models.Index(fields=["tail_index"], name="contact_point_tail", condition=Q(tail_index__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.mask}"


class ExternalIdentity(models.Model):
    """The customer's id in one source (shop, till, call centre)."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="identities")
    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="one_customer_per_identity")]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class Category(models.Model):
    name = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=80)
    name = models.CharField(max_length=200)
    category = models.ForeignKey(Category, models.PROTECT, null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="one_product_per_identity")]

    def __str__(self) -> str:
        return self.name


def _marks(name: str, table: str, operation: pgtrigger.Operation) -> pgtrigger.Trigger:
    """A statement trigger: whoever changes facts, by whatever door, marks the customers concerned."""
    if operation is pgtrigger.Insert:
        referencing = pgtrigger.Referencing(new=table)
        select = f"SELECT DISTINCT customer_id FROM {table}"
    elif operation is pgtrigger.Delete:
        referencing = pgtrigger.Referencing(old=table)
        select = f"SELECT DISTINCT customer_id FROM {table}"
    else:
        referencing = pgtrigger.Referencing(old=f"{table}_old", new=f"{table}_new")
        select = f"SELECT customer_id FROM {table}_old UNION SELECT customer_id FROM {table}_new"
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=referencing,
        func=f"INSERT INTO customers_dirtymark (customer_id, marked_at) "
        f"SELECT customer_id, now() FROM ({select}) AS touched; RETURN NULL;",
    )


class Order(models.Model):
    """A fact of one source. Amounts are net of discounts; `profit` = paid − cost."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Not paid")
        PAID = "paid", _("Paid")
        CANCELLED = "cancelled", _("Cancelled")

    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=80)
    version = models.BigIntegerField()
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders", db_index=False)
    status = models.CharField(max_length=10, choices=Status)
    ordered_at = models.DateTimeField()
    ordered_on = models.DateField(help_text="Mall-local day of ordered_at")
    paid = MoneyField()
    cost = MoneyField()
    profit = MoneyField()
    # One bit per category (id modulo 63): breadth without reading the lines.
    category_mask = models.BigIntegerField(default=0)
    fully_refunded_on = models.DateField(null=True, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="one_order_per_identity"),
            models.CheckConstraint(condition=Q(paid__gte=0), name="order_paid_not_negative"),
            models.CheckConstraint(condition=Q(profit=F("paid") - F("cost")), name="order_profit_is_paid_less_cost"),
        ]
        indexes = [
            models.Index(
                fields=["customer", "ordered_on"],
                include=["paid", "profit", "category_mask", "fully_refunded_on"],
                condition=Q(status="paid"),
                name="order_purchases",
            ),
            models.Index(fields=["customer", "-ordered_at"], name="order_by_customer"),
            BrinIndex(fields=["ordered_on"], name="order_days"),
            BrinIndex(fields=["received_at"], name="order_arrivals"),
        ]
        triggers = [
            _marks("mark_inserted", "touched_rows", pgtrigger.Insert),
            _marks("mark_updated", "touched_rows", pgtrigger.Update),
            _marks("mark_deleted", "touched_rows", pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT)
    quantity = models.PositiveIntegerField()
    amount = MoneyField()

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"


class Refund(models.Model):
    """Money back, on its own date. `profit_effect` = cost of the goods that came back − amount."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="refunds")
    external_id = models.CharField(max_length=80)
    customer = models.ForeignKey(Customer, models.PROTECT, db_index=False)
    purchased_on = models.DateField()
    refunded_at = models.DateTimeField()
    refunded_on = models.DateField()
    amount = MoneyField()
    profit_effect = MoneyField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "external_id"], name="one_refund_per_identity"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_is_positive"),
        ]
        indexes = [
            models.Index(fields=["customer", "refunded_on"], name="refund_by_customer"),
            BrinIndex(fields=["refunded_on"], name="refund_days"),
        ]
        triggers = [
            _marks("mark_inserted", "touched_rows", pgtrigger.Insert),
            _marks("mark_updated", "touched_rows", pgtrigger.Update),
            _marks("mark_deleted", "touched_rows", pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.order} −{self.amount}"


class DirtyMark(models.Model):
    """Append-only: a customer whose facts changed. The night deletes exactly the rows it has seen."""

    customer_id = models.BigIntegerField()
    marked_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.customer_id)


class Summary(models.Model):
    """What the purchase days of one customer add up to, as of `SummaryState.as_of`.

    A row exists exactly for customers with at least one purchase day. Sums of logarithms are
    integers (10⁻⁹) and the float sums are added in the order of the days, so that recomputing
    from the same facts gives the same bits.
    """

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="summary")
    purchase_days = models.IntegerField()
    order_count = models.IntegerField()
    first_on = models.DateField()
    last_on = models.DateField()
    log_gap_sum = models.BigIntegerField()
    log_gap_square_sum = models.BigIntegerField()
    paid_sum = MoneyField()
    profit_sum = MoneyField(help_text="Of purchase days, net of refunds")
    profit_square_sum = models.FloatField(help_text="Of purchase days, minor units squared")
    decayed_profit = models.FloatField(help_text="Minor units, each day halved every half-life, seen from last_on")
    category_mask = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.purchase_days}"


class SummaryState(models.Model):
    """One row: the day and the half-life that every row of Summary speaks of."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    as_of = models.DateField()
    half_life_days = models.FloatField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_summary_state")]

    def __str__(self) -> str:
        return f"{self.as_of}"


class Standing(models.Model):
    """Where a customer stands: the three axes and the manager, in one narrow row that lists walk by index."""

    class Class(models.IntegerChoices):
        PROSPECT = -1, _("Prospect")
        RANDOM = 0, _("Random")
        ACTIVE = 1, _("Active")
        BIG = 2, _("Big")

    class Type(models.IntegerChoices):
        NONE = 0, _("Not valued yet")
        I = 1, "I"  # noqa: E741
        II = 2, "II"
        III = 3, "III"
        IV = 4, "IV"

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="standing")
    # Copied from the customer by the verbs that change it: the filter and the sort key share one index.
    manager = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, db_index=False)
    customer_class = models.SmallIntegerField(choices=Class, default=Class.PROSPECT)
    matrix_type = models.SmallIntegerField(choices=Type, default=Type.NONE)
    value = MoneyField(default=0)
    potential = MoneyField(default=0)
    usual_days = models.FloatField(default=0)
    limit_days = models.FloatField(default=0)
    last_on = models.DateField(null=True, blank=True)
    valued_on = models.DateField(null=True, blank=True, help_text="As-of day of the night that wrote the figures")
    inputs = models.BigIntegerField(default=0, help_text="Digest of the summary the figures were made from")

    class Meta:
        indexes = [
            models.Index(fields=["-value", "customer"], name="standing_value"),
            models.Index(fields=["customer_class", "-value", "customer"], name="standing_class"),
            models.Index(fields=["manager", "-value", "customer"], name="standing_manager"),
            models.Index(fields=["matrix_type", "-value", "customer"], name="standing_type"),
            models.Index(fields=["last_on", "customer"], name="standing_absent", condition=Q(last_on__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.get_customer_class_display()}"


class Contact(models.Model):
    """A conversation with a customer: who, how, what came of it."""

    class Direction(models.TextChoices):
        OUT = "out", _("We contacted them")
        IN = "in", _("They contacted us")

    class Channel(models.TextChoices):
        PHONE = "phone", _("Phone")
        VISIT = "visit", _("Visit")
        WECHAT = "wechat", _("WeChat")
        EMAIL = "email", _("E-mail")
        SMS = "sms", _("Text message")

    class Outcome(models.TextChoices):
        REACHED = "reached", _("Reached")
        NO_ANSWER = "no_answer", _("No answer")
        CALL_BACK = "call_back", _("Wants a call back")
        PROMISED = "promised", _("Something was promised")

    class Mood(models.TextChoices):
        GOOD = "good", _("Good")
        NEUTRAL = "neutral", _("Neutral")
        BAD = "bad", _("Bad")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contacts")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT)
    at = models.DateTimeField()
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    direction = models.CharField(_("direction"), max_length=3, choices=Direction, default=Direction.OUT)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    mood = models.CharField(_("mood"), max_length=7, choices=Mood, default=Mood.NEUTRAL)
    note = models.TextField(_("note"), blank=True)

    class Meta:
        indexes = [models.Index(fields=["customer", "-at"], name="contact_by_customer")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.at:%Y-%m-%d}"


class Todo(models.Model):
    """A piece of work with an owner. `dedupe_key` makes opening it twice harmless."""

    class Reason(models.TextChoices):
        ALERT = "alert", _("Quiet customer")
        PROMISE = "promise", _("Promise")
        CONTACT = "contact", _("Planned contact")
        PROMISING = "promising", _("Could become big")
        RISING = "rising", _("Random customer rising")
        TIER = "tier", _("Level at risk")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        DONE = "done", _("Done")
        DROPPED = "dropped", _("No longer needed")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="todos")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="todos")
    reason = models.CharField(max_length=10, choices=Reason)
    text = models.JSONField(default=dict, help_text="What the one-line reason is made of")
    due_on = models.DateField()
    at_stake = MoneyField(default=0)
    dedupe_key = models.CharField(max_length=120, unique=True)
    alert_id = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    snoozed_until = models.DateField(null=True, blank=True)
    snooze_reason = models.CharField(max_length=200, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="todos_closed"
    )

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-at_stake"], name="todo_open", condition=Q(state="open")),
            models.Index(fields=["customer"], name="todo_by_customer", condition=Q(state="open")),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.customer_id}"


class Import(models.Model):
    """One uploaded file of orders, its column mapping, and what became of every row."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Waiting for columns")
        WAITING = "waiting", _("Waiting for a worker")
        RUNNING = "running", _("Running")
        CHECKED = "checked", _("Checked, not yet imported")
        DONE = "done", _("Done")
        FAILED = "failed", _("Stopped")

    class Task(models.TextChoices):
        CHECK = "check", _("Check every row")
        RUN = "run", _("Import")

    class Step(models.TextChoices):
        READING = "reading", _("Reading rows")
        PEOPLE = "people", _("Finding customers")
        ORDERS = "orders", _("Comparing and storing orders")
        FIGURES = "figures", _("Working out figures")

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True)
    at = models.DateTimeField()
    file_name = models.CharField(max_length=200)
    content = models.BinaryField()
    encoding = models.CharField(max_length=20)
    source = models.CharField(max_length=40)
    mapping = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    counts = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True, blank=True)
    # What is being done, how far it is, and when whoever does it last spoke.
    task = models.CharField(max_length=10, choices=Task, blank=True)
    language = models.CharField(max_length=10, blank=True, help_text="Of whoever asked: a worker writes reasons in it")
    step = models.CharField(max_length=10, choices=Step, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="unfinished_imports", condition=models.Q(state__in=["waiting", "running"]))
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(percent__lte=100), name="import_percent_is_one"),
            models.CheckConstraint(
                condition=~models.Q(state="waiting") | ~models.Q(task=""), name="waiting_import_has_a_task"
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class RejectedRow(models.Model):
    """A row that did not go in: where, why, and the original line, so that nothing is lost."""

    run = models.ForeignKey(Import, models.CASCADE, related_name="rejected")
    line_number = models.IntegerField()
    column = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=300)
    line = models.TextField()

    def __str__(self) -> str:
        return f"{self.line_number}: {self.reason}"


class Lookup(models.Model):
    """A service agent found this customer by an exact number today: the door to the record until midnight."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    customer = models.ForeignKey(Customer, models.CASCADE)
    on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "customer", "on"], name="one_lookup_a_day")]

    def __str__(self) -> str:
        return f"{self.user} {self.customer_id} {self.on}"
