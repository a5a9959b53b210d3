"""REST: complaints in, their state out, what the next colleague must know. Every view names the scope its token needs."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, cast

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from complaints import queries
from complaints.cases import intake, lifecycle, mail, prompts, surveys
from complaints.models import Case, CaseMessage, CaseOrder, Category, RootCause, ServicePrompt, Survey
from complaints.models.cases import OPEN, TRANSITIONS
from core.accounts.models import ApiToken, User
from core.accounts.roles import ApiScope
from core.lib.errors import DomainError, Invalid, SameKey, Unknown
from core.lib.periods import mall_day
from core.outbox import bounces
from core.outbox.bounces import Bounce
from crm.api.base import (
    ByMethodView,
    StrictView,
    body,
    customer_named,
    hold_to_mine,
    named,
    of_mine,
    page_of,
    sees_everybody,
)
from crm.api.lists.asking import ConditionsView, parameters
from crm.api.serializers.campaigns import NoBody
from crm.api.serializers.complaints import (
    UNKNOWN_CATEGORY,
    AcknowledgeIn,
    CallOut,
    CameBackOut,
    CategoriesOut,
    ComplaintIn,
    ComplaintOut,
    DetailOut,
    GivenSurveysOut,
    InboundIn,
    ListOut,
    ListQuery,
    LoggedOut,
    MessageIn,
    PromptQuery,
    PromptsOut,
    SurveyQuery,
    SurveysOut,
    TransitionIn,
    TransitionsOut,
)
from crm.api.serializers.customers import CLASS_NAMES, LeftOutOut
from crm.flows import call
from crm.flows.catalogue import CASES
from customers import identity
from customers.identity import CustomerRef, number_of
from customers.letters import bounced
from customers.models import Customer, Letter

PAGE = 100
FALLBACK = "other-other"
VERSION = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="The version you saw, in quotes")
BY_NAME = {name: value for value, name in CLASS_NAMES.items()}


READ_AND_WRITE = {"GET": ApiScope.COMPLAINTS_READ, "POST": ApiScope.COMPLAINTS_WRITE}


class ComplaintsView(ByMethodView, ConditionsView):
    """Parameters of before the language of the lists mean what they meant: `queue` is a code, `customer` a number."""

    scopes = READ_AND_WRITE
    query = ListQuery
    catalogue = CASES

    def is_condition(self, name: str) -> bool:
        return super().is_condition(name) and name not in ListQuery().fields

    @extend_schema(
        operation_id="complaint_list",
        parameters=[ListQuery, *[told for told in parameters(CASES)[1:] if told.name not in ListQuery().fields]],
        responses=ListOut,
        summary="Complaints, the newest first",
        description="Beside its own parameters it is asked in the language of the lists, as `customers` is.",
    )
    def get(self, request: Request) -> Response:
        data = self.params
        rows = queries.narrowed(
            self.narrowed(request, _my_cases(request)),
            queries.Filters(
                status=data.get("status", ""),
                open=data.get("open"),
                breached=data.get("breached"),
                due_before=data.get("due_before"),
                served_as=BY_NAME[data["customer_class"]] if "customer_class" in data else None,
            ),
        )
        if "queue" in data:
            rows = rows.filter(queue__code=data["queue"])
        if "anonymous" in data:
            rows = rows.filter(customer__isnull=data["anonymous"])
        if "order" in data:
            rows = rows.filter(pk__in=CaseOrder.objects.filter(number=data["order"]).values("case"))
        if "customer" in data:
            rows = rows.filter(customer__in=Customer.objects.filter(named(data["customer"])))
        page, further = page_of(rows, PAGE, by="pk", before=data.get("after"))
        return Response(ListOut({"results": page, "next": further}).data)

    @extend_schema(
        operation_id="complaint_create",
        request=ComplaintIn,
        responses={200: LoggedOut, 201: LoggedOut},
        summary="Log a complaint",
        description="Idempotent by `source` and `source_ref`: telling it again answers 200 with the first complaint, "
        "telling something else under them 422 `key_used`. "
        "Without a customer it is an anonymous complaint: nobody can be called then. "
        "A call promised with `call_at` becomes a task of the owner of the case, due at that moment; the answer says whose.",
    )
    def post(self, request: Request) -> Response:
        serializer = body(ComplaintIn, request)
        data = dict(serializer.validated_data)
        at = timezone.now()
        with transaction.atomic():
            ref = serializer.ref()
            customer = identity.find_or_create(ref, today=mall_day(at)) if ref else None
            _hold(request, customer.pk if customer else None)
            data.pop("customer", None)
            data["category"] = _category(data["category"])
            data.setdefault("channel", Case.Channel.API)
            taken = call.log(customer, by=None, at=at, **data)
            _hold(request, taken.case.customer_id)
        return _logged(taken.case, ref, created=taken.created)


class InboundView(StrictView):
    scope = ApiScope.COMPLAINTS_WRITE

    @extend_schema(
        operation_id="complaint_inbound",
        request=InboundIn,
        responses={200: LoggedOut, 201: LoggedOut, 202: CameBackOut},
        summary="Hand on a mail or a web form",
        description="A subject that names a case of the sender (C-2043) is added to it; anything else is a new "
        "complaint. Idempotent by `source` and `source_ref`; with other words under them 422 `key_used`. "
        "A mail system's report that a letter did not arrive is nobody's complaint: 202, and the letter has bounced.",
    )
    def post(self, request: Request) -> Response:
        serializer = body(InboundIn, request)
        data = serializer.validated_data
        at = timezone.now()
        if bounce := _came_back(data):
            return _bounced(request, bounce, data, at)
        with transaction.atomic():
            ref = serializer.ref()
            customer = identity.find_or_create(ref, today=mall_day(at))
            hold_to_mine(request, customer.pk)
            meant, message = _meant(customer, data.get("subject", "")), _ref(data)
            known = CaseMessage.objects.filter(external_ref=message).exists()
            if intake.find(source=data["source"], source_ref=data["source_ref"]) if meant else known:
                raise SameKey()  # it was told as something else before
            if meant:
                case = lifecycle.customer_replied(
                    meant.pk, at=at, body=data["text"], channel=data["channel"], external_ref=message
                )
                _hold(request, case.customer_id)
                _remember_sender(case, data)
                return _logged(case, ref, created=not known)
            taken = call.log(
                customer,
                category=_category(FALLBACK),
                channel=data["channel"],
                by=None,
                at=at,
                title=data.get("subject", ""),
                description=data["text"],
                source=data["source"],
                source_ref=data["source_ref"],
                received_at=data.get("received_at"),
            )
            _hold(request, taken.case.customer_id)
            _remember_sender(taken.case, data)
        return _logged(taken.case, ref, created=taken.created)


class ComplaintView(StrictView):
    scope = ApiScope.COMPLAINTS_READ

    @extend_schema(operation_id="complaint_get", responses=DetailOut, summary="One complaint, with words and promises")
    def get(self, request: Request, number: str) -> Response:
        case = case_of(request, number)
        return Response(DetailOut(case).data, headers={"ETag": f'"{case.version}"'})


class MessagesView(StrictView):
    scope = ApiScope.COMPLAINTS_WRITE

    @extend_schema(
        operation_id="complaint_message",
        request=MessageIn,
        responses={200: ComplaintOut},
        summary="The customer has written",
        description="A solved case is reopened; one closed too long ago is followed by a new one, which is answered. "
        "Idempotent by `source` and `source_ref`; with other words under them 422 `key_used`.",
    )
    def post(self, request: Request, number: str) -> Response:
        serializer = body(MessageIn, request)
        data = serializer.validated_data
        case = lifecycle.customer_replied(
            case_of(request, number).pk,
            at=timezone.now(),
            body=data["body"],
            channel=data["channel"],
            external_ref=_ref(data),
        )
        return Response(ComplaintOut(_cases().get(pk=case.pk)).data)


class TransitionsView(ByMethodView):
    scopes = READ_AND_WRITE

    @extend_schema(
        operation_id="complaint_transitions", responses=TransitionsOut, summary="What the complaint can become"
    )
    def get(self, request: Request, number: str) -> Response:
        case = case_of(request, number)
        allowed = [
            after for before, after in TRANSITIONS if before == case.status and after not in ("merged", "invalid")
        ]
        missing = []
        if case.status in OPEN:
            missing = ["outcome", "resolution"]
            missing += ["root_cause"] if case.category.needs_root_cause and not case.root_cause_id else []
            missing += ["reply"] if case.first_response_at is None and case.kind == Case.Kind.COMPLAINT else []
        return Response(TransitionsOut({"status": case.status, "allowed": allowed, "missing": missing}).data)

    @extend_schema(
        operation_id="complaint_transition",
        request=TransitionIn,
        parameters=[VERSION],
        responses={200: ComplaintOut},
        summary="Change the state of a complaint",
    )
    def post(self, request: Request, number: str) -> Response:
        serializer = body(TransitionIn, request)
        case = case_of(request, number)
        moved = _move(case, cast(User, request.user), serializer.validated_data, _if_match(request))
        return Response(ComplaintOut(_cases().get(pk=moved.pk)).data)


def _move(case: Case, by: User, data: dict[str, Any], version: int | None) -> Case:
    at, to, reason = timezone.now(), data["to"], data.get("reason", "")
    if to == "in_progress":
        if case.status == Case.Status.NEW:
            return lifecycle.acknowledge(case.pk, by=by, at=at, version=version)
        if case.status == Case.Status.WAITING_CUSTOMER:
            return lifecycle.resume(case.pk, by=by, at=at, version=version)
        return lifecycle.reopen(case.pk, by=by, at=at, reason=reason, version=version)
    if to == "waiting_customer":
        return lifecycle.wait_for_customer(case.pk, reason=data.get("wait_for", ""), by=by, at=at, version=version)
    if to == "resolved":
        cause = RootCause.objects.filter(code=data.get("root_cause", ""), active=True).first()
        if data.get("root_cause") and cause is None:
            raise Invalid(_("There is no root cause “%(code)s” in use.") % {"code": data["root_cause"]})
        return lifecycle.resolve(
            case.pk,
            by=by,
            at=at,
            outcome=data.get("outcome", ""),
            resolution=data.get("resolution", ""),
            root_cause=cause,
            reply=data.get("reply", ""),
            version=version,
        )
    if to == "closed":
        return lifecycle.close(case.pk, by=by, at=at, version=version)
    return lifecycle.withdraw(case.pk, by=by, at=at, reason=reason, version=version)


class PromptsView(StrictView):
    scope = ApiScope.COMPLAINTS_READ
    query = PromptQuery

    @extend_schema(
        operation_id="customer_prompts",
        parameters=[PromptQuery],
        responses=PromptsOut,
        summary="What must be known when this customer is served next",
    )
    def get(self, request: Request, number: str) -> Response:
        customer = customer_named(request, number)
        moments = filter(None, [self.params.get("trigger")])
        rows = prompts.armed(customer, *moments, at=timezone.now())
        return Response(PromptsOut({"results": [prompt_data(prompt) for prompt in rows]}).data)


class AcknowledgeView(StrictView):
    scope = ApiScope.COMPLAINTS_WRITE

    @extend_schema(
        operation_id="prompt_acknowledge",
        request=AcknowledgeIn,
        responses={204: None},
        summary="Somebody has seen to it",
    )
    def post(self, request: Request, pk: int) -> Response:
        serializer = body(AcknowledgeIn, request)
        if not of_mine(request, ServicePrompt.objects.filter(pk=pk)).exists():
            raise Http404
        outcome = serializer.validated_data.get("outcome", "")
        prompts.acknowledge(pk, by=cast(User, request.user), at=timezone.now(), outcome=outcome)
        return Response(status=204)


class CategoriesView(StrictView):
    scope = ApiScope.COMPLAINTS_READ

    @extend_schema(
        operation_id="complaint_categories",
        responses=CategoriesOut,
        summary="What a complaint can be about: the codes in use, each group before what stands in it",
    )
    def get(self, request: Request) -> Response:
        used = Category.objects.filter(active=True).exclude(parent__active=False).annotate(group=F("parent__code"))
        first = Coalesce("parent__position", "position")
        rows = used.order_by(first, Coalesce("parent", "pk"), F("parent").asc(nulls_first=True), "position", "pk")
        return Response(CategoriesOut({"results": rows}).data)


class SurveysView(ByMethodView):
    scopes = {"GET": ApiScope.COMPLAINTS_WRITE, "POST": ApiScope.COMPLAINTS_WRITE}
    query = SurveyQuery

    @extend_schema(
        operation_id="surveys_given",
        parameters=[SurveyQuery],
        responses=GivenSurveysOut,
        summary="The links that were given out and are not answered, the newest first",
        description="For a system that lost the answer in which it was given them: the links are the same.",
    )
    def get(self, request: Request) -> Response:
        rows = surveys.given(self._mine(request), now=timezone.now()).select_related("case__customer")
        page, further = page_of(rows, PAGE, by="pk", before=self.params.get("after"))
        secrets = [(survey, surveys.secret_of(survey)) for survey in page]
        results = [_survey(request, survey, secret) for survey, secret in secrets if secret]
        return Response(GivenSurveysOut({"results": results, "next": further}).data)

    @extend_schema(
        operation_id="surveys_due",
        request=NoBody,
        responses=SurveysOut,
        summary="Take the questions that are to be sent to customers now",
        description="Each counts as sent with this answer; GET gives the links again until they are answered. What was "
        "to be asked more than two weeks ago is not asked any more.",
    )
    def post(self, request: Request) -> Response:
        body(NoBody, request)
        at, results = timezone.now(), []
        for pk in surveys.due(now=at, of=self._mine(request)):
            survey = Survey.objects.select_related("case__customer").get(pk=pk)
            try:
                secret = surveys.send(pk, at=at)
            except DomainError:
                continue  # somebody else has just taken it
            results.append(_survey(request, survey, secret))
        return Response(SurveysOut({"results": results}).data)

    @staticmethod
    def _mine(request: Request) -> QuerySet[Survey]:
        return Survey.objects.filter(case__in=_my_cases(request), case__customer__isnull=False)


class SurveyData(TypedDict):
    """What `SurveyOut` writes."""

    complaint: str
    customer: str
    link: str


def _survey(request: Request, survey: Survey, secret: str) -> SurveyData:
    link = request.build_absolute_uri(reverse("survey", args=[secret]))
    return {"complaint": survey.case.number, "customer": number_of(survey.case.customer_id or 0), "link": link}


class PromptData(TypedDict):
    """What `PromptOut` writes."""

    id: int
    trigger: str
    department: str | None
    complaint: str
    text: str


def prompt_data(prompt: ServicePrompt) -> PromptData:
    return {
        "id": prompt.pk,
        "trigger": prompt.trigger,
        "department": prompt.department.code if prompt.department else None,
        "complaint": prompt.case.number,
        "text": prompts.wording(prompt),
    }


def _cases() -> QuerySet[Case]:
    return Case.objects.select_related("customer", "category", "queue", "owner").prefetch_related("about_orders")


def _my_cases(request: Request) -> QuerySet[Case]:
    """Those of customers whom the token's user may see; of what sources told, those the token is bound to."""
    rows, sources = of_mine(request, _cases()), cast(ApiToken, request.auth).sources
    return rows.filter(source__in=["", *sources]) if sources else rows


