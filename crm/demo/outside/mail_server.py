"""The mall's mail server: really receives, lets some wait, refuses some, and sends some back later."""

import logging
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from crm.demo.outside import fate
from crm.demo.outside.arrived import Arrivals

# Of so many recipients one does not exist; of so many mails one is let wait at first, as grey lists do.
UNKNOWN, GREY = 40, 12


class MailServer(Controller):
    """`taken` is called with the Message-ID and the recipient of each mail that is new."""

    def __init__(self, port: int, arrivals: Arrivals, taken: Callable[[str, str], None]) -> None:
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # else each address would stand in the log
        super().__init__(_Taking(arrivals, taken), hostname="127.0.0.1", port=port)


class _Taking:
    def __init__(self, arrivals: Arrivals, taken: Callable[[str, str], None]) -> None:
        self.arrivals, self.taken = arrivals, taken
        self.seen: set[str] = set()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]) -> str:
        if fate.dice(to).randrange(UNKNOWN) == 0:
            return "550 5.1.1 no such user here"
        if to not in self.seen and fate.dice(f"grey {to}").randrange(GREY) == 0:
            self.seen.add(to)
            return "451 4.7.1 come back in a minute"
        envelope.rcpt_tos.append(to)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = cast("bytes", envelope.content)
        mail = message_from_bytes(content, policy=policy.default)
        name, to = str(mail["Message-ID"] or "").strip(), envelope.rcpt_tos[0]
        if self.arrivals.take(name, channel="email", recipient=to, text=content.decode("utf-8", "replace")):
            self.taken(name, to)
        return "250 ok"
