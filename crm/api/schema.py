"""What the schema says of every operation: its scope, its refusals, and that a body holds no other fields."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from crm.api.serializers.customers import Money, Strict

PROBLEM = "application/problem+json"
REFUSALS = {
    400: "What was sent cannot be understood; nothing was stored",
    401: "There is no token, or it is unknown, expired or revoked",
    403: "The token has not this scope, its user not this right, or it is not for this source",
    404: "There is no such thing, or none that the token's user may see",
    406: "The answer is JSON",
    409: "As things are it cannot be done; `detail` says why",
    413: "The body is larger than 10 MB",
    415: "The body is no JSON",
    422: "A key was used for another request, or what was sent cannot be used",
    429: "Too many requests: wait as long as `Retry-After` says",
    503: "Laoke is busy: send the same again after as many seconds as `Retry-After` says",
}
OF_WRITING = {409, 413, 415, 422}


class FaultOut(serializers.Serializer[Any]):
    path = serializers.CharField(allow_null=True, help_text="The field, as in `lines.0.amount`; null: all of it")
    code = serializers.CharField(help_text="Stable, for programs")
    detail = serializers.CharField(help_text="A sentence for people, in the language that was asked for")


class ProblemOut(serializers.Serializer[Any]):
    """RFC 9457. `code` and `detail` are those of the first of `errors`."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = FaultOut(many=True)  # type: ignore[assignment]  # a field of the answer, not the serializer's own


class Schema(AutoSchema):
    def get_description(self) -> str:  # type: ignore[override]  # as the library overrides it
        """Nothing but what an operation says of itself: docstrings are for who works on the code."""
        return ""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation and (scope := getattr(self.view, "scope", None)):
            operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`.".strip()
        return operation

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        responses = super()._get_response_bodies(direction)
        if not getattr(self.view, "authentication_classes", ()) or getattr(self.view, "scope", None) is None:
            return responses
        for status, description in REFUSALS.items():
            asked = status == 422 and getattr(self.view, "catalogue", None) is not None
            if (
                self.method == "GET"
                and not asked
                and (status in OF_WRITING or (status == 404 and "{" not in self.path))
            ):
                continue
            refusal = OpenApiResponse(ProblemOut, description)
            responses[str(status)] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                refusal, str(status), [PROBLEM], direction
            )
        return responses

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(serializer, Strict):
            schema["additionalProperties"] = False
        return schema

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, bypass_extensions
        )
        if isinstance(field, Money):
            sign = "-?" if field.min_value is None else ""
            schema["pattern"] = rf"^{sign}\d{{1,13}}(\.\d{{1,2}})?$"
        return schema
