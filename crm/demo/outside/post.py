"""The process: takes mails and messages, fetches what the shop's chat shows, and tells Laoke what became of each."""

import json
import threading
import time
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from crm.demo.outside import fate, reports
from crm.demo.outside.arrived import Arrivals, Said
from crm.demo.outside.gateway import Gateway
from crm.demo.outside.mail_server import MailServer

# Said in one call, and how often (in seconds) somebody looks; the shop looks more seldom.
AT_ONCE, LOOKS, SHOP_LOOKS = 100, 1.0, 10.0
SECONDS = 10
# Of a hundred mails that were taken so many come back later.
COME_BACK = 0.06


class Post:
    """`base` is Laoke's address, `token` one with which letters and complaints may be written."""

    def __init__(self, *, base: str, token: str, file: Path) -> None:
        self.base, self.token, self.arrivals = base.rstrip("/"), token, Arrivals(file)

    def run(self, *, mail_port: int, gateway_port: int, secret: str) -> None:
        """Runs until the process is ended."""
        self.arrivals.begin()
        MailServer(mail_port, self.arrivals, self.took_mail).start()
        gateway = Gateway(gateway_port, secret, self.arrivals, self.took)
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        shop_at = 0.0
        while True:
            now = time.time()
            self.say(now)
            if now >= shop_at:
                shop_at = now + SHOP_LOOKS
                self.fetch()
            time.sleep(LOOKS)

    # What becomes of it -----------------------------------------------------------------------------------------------

    def took(self, name: str, channel: str) -> None:
        """A message or a letter of the chat was taken: what is said of it, and when."""
        self._will_say(name, fate.of_letter(name))

    def took_mail(self, name: str, to: str) -> None:
        drawn = fate.of_letter(name, fails=0)
        if fate.dice(f"back {name}").random() < COME_BACK:
            due = time.time() + drawn.after
            self.arrivals.will_say([Said(due, "report", name, parseaddr(to)[1], "", due)])
        else:
            self._will_say(name, drawn)

    def _will_say(self, name: str, drawn: fate.Fate) -> None:
        if not drawn.state:
            return
        at = time.time() + drawn.after
        rows = [Said(due, "receipt", name, drawn.state, drawn.code, at) for due in (at, *(at + s for s in drawn.again))]
        if drawn.is_read:
            rows.append(Said(at + 5, "receipt", name, "read", "", at + 5))
        self.arrivals.will_say(rows)

    # What is said -----------------------------------------------------------------------------------------------------

    def say(self, now: float) -> None:
        """What is due is said; what Laoke did not hear is said again at the next look."""
        rows = self.arrivals.due(now, AT_ONCE)
        receipts = [(n, row) for n, row in rows if row.kind == "receipt"]
        told = [{"id": row.name, "state": row.state, "code": row.code, "at": _time(row.at)} for _n, row in receipts]
        if receipts and self._call("POST", "letters/receipts", {"receipts": told}) is not None:
            self.arrivals.was_said([n for n, _row in receipts])
        for n, row in rows:
            if row.kind == "report" and self._report(n, row):
                self.arrivals.was_said([n])

    def _report(self, n: int, row: Said) -> bool:
        sender, subject, mail = reports.report(row.name, row.state)
        told = {
            "source": "mail",
            "source_ref": f"<report-{n}@mx.shanye.example>",
            "sender": {"email": sender},
            "channel": "email",
            "subject": subject,
            "text": "退信",
            "mail": mail,
        }
        return self._call("POST", "complaints/inbound", told) is not None

    def fetch(self) -> None:
        """The shop shows what waits for its chat."""
        told = self._call("GET", "letters/waiting?channel=shop") or {"results": []}
        for row in told["results"]:
            if self.arrivals.take(row["id"], channel="shop", recipient=row["customer"], text=row["text"]):
                self.took(row["id"], "shop")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        """The answer; None where there is none, or a refusal."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.base}/api/v1/{path}", data=data, method=method)  # noqa: S310 (this machine's own)
        request.add_header("Authorization", f"Token {self.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                return json.loads(answer.read())
        except HTTPError as refusal:
            print(f"{method} {path}: {refusal.code} {refusal.read()[:300]!r}", flush=True)
        except (OSError, ValueError) as error:
            print(f"{method} {path}: {type(error).__name__}", flush=True)
        return None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
