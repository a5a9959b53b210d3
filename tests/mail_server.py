"""A small SMTP server of the tests: it takes what is sent, and refuses as long as it is told to."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast


class Mailbox(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refuses = False
        self.refusal = "450 come back later"


class Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box = cast("Mailbox", self.server)
        self.say("220 ready")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "QUIT":
                return self.say("221 bye")
            if word == "RCPT":
                if box.refuses:
                    self.say(box.refusal)
                    continue
                box.recipients.append(line.partition("<")[2].partition(">")[0])
            if word == "DATA":
                self.say("354 go on")
                text = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    text += part
                box.mails.append(cast("EmailMessage", message_from_bytes(text, policy=policy.default)))
            self.say("250 ok")
        return None

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """A server that runs, and is the one that mails are sent by."""
    box = Mailbox()
    threading.Thread(target=box.serve_forever, daemon=True).start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = box.server_address[:2]
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = "Care <care@mall.example>"
    try:
        yield box
    finally:
        box.shutdown()
        box.server_close()
