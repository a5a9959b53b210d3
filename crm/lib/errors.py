"""Refusals: a sentence that says what is so and what to do, the same on the page and in the API."""


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


class Unknown(DomainError):
    """What a program names does not exist."""

    code = "not_found"
    status = 404
