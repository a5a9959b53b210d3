"""REST: the segments a token's user may use, what they say, and who is in them."""

from typing import Any, cast

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.models import User
from core.accounts.roles import ApiScope, rights_of
from core.lib.conditions.catalogue import NotYours
from core.lib.conditions.fields import Context
from core.lib.conditions.tree import Node
from core.lib.errors import Unknown
from crm.api.base import StrictView, today
from crm.api.segments.serializers import MembersOut, MembersQuery, SegmentDetailOut, SegmentsOut, SegmentsQuery
from crm.flows.catalogue import CUSTOMERS
from customers.access import standings_of
from segmentation.models import Segment, SegmentMember, SegmentVersion
from segmentation.segments import measure, membership, reach

PAGE = 200
# A segment that speaks of what the token's user may not see.
HIDDEN = frozenset({NotYours.status})


class SegmentsView(StrictView):
    scope = ApiScope.SEGMENTS_READ
    query = SegmentsQuery

    @extend_schema(
        operation_id="segment_list",
        parameters=[SegmentsQuery],
        responses=SegmentsOut,
        summary="The segments that the token's user may use, by code",
        description="Their own, and what is shared with their team or with everybody. `cursor` is that of the last page.",
    )
    def get(self, request: Request) -> Response:
        user = cast(User, request.user)
        rows = reach.seen_by(user).filter(code__gt=self.params.get("cursor", "")).select_related("owner")
        page = list(rows.order_by("code")[: PAGE + 1])
        last = SegmentVersion.objects.filter(segment__in=page[:PAGE]).order_by("segment", "-n").distinct("segment")
        versions = {version.segment_id: version for version in last}
        results = [_data(segment, versions[segment.pk]) for segment in page[:PAGE]]
        cursor = page[PAGE - 1].code if len(page) > PAGE else None
        return Response(SegmentsOut({"results": results, "cursor": cursor}).data)


class SegmentView(StrictView):
    scope = ApiScope.SEGMENTS_READ
    is_long = True
    refuses_reading = HIDDEN

    @extend_schema(
        operation_id="segment_get",
        responses=SegmentDetailOut,
        summary="What a segment says, and how many are in it",
        description="422 where it speaks of something that the token's user may not see. `size` is null for a user who "
        "sees no customer.",
    )
    def get(self, request: Request, code: str) -> Response:
        user, on = cast(User, request.user), today()
        segment, version, node = _named(user, code)
        data = _data(segment, version) | {
            "sentence": CUSTOMERS.sentence(node),
            "tree": version.tree,
            "size": None,
            "is_estimate": False,
            "as_of": on,
        }
        if rights_of(user).sees_customers:
            counted = measure.measure(standings_of(user, on), node, CUSTOMERS, Context(on, user.pk))
            data |= {"size": counted.size, "is_estimate": counted.is_estimate}
        return Response(SegmentDetailOut(data).data)


class SegmentMembersView(StrictView):
    scope = ApiScope.SEGMENTS_READ
    query = MembersQuery
    is_long = True
    refuses_reading = HIDDEN

    @extend_schema(
        operation_id="segment_members",
        parameters=[MembersQuery],
        responses=MembersOut,
        summary="Who is in a segment now, a page at a time",
        description="Of whom the token's user sees. A customer who comes or goes meanwhile neither repeats nor hides "
        "another; `version` tells whether the rule changed between two pages.",
    )
    def get(self, request: Request, code: str) -> Response:
        user, on = cast(User, request.user), today()
        segment, version, node = _named(user, code)
        size = self.params.get("size", PAGE)
        kept = _kept(segment, self.params)
        inside = Q(customer__in=kept) if kept is not None else CUSTOMERS.compile(node, Context(on, user.pk))
        rows = standings_of(user, on).filter(inside)
        rows = rows.filter(customer_id__gt=self.params.get("cursor", 0)).order_by("customer_id")
        page = list(rows.values_list("customer_id", "customer__number")[: size + 1])
        data = {
            "results": [{"number": number} for _pk, number in page[:size]],
            "cursor": page[size - 1][0] if len(page) > size else None,
            "version": version.n,
        }
        return Response(MembersOut(data).data)


def _named(user: User, code: str) -> tuple[Segment, SegmentVersion, Node]:
    """The segment with its last version, as its tree. Raises Unknown (404); NotYours (422) for what is hidden."""
    segment = reach.seen_by(user).filter(code=code).select_related("owner").first()
    if segment is None:
        raise Unknown(_("There is no segment of this code."), code="segment_unknown")
    version = segment.versions.latest("n")
    node = CUSTOMERS.parse(version.tree)
    CUSTOMERS.refuse_hidden(node, rights_of(user).hidden, user.pk)
    return segment, version, node


def _kept(segment: Segment, params: dict[str, Any]) -> QuerySet[SegmentMember, int] | None:
    """Who is asked for by the history; None where the rule is asked. Raises Unknown (404) where no history is kept."""
    if not params.keys() & {"on", "entered_since"}:
        return None
    if not segment.tracked:
        raise Unknown(_("The history of this segment is not kept."), code="no_history")
    rows = membership.members(segment, params.get("on"))
    if "entered_since" in params:
        rows = rows & membership.entered_since(segment, params["entered_since"])
    return rows.values_list("customer", flat=True)


def _data(segment: Segment, version: SegmentVersion) -> dict[str, Any]:
    return {
        "code": segment.code,
        "name": segment.name,
        "about": segment.about,
        "owner": str(segment.owner),
        "tracked": segment.tracked,
        "version": version.n,
        "changed_at": version.at,
    }
