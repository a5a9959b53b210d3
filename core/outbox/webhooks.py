"""Webhooks: an event is stored with the change that causes it, and told to the mall's addresses afterwards, at least once.

Signed as the Standard Webhooks specification says (standardwebhooks.com): HMAC-SHA256 over id, timestamp and body, the
secret written as whsec_ and base64. An event keeps its id over every attempt, by which the receiver knows a repetition:
after a failure, or because its sender died before it could note that it arrived, and another took over after its lease.
"""

import base64
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.db import connection, transaction
from django.db.models import Min
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import Role, User
from core.accounts.roles import holders
from core.jobs import leases
from core.lib import retry, sealing
from core.lib.errors import DomainError, Invalid, Unknown
from core.outbox import delivery, posting
from core.outbox.kinds import Kind, Topic
from core.outbox.models import WebhookEndpoint, WebhookEvent

DISABLED = Kind(
    "webhook_disabled",
    Topic.FAULT,
    gettext_lazy("A webhook is disabled: %(host)s has not answered for days, or no longer wants it."),
)
KINDS = (DISABLED,)

State = WebhookEvent.State
DISABLED_AFTER = timedelta(days=5)
# Of one endpoint, before the next has its turn.
TURN = timedelta(seconds=15)
# How long a round goes on asking endpoints that did not answer last time.
ROUND = timedelta(seconds=10)
KEPT = timedelta(days=90)
MOST_ENDPOINTS = 20
AT_ONCE = 2000
SECRET = b"webhook secret"
TEST = "webhook.test"
NAMES = UUID("6f2b1f0e-54e5-5d0a-9d3c-5b8a4f0c7a11")
log = logging.getLogger(__name__)


# Storing ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """`data` holds customer numbers and figures, never personal data. The same id is told once, however often stored."""

    kind: str
    happened_at: datetime
    data: Mapping[str, Any]
    event_id: UUID = field(default_factory=uuid4)


def id_of(kind: str, key: str) -> UUID:
    """The id of an event that may be found again, on the next night say."""
    return uuid5(NAMES, f"{kind}:{key}")


