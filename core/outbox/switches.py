"""Stop: nothing goes to customers by a channel, for a purpose, or at all, from the next look at the gate on."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.outbox.models import ChannelSwitch

EVERY = ChannelSwitch.EVERY


@dataclass(frozen=True)
class Closed:
    """What is closed now: the last row of each channel and purpose, `*` for all of them."""

    rows: tuple[ChannelSwitch, ...]

    def covers(self, channel: str, purpose: str) -> bool:
        return any(row.channel in (EVERY, channel) and row.purpose in (EVERY, purpose) for row in self.rows)


def closed() -> Closed:
    last = ChannelSwitch.objects.order_by("channel", "purpose", "-pk").distinct("channel", "purpose")
    return Closed(tuple(row for row in last.select_related("by") if not row.is_open))


@transaction.atomic
def stop(*, channel: str, purpose: str, by: User, at: datetime) -> ChannelSwitch:
    """Nothing of it passes the gate from now on. It asks for no reason: that can be said afterwards, with `explain`."""
    if any((row.channel, row.purpose) == (channel, purpose) for row in closed().rows):
        raise DomainError(_("This is stopped already."), code="stopped_already")
    row = ChannelSwitch.objects.create(channel=channel, purpose=purpose, is_open=False, by=by, at=at)
    audit.record(by, "letters.stopped", row, at=at, channel=channel, purpose=purpose)
    return row


@transaction.atomic
def explain(pk: int, *, reason: str, by: User, at: datetime) -> ChannelSwitch:
    """Why it was stopped, said after the stop."""
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
    row = ChannelSwitch.objects.select_for_update().get(pk=pk)
    row.reason = reason.strip()[:200]
    row.save(update_fields=["reason"])
    audit.record(by, "letters.stop_explained", row, at=at, reason=row.reason)
    return row


@transaction.atomic
def go_on(*, channel: str, purpose: str, reason: str, by: User, at: datetime) -> ChannelSwitch:
    """It goes on from the next look on, with what is still in time. Raises Invalid without a reason."""
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
    if not any((row.channel, row.purpose) == (channel, purpose) for row in closed().rows):
        raise DomainError(_("This is not stopped."), code="not_stopped")
    row = ChannelSwitch.objects.create(
        channel=channel, purpose=purpose, is_open=True, by=by, at=at, reason=reason.strip()[:200]
    )
    audit.record(by, "letters.go_on", row, at=at, channel=channel, purpose=purpose, reason=row.reason)
    return row
