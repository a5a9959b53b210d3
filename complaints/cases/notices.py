"""Messages of the desk to colleagues, stored with the change that causes them."""

from collections.abc import Iterable
from datetime import datetime

from complaints.models import Case
from core.outbox import delivery
from core.outbox.models import Message


def tell(user_ids: Iterable[int | None], *, key: str, subject: str, at: datetime, link: str) -> None:
    """Each of these people has the message once; nobody (None) is left out."""
    for user_id in sorted({u for u in user_ids if u is not None}):
        delivery.queue(
            user_id,
            channel=Message.Channel.IN_APP,
            dedupe_key=f"{key}:{user_id}",
            subject=subject[:200],
            at=at,
            link=link,
        )


def link_to(case: Case) -> str:
    return f"/complaints/{case.pk}/"
