"""Mails to the operators: queued with what is told, sent by whoever looks, and by no worker: there may be none."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext as _

from core.accounts.models import Role, User
from core.accounts.roles import holders
from core.jobs import leases
from core.lib import mall, retry
from core.lib.periods import mall_time
from core.outbox import mailing
from crm.flows import digest
from crm.flows.notices import Burning
from crm.operating.models import OperatorMail, Trouble
from crm.operating.watch.conditions import BY_NAME

BEGUN, AGAIN, OVER = "begun", "again", "over"
log = logging.getLogger(__name__)


class Reader(NamedTuple):
    address: str
    language: str


def readers() -> list[Reader]:
    """Who is told by mail: OPERATOR_MAILS, else every administrator with an address; each in their own language."""
    people = {
        user.email.lower(): user for user in User.objects.filter(is_active=True).exclude(email="").order_by("-pk")
    }
    addresses = settings.OPERATOR_MAILS or list(
        holders(Role.ADMINISTRATOR).exclude(email="").order_by("pk").values_list("email", flat=True)
    )
    return [
        Reader(address, digest.language_of(people[known]) if (known := address.lower()) in people else mall_language())
        for address in dict.fromkeys(addresses)
    ]


def mall_language() -> str:
    return mall.facts().language


def write(trouble: Trouble, news: str, *, at: datetime) -> None:
    """Each reader has a mail about it waiting, unless there is no mail server, or the mall is made up."""
    if settings.DEMO or mailing.loses_mail():
        return
    for reader in readers():
        with translation.override(reader.language):
            OperatorMail.objects.get_or_create(
                key=f"{trouble.pk}:{news}:{at:%Y-%m-%dT%H:%M}:{reader.address}",
                defaults={
                    "trouble": trouble,
                    "address": reader.address,
                    "subject": subject(trouble, news),
                    "body": body(trouble, news),
                    "queued_at": at,
                    "next_attempt_at": at,
                },
            )


def subject(trouble: Trouble, news: str) -> str:
    """In the language of the moment, without figures."""
    label = str(Burning(trouble.what).label)
    told = {BEGUN: label, AGAIN: _("Still: %(what)s") % {"what": label}, OVER: _("Over: %(what)s") % {"what": label}}
    return f"[{mall.facts().name}] {told[news]}"[:200]


def body(trouble: Trouble, news: str) -> str:
    """What is so, since when, what to do, and where to look."""
    condition = BY_NAME[trouble.what]
    since = mall_time(trouble.began_at).strftime("%Y-%m-%d %H:%M")
    lines = [condition.text(trouble.case, trouble.params), _("Since %(moment)s.") % {"moment": since}]
    if news == OVER and trouble.ended_at:
        ended = mall_time(trouble.ended_at).strftime("%Y-%m-%d %H:%M")
        lines = [_("It is over: so it was from %(since)s to %(end)s.") % {"since": since, "end": ended}, lines[0]]
    else:
        lines.append(str(condition.advice))
    return "\n\n".join([*lines, address()])


def address() -> str:
    """Where the page Health is."""
    host = next((host for host in settings.ALLOWED_HOSTS if host and host[0] not in ".*["), "localhost")
    return f"{'https' if settings.HTTPS else 'http'}://{host}/health/"


def deliver_due(*, now: Callable[[], datetime], limit: int = 50) -> int:
    """Send what is due and nobody else is sending; returns how many were sent. After a failure the rest waits."""
    sent = 0
    for _turn in range(limit):
        due = OperatorMail.objects.filter(next_attempt_at__lte=now()).order_by("next_attempt_at", "pk")
        mail = leases.take(due, at=now())
        if mail is None:
            break
        try:
            EmailMessage(mail.subject, mail.body, to=[mail.address]).send()
        except Exception as error:  # whatever the transport raises, the mail waits for its next turn
            log.warning("watch: mail %s failed: %s", mail.pk, type(error).__name__)
            again = retry.next_attempt(retry.MAIL, attempts=mail.attempts, at=now())
            leases.still_held(mail).update(
                next_attempt_at=again, error=type(error).__name__, claimed_until=None, sent_at=None
            )
            break
        OperatorMail.objects.filter(pk=mail.pk).update(
            next_attempt_at=None, sent_at=now(), error="", claimed_until=None
        )
        sent += 1
    return sent
