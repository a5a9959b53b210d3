"""While PostgreSQL is away nothing can be noted in it: the operators are told by mail, and a file or this process knows it."""

import json
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import OperationalError, close_old_connections
from django.utils import translation
from django.utils.translation import gettext as _

from core.outbox import mailing
from crm.operating.models import Trouble
from crm.operating.watch import looking
from crm.operating.watch.conditions import RELAY, limit

# A restart of PostgreSQL is over by then.
PATIENCE = timedelta(minutes=2)
log = logging.getLogger(__name__)


class Watcher:
    """Takes a look when one is due, whether or not the database answers. `file`: where to remember that it does not."""

    def __init__(self, *, every: timedelta, file: Path | None = None) -> None:
        self.every, self.file = every.total_seconds(), file
        self.next = 0.0
        self.since: datetime | None = None
        self.told: datetime | None = None
        self._remember_from_file()

    def look_if_due(self, *, now: Callable[[], datetime], name: str = RELAY) -> list[Trouble] | None:
        """What has been told and is not over; None when no look is due, or the database does not answer."""
        if time.monotonic() < self.next:
            return None
        self.next = time.monotonic() + self.every
        try:
            if name:
                looking.heard(name, at=now())
            troubles = looking.look(now=now)
        except OperationalError:
            close_old_connections()
            self._is_away(now())
            return None
        self._is_back(now())
        return troubles

    @property
    def is_away(self) -> bool:
        return self.since is not None

    def _is_away(self, at: datetime) -> None:
        self.since = self.since or at
        is_due = self.told is None or at - self.told >= timedelta(hours=limit("repeat_hours"))
        if at - self.since >= PATIENCE and is_due:
            # Not in the mall's own language, which stands in its row: in the environment's.
            with translation.override(settings.LANGUAGE_CODE):
                text = _("Since %(moment)s UTC. No order is taken, no page is answered: start PostgreSQL, see its log.")
                told = text % {"moment": f"{self.since:%Y-%m-%d %H:%M}"}
                self.told = at if self._mail(_("The database does not answer"), told) else None
        self._keep()

    def _is_back(self, at: datetime) -> None:
        if self.since is None:
            return
        if self.told:
            with translation.override(settings.LANGUAGE_CODE):
                text = _("It did not from %(since)s to %(end)s UTC.")
                told = text % {"since": f"{self.since:%Y-%m-%d %H:%M}", "end": f"{at:%Y-%m-%d %H:%M}"}
                self._mail(_("The database answers again"), told)
        self.since = self.told = None
        self._keep()

    def _mail(self, subject: str, body: str) -> bool:
        """Whether it went out, or cannot: whose addresses stand in the database alone cannot be told now."""
        log.error("watch: %s", subject)
        if not settings.OPERATOR_MAILS or mailing.loses_mail():
            return True
        try:
            EmailMessage(f"[{settings.MALL_NAME}] {subject}", body, to=settings.OPERATOR_MAILS).send()
        except Exception as error:  # whatever the transport raises, the next look tries again
            log.warning("watch: mail failed: %s", type(error).__name__)
            return False
        return True

    def _remember_from_file(self) -> None:
        if self.file and self.file.exists():
            told = json.loads(self.file.read_text())
            self.since = datetime.fromisoformat(told["since"])
            self.told = datetime.fromisoformat(told["told"]) if told["told"] else None

    def _keep(self) -> None:
        if self.file is None:
            return
        if self.since is None:
            self.file.unlink(missing_ok=True)
        else:
            told = self.told.isoformat() if self.told else ""
            self.file.write_text(json.dumps({"since": self.since.isoformat(), "told": told}))