def wanted(*kinds: str) -> dict[str, list[int]]:
    """Which of these kinds somebody wants to be told, and the endpoints that do. One small query, asked by every change."""
    endpoints: dict[str, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, events FROM outbox_webhookendpoint WHERE active ORDER BY id")
        for endpoint_id, chosen in cursor.fetchall():
            for kind in set(chosen).intersection(kinds):
                endpoints.setdefault(kind, []).append(endpoint_id)
    return endpoints


def store(events: Iterable[Event], to: Mapping[str, Sequence[int]], *, at: datetime) -> None:
    """These events wait for delivery to those who want them; part of the transaction of the change that caused them."""
    WebhookEvent.objects.bulk_create(
        (
            WebhookEvent(
                endpoint_id=endpoint_id,
                event_id=event.event_id,
                kind=event.kind,
                happened_at=event.happened_at,
                data=event.data,
                next_attempt_at=at,
            )
            for event in events
            for endpoint_id in to.get(event.kind, ())
        ),
        batch_size=AT_ONCE,
        ignore_conflicts=True,
    )


_STORE_WANTED = """
    INSERT INTO "outbox_webhookevent"
           (endpoint_id, event_id, kind, happened_at, data, state, attempts, next_attempt_at, error)
    SELECT endpoint.id, told.event_id, told.kind, told.happened_at, told.data, 'waiting', 0, %s, ''
      FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::jsonb[])
           WITH ORDINALITY AS told (event_id, kind, happened_at, data, place)
      JOIN outbox_webhookendpoint endpoint ON endpoint.active AND endpoint.events @> ARRAY[told.kind]::varchar[]
     ORDER BY told.place, endpoint.id
    ON CONFLICT DO NOTHING
"""


def store_wanted(events: Sequence[Event], *, at: datetime) -> None:
    """`store` for whoever wants each of them, in one statement; for changes that are told one at a time."""
    if not events:
        return
    columns = (
        [str(event.event_id) for event in events],
        [event.kind for event in events],
        [event.happened_at for event in events],
        [json.dumps(event.data) for event in events],
    )
    with connection.cursor() as cursor:
        cursor.execute(_STORE_WANTED, [at, *columns])


# Endpoints ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def register(url: str, *, events: Sequence[str], by: User, at: datetime) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, which cannot be read again. Nothing that happened before is told to it."""
    if not events:
        raise Invalid(_("Choose at least one event."), code="events")
    posting.refuse_address(url)
    if WebhookEndpoint.objects.filter(url=url).exists():
        raise DomainError(_("This address is registered already."), code="registered_already")
    _refuse_too_many()
    key = secrets.token_bytes(32)
    made = WebhookEndpoint.objects.create(url=url, events=sorted(set(events)), secret=_sealed(key, url), by=by, at=at)
    audit.record(by, "webhook.registered", made, at=at, events=made.events)
    return made, written(key)


@transaction.atomic
def choose(endpoint_id: int, *, events: Sequence[str], by: User, at: datetime) -> WebhookEndpoint:
    """From now on it is told these events."""
    if not events:
        raise Invalid(_("Choose at least one event."), code="events")
    endpoint = _held(endpoint_id)
    endpoint.events = sorted(set(events))
    endpoint.save(update_fields=["events"])
    audit.record(by, "webhook.events_chosen", endpoint, at=at, events=endpoint.events)
    return endpoint


@transaction.atomic
def renew_secret(endpoint_id: int, *, by: User, at: datetime) -> tuple[WebhookEndpoint, str]:
    """A new secret, which cannot be read again; everything from now on, and what waits, is signed with it."""
    endpoint, key = _held(endpoint_id), secrets.token_bytes(32)
    endpoint.secret = _sealed(key, endpoint.url)
    endpoint.save(update_fields=["secret"])
    audit.record(by, "webhook.secret_renewed", endpoint, at=at)
    return endpoint, written(key)


@transaction.atomic
def disable(endpoint_id: int, *, by: User, at: datetime) -> WebhookEndpoint:
    """Nothing more is stored for it or sent to it. What waits is kept."""
    endpoint = _held(endpoint_id)
    if endpoint.active:
        endpoint.active, endpoint.ended_at = False, at
        endpoint.save(update_fields=["active", "ended_at"])
        audit.record(by, "webhook.disabled", endpoint, at=at)
    return endpoint


@transaction.atomic
def enable(endpoint_id: int, *, by: User, at: datetime) -> WebhookEndpoint:
    """It is told again, first what waited; its days of failures are forgotten."""
    endpoint = _held(endpoint_id)
    if not endpoint.active:
        posting.refuse_address(endpoint.url)
        _refuse_too_many()
        endpoint.active, endpoint.ended_at, endpoint.failing_since, endpoint.error = True, None, None, ""
        endpoint.save(update_fields=["active", "ended_at", "failing_since", "error"])
        audit.record(by, "webhook.enabled", endpoint, at=at)
    return endpoint


@transaction.atomic
def replay(endpoint_id: int, *, by: User, at: datetime) -> int:
    """Everything that was given up is tried once more from the beginning, under the same ids; returns how many."""
    endpoint = _held(endpoint_id)
    count = endpoint.deliveries.filter(state=State.FAILED).update(state=State.WAITING, attempts=0, next_attempt_at=at)
    audit.record(by, "webhook.replayed", endpoint, at=at, count=count)
    return count


@transaction.atomic
def send_test(endpoint_id: int, *, by: User, at: datetime) -> None:
    """An event of the kind `webhook.test` waits for this endpoint alone."""
    endpoint = _held(endpoint_id)
    if not endpoint.active:
        raise DomainError(_("This endpoint is disabled. Use it again first."), code="endpoint_disabled")
    store([Event(TEST, at, {})], {TEST: [endpoint.pk]}, at=at)
    audit.record(by, "webhook.tested", endpoint, at=at)


def _held(endpoint_id: int) -> WebhookEndpoint:
    # Not its key: whoever stores an event meanwhile does not wait.
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise Unknown(_("There is no such endpoint."), code="endpoint_unknown")
    return endpoint


def _refuse_too_many() -> None:
    if WebhookEndpoint.objects.filter(active=True).count() >= MOST_ENDPOINTS:
        raise DomainError(_("There can be %(most)d endpoints.") % {"most": MOST_ENDPOINTS}, code="endpoints_too_many")


def _sealed(key: bytes, url: str) -> bytes:
    return sealing.encrypt(key, use=SECRET, about=url.encode())


def written(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


# Delivering ---------------------------------------------------------------------------------------------------------


def deliver_due(*, now: Callable[[], datetime]) -> int:
    """Tell each endpoint what is due and nobody else is telling it; returns how much arrived.

    Those that answer come first; then those that failed, as long as the round's time is not over, the longest waiting
    first: however many are silent, a round ends, and so does the next. `now` is asked before each attempt, whose
    signature says when it was, and after it. Nothing is locked while an endpoint is asked.
    """
    sent, end = 0, now() + ROUND
    for endpoint_id, is_failing in _endpoints_due(now()):
        if is_failing and now() >= end:
            break
        until = now() + TURN
        while _deliver_one(endpoint_id, now):
            sent += 1
            if now() >= until:
                break
    return sent


def _endpoints_due(at: datetime) -> list[tuple[int, bool]]:
    """(endpoint, whether it failed last time) of those to which something is due, those that answer first."""
    due = WebhookEvent.objects.filter(endpoint__active=True, state=State.WAITING, next_attempt_at__lte=at)
    rows = due.values_list("endpoint", "endpoint__failing_since").annotate(first=Min("next_attempt_at"))
    ordered = sorted((failing is not None, first, endpoint) for endpoint, failing, first in rows)
    return [(endpoint, is_failing) for is_failing, _first, endpoint in ordered]


def _deliver_one(endpoint_id: int, now: Callable[[], datetime]) -> bool:
    """True when an event was due and has arrived."""
    event = _claim(endpoint_id, now())
    if event is None:
        return False
    error, gone = _tell(event, now())
    if error:
        _note_failure(event, error, gone=gone, at=now())
        return False
    _note_arrival(event, at=now())
    return True


def _claim(endpoint_id: int, at: datetime) -> WebhookEvent | None:
    due = WebhookEvent.objects.filter(
        endpoint=endpoint_id, endpoint__active=True, state=State.WAITING, next_attempt_at__lte=at
    )
    return leases.take(due.select_related("endpoint").order_by("next_attempt_at", "pk"), at=at)


def _tell(event: WebhookEvent, at: datetime) -> tuple[str, bool]:
    """Why it did not arrive, or nothing; and whether the endpoint says that it is gone for good."""
    try:
        status = posting.post(event.endpoint.url, *message(event, _key(event.endpoint), at=at))
    except Exception as error:  # whatever the network raises, the event waits for its next turn
        return (str(error) if isinstance(error, DomainError) else type(error).__name__)[:200], False
    return "" if 200 <= status < 300 else f"HTTP {status}", status == 410


@transaction.atomic
def _note_arrival(event: WebhookEvent, *, at: datetime) -> None:
    """It has arrived, whoever may hold it by now, and its endpoint answers."""
    failing = WebhookEndpoint.objects.filter(pk=event.endpoint_id, failing_since__isnull=False)
    failing.update(failing_since=None, error="")
    WebhookEvent.objects.filter(pk=event.pk).update(state=State.SENT, sent_at=at, error="", claimed_until=None)


@transaction.atomic
def _note_failure(event: WebhookEvent, error: str, *, gone: bool, at: datetime) -> None:
    """It waits for its next attempt, or is kept as failed after the last; unless another process has taken it over.

    An endpoint that is gone, or has failed for days, is disabled, and the administrators are told.
    """
    log.warning("webhook event %s failed: %s", event.event_id, error)
    endpoint = _held(event.endpoint_id)
    again = retry.next_attempt(retry.WEBHOOK, attempts=event.attempts, at=at)
    if not delivery.put_back(event, error, again=again):
        return
    endpoint.failing_since, endpoint.error = endpoint.failing_since or at, error
    if endpoint.active and (gone or endpoint.failing_since <= at - DISABLED_AFTER):
        endpoint.active, endpoint.ended_at = False, at
        _tell_administrators(endpoint, at)
    endpoint.save(update_fields=["failing_since", "error", "active", "ended_at"])


def _tell_administrators(endpoint: WebhookEndpoint, at: datetime) -> None:
    delivery.tell(
        holders(Role.ADMINISTRATOR).values_list("pk", flat=True),
        DISABLED,
        {"host": posting.host_of(endpoint.url)},
        key=f"webhook:{endpoint.pk}:{at.isoformat()}",
        thread=f"webhook:{endpoint.pk}",
        at=at,
        link="/webhooks/",
    )


def message(event: WebhookEvent, key: bytes, *, at: datetime) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of one attempt. The body is the same at every attempt."""
    payload = {
        "id": str(event.event_id),
        "type": event.kind,
        "timestamp": event.happened_at.isoformat(),
        "data": event.data,
    }
    body = json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()
    stamp = str(int(at.timestamp()))
    return body, {
        "Content-Type": "application/json",
        "webhook-id": str(event.event_id),
        "webhook-timestamp": stamp,
        "webhook-signature": signature(key, str(event.event_id), stamp, body),
    }


def signature(key: bytes, event_id: str, stamp: str, body: bytes) -> str:
    signed = hmac.new(key, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def _key(endpoint: WebhookEndpoint) -> bytes:
    return sealing.decrypt(bytes(endpoint.secret), use=SECRET, about=endpoint.url.encode())


def reseal(after: int, most: int) -> sealing.Resealed:
    """The secrets of the next endpoints after this id are under the current key of the vault."""
    endpoints = list(WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk__gt=after).order_by("pk")[:most])
    changed = 0
    for endpoint in endpoints:
        key = sealing.if_old(bytes(endpoint.secret), use=SECRET, about=endpoint.url.encode())
        if key is not None:
            endpoint.secret = _sealed(key, endpoint.url)
            endpoint.save(update_fields=["secret"])
            changed += 1
    return sealing.Resealed(endpoints[-1].pk if endpoints else None, len(endpoints), changed)


def forget(*, at: datetime, kept: timedelta = KEPT, most: int = AT_ONCE) -> int:
    """What was told, or given up, more than 90 days (or `kept`) ago is gone, at most so much of it; returns how much.

    What waits is kept: an endpoint that was disabled for long is told it when it is used again.
    """
    over = WebhookEvent.objects.exclude(state=State.WAITING).filter(next_attempt_at__lt=at - kept)
    ids = list(over.order_by("next_attempt_at").values_list("pk", flat=True)[:most])
    return WebhookEvent.objects.filter(pk__in=ids).delete()[0]
