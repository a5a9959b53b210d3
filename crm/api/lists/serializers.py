"""Rows of the lists as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.accounts.permissions import sees
from core.accounts.roles import Field
from crm.api.serializers.customers import CLASS_NAMES, CustomerOut, Money
from customers.models import Order
from segmentation.models import Alert


class CustomersOut(serializers.Serializer[Any]):
    """`cursor` asks for the next page; null at the end."""

    results = CustomerOut(many=True)
    cursor = serializers.CharField(allow_null=True)


class OrderRowOut(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    external_id = serializers.CharField()
    customer = serializers.CharField(source="customer.number")
    status = serializers.ChoiceField(Order.Status.choices)
    ordered_at = serializers.DateTimeField()
    paid = Money()
    fully_refunded_on = serializers.DateField(allow_null=True)
    is_test = serializers.BooleanField()


class OrdersOut(serializers.Serializer[Any]):
    results = OrderRowOut(many=True)
    cursor = serializers.CharField(allow_null=True)


class AlertRowOut(serializers.Serializer[Any]):
    """`loss` is the expected loss a month; null for a user who may not see values."""

    id = serializers.IntegerField()
    customer = serializers.CharField(source="customer.number")
    customer_class = serializers.SerializerMethodField()
    kind = serializers.ChoiceField(Alert.Kind.choices)
    state = serializers.ChoiceField(Alert.State.choices)
    last_purchase_on = serializers.DateField(source="last_on")
    opened_on = serializers.DateField()
    window_ends_on = serializers.DateField()
    decision = serializers.CharField()
    closed_on = serializers.DateField(allow_null=True)
    cause = serializers.CharField()
    loss = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(list(CLASS_NAMES.values())))
    def get_customer_class(self, alert: Any) -> str:
        return CLASS_NAMES[alert.customer.standing.customer_class]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_loss(self, alert: Any) -> str | None:
        return str(alert.severity) if sees(self.context["user"], Field.VALUE) else None


class AlertsOut(serializers.Serializer[Any]):
    results = AlertRowOut(many=True)
    cursor = serializers.CharField(allow_null=True)
