"""Segments as JSON: what is asked, and what is answered."""

from typing import Any

from rest_framework import serializers

from crm.api.serializers.customers import Strict

MOST = 1000


class SegmentOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    about = serializers.CharField()
    owner = serializers.CharField()
    tracked = serializers.BooleanField()
    version = serializers.IntegerField(min_value=1)
    changed_at = serializers.DateTimeField()


class SegmentsOut(serializers.Serializer[Any]):
    results = SegmentOut(many=True)
    cursor = serializers.CharField(allow_null=True)


class SegmentDetailOut(SegmentOut):
    """`size` counts whom the token's user sees, now; an estimate where counting takes longer than three seconds."""

    sentence = serializers.CharField()
    tree = serializers.JSONField()
    size = serializers.IntegerField(allow_null=True)
    is_estimate = serializers.BooleanField()
    as_of = serializers.DateField()


class MemberOut(serializers.Serializer[Any]):
    number = serializers.CharField()


class MembersOut(serializers.Serializer[Any]):
    results = MemberOut(many=True)
    cursor = serializers.IntegerField(allow_null=True)
    version = serializers.IntegerField(min_value=1)


class SegmentsQuery(Strict):
    cursor = serializers.SlugField(required=False, max_length=40)


class MembersQuery(Strict):
    cursor = serializers.IntegerField(required=False, min_value=0, max_value=2**63 - 1)
    size = serializers.IntegerField(required=False, min_value=1, max_value=MOST)
    on = serializers.DateField(required=False, help_text="Who was in it at the end of this day, by its history")
    entered_since = serializers.DateTimeField(
        required=False,
        help_text="Only who came in after this moment, and neither with a new rule nor with the first night",
    )
