"""Who the customers are, how to reach them, and where each of them stands."""

from typing import Any

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from core.lib.almanac.days import LifeDay
from core.lib.money import MoneyField

# What lists ask for of the record, and how the standing holds it.
_COPIES = {
    "region": "{c}.region",
    "city": "{c}.city",
    "registered_on": "{c}.registered_on",
    "next_contact_on": "{c}.next_contact_on",
}
_COPIED = tuple(_COPIES)


def copied_birthday(customer: str) -> str:
    """The SQL of the day on which they are greeted: month × 100 + day, 2000 more when lunar, 4000 of a leap month."""
    return (
        "SELECT d.month * 100 + coalesce(d.day, 0)"  # noqa: S608 (our own)
        " + CASE WHEN d.leap THEN 4000 WHEN d.calendar = 'lunar' THEN 2000 ELSE 0 END"
        f" FROM customers_lifedate d WHERE d.customer_id = {customer} AND d.kind = 'birthday' AND d.of_whom = ''"
        " AND d.greet AND d.certainty <> 'doubtful'"
    )


def _copied_to_the_standing() -> pgtrigger.Trigger:
    """Whoever changes the record, by whatever door, changes what lists know of it in the same statement."""
    told = ", ".join(f"{name} = {value.format(c='NEW')}" for name, value in _COPIES.items())
    return pgtrigger.Trigger(
        name="copied_to_standing",
        when=pgtrigger.After,
        operation=pgtrigger.UpdateOf(*_COPIED),  # type: ignore[no-untyped-call]
        condition=pgtrigger.AnyChange(*_COPIED),
        func=f"UPDATE customers_standing SET {told} WHERE customer_id = NEW.id; RETURN NULL;",  # noqa: S608 (our own)
    )


def _copied_from_the_record() -> pgtrigger.Trigger:
    """A new standing knows of the record what lists ask for."""
    told = " ".join(f"NEW.{name} := {value.format(c='c')};" for name, value in _COPIES.items())
    born = copied_birthday("NEW.customer_id")
    return pgtrigger.Trigger(
        name="copied_from_record",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("c", "customers_customer%ROWTYPE")],
        func=f"SELECT * INTO c FROM customers_customer WHERE id = NEW.customer_id; IF FOUND THEN {told} END IF;"  # noqa: S608
        f" NEW.birthday := ({born});"
        " NEW.labels := ARRAY(SELECT label_id::bigint FROM customers_customerlabel WHERE customer_id = NEW.customer_id"
        " ORDER BY label_id); RETURN NEW;",
    )


# From the day of the new manager on nothing else is so: a day that is taken back takes back what began on it. Without one
# it ends with the day of the mall.
_SPAN = """
    since := coalesce(NEW.manager_since, (now() AT TIME ZONE coalesce(
        (SELECT time_zone FROM mall_mallsettings LIMIT 1), current_setting('TimeZone')))::date);
    DELETE FROM customers_managerspan WHERE customer_id = NEW.id AND lower(days) >= since;
    UPDATE customers_managerspan SET days = daterange(lower(days), since)
     WHERE customer_id = NEW.id AND (upper_inf(days) OR upper(days) > since);
    IF NEW.manager_id IS NOT NULL THEN
        INSERT INTO customers_managerspan (customer_id, manager_id, days)
        VALUES (NEW.id, NEW.manager_id, daterange(since, NULL));
    END IF;
    RETURN NULL;
"""


