"""JSON in and out of the complaint desk. What is not declared here is refused, never ignored."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from complaints import orders
from complaints.models import Case, Pause, ServicePrompt
from complaints.models.catalogue import Severity
from core.outbox import bounces
from crm.api.serializers.customers import (
    CLASS_NAMES,
    AwareTime,
    CustomerIn,
    Key,
    LeftOutOut,
    Strict,
    Words,
    customer_ref,
)
from crm.flows import call
from customers import keys
from customers.identity import CustomerRef
from customers.models import Todo

SOURCE = r"^[a-z0-9][a-z0-9_.-]{0,39}\Z"
LONGEST = 20_000


class ComplaintIn(Strict):
    source = serializers.RegexField(SOURCE, help_text="Which system tells it")  # type: ignore[assignment]
    source_ref = Words(max_length=120, help_text="Its number there: telling it again finds the first complaint")
    customer = CustomerIn(required=False, help_text="Left out: an anonymous complaint, linked to a customer later")
    category = Words(max_length=40, help_text="Code of a category of the second level")
    channel = serializers.ChoiceField(Case.Channel.choices, required=False)
    title = Words(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    severity = serializers.ChoiceField(Severity.choices, required=False)
    order_ref = Key(
        keys.order_key, required=False, allow_blank=True, help_text="The order it is about; the first of several"
    )
    orders = serializers.ListField(
        child=Key(keys.order_key),
        max_length=orders.MOST,
        required=False,
        help_text="The numbers of all orders it is about, known already or not",
    )
    product_ref = Words(max_length=80, required=False, allow_blank=True)
    remedy_sought = Words(max_length=300, required=False, allow_blank=True)
    external_case = Words(max_length=80, required=False, allow_blank=True)
    received_at = AwareTime(required=False)
    call_at = AwareTime(required=False, help_text="The customer was promised a call by then: it becomes a task")

    def ref(self) -> CustomerRef | None:
        """Who complains; None for an anonymous complaint."""
        if "customer" not in self.validated_data:
            return None
        return customer_ref(self.validated_data["source"], self.validated_data["customer"])


class InboundIn(Strict):
    """A mail or a web form, as a gateway hands it on."""

    source = serializers.RegexField(SOURCE)  # type: ignore[assignment]
    source_ref = Words(max_length=120, help_text="Message id")
    sender = CustomerIn()
    channel = serializers.ChoiceField(
        [(c.value, c.label) for c in (Case.Channel.EMAIL, Case.Channel.WEB, Case.Channel.SHOP, Case.Channel.WECHAT)]
    )
    subject = Words(max_length=200, required=False, allow_blank=True)
    text = serializers.CharField(max_length=LONGEST)
    mail = serializers.CharField(
        max_length=bounces.MOST,
        required=False,
        allow_blank=True,
        help_text="The whole mail as it came, headers first: by it one that came back is read best",
    )
    received_at = AwareTime(required=False)

    def ref(self) -> CustomerRef:
        return customer_ref(self.validated_data["source"], self.validated_data["sender"])


class MessageIn(Strict):
    source = serializers.RegexField(SOURCE)  # type: ignore[assignment]
    source_ref = Words(max_length=120)
    channel = serializers.ChoiceField(Case.Channel.choices)
    body = serializers.CharField(max_length=LONGEST)


class TransitionIn(Strict):
    to = serializers.ChoiceField(
        ["in_progress", "waiting_customer", "resolved", "closed", "withdrawn"],
        help_text="in_progress acknowledges a new case, resumes a waiting one, reopens a solved one",
    )
    reason = Words(max_length=200, required=False, allow_blank=True)
    wait_for = serializers.ChoiceField(Pause.Reason.choices, required=False)
    outcome = serializers.ChoiceField(Case.Outcome.choices, required=False)
    resolution = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    reply = serializers.CharField(max_length=LONGEST, required=False, allow_blank=True)
    root_cause = Words(max_length=40, required=False)


class ListQuery(Strict):
    status = serializers.ChoiceField(Case.Status.choices, required=False)
    open = serializers.BooleanField(required=False)
    queue = Words(max_length=40, required=False)
    customer = Words(max_length=20, required=False)
    anonymous = serializers.BooleanField(required=False, help_text="Those of nobody, or of somebody")
    order = Key(keys.order_key, required=False, help_text="Those about the order of this number")
    customer_class = serializers.ChoiceField(list(CLASS_NAMES.values()), required=False)
    breached = serializers.BooleanField(required=False)
    due_before = AwareTime(required=False)
    after = serializers.IntegerField(required=False, min_value=1, help_text="`next` of the page before")


class PromptQuery(Strict):
    trigger = serializers.ChoiceField(ServicePrompt.Trigger.choices, required=False)


class AcknowledgeIn(Strict):
    outcome = Words(max_length=200, required=False, allow_blank=True)


# Out ------------------------------------------------------------------------------------------------------------------


class ComplaintOut(serializers.Serializer[Any]):
    number = serializers.CharField()
    version = serializers.IntegerField(help_text="Send it back as If-Match to be refused when the case has changed")
    customer = serializers.SerializerMethodField(help_text="Null for the complaint of an anonymous caller")
    status = serializers.CharField()
    kind = serializers.CharField()
    category = serializers.CharField(source="category.code")
    title = serializers.CharField()
    severity = serializers.IntegerField()
    priority = serializers.IntegerField()
    served_as = serializers.SerializerMethodField()
    queue = serializers.CharField(source="queue.code")
    owner = serializers.SerializerMethodField()
    order_ref = serializers.CharField(help_text="The first of `orders`")
    orders = serializers.SerializerMethodField(help_text="The numbers of all orders it is about")
    received_at = serializers.DateTimeField()
    first_response_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    next_due_at = serializers.DateTimeField(allow_null=True)
    next_due_metric = serializers.CharField()
    breached = serializers.BooleanField()
    outcome = serializers.CharField()
    merged_into = serializers.SerializerMethodField()

    def get_customer(self, case: Case) -> str | None:
        return case.customer.number if case.customer else None

    def get_orders(self, case: Case) -> list[str]:
        return [row.number for row in sorted(case.about_orders.all(), key=lambda row: (row.position, row.pk))]

    def get_served_as(self, case: Case) -> str:
        return CLASS_NAMES[case.served_as]

    def get_owner(self, case: Case) -> str | None:
        return str(case.owner) if case.owner else None

    def get_merged_into(self, case: Case) -> str | None:
        return f"C-{case.merged_into_id}" if case.merged_into_id else None


class CallOut(serializers.Serializer[Any]):
    due_at = serializers.DateTimeField()
    owner = serializers.SerializerMethodField(help_text="Who calls")
    made = serializers.SerializerMethodField()

    def get_owner(self, todo: Todo) -> str | None:
        return str(todo.owner) if todo.owner else None

    def get_made(self, todo: Todo) -> bool:
        return todo.state == Todo.State.DONE


class CameBackOut(serializers.Serializer[Any]):
    """What a mail system said of letters; it is nobody's complaint."""

    action = serializers.ChoiceField(["failed", "delayed", "delivered"])
    code = serializers.CharField(help_text="5.1.1, or what a server answered; empty where nothing is said")
    letters = serializers.IntegerField(help_text="Letters of ours that it speaks of")
    new = serializers.IntegerField(help_text="Those of them of which it was news")


