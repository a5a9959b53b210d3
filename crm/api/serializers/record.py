"""JSON in and out: what a source tells of a customer."""

from typing import Any

from rest_framework import serializers

from core.lib.almanac.days import LifeDay
from crm.api.serializers.customers import Key, OrderPath, Strict, Words
from customers import keys
from customers.models import Customer, LifeDate
from customers.record.facts import Facts
from customers.record.life_dates import MOST, Told

MOST_CONTACTS = 20


class Line(Words):
    """One line; null is an empty one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_blank=True, allow_null=True, **kwargs)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return super().validate_empty_values("" if data is None else data)


class BirthdayIn(Strict):
    month = serializers.IntegerField()
    day = serializers.IntegerField()
    year = serializers.IntegerField(required=False, allow_null=True, help_text="Where it is known")
    calendar = serializers.ChoiceField(["solar", "lunar"], required=False)
    leap = serializers.BooleanField(required=False, help_text="In the leap month of this number; lunar only")

    def birthday(self, data: dict[str, Any]) -> LifeDay:
        is_lunar = data.get("calendar") == "lunar"
        return LifeDay(data["month"], data["day"], data.get("year"), is_lunar, bool(data.get("leap")))


class SourceCustomerIn(Strict):
    """Fields that are not sent stay as they are. An empty one is as if it were not sent (PUT), or clears (PATCH)."""

    name = Line(max_length=120)
    region = Line(max_length=60)
    city = Line(max_length=60)
    registered_on = serializers.DateField(required=False)
    birthday = BirthdayIn(required=False, allow_null=True)
    interests = serializers.ListField(child=Words(max_length=40), required=False, max_length=30)
    mindset = serializers.ChoiceField(Customer.Mindset.choices, required=False)
    preferred_channel = serializers.ChoiceField(Customer.Channel.choices, required=False)
    is_reseller = serializers.BooleanField(required=False)
    influencers = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    custom = serializers.DictField(
        child=serializers.CharField(allow_blank=True, allow_null=True, max_length=500),
        required=False,
        help_text="Answers by the key of the mall's own field",
    )
    phones = serializers.ListField(child=Words(max_length=40), required=False, max_length=MOST_CONTACTS)
    emails = serializers.ListField(child=Words(max_length=254), required=False, max_length=MOST_CONTACTS)
    addresses = serializers.ListField(child=Words(max_length=300), required=False, max_length=MOST_CONTACTS)

    def facts(self, *, clears: bool) -> Facts:
        """What is told. An empty field `clears` what is on record, or else says nothing: its source does not know."""
        told = {name: value for name, value in self.validated_data.items() if clears or value not in ("", None, [])}
        if not clears and "custom" in told:
            told["custom"] = {key: value for key, value in told["custom"].items() if value not in ("", None)}
        if told.get("birthday"):
            told["birthday"] = BirthdayIn().birthday(told["birthday"])
        for name in ("interests", "phones", "emails", "addresses"):
            if name in told:
                told[name] = tuple(told[name])
        return Facts(**told)


class LifeDateIn(BirthdayIn):
    """A day that comes every year, but for the customer's own birthday, which is told with the record."""

    kind = serializers.ChoiceField(LifeDate.Kind.choices)
    label = Line(max_length=60, help_text="What for, of another day")  # type: ignore[assignment]
    of_whom = Line(max_length=60, help_text="Whose: of a birthday always")
    greet = serializers.BooleanField(default=True, help_text="A day of mourning never is")

    def told(self, data: dict[str, Any]) -> Told:
        label, of_whom = data.get("label", ""), data.get("of_whom", "")
        return Told(data["kind"], self.birthday(data), label, of_whom, data["greet"])


class LifeDatesIn(Strict):
    life_dates = serializers.ListField(child=LifeDateIn(), max_length=MOST)

    def told(self) -> list[Told]:
        return [LifeDateIn().told(data) for data in self.validated_data["life_dates"]]


class LifeDatesOut(serializers.Serializer[Any]):
    number = serializers.CharField(help_text="Customer number")
    outcome = serializers.ChoiceField(["updated", "unchanged"])


class CustomerPath(OrderPath):
    # A placeholder is refused by the verb, which says so.
    external_id = Key(keys.customer_key, allow_blank=True)


class WrittenOut(serializers.Serializer[Any]):
    number = serializers.CharField(help_text="Customer number")
    outcome = serializers.ChoiceField(["created", "updated", "unchanged"])
    fields_changed = serializers.ListField(child=serializers.CharField())
