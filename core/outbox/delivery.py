"""Queue a message with the change that causes it, once per key; deliver it afterwards, at least once.

A sender that dies after the mail has gone and before that is stored leaves the message waiting: it goes out again,
under the same Message-ID, by which mail servers and readers know a repetition.
"""

import hashlib
import logging
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.outbox.models import Message

MAX_ATTEMPTS = 5
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
log = logging.getLogger(__name__)


def queue(
    recipient_id: int, *, channel: str, dedupe_key: str, subject: str, at: datetime, body: str = "", link: str = ""
) -> bool:
    """Store a message; False when one with this key exists already."""
    in_app = channel == Message.Channel.IN_APP
    _message, created = Message.objects.get_or_create(
        dedupe_key=dedupe_key,
        defaults={
            "recipient_id": recipient_id,
            "channel": channel,
            "subject": subject,
            "body": body,
            "link": link,
            # An in-app message has arrived as soon as it is stored.
            "state": Message.State.SENT if in_app else Message.State.WAITING,
            "sent_at": at if in_app else None,
            "next_attempt_at": at,
            "queued_at": at,
        },
    )
    return created


def queue_alert_digest(recipient_id: int, *, count: int, on: date, at: datetime) -> bool:
    subject = ngettext("%(count)d new alert this night", "%(count)d new alerts this night", count) % {"count": count}
    return queue(
        recipient_id,
        channel=Message.Channel.IN_APP,
        dedupe_key=f"alerts:{recipient_id}:{on.isoformat()}",
        subject=subject,
        link="/alerts/",
        at=at,
    )


def deliver_due(*, at: datetime, limit: int = 100) -> int:
    """Send what is due, skipping what another process is sending; returns how many were sent."""
    sent = 0
    for _turn in range(limit):
        with transaction.atomic():
            message = (
                Message.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("recipient")
                .filter(state=Message.State.WAITING, next_attempt_at__lte=at)
                .order_by("next_attempt_at")
                .first()
            )
            if message is None:
                return sent
            sent += _attempt(message, at)
    return sent


def _attempt(message: Message, at: datetime) -> int:
    message.attempts += 1
    try:
        if not message.recipient.email:
            raise ValueError(_("no e-mail address"))
        _mail(message).send()
    except Exception as error:  # whatever the transport raises, the message waits for its next turn
        log.warning("message %s failed: %s", message.pk, type(error).__name__)
        message.error = type(error).__name__
        if message.attempts >= MAX_ATTEMPTS:
            message.state = Message.State.FAILED
        else:
            message.next_attempt_at = at + RETRY_AFTER[message.attempts - 1]
        message.save()
        return 0
    message.state, message.sent_at, message.error = Message.State.SENT, at, ""
    message.save()
    return 1


def _mail(message: Message) -> EmailMessage:
    name = hashlib.sha256(message.dedupe_key.encode()).hexdigest()[:32]
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    headers = {"Message-ID": f"<{name}@{domain}>"}
    return EmailMessage(message.subject, message.body, to=[message.recipient.email], headers=headers)
