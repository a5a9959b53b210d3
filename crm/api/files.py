"""REST: photos and papers of a complaint, handed on by the mall's systems and fetched by them."""

from typing import Any, cast

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from complaints.attachments import contents, files
from complaints.models import Attachment
from core.accounts.models import User
from core.accounts.roles import ApiScope
from core.lib.errors import Invalid
from crm.api.base import ByMethodView, StrictView, body
from crm.api.bodies import BoundedJSONParser
from crm.api.complaints import READ_AND_WRITE, case_of
from crm.api.serializers.customers import Strict


class FileIn(Strict):
    file = serializers.FileField(
        max_length=200, allow_empty_file=True, help_text="A photo or screenshot (JPEG, PNG, WebP, GIF) or a PDF, 10 MB"
    )


class FileOut(serializers.ModelSerializer[Attachment]):
    class Meta:
        model = Attachment
        fields = ("id", "name", "kind", "size", "source", "added_at")


class FilesOut(serializers.Serializer[Any]):
    results = FileOut(many=True)


class FilesView(ByMethodView):
    scopes = READ_AND_WRITE
    # A body of JSON is read too, and told what is missing.
    parser_classes = [MultiPartParser, BoundedJSONParser]

    @extend_schema(operation_id="complaint_files", responses=FilesOut, summary="The photos and papers of a complaint")
    def get(self, request: Request, number: str) -> Response:
        return Response(FilesOut({"results": files.of(case_of(request, number))}).data)

    @extend_schema(
        operation_id="complaint_file_add",
        request={"multipart/form-data": FileIn},
        responses={200: FileOut, 201: FileOut},
        summary="Hand on a photo or a paper of the customer",
        description="Pictures are drawn anew: place, time and camera are not kept. The same file again answers 200 "
        "with the first.",
    )
    def post(self, request: Request, number: str) -> Response:
        sent = body(FileIn, request).validated_data["file"]
        case = case_of(request, number)
        if sent.size > contents.LARGEST:
            raise Invalid(contents.too_large(), code="file_large")
        file, at = files.ready(sent.read()), timezone.now()
        known = files.of(case).filter(digest=file.digest).exists()
        row = files.add(case.pk, name=str(sent.name or ""), file=file, by=None, at=at)
        return Response(FileOut(row).data, status=200 if known else 201)


class FileView(StrictView):
    scope = ApiScope.COMPLAINTS_READ

    @extend_schema(
        operation_id="complaint_file",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        summary="One of them, as it is kept; the look is on record",
    )
    def get(self, request: Request, number: str, pk: int) -> HttpResponse:
        row = files.of(case_of(request, number)).filter(pk=pk).first()
        if row is None:
            raise Http404
        row, data = files.opened(row.pk, by=cast(User, request.user), at=timezone.now())
        response = HttpResponse(data, content_type="application/octet-stream")
        response["Content-Disposition"] = content_disposition_header(True, row.name) or "attachment"
        response["Cache-Control"] = "private, no-store"
        return response
