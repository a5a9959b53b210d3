"""The mall's gateway: takes signed messages over HTTP, drops what it has already, and breaks off now and then."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from crm.demo.outside import fate
from crm.demo.outside.arrived import Arrivals

LARGEST = 2_000_000
# A signature that is older, or from the future, is somebody's copy.
TOLERANCE = 300
# Of so many calls one is answered as if nothing had been taken: it comes again, under the same ids.
BREAKS_OFF = 9


class Gateway(ThreadingHTTPServer):
    """`taken` is called with the name and the channel of each message that is new."""

    daemon_threads = True

    def __init__(self, port: int, secret: str, arrivals: Arrivals, taken: Callable[[str, str], None]) -> None:
        super().__init__(("127.0.0.1", port), _Call)
        self.key = base64.b64decode(secret.removeprefix("whsec_"))
        self.arrivals, self.taken = arrivals, taken
        self.broke_off: set[str] = set()

    def is_signed(self, headers: Any, body: bytes) -> bool:
        """As Standard Webhooks has it: HMAC-SHA256 over id, time and body, no older than five minutes."""
        name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not stamp.isdecimal() or abs(time.time() - int(stamp)) > TOLERANCE:
            return False
        digest = hmac.new(self.key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
        right = "v1," + base64.b64encode(digest).decode()
        return any(hmac.compare_digest(right, told) for told in headers.get("webhook-signature", "").split())

    def take(self, body: bytes) -> None:
        for message in json.loads(body)["messages"]:
            is_new = self.arrivals.take(
                message["id"], channel=message["channel"], recipient=message["to"], text=message["text"]
            )
            if is_new:
                self.taken(message["id"], message["channel"])

    def breaks_off(self, name: str) -> bool:
        """Once for one call of nine."""
        breaks = name not in self.broke_off and fate.dice(name).randrange(BREAKS_OFF) == 0
        self.broke_off.add(name)
        return breaks


class _Call(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        gateway = cast("Gateway", self.server)
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            return self._answer(413)
        body = self.rfile.read(int(length))
        if not gateway.is_signed(self.headers, body):
            return self._answer(401)
        try:
            gateway.take(body)
        except (ValueError, KeyError, TypeError):
            return self._answer(400)
        return self._answer(503 if gateway.breaks_off(self.headers["webhook-id"]) else 202)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """What is said to customers stands in no log."""
