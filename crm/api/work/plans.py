"""REST for contact plans and appointments: what is asked of a customer and when, and what was agreed with them.

An appointment is known by the Idempotency-Key of the request that made it: told twice it is made once.
"""

from typing import Any, cast

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from care import appointments, plans
from care.appointments import Agreed
from care.models import Appointment, Means, PlanDue, Who
from care.plans import Asked
from care.rules import LONGEST
from core.accounts.idempotency import KEY, key_of
from core.accounts.models import User
from core.accounts.roles import ApiScope
from core.lib.errors import Unknown
from crm.api.base import ByMethodView, body, customer_named, page_of, today
from crm.api.serializers.customers import Strict, Words
from crm.flows.planning.days_off import working_days
from customers.promises import ledger

LARGEST_ID = 2**63 - 1
PAGE = 50


class PlanOut(serializers.Serializer[Any]):
    """`rule`: the place of the row of the rules that won, 0 for a plan of the customer's own."""

    customer = serializers.CharField(source="customer.number")
    every_days = serializers.IntegerField()
    means = serializers.CharField(help_text="At least: letter, talk or visit")
    who = serializers.CharField()
    visits_a_year = serializers.IntegerField()
    leader_visits_a_year = serializers.IntegerField()
    rule = serializers.IntegerField(source="place")
    rules_version = serializers.IntegerField(source="version")
    last_talk_on = serializers.DateField(source="last_on", allow_null=True)
    due_on = serializers.DateField(help_text="The working day by which somebody talks with them")


class PlanIn(Strict):
    every_days = serializers.IntegerField(min_value=1, max_value=LONGEST)
    means = serializers.ChoiceField(choices=Means.choices, default=Means.TALK)
    who = serializers.ChoiceField(choices=Who.choices, default=Who.MANAGER)
    visits_a_year = serializers.IntegerField(min_value=0, max_value=52, default=0)
    leader_visits_a_year = serializers.IntegerField(min_value=0, max_value=12, default=0)
    until = serializers.DateField(required=False)
    why = Words(max_length=200)


class PlanView(ByMethodView):
    scopes = {"GET": ApiScope.WORK_READ, "PUT": ApiScope.WORK_WRITE}

    @extend_schema(
        operation_id="customer_plan",
        responses=PlanOut,
        summary="How often somebody talks with this customer, by which rule, and when next",
        description="404 where neither a rule nor a plan of their own asks for anything.",
    )
    def get(self, request: Request, number: str) -> Response:
        return Response(PlanOut(_plan(customer_named(request, number).pk)).data)

    @extend_schema(
        operation_id="customer_plan_set",
        request=PlanIn,
        responses=PlanOut,
        summary="This customer has a plan of their own, instead of what the rules ask",
    )
    def put(self, request: Request, number: str) -> Response:
        asked, day = Asked(**body(PlanIn, request).validated_data), today()
        customer = customer_named(request, number)
        user = cast(User, request.user)
        plans.set_own(customer, asked, by=user, today=day, at=timezone.now(), days=working_days(day))
        return Response(PlanOut(_plan(customer.pk)).data)


def _plan(customer_id: int) -> PlanDue:
    plan = PlanDue.objects.filter(pk=customer_id).select_related("customer").first()
    if plan is None:
        raise Unknown(
            _("This customer has no contact plan: no rule fits them, or nobody looks after them."), code="no_plan"
        )
    return plan


class AppointmentOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    customer = serializers.CharField(source="customer.number")
    on = serializers.DateField()
    hour = serializers.TimeField(allow_null=True, help_text="On the clocks of the mall")
    minutes = serializers.IntegerField()
    how = serializers.CharField()
    purpose = serializers.CharField()
    state = serializers.CharField()
    keeper = serializers.CharField(source="owner")


class AppointmentsOut(serializers.Serializer[Any]):
    """`next` is the address of the older ones; null at the end."""

    results = AppointmentOut(many=True)
    next = serializers.URLField(allow_null=True)


class AppointmentQuery(Strict):
    cursor = serializers.IntegerField(min_value=1, max_value=LARGEST_ID, required=False, help_text="As `next` gives it")
    limit = serializers.IntegerField(min_value=1, max_value=200, default=PAGE)


class AppointmentIn(Strict):
    on = serializers.DateField()
    hour = serializers.TimeField(required=False)
    minutes = serializers.IntegerField(min_value=5, max_value=480, default=30)
    how = serializers.ChoiceField(choices=Appointment.How.choices, default=Appointment.How.CALL)
    purpose = serializers.ChoiceField(choices=Appointment.Purpose.choices, default=Appointment.Purpose.PLAN)


class AppointmentsView(ByMethodView):
    scopes = {"GET": ApiScope.WORK_READ, "POST": ApiScope.WORK_WRITE}
    query = AppointmentQuery

    @extend_schema(
        operation_id="customer_appointments",
        parameters=[AppointmentQuery],
        responses=AppointmentsOut,
        summary="What was agreed with this customer, the newest first",
    )
    def get(self, request: Request, number: str) -> Response:
        rows: QuerySet[Appointment] = Appointment.objects.filter(customer=customer_named(request, number))
        size = self.params["limit"]
        page, cursor = page_of(
            rows.select_related("customer", "owner"), size, by="pk", before=self.params.get("cursor")
        )
        address = f"{request.path}?limit={size}&cursor={cursor}"
        data = {"results": page, "next": request.build_absolute_uri(address) if cursor else None}
        return Response(AppointmentsOut(data).data)

    @extend_schema(
        operation_id="customer_appointment_book",
        parameters=[KEY],
        request=AppointmentIn,
        responses={201: AppointmentOut},
        summary="A call or a visit was agreed with this customer",
        description="It is kept by their manager, or by whoever leads.",
    )
    def post(self, request: Request, number: str) -> Response:
        sent, customer = body(AppointmentIn, request), customer_named(request, number)
        booked = appointments.book(
            customer,
            Agreed(**sent.validated_data),
            by=cast(User, request.user),
            at=timezone.now(),
            days=working_days(today()),
            client_key=key_of(request),
            owner=ledger.somebody(customer.manager),
        )
        return Response(AppointmentOut(booked.appointment).data, status=201)