def case_of(request: Request, number: str) -> Case:
    """The complaint of this number, as people write it. Http404 for one that is out of the token's reach."""
    pk = queries.by_number(number)
    case = _my_cases(request).filter(pk=pk).first() if pk else None
    if case is None:
        raise Http404
    return case


def _category(code: str) -> Category:
    category = Category.objects.filter(code=code, active=True).first()
    if category is None:
        raise Invalid(UNKNOWN_CATEGORY % {"code": code}, code="unknown_category")
    return category


def _hold(request: Request, customer_id: int | None) -> None:
    """`hold_to_mine`; nobody's complaint is for whoever may see everybody."""
    if customer_id is not None:
        hold_to_mine(request, customer_id)
    elif not sees_everybody(request):
        raise Unknown(_("There is no customer of this number."), code="customer_unknown")


def _ref(data: Mapping[str, str]) -> str:
    """The message's own name. One too long to be stored is told by its digest: cut off, two might be the same."""
    whole = f"{data['source']}:{data['source_ref']}"
    return whole if len(whole) <= 120 else f"{data['source']}:{hashlib.sha256(whole.encode()).hexdigest()}"


def _meant(customer: Customer, subject: str) -> Case | None:
    """The case of this customer that the subject names; somebody else's number names nothing."""
    number = re.search(r"\bC-(\d{1,18})\b", subject.upper())
    return Case.objects.filter(pk=int(number[1]), customer=customer).first() if number else None