def _spans() -> list[pgtrigger.Trigger]:
    """Whoever changes the manager, by whatever door, changes who looked after whom in the same statement."""
    return [
        pgtrigger.Trigger(
            name="manager_begins",
            when=pgtrigger.After,
            operation=pgtrigger.Insert,
            condition=pgtrigger.Q(new__manager__isnull=False),
            declare=[("since", "date")],
            func=_SPAN,
        ),
        pgtrigger.Trigger(
            name="manager_changes",
            when=pgtrigger.After,
            operation=pgtrigger.UpdateOf("manager_id", "manager_since"),  # type: ignore[no-untyped-call]
            condition=pgtrigger.AnyChange("manager", "manager_since"),
            declare=[("since", "date")],
            func=_SPAN,
        ),
    ]


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
    interests = ArrayField(models.CharField(max_length=40), default=list, blank=True, verbose_name=_("interests"))
    mindset = models.CharField(_("mindset"), max_length=10, choices=Mindset, default=Mindset.UNKNOWN)
    preferred_channel = models.CharField(
        _("preferred channel"), max_length=10, choices=Channel, default=Channel.UNKNOWN
    )
    is_reseller = models.BooleanField(_("buys to resell"), default=False)
    influencers = models.TextField(
        _("who influences what they buy"),
        blank=True,
        default="",
        db_default="",
        help_text=_("Family, colleagues, friends, and what these like"),
    )
    notes = models.TextField(_("notes"), blank=True)
    custom = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text="Answers to the mall's own fields, by their key",
    )
    manager = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="book", verbose_name=_("manager")
    )
    manager_since = models.DateField(_("manager since"), null=True, blank=True)
    next_contact_on = models.DateField(_("next contact"), null=True, blank=True)
    # Of a record that turned out to be somebody known already: whose number to use instead. Its own rows are there.
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")

    # The customer asked for it: what is left has only figures, and the number for a name.
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        indexes = [
            GinIndex(fields=["name_grams"], name="customer_name_grams"),
            models.Index(fields=["region"], name="customer_region", condition=~Q(region="")),
            models.Index(fields=["id"], name="customer_erased", condition=Q(erased_at__isnull=False)),
        ]
        triggers = [_copied_to_the_standing(), *_spans()]
        constraints = [
            models.CheckConstraint(condition=~Q(merged_into=F("id")), name="merged_into_another"),
            models.CheckConstraint(
                condition=Q(manager__isnull=True) | Q(manager_since__isnull=False), name="manager_has_a_since"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """All that the object says is asked again, its birthday too."""
        self.__dict__.pop("birthday", None)
        super().refresh_from_db(*args, **kwargs)

    @cached_property
    def birthday(self) -> LifeDay | None:
        """Their own, the one on which they are greeted before any other; None where it is not known.

        Asked once for each object: whoever reads many says it beforehand (`customers.life_dates.life_dates.read_many`).
        """
        dates = self.life_dates.filter(kind="birthday", of_whom="").order_by("-greet", "pk")
        return next((row.life_day for row in dates[:1]), None)


class ContactPoint(models.Model):
    """The vault: the encrypted value, its mask, and keyed blind indexes (whole value, last four digits)."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("Phone")
        EMAIL = "email", _("E-mail")
        ADDRESS = "address", _("Address")

    class Retired(models.TextChoices):
        WRONG = "wrong", _("Wrong")
        OLD = "old", _("No longer theirs")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="contact_points", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    mask = models.CharField(max_length=120)
    encrypted = models.BinaryField()
    blind_index = models.BinaryField(max_length=16)
    tail_index = models.BinaryField(max_length=16, null=True, blank=True)
    added_at = models.DateTimeField(null=True, blank=True)
    # Somebody has tried it: the customer answers there.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    is_preferred = models.BooleanField(default=False, db_default=False)
    # Never deleted: who had a number once is remembered, but nobody is recognised by it any more.
    retired = models.CharField(max_length=5, choices=Retired, blank=True, default="", db_default="")
    retired_at = models.DateTimeField(null=True, blank=True)
    # The import that alone has told it, while it can be undone; nobody's once anybody else says the same.
    import_run = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "kind", "blind_index"], name="contact_point_once"),
            models.UniqueConstraint(
                fields=["customer", "kind"], condition=Q(is_preferred=True), name="one_preferred_contact_point"
            ),
            models.CheckConstraint(
                condition=Q(retired="", retired_at__isnull=True)
                | (~Q(retired="") & Q(retired_at__isnull=False, is_preferred=False)),
                name="retired_contact_point_is_not_preferred",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "blind_index"], name="contact_point_whole"),
            models.Index(fields=["tail_index"], name="contact_point_tail", condition=Q(tail_index__isnull=False)),
            models.Index(fields=["import_run"], name="contact_point_told", condition=Q(import_run__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.mask}"


class ExternalIdentity(models.Model):
    """The customer's id in one source (shop, till, call centre)."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="identities")
    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=80)
    import_run = models.BigIntegerField(null=True, blank=True)  # as of a contact point

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="one_customer_per_identity")]
        indexes = [models.Index(fields=["import_run"], name="identity_told", condition=Q(import_run__isnull=False))]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class Standing(models.Model):
    """Where a customer stands: the three axes, the manager, and copies of what lists ask for, in one row.

    What purchases add up to is copied by the SQL that works it out (customers/sql), what the record says by triggers;
    the laws of `customers.lists.laws` ask each night whether all of it is true.
    """

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
    # The class of the day on which the open alert began (-1: none is open), and as what they are served: whoever was big
    # when the silence began is looked after as big until it ends. Figures go on reading `customer_class`.
    held_class = models.SmallIntegerField(choices=Class, default=Class.PROSPECT, db_default=-1)
    serve_class = models.GeneratedField(
        expression=Greatest("customer_class", "held_class"),
        output_field=models.SmallIntegerField(choices=Class),
        db_persist=True,
    )
    matrix_type = models.SmallIntegerField(choices=Type, default=Type.NONE)
    value = MoneyField(default=0)
    # From what to what it may well be; empty before a night has said.
    value_low = MoneyField(null=True, blank=True)
    value_high = MoneyField(null=True, blank=True)
    potential = MoneyField(default=0)
    usual_days = models.FloatField(default=0)
    limit_days = models.FloatField(default=0)
    last_on = models.DateField(null=True, blank=True)
    valued_on = models.DateField(null=True, blank=True, help_text="As-of day of the night that wrote the figures")
    inputs = models.BigIntegerField(default=0, help_text="Digest of the summary the figures were made from")
    # Of the purchases; the windows end with the day of the last night, or with that of a later purchase.
    first_on = models.DateField(null=True, blank=True)
    purchase_days = models.IntegerField(default=0, db_default=0)
    order_count = models.IntegerField(default=0, db_default=0)
    paid_sum = MoneyField(default=0, db_default=models.Value(0, models.BigIntegerField()))
    paid_90 = MoneyField(default=0, db_default=models.Value(0, models.BigIntegerField()))
    paid_365 = MoneyField(default=0, db_default=models.Value(0, models.BigIntegerField()))
    days_365 = models.IntegerField(default=0, db_default=0)
    # Of the record.
    region = models.CharField(max_length=60, blank=True, default="", db_default="")
    city = models.CharField(max_length=60, blank=True, default="", db_default="")
    registered_on = models.DateField(null=True, blank=True)
    birthday = models.SmallIntegerField(
        null=True, blank=True, help_text="Month × 100 + day; + 2000 when lunar, + 4000 leap"
    )
    next_contact_on = models.DateField(null=True, blank=True)
    # Of the labels that the customer carries, by the triggers of `CustomerLabel`.
    labels = ArrayField(models.BigIntegerField(), default=list, db_default=models.Value([]), blank=True)

    class Meta:
        triggers = [_copied_from_the_record()]
        indexes = [
            GinIndex(fields=["labels"], name="standing_labels"),
            models.Index(fields=["-value", "customer"], name="standing_value"),
            models.Index(fields=["customer_class", "-value", "customer"], name="standing_class"),
            models.Index(fields=["manager", "-value", "customer"], name="standing_manager"),
            models.Index(fields=["matrix_type", "-value", "customer"], name="standing_type"),
            models.Index(fields=["last_on", "customer"], name="standing_absent", condition=Q(last_on__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.get_customer_class_display()}"
