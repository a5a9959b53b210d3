"""JSON in and out. What is not declared here is refused, never ignored."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.lib.errors import Invalid
from customers import contact_points, identity, keys
from customers.identity import CustomerRef
from customers.models import Order, Standing
from customers.orders import LineFact, OrderFact, Outcome
from customers.refunds import RefundFact

MOST_ITEMS = 500
LARGEST_VERSION = 2**63 - 1
WIDEST_OFFSET = timedelta(hours=14)
# What a source may tell; that an order waits to be confirmed is ours to say.
TOLD = [choice for choice in Order.Status.choices if choice[0] != Order.Status.HELD]


class Strict(serializers.Serializer[Any]):
    """Refuses fields it does not know: a misspelt field is an error, not a silent loss.

    `null` and an empty text are as if the field were not there, unless the field itself means something by them.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name: field for name, field in self.fields.items() if not field.read_only}
            if unknown := sorted(set(data) - set(known)):
                raise serializers.ValidationError(
                    {name: [_("This field is not known.")] for name in unknown}, "unknown_field"
                )
            data = {name: value for name, value in data.items() if _says_something(value, known[name])}
        return super().to_internal_value(data)


def _says_something(value: Any, field: Any) -> bool:
    if value is None:
        return bool(field.allow_null)
    return value != "" or bool(getattr(field, "allow_blank", False))


class AwareTime(serializers.DateTimeField):
    """An ISO 8601 time with its offset, between 1970 and 2100."""

    default_error_messages = {
        "naive": _("A time needs its offset, like 2026-11-17T09:30:00+08:00."),
        "range": _("The time must lie between 1970 and 2100."),
    }
    _zone = re.compile(r".*(?:[zZ]|[+-](\d\d):?(\d\d)?)$", re.ASCII)

    def to_internal_value(self, value: Any) -> datetime:
        if isinstance(value, str):
            offset = self._zone.fullmatch(value[10:])
            if offset is None and super().to_internal_value(value):
                self.fail("naive")
            if offset and timedelta(hours=int(offset[1] or 0), minutes=int(offset[2] or 0)) > WIDEST_OFFSET:
                self.fail("range")
        moment: datetime = super().to_internal_value(value)
        if not 1970 <= moment.year <= 2100:
            self.fail("range")
        return moment


class Money(serializers.DecimalField):
    """A decimal with at most two places that say something, as a string: 219.4000 is 219.40."""

    _zeros = re.compile(r"(\s*[+-]?\d*\.\d{0,2}?)0+\s*", re.ASCII)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=15, decimal_places=2, **{"min_value": 0} | kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and len(data) <= self.MAX_STRING_LENGTH and (match := self._zeros.fullmatch(data)):
            data = f"{match[1]}0"
        return super().to_internal_value(data)


class Words(serializers.CharField):
    """One line of text without control characters."""

    def to_internal_value(self, data: Any) -> str:
        value: str = super().to_internal_value(data)
        if not value.isprintable():
            raise serializers.ValidationError(_("Control characters are not allowed."), "invalid")
        return value


