"""Orders in, and with the answer what whoever packs and delivers them must know: the roof joins two rooms."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from complaints import prompts
from complaints.api import told_prompt
from complaints.models import ServicePrompt
from complaints.serializers import PromptOut
from customers import api
from customers.orders import Recorded
from customers.serializers import OrderIn, OrderOut

MOMENTS = (ServicePrompt.Trigger.ORDER, ServicePrompt.Trigger.DELIVERY)


class OrderWithPromptsOut(OrderOut):
    prompts = PromptOut(many=True, help_text="What went wrong last time, for packing and delivery")


class OrderView(api.OrderView):
    out = OrderWithPromptsOut

    @extend_schema(
        operation_id="order_put",
        request=OrderIn,
        responses={200: OrderWithPromptsOut, 201: OrderWithPromptsOut},
        summary="Store one order in its newest version",
        description="Send the whole order each time something changes, with a higher `version`. Repeating is harmless. "
        "`prompts` says what packing and delivery must watch for this customer; acknowledge each when it is seen to.",
    )
    def put(self, request: Request, source: str, external_id: str) -> Response:
        return super().put(request, source, external_id)

    def told(self, recorded: Recorded) -> dict[str, Any]:
        order = recorded.order
        ref = f"{order.source}:{order.external_id}"
        found = [
            prompt
            for moment in MOMENTS
            for prompt in prompts.shown(recorded.customer, moment, context_ref=ref, at=order.received_at)
        ]
        return super().told(recorded) | {"prompts": [told_prompt(prompt) for prompt in found]}

