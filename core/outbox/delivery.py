"""Queue a message with the change that causes it, once per key; deliver it afterwards, at least once.

A message is claimed in one transaction, sent outside of any, and noted in another: nothing is locked while a mail server
keeps us waiting. A sender that dies before it could note what it sent leaves the message to whoever looks after its
lease: it goes out again, under the same Message-ID, by which mail servers and readers know a repetition.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

from core.jobs import leases
from core.lib import retry
from core.outbox import mailing
from core.outbox.kinds import RINGS, Kind
from core.outbox.models import Message, WebhookEvent

State = Message.State
# How long a round goes on after a message that did not go out.
ROUND = timedelta(seconds=20)
log = logging.getLogger(__name__)


def queue(
    recipient_id: int, *, channel: str, dedupe_key: str, subject: str, at: datetime, body: str = "", link: str = ""
) -> bool:
    """Store a message whose words are final; False when one with this key exists already."""
    return _store(recipient_id, channel, dedupe_key, at, {"subject": subject[:200], "body": body, "link": link})


def tell(
    user_ids: Iterable[int | None],
    kind: Kind,
    params: Mapping[str, Any],
    *,
    key: str,
    thread: str,
    at: datetime,
    link: str,
) -> int:
    """Each of these people has the message in Laoke once per key, shown in their own language; nobody (None) is left out.

    `thread` names what it is about, so that several messages about it count once. Returns how many are new.
    """
    told = {
        "kind": kind.name,
        "params": dict(params),
        "topic": kind.topic,
        "thread": thread,
        "needs": kind.topic in RINGS,
        "subject": kind.render(params)[:200],
        "link": link,
    }
    people = sorted({user_id for user_id in user_ids if user_id is not None})
    return sum(_store(user_id, Message.Channel.IN_APP, f"{key}:{user_id}", at, told) for user_id in people)


def _store(recipient_id: int, channel: str, key: str, at: datetime, told: dict[str, Any]) -> bool:
    in_app = channel == Message.Channel.IN_APP
    _message, created = Message.objects.get_or_create(
        dedupe_key=key,
        defaults={
            **told,
            "recipient_id": recipient_id,
            "channel": channel,
            # An in-app message has arrived as soon as it is stored.
            "state": State.SENT if in_app else State.WAITING,
            "sent_at": at if in_app else None,
            "next_attempt_at": at,
            "queued_at": at,
        },
    )
    return created


def deliver_due(*, now: Callable[[], datetime], limit: int = 100) -> int:
    """Send what is due and nobody else is sending, at most `limit` messages; returns how many were sent.

    After a failure the round goes on for as long as its time is not over: a mail server that says nothing holds up
    nothing else for long.
    """
    sent, failed, end = 0, False, now() + ROUND
    for _turn in range(limit):
        if failed and now() >= end:
            break
        message = _claim(now())
        if message is None:
            break
        error = _send(message)
        if error:
            failed = True
            _note_failure(message, error, at=now())
        else:
            _note_success(message, at=now())
            sent += 1
    return sent


def _claim(at: datetime) -> Message | None:
    due = Message.objects.filter(state=State.WAITING, next_attempt_at__lte=at).order_by("next_attempt_at", "pk")
    return leases.take(due.select_related("recipient"), at=at)


def _send(message: Message) -> str:
    """Why it did not go out, or nothing. Whatever the transport raises, the message waits for its next turn."""
    if not message.recipient.email:
        return _("no e-mail address")
    try:
        _mail(message).send()
    except Exception as error:
        return type(error).__name__
    return ""


def _note_success(message: Message, *, at: datetime) -> None:
    """It is sent, whoever may hold it by now."""
    Message.objects.filter(pk=message.pk).update(state=State.SENT, sent_at=at, error="", claimed_until=None)


def _note_failure(message: Message, error: str, *, at: datetime) -> None:
    """It waits for its next attempt, or is kept as failed after the last; unless another process has taken it over."""
    log.warning("message %s failed: %s", message.pk, error)
    put_back(message, error, again=retry.next_attempt(retry.MAIL, attempts=message.attempts, at=at))


def put_back(row: Message | WebhookEvent, error: str, *, again: datetime | None) -> bool:
    """The row waits until `again`, or is kept as failed without it. False when another process has taken it over."""
    held = leases.still_held(row).filter(state=row.State.WAITING)
    noted = held.update(
        state=row.State.WAITING if again else row.State.FAILED,
        next_attempt_at=again or row.next_attempt_at,
        error=error,
        claimed_until=None,
    )
    return bool(noted)


def _mail(message: Message) -> EmailMessage:
    name = hashlib.sha256(message.dedupe_key.encode()).hexdigest()[:32]
    headers = {"Message-ID": f"<{name}@{mailing.own_domain()}>"}
    return EmailMessage(message.subject, message.body, to=[message.recipient.email], headers=headers)