def _came_back(data: Mapping[str, Any]) -> Bounce | None:
    """What the mail says of a letter of ours, where it is a mail system that says it."""
    if data["channel"] != Case.Channel.EMAIL:
        return None
    sender, subject = data["sender"].get("email") or "", data.get("subject", "")
    told = bounces.read(data["mail"], sender=sender, subject=subject) if data.get("mail") else None
    return told or bounces.read(data["text"], sender=sender, subject=subject)


def _bounced(request: Request, bounce: Bounce, data: Mapping[str, Any], at: datetime) -> Response:
    """The letters have come back, and the cases whose answers they carried know it."""
    with transaction.atomic():
        heard = bounced.heard(bounce, of_mine(request, Letter.objects.all()), name=_ref(data), at=at)
    if heard.new:
        mail.follow(at=at)
    told = {"action": bounce.action, "code": bounce.code, "letters": heard.letters, "new": heard.new}
    return Response(CameBackOut(told).data, status=202)


def _remember_sender(case: Case, data: Mapping[str, Any]) -> None:
    if data["channel"] == Case.Channel.EMAIL and data["sender"].get("email"):
        mail.came_from(case, data["sender"]["email"])


def _logged(case: Case, ref: CustomerRef | None, *, created: bool) -> Response:
    promised = call.promised(case)
    data = ComplaintOut(_cases().get(pk=case.pk)).data
    data |= {"created": created, "call": CallOut(promised).data if promised else None}
    data["left_out"] = LeftOutOut(ref.left_out if ref else (), many=True).data
    return Response(data, status=201 if created else 200)


def _if_match(request: Request) -> int | None:
    header = request.headers.get("If-Match", "")
    version = re.fullmatch(r'(?:W/)?"?(\d{1,9})"?', header)
    if header and not version:
        raise Invalid(_("If-Match holds the version you saw, in quotes."), code="if_match")
    return int(version[1]) if version else None
