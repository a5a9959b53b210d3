"""What each customer agreed to hear from us by which channel, and every word by which that came about."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models.people import Customer

# The state follows the entries by itself: the later word holds, and of two at one moment the refusal.
_FOLLOW = """
    INSERT INTO customers_consentstate AS held (customer_id, channel, purpose, state, since, entry_id)
    VALUES (NEW.customer_id, NEW.channel, NEW.purpose, NEW.state, NEW.said_at, NEW.id)
        ON CONFLICT (customer_id, channel, purpose)
        DO UPDATE SET state = EXCLUDED.state, since = EXCLUDED.since, entry_id = EXCLUDED.entry_id
     WHERE EXCLUDED.since > held.since
        OR EXCLUDED.since = held.since
           AND (EXCLUDED.state IN ('refused', 'withdrawn') OR held.state NOT IN ('refused', 'withdrawn'));
    RETURN NULL;
"""


class Channel(models.TextChoices):
    """The ways a letter may go."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("Text message")
    WECHAT = "wechat", _("WeChat")
    PHONE = "phone", _("Call")
    POST = "post", _("Post")
    SHOP = "shop", _("Shop chat")


class Purpose(models.TextChoices):
    """What a letter is for. Answers and news about one's own orders need no consent; the others do."""

    SERVICE = "service", _("Answers and orders")
    CARE = "care", _("Greetings")
    SURVEY = "survey", _("Surveys")
    MARKETING = "marketing", _("Offers")


ASKED_FOR = (Purpose.MARKETING, Purpose.CARE, Purpose.SURVEY)
BY_CONSENT = (Channel.SMS, Channel.EMAIL, Channel.WECHAT, Channel.PHONE, Channel.POST)


class ConsentState(models.TextChoices):
    ASKED = "asked", _("Asked, no answer yet")
    GRANTED = "granted", _("Agreed")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ConsentWording(models.Model):
    """The words by which people are asked. A change is a new version: what somebody agreed to is readable for ever."""

    code = models.SlugField(db_index=False, max_length=40)
    n = models.PositiveSmallIntegerField()
    language = models.CharField(max_length=10)
    channel = models.CharField(max_length=8, choices=Channel)
    purpose = models.CharField(max_length=10, choices=Purpose)
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "language", "n"], name="consent_wording_once")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.code} {self.language} {self.n}"


class ConsentEntry(models.Model):
    """One word about consent: rows are added, never changed. What holds now is in `Consent`, which follows by itself."""

    class Source(models.TextChoices):
        SHOP = "shop", _("In the shop")
        REST = "rest", _("By a system of the mall")
        STAFF = "staff", _("Told to a colleague")
        IMPORT = "import", _("From a file")
        PAGE = "page", _("On the page of the customer's own choices")
        ONE_CLICK = "one_click", _("By the unsubscribe button of the mail program")
        SMS_REPLY = "sms_reply", _("By a reply to a text message")
        DOUBLE = "double", _("By the confirm button of a mail")
        MERGE = "merge", _("Two records became one")
        SPAM = "spam", _("Reported a letter as unwanted")
        PRIVACY = "privacy", _("By a privacy request")

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="consent_entries", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel)
    purpose = models.CharField(max_length=10, choices=Purpose)
    state = models.CharField(max_length=9, choices=ConsentState)
    source = models.CharField(max_length=9, choices=Source)
    wording = models.ForeignKey(ConsentWording, models.PROTECT, null=True, blank=True, related_name="+")
    # The masked address it was about, and what proves it: a form's number, the letter, who heard it where.
    mask = models.CharField(max_length=120, blank=True)
    evidence = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    said_at = models.DateTimeField()
    stored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(said_at__lte=models.F("stored_at")), name="consent_said_before_stored"),
            models.CheckConstraint(condition=~Q(purpose="service"), name="service_needs_no_consent"),
        ]
        indexes = [models.Index(fields=["customer", "-said_at"], name="consent_history")]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(name="state_follows", when=pgtrigger.After, operation=pgtrigger.Insert, func=_FOLLOW),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.channel}/{self.purpose}: {self.state}"


class Consent(models.Model):
    """What holds now, and by which entry. Written by the database when an entry is added, and by nobody else."""

    pk = models.CompositePrimaryKey("customer_id", "channel", "purpose")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="consents", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel)
    purpose = models.CharField(max_length=10, choices=Purpose)
    state = models.CharField(max_length=9, choices=ConsentState)
    since = models.DateTimeField()
    entry = models.ForeignKey(ConsentEntry, models.PROTECT, related_name="+", db_index=False)

    class Meta:
        db_table = "customers_consentstate"

    def __str__(self) -> str:
        return f"{self.customer_id} {self.channel}/{self.purpose}: {self.state}"


class ReachLimit(models.Model):
    """What a customer has set apart from consent: their data rests, or nothing is chosen for them by what they bought."""

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="reach_limit")
    restricted_at = models.DateTimeField(null=True, blank=True)
    restricted_why = models.CharField(max_length=200, blank=True)
    no_profiling_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.customer_id}"
