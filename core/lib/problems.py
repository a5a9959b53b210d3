"""One error shape for the whole API: the fields of RFC 9457, with `errors` per field and a stable `code`."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext_lazy
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from core.lib import busy
from core.lib.errors import DomainError


class Refusal(exceptions.APIException):
    def __init__(self, error: DomainError) -> None:
        super().__init__(str(error), error.code)
        self.status_code = error.status


class Busy(exceptions.APIException):
    """The client may send the same again after `wait` seconds."""

    status_code = 503
    default_code = "busy"
    wait = busy.RETRY_AFTER


class TooLarge(exceptions.APIException):
    status_code = 413
    default_detail = gettext_lazy("The body is larger than 10 MB. Send it in parts.")
    default_code = "too_large"


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, DomainError):
            return Refusal(exc)
        if busy.is_busy(exc):
            return Busy(busy.sentence())
        if isinstance(exc, DjangoValidationError):
            return exceptions.ValidationError(exc.messages)
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        return super().convert_known_exceptions(exc)


def problem(title: str, status: int, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """The body of a refusal; each error has a `path` (None: of the whole request), a `code` and a `detail`."""
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": errors[0]["code"] if errors else "error",
        "detail": errors[0]["detail"] if errors else "",
        "errors": errors,
    }


class ProblemFormatter(ExceptionFormatter):
    def format_error_response(self, error_response: Any) -> dict[str, Any]:
        errors = [{"path": _path(e.attr), "code": e.code, "detail": e.detail} for e in error_response.errors]
        return problem(str(error_response.type).replace("_", " "), getattr(self.exc, "status_code", 500), errors)


def _path(attr: str | None) -> str | None:
    """The field, or what holds it where an error is of several; None for all of the request."""
    return (attr or "").removesuffix(api_settings.NON_FIELD_ERRORS_KEY).rstrip(".") or None


def handle(exc: Exception, context: Any) -> Response | None:
    handler = ProblemHandler(exc, context)
    response = handler.run()
    if response is not None:
        response.content_type = "application/problem+json"
    return response
