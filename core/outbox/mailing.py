"""Whether a mail that is sent reaches anybody, under which domain, and the line to the mail server itself."""

import smtplib
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

LOSES_MAIL = {"console", "dummy", "filebased", "locmem"}
# The channels that a gateway of the mall may carry; mails go by a mail server.
GATEWAY_CARRIES = ("sms", "wechat")


def loses_mail() -> bool:
    """No mail server is set up: what is sent ends in a log or a file."""
    return settings.EMAIL_BACKEND.split(".")[-2] in LOSES_MAIL


def own_domain() -> str:
    """Where our own addresses and Message-IDs belong."""
    return str(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].rstrip("> ")


class Line:
    """One connection for many mails. Opened by the first of them, and again after a failure."""

    def __init__(self) -> None:
        self._connection = get_connection()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def send(self, subject: str, body: str, to: str, headers: Mapping[str, str]) -> None:
        """The server has the mail. Raises what the connection raises; `was_certainly_not_sent` reads it."""
        try:
            self._connection.open()
            EmailMessage(subject, body, to=[to], headers=dict(headers), connection=self._connection).send()
        except Exception:
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        try:
            self._connection.close()
        finally:
            self._connection = get_connection()


def was_certainly_not_sent(error: BaseException) -> bool:
    """The server said no, or was never reached; a line that broke in the middle may have carried the mail."""
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return False
    return isinstance(error, smtplib.SMTPException | ConnectionRefusedError | UnicodeError | ValueError)


def refused_for_good(error: BaseException) -> str:
    """The code with which the server refuses this recipient for ever (5xx), or nothing."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _text in error.recipients.values()]
        return str(codes[0]) if codes and all(500 <= code < 600 for code in codes) else ""
    return ""
