"""JSON in and out. What is not declared here is refused, never ignored."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.lib.errors import Invalid
from customers import contact_points
from customers.identity import CustomerRef
from customers.models import Order, Standing
from customers.orders import LineFact, OrderFact, Outcome, RefundFact

MOST_ITEMS = 500
LARGEST_VERSION = 2**63 - 1
WIDEST_OFFSET = timedelta(hours=14)


class Strict(serializers.Serializer[Any]):
    """Refuses fields it does not know: a misspelt field is an error, not a silent loss."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            if unknown := sorted(set(data) - known):
                raise serializers.ValidationError(
                    {name: [_("This field is not known.")] for name in unknown}, "unknown_field"
                )
        return super().to_internal_value(data)


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
    """A decimal with at most two places, as a string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=15, decimal_places=2, **{"min_value": 0} | kwargs)


class Words(serializers.CharField):
    """One line of text without control characters."""

    def to_internal_value(self, data: Any) -> str:
        value: str = super().to_internal_value(data)
        if not value.isprintable():
            raise serializers.ValidationError(_("Control characters are not allowed."), "invalid")
        return value


class CustomerIn(Strict):
    number = Words(max_length=20, required=False)
    external_id = Words(max_length=80, required=False)
    phone = Words(max_length=40, required=False)
    email = Words(max_length=254, required=False)
    name = Words(max_length=120, required=False, allow_blank=True)
    region = Words(max_length=60, required=False, allow_blank=True)
    city = Words(max_length=60, required=False, allow_blank=True)
    create_if_missing = serializers.BooleanField(required=False)

    def validate_phone(self, value: str) -> str:
        return _normal(contact_points.Kind.PHONE, value)

    def validate_email(self, value: str) -> str:
        return _normal(contact_points.Kind.EMAIL, value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(attrs.get(name) for name in ("number", "external_id", "phone", "email")):
            raise serializers.ValidationError(
                _("Say who the customer is: by number, external id, phone or e-mail."), "customer_missing"
            )
        return attrs


class LineIn(Strict):
    product = Words(max_length=80)
    name = Words(max_length=200, required=False, allow_blank=True)
    category = Words(max_length=80, required=False, allow_blank=True)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)
    amount = Money()


class RefundIn(Strict):
    external_id = Words(max_length=80)
    amount = Money()
    refunded_at = AwareTime()
    cost_returned = Money(required=False)


class OrderIn(Strict):
    version = serializers.IntegerField(min_value=0, max_value=LARGEST_VERSION)
    customer = CustomerIn()
    status = serializers.ChoiceField(Order.Status.choices, required=False)
    ordered_at = AwareTime()
    paid = Money()
    cost = Money(required=False)
    lines = LineIn(many=True, required=False, max_length=1000)  # type: ignore[call-arg]
    refunds = RefundIn(many=True, required=False, max_length=1000)  # type: ignore[call-arg]

    def fact(self, source: str, external_id: str) -> OrderFact:
        data = dict(self.validated_data)
        data.pop("external_id", None)
        customer = CustomerRef(source=source, **data.pop("customer"))
        lines = tuple(LineFact(**line) for line in data.pop("lines", ()))
        refunds = tuple(RefundFact(**refund) for refund in data.pop("refunds", ()))
        return OrderFact(
            source=source, external_id=external_id, customer=customer, lines=lines, refunds=refunds, **data
        )


class OrderItemIn(OrderIn):
    external_id = Words(max_length=80)


class OrderPath(Strict):
    source = serializers.RegexField(r"^[a-z0-9][a-z0-9_.-]{0,39}\Z")  # type: ignore[assignment]
    external_id = Words(max_length=80, required=False)


@extend_schema_field(OrderItemIn(many=True))
class OrderItems(serializers.ListField):
    """Orders that are judged one by one: a wrong one is an error of its own item."""


class BatchIn(Strict):
    orders = OrderItems(child=serializers.DictField(), min_length=1, max_length=MOST_ITEMS)


class FindIn(Strict):
    phone = Words(max_length=40, required=False)
    email = Words(max_length=254, required=False)

    validate_phone = CustomerIn.validate_phone
    validate_email = CustomerIn.validate_email

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


class OrderOut(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    external_id = serializers.CharField()
    version = serializers.IntegerField(help_text="The stored version; higher than the sent one when that is stale")
    outcome = serializers.ChoiceField([o.value for o in Outcome])
    customer = serializers.CharField(help_text="Customer number")
    customer_class = serializers.ChoiceField(list(CLASS_NAMES.values()))


class BatchItemOut(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    status = serializers.IntegerField(help_text="The status this item would have had alone")
    outcome = serializers.ChoiceField([o.value for o in Outcome], allow_null=True)
    customer = serializers.CharField(allow_null=True)
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