class LoggedOut(ComplaintOut):
    created = serializers.BooleanField(help_text="False when it was known already")
    call = CallOut(allow_null=True, help_text="The call the customer was promised")
    left_out = LeftOutOut(many=True, help_text="What was sent of the customer and cannot be used")


class ListOut(serializers.Serializer[Any]):
    results = ComplaintOut(many=True)
    next = serializers.IntegerField(allow_null=True)


class SaidOut(serializers.Serializer[Any]):
    """What passed between the customer and us; notes among colleagues are not in it."""

    direction = serializers.CharField()
    channel = serializers.CharField()
    body = serializers.CharField()
    sent_at = serializers.DateTimeField()


class PromiseOut(serializers.Serializer[Any]):
    metric = serializers.CharField()
    cycle = serializers.IntegerField()
    state = serializers.CharField()
    started_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    stopped_at = serializers.DateTimeField(allow_null=True)
    breached_at = serializers.DateTimeField(allow_null=True)
    budget_minutes = serializers.IntegerField()
    elapsed_seconds = serializers.IntegerField(allow_null=True, help_text="Business time, when it stopped")


class DetailOut(ComplaintOut):
    description = serializers.CharField()
    call = serializers.SerializerMethodField()
    messages = serializers.SerializerMethodField()
    promises = PromiseOut(many=True, source="clocks")

    @extend_schema_field(CallOut(allow_null=True, help_text="The call the customer was promised"))
    def get_call(self, case: Case) -> Any:
        promised = call.promised(case)
        return CallOut(promised).data if promised else None

    @extend_schema_field(SaidOut(many=True))
    def get_messages(self, case: Case) -> Any:
        rows = case.messages.exclude(direction="note").order_by("sent_at", "pk")
        return SaidOut(rows, many=True).data


class TransitionsOut(serializers.Serializer[Any]):
    status = serializers.CharField()
    allowed = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField(), help_text="What resolving still needs")


class PromptOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    trigger = serializers.CharField()
    department = serializers.CharField(allow_null=True)
    complaint = serializers.CharField()
    text = serializers.CharField()


class PromptsOut(serializers.Serializer[Any]):
    results = PromptOut(many=True)


class SurveyOut(serializers.Serializer[Any]):
    complaint = serializers.CharField()
    customer = serializers.CharField()
    link = serializers.CharField(help_text="Good once and for fourteen days; until it is answered")


class SurveysOut(serializers.Serializer[Any]):
    results = SurveyOut(many=True)


class CategoryOut(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="What `category` of a complaint says")
    name = serializers.CharField()
    group = serializers.CharField(allow_null=True, help_text="The code of the group it stands in; null for a group")
    severity = serializers.IntegerField(source="default_severity", help_text="1 is the worst of 4, unless told")


class CategoriesOut(serializers.Serializer[Any]):
    results = CategoryOut(many=True)


class GivenSurveysOut(SurveysOut):
    next = serializers.IntegerField(allow_null=True, help_text="Where the next page begins: pass it as `after`")


class SurveyQuery(Strict):
    after = serializers.IntegerField(required=False, min_value=1, help_text="`next` of the page before")


UNKNOWN_CATEGORY = _("There is no category “%(code)s” in use.")
