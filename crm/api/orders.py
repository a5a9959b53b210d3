"""REST: orders in, and with the answer what whoever packs and delivers them must know."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError

from complaints.cases import prompts
from complaints.models import ServicePrompt
from core.accounts.roles import ApiScope
from core.lib.deadlock import again_after_deadlock
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from crm.api.base import StrictView, body, hold_to_mine, sees_everybody
from crm.api.complaints import PromptData, prompt_data
from crm.api.serializers.complaints import PromptOut
from crm.api.serializers.customers import (
    CLASS_NAMES,
    BatchIn,
    BatchItemOut,
    BatchOut,
    OrderIn,
    OrderItemIn,
    OrderOut,
    OrderPath,
    order_fact,
)
from crm.flows import arrival
from customers.identity import LeftOut
from customers.intake.guests import Kept
from customers.orders import OrderFact, Outcome, Recorded

MOMENTS = (ServicePrompt.Trigger.ORDER, ServicePrompt.Trigger.DELIVERY)


class OrderWithPromptsOut(OrderOut):
    prompts = PromptOut(many=True, help_text="What went wrong last time, for packing and delivery")


class OrderView(StrictView):
    scope = ApiScope.ORDERS_WRITE

    @extend_schema(
        operation_id="order_put",
        request=OrderIn,
        responses={200: OrderWithPromptsOut, 201: OrderWithPromptsOut},
        summary="Store one order in its newest version",
        description="Send the whole order each time something changes, with a higher `version`. Repeating is harmless. "
        "An order of nobody is stored without a customer. "
        "`prompts` says what packing and delivery must watch for this customer; acknowledge each when it is seen to.",
    )
    def put(self, request: Request, source: str, external_id: str) -> Response:
        path = OrderPath(data={"source": source, "external_id": external_id})
        path.is_valid(raise_exception=True)
        told = body(OrderIn, request).validated_data
        fact = order_fact(told, source, path.validated_data["external_id"])
        at = timezone.now()
        recorded = _record(request, fact, at=at)
        data = _order_data(recorded) | {"left_out": fact.customer.left_out, "waits_for": _waits_for(recorded)}
        return Response(OrderWithPromptsOut(data).data, status=_status(recorded.outcome))


def _record(request: Request, fact: OrderFact, *, at: datetime) -> Recorded | Kept:
    """`arrival.order`; where the token's user does not see everybody, an order of somebody else is unknown (404)."""
    if sees_everybody(request):
        return arrival.order(fact, at=at, today=mall_day(at))
    return _record_mine(request, fact, at=at)


@again_after_deadlock
@transaction.atomic
def _record_mine(request: Request, fact: OrderFact, *, at: datetime) -> Recorded | Kept:
    recorded = arrival.order(fact, at=at, today=mall_day(at))
    if isinstance(recorded, Recorded):
        hold_to_mine(request, recorded.customer.pk)
        if recorded.left:
            hold_to_mine(request, recorded.left)
    return recorded


def _order_data(recorded: Recorded | Kept) -> dict[str, Any]:
    """What `OrderWithPromptsOut` writes of the order as it is stored."""
    known = recorded if isinstance(recorded, Recorded) else None
    stored = recorded.order if isinstance(recorded, Recorded) else recorded.guest
    return {
        "source": stored.source,
        "external_id": stored.external_id,
        "version": stored.version,
        "outcome": recorded.outcome,
        "customer": _customer_number(recorded),
        "customer_class": CLASS_NAMES[known.customer.standing.customer_class] if known else None,
        "prompts": _prompts(known) if known else [],
    }


def _customer_number(recorded: Recorded | Kept) -> str | None:
    return recorded.customer.number if isinstance(recorded, Recorded) else None


def _waits_for(recorded: Recorded | Kept) -> str | None:
    if not isinstance(recorded, Recorded):
        return "customer"
    return "confirmation" if recorded.order.status == recorded.order.Status.HELD else None


