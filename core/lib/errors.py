"""Refusals: a sentence that says what is so and what to do, the same on the page and in the API."""

from django.utils.translation import gettext as _


class DomainError(Exception):
    """A verb refuses. `str(error)` is the translated sentence, `code` is stable for programs."""

    code = "refused"
    status = 409

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code:
            self.code = code


class Invalid(DomainError):
    """What was sent cannot be understood; nothing was stored."""

    code = "invalid"
    status = 400


class SameKey(Invalid):
    """A key that makes a request happen once comes back with another request."""

    status = 422

    def __init__(self) -> None:
        super().__init__(_("This key was used for another request. Choose a new one."), code="key_used")


class Unknown(DomainError):
    """What a program names does not exist."""

    code = "not_found"
    status = 404
