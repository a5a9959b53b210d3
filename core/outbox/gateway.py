"""The mall's gateway for text messages and WeChat: one signed POST hands over many, each under an id that stays the same.

`{"messages": [{"id", "channel", "to", "purpose", "text", "valid_until"}]}`, signed as Standard Webhooks has it. A 2xx
means that all were taken; what becomes of each comes by `POST letters/receipts`, in any order.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from django.conf import settings

from core.outbox import mailing, posting
from core.outbox.webhooks import signature


class Handed(TypedDict):
    id: str
    channel: str
    to: str  # a phone number; by WeChat the number of the customer, whom the mall's own account knows
    purpose: str
    text: str
    valid_until: str


class NotTaken(Exception):
    """The gateway answered, and did not take them."""


def is_set_up() -> bool:
    return bool(settings.LETTER_GATEWAY_URL and settings.LETTER_GATEWAY_SECRET)


def channels() -> list[str]:
    """By which channels letters go to the gateway; none without one."""
    return (
        [channel for channel in mailing.GATEWAY_CARRIES if channel in settings.LETTER_GATEWAY_CHANNELS]
        if is_set_up()
        else []
    )


def hand_over(messages: Sequence[Handed], *, at: datetime) -> None:
    """The gateway has all of them. Raises OSError without an answer, NotTaken (with the status) for any but 2xx."""
    body = json.dumps({"messages": list(messages)}, ensure_ascii=False, separators=(",", ":")).encode()
    batch = hashlib.sha256("|".join(message["id"] for message in messages).encode()).hexdigest()[:32]
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(settings.LETTER_GATEWAY_SECRET.removeprefix("whsec_"))
    status = posting.post(
        settings.LETTER_GATEWAY_URL,
        body,
        {
            "Content-Type": "application/json",
            "webhook-id": batch,
            "webhook-timestamp": stamp,
            "webhook-signature": signature(key, batch, stamp, body),
        },
    )
    if not 200 <= status < 300:
        raise NotTaken(str(status))