def _prompts(recorded: Recorded) -> list[PromptData]:
    order = recorded.order
    context_ref = f"{order.source}:{order.external_id}"
    shown = prompts.shown(recorded.customer, *MOMENTS, context_ref=context_ref, at=order.received_at)
    return [prompt_data(prompt) for moment in MOMENTS for prompt in shown if prompt.trigger == moment]


def _status(outcome: Outcome) -> int:
    return 201 if outcome == Outcome.CREATED else 200


class OrderBatchView(StrictView):
    scope = ApiScope.ORDERS_WRITE
    is_long = True

    def cost(self, request: Request) -> int:
        """Its orders, however they are judged."""
        orders = request.data.get("orders") if isinstance(request.data, dict) else None
        return max(1, len(orders)) if isinstance(orders, list) else 1

    @extend_schema(
        operation_id="order_batch",
        request=BatchIn(),
        responses={200: BatchOut},
        summary="Store up to 500 orders, each for itself",
        description="Items are orders with their `external_id`. One result per item, in the order sent.",
    )
    def post(self, request: Request, source: str) -> Response:
        OrderPath(data={"source": source}).is_valid(raise_exception=True)
        batch = body(BatchIn, request)
        results, facts = [], {}
        order = OrderItemIn()
        for index, item in enumerate(batch.validated_data["orders"]):
            results.append(result := ItemResult(index))
            try:
                told = order.run_validation(item)
            except ValidationError as error:
                path, first = _first(error.detail)
                result.refused(400, first.code, f"{path}: {first}" if path else str(first))
                continue
            result.external_id = external_id = str(told["external_id"])
            facts[index] = order_fact(told, source, external_id)
            result.left_out = facts[index].customer.left_out
        answers = _record_all(request, list(facts.values()), at=timezone.now())
        for index, answer in zip(facts, answers, strict=True):
            results[index].answered(answer)
        return Response({"results": BatchItemOut(results, many=True).data})


def _record_all(request: Request, facts: list[OrderFact], *, at: datetime) -> Iterable[Recorded | Kept | DomainError]:
    if sees_everybody(request):
        return arrival.orders(facts, at=at, today=mall_day(at))
    return [_recorded_or_refused(request, fact, at=at) for fact in facts]


def _recorded_or_refused(request: Request, fact: OrderFact, *, at: datetime) -> Recorded | Kept | DomainError:
    try:
        return _record_mine(request, fact, at=at)
    except DomainError as refusal:
        return refusal


@dataclass
class ItemResult:
    """What `BatchItemOut` writes: either an outcome and a customer, or a code and what is wrong."""

    index: int
    status: int = 200
    external_id: str | None = None
    outcome: Outcome | None = None
    customer: str | None = None
    left_out: tuple[LeftOut, ...] = ()
    waits_for: str | None = None
    code: str | None = None
    detail: str | None = None

    def refused(self, status: int, code: str, detail: str) -> None:
        self.status, self.code, self.detail, self.left_out = status, code, detail, ()

    def answered(self, answer: Recorded | Kept | DomainError) -> None:
        if isinstance(answer, DomainError):
            self.refused(answer.status, answer.code, str(answer))
            return
        self.status, self.outcome = _status(answer.outcome), answer.outcome
        self.customer, self.waits_for = _customer_number(answer), _waits_for(answer)


def _first(detail: Any, path: str = "") -> tuple[str, Any]:
    """The first error of nested validation errors and the path to its field."""
    while isinstance(detail, dict | list):
        if isinstance(detail, dict):
            key, detail = next((k, d) for k, d in detail.items() if d)
            path = f"{path}.{key}".strip(".") if key != "non_field_errors" else path
        else:
            index, detail = next((i, d) for i, d in enumerate(detail) if d)
            path = f"{path}.{index}" if isinstance(detail, dict) else path
    return path, detail