class Label(Words):
    """A name or a place: control characters are dropped, and what is too long for the record is cut."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        super().__init__(required=False, allow_blank=True, **kwargs)
        self.most = most

    def to_internal_value(self, data: Any) -> str:
        text = serializers.CharField.to_internal_value(self, data)
        return contact_points.plain(text)[: self.most].strip()


class Key(serializers.CharField):
    """The number of an order or a customer in the one form that all doors know, without `\'`, `="…"` or `.0`."""

    _forbidden = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

    def __init__(self, normal: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(max_length=80, **kwargs)
        self.normal = normal

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if self._forbidden.search(text):
            raise serializers.ValidationError(_("Control characters are not allowed."), "invalid")
        value = self.normal(text)
        if value and keys.damaged(text):
            refusal = identity.number_damaged()
            raise serializers.ValidationError(str(refusal), refusal.code)
        if not value and not self.allow_blank:
            self.fail("blank")
        return value


class CustomerIn(Strict):
    number = Words(max_length=20, required=False, allow_blank=True)
    external_id = Key(
        keys.customer_key,
        required=False,
        allow_blank=True,
        help_text="Your number of the customer. 0, null, guest, 匿名 and their like are nobody",
    )
    phone = serializers.CharField(
        required=False, allow_blank=True, help_text="Left out when nobody can be called by it"
    )
    email = serializers.CharField(required=False, allow_blank=True, help_text="Left out when nobody can be written to")
    name = Label(most=120)
    region = Label(most=60)
    city = Label(most=60)
    create_if_missing = serializers.BooleanField(required=False)


def customer_ref(source: str, told: Mapping[str, Any] | None) -> CustomerRef:
    """Who is meant, without a phone or e-mail that cannot be used: `left_out` says which."""
    return identity.usable(CustomerRef(source=source, **(told or {})))


class LineIn(Strict):
    product = Words(max_length=80)
    name = Label(most=200)
    category = Label(most=80)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)
    amount = Money()


class RefundIn(Strict):
    external_id = Words(max_length=80)
    amount = Money(help_text="0 where only goods came back: then it is left out")
    refunded_at = AwareTime()
    cost_returned = Money(required=False)


class OrderIn(Strict):
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_VERSION)
    customer = CustomerIn(allow_null=True)
    status = serializers.ChoiceField(TOLD, required=False)
    ordered_at = AwareTime()
    paid = Money()
    cost = Money(required=False)
    lines = LineIn(many=True, required=False, max_length=1000)  # type: ignore[call-arg]
    refunds = RefundIn(many=True, required=False, max_length=1000)  # type: ignore[call-arg]


def order_fact(told: Mapping[str, Any], source: str, external_id: str) -> OrderFact:
    """The order as `OrderIn` has read it."""
    data = dict(told)
    data.pop("external_id", None)
    customer = customer_ref(source, data.pop("customer"))
    lines = tuple(LineFact(**line) for line in data.pop("lines", ()))
    refunds = tuple(RefundFact(**refund) for refund in data.pop("refunds", ()) if refund["amount"])
    return OrderFact(source=source, external_id=external_id, customer=customer, lines=lines, refunds=refunds, **data)


class OrderItemIn(OrderIn):
    external_id = Key(keys.order_key)


class OrderPath(Strict):
    source = serializers.RegexField(r"^[a-z0-9][a-z0-9_.-]{0,39}\Z")  # type: ignore[assignment]
    external_id = Key(keys.order_key, required=False)


@extend_schema_field(OrderItemIn(many=True))
class OrderItems(serializers.ListField):
    """Orders that are judged one by one: a wrong one is an error of its own item."""


class BatchIn(Strict):
    orders = OrderItems(child=serializers.DictField(), min_length=1, max_length=MOST_ITEMS)


class FindIn(Strict):
    phone = Words(max_length=40, required=False)
    email = Words(max_length=254, required=False)

    def validate_phone(self, value: str) -> str:
        return _normal(contact_points.Kind.PHONE, value)

    def validate_email(self, value: str) -> str:
        return _normal(contact_points.Kind.EMAIL, value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError(_("Send either a phone or an e-mail."), "one_of")
        return attrs


class NoQuery(Strict):
    """No parameter in the address is known."""


def _normal(kind: str, value: str) -> str:
    try:
        return contact_points.normalise(kind, value)
    except Invalid as error:
        raise serializers.ValidationError(str(error), error.code) from None


# Out ----------------------------------------------------------------------------------------------------------------

CLASS_NAMES: dict[int, str] = {c: c.name.lower() for c in Standing.Class}
TYPE_NAMES: dict[int, str] = {t: t.name for t in Standing.Type if t}


class LeftOutOut(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="phone or email")
    code = serializers.CharField()
    detail = serializers.CharField()


class OrderOut(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    external_id = serializers.CharField()
    version = serializers.IntegerField(help_text="The stored version; higher than the sent one when that is stale")
    outcome = serializers.ChoiceField([o.value for o in Outcome])
    customer = serializers.CharField(allow_null=True, help_text="Customer number; null for an order of nobody")
    customer_class = serializers.ChoiceField(list(CLASS_NAMES.values()), allow_null=True)
    left_out = LeftOutOut(many=True, help_text="What was sent of the customer and cannot be used")
    waits_for = serializers.ChoiceField(
        ["customer", "confirmation"],
        allow_null=True,
        help_text="`customer`: stored without one, and listed. `confirmation`: the amount is far from all others, and "
        "the order counts once a person of the mall has confirmed it",
    )


class BatchItemOut(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    status = serializers.IntegerField(help_text="The status this item would have had alone")
    outcome = serializers.ChoiceField([o.value for o in Outcome], allow_null=True)
    customer = serializers.CharField(allow_null=True)
    left_out = LeftOutOut(many=True)
    waits_for = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)


class BatchOut(serializers.Serializer[Any]):
    results = BatchItemOut(many=True)


class ContactOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    mask = serializers.CharField()


class CustomerOut(serializers.Serializer[Any]):
    number = serializers.CharField()
    name = serializers.CharField()
    customer_class = serializers.SerializerMethodField()
    matrix_type = serializers.SerializerMethodField()
    manager = serializers.SerializerMethodField()
    registered_on = serializers.DateField()
    last_purchase_on = serializers.DateField(source="standing.last_on", allow_null=True)
    contacts = ContactOut(many=True, source="contact_points")

    @extend_schema_field(serializers.ChoiceField(list(CLASS_NAMES.values())))
    def get_customer_class(self, customer: Any) -> str:
        return CLASS_NAMES[customer.standing.customer_class]

    @extend_schema_field(serializers.ChoiceField(list(TYPE_NAMES.values()), allow_null=True))
    def get_matrix_type(self, customer: Any) -> str | None:
        return TYPE_NAMES.get(customer.standing.matrix_type)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_manager(self, customer: Any) -> str | None:
        return str(customer.manager) if customer.manager else None


class FindOut(serializers.Serializer[Any]):
    results = CustomerOut(many=True)
