"""Consent: recorded with who said what, when and how it is known; withdrawn at once, as easily as it was given.

Whoever records a word holds the customer's reach lock, and so does whoever hands a letter over: no letter passes the
gate after a withdrawal has been committed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid
from customers import locks
from customers.letters import writing
from customers.models import Consent, ConsentEntry, ConsentWording, Customer, Letter, ReachLimit
from customers.models.consent import ASKED_FOR, BY_CONSENT, ConsentState

Source = ConsentEntry.Source
NO = (ConsentState.REFUSED, ConsentState.WITHDRAWN)
Kind = tuple[str, str]
"""(channel, purpose)"""


class Recorded(NamedTuple):
    """What was added, letters that wait no more, and letters that had passed the gate already."""

    entries: list[ConsentEntry]
    withdrawn: int
    on_its_way: int


def lock_of(customer_id: int) -> str:
    return f"reach:{customer_id}"


@transaction.atomic
def record(
    customer: Customer,
    told: Mapping[Kind, str],
    *,
    source: str,
    said_at: datetime,
    at: datetime,
    by: User | None = None,
    wording: ConsentWording | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Recorded:
    """What the customer said is on record; letters that they do not want wait no more.

    `told` is the state by channel and purpose. What is said again (a no beside a no, a yes beside a yes) adds nothing;
    what was said before a later word is on record, and changes nothing. Raises Invalid for a day to come, a channel or
    a purpose that nobody is asked for, and for a yes without anything that proves it.
    """
    _refuse(told, source=source, said_at=said_at, at=at, wording=wording, evidence=evidence)
    locks.hold_customers([customer.pk])
    locks.hold(lock_of(customer.pk))
    held = states(customer)
    fresh = {kind: state for kind, state in told.items() if not _is_said(held.get(kind), state, said_at)}
    entries = [
        ConsentEntry.objects.create(
            customer=customer,
            channel=channel,
            purpose=purpose,
            state=state,
            source=source,
            wording=wording,
            evidence=dict(evidence or {}),
            by=by,
            said_at=said_at,
            stored_at=at,
        )
        for (channel, purpose), state in fresh.items()
    ]
    withdrawn, on_its_way = _stop_letters(customer, told, at=at)
    if entries:
        detail = {f"{entry.channel}/{entry.purpose}": entry.state for entry in entries}
        audit.record(by, "consent.recorded", customer, at=at, source=source, withdrawn=withdrawn, **detail)
    return Recorded(entries, withdrawn, on_its_way)


def _refuse(
    told: Mapping[Kind, str],
    *,
    source: str,
    said_at: datetime,
    at: datetime,
    wording: ConsentWording | None,
    evidence: Mapping[str, Any] | None,
) -> None:
    if said_at > at:
        raise Invalid(_("Nobody can have said this at a time to come."), code="said_at")
    for channel, purpose in told:
        if channel not in BY_CONSENT or purpose not in ASKED_FOR:
            raise Invalid(_("Nobody is asked for consent to this."), code="no_choice")
    if ConsentState.GRANTED in told.values() and not wording and not evidence and source != Source.MERGE:
        raise Invalid(
            _(
                "Say how you know that the customer agreed: the words they were asked by, or where and how they said it."
            ),
            code="no_proof",
        )


def _is_said(held: Consent | None, state: str, said_at: datetime) -> bool:
    """Whether this adds nothing to what holds."""
    return held is not None and held.state == state and held.since <= said_at


def _stop_letters(customer: Customer, told: Mapping[Kind, str], *, at: datetime) -> tuple[int, int]:
    """What waits and is not wanted any more is withdrawn: how many, and how many were on their way already."""
    if not any(state in NO for state in told.values()):
        return 0, 0
    held, withdrawn, on_its_way = states(customer), 0, 0
    for channel, purpose in told:
        if (kept := held.get((channel, purpose))) is None or kept.state not in NO:
            continue
        letters = Letter.objects.filter(customer=customer, channel=channel, purpose=purpose)
        withdrawn += writing.withdraw(letters, reason="withdrawn", at=at)
        on_its_way += letters.filter(state=Letter.State.HANDING).count()
    return withdrawn, on_its_way


def withdraw_everything(
    customer: Customer,
    *,
    source: str,
    at: datetime,
    purposes: Iterable[str] = ASKED_FOR,
    by: User | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Recorded:
    """Nothing of these purposes goes to the customer by any channel any more."""
    told: dict[Kind, str] = {
        (channel, purpose): ConsentState.WITHDRAWN for channel in BY_CONSENT for purpose in purposes
    }
    return record(customer, told, source=source, said_at=at, at=at, by=by, evidence=evidence)


def states(customer: Customer) -> dict[Kind, Consent]:
    """What holds now, by channel and purpose; what was never spoken of is not in it, and means no."""
    return {(row.channel, row.purpose): row for row in Consent.objects.filter(customer=customer)}


def history(customer: Customer) -> QuerySet[ConsentEntry]:
    """Every word, the latest first; those of records that were merged into this one too."""
    of = Customer.objects.filter(pk=customer.pk) | Customer.objects.filter(merged_into=customer)
    rows = ConsentEntry.objects.filter(customer__in=of.values("pk")).select_related("by", "wording")
    return rows.order_by("-said_at", "-pk")


@transaction.atomic
def set_limits(
    customer: Customer,
    *,
    at: datetime,
    by: User | None = None,
    restricted: str | None = None,
    no_profiling: bool | None = None,
) -> ReachLimit:
    """Nothing goes out while the data rests (`restricted`: why; empty: it rests no more); or nothing is chosen for them
    by what they bought. What is None stays as it is.
    """
    locks.hold_customers([customer.pk])
    locks.hold(lock_of(customer.pk))
    limit, _created = ReachLimit.objects.get_or_create(customer=customer)
    if restricted is not None:
        limit.restricted_at = (limit.restricted_at or at) if restricted else None
        limit.restricted_why = restricted[:200]
    if no_profiling is not None:
        limit.no_profiling_at = (limit.no_profiling_at or at) if no_profiling else None
    limit.save()
    audit.record(
        by,
        "consent.limits",
        customer,
        at=at,
        restricted=limit.restricted_at is not None,
        no_profiling=limit.no_profiling_at is not None,
    )
    return limit


def merge(loser: Customer, winner: Customer, *, by: User | None, at: datetime) -> None:
    """What the later word of the two says holds; at one moment, the no. Call with both held."""
    locks.hold(lock_of(loser.pk), lock_of(winner.pk))
    own, theirs = states(winner), states(loser)
    for kind, row in theirs.items():
        before = own.get(kind)
        if before is not None and before.since > row.since:
            continue
        if before is not None and before.since == row.since and before.state in NO:
            continue
        ConsentEntry.objects.create(
            customer=winner,
            channel=row.channel,
            purpose=row.purpose,
            state=row.state,
            source=Source.MERGE,
            evidence={
                "of": loser.number,
                "entry": row.entry_id,
                "was": before.state if before else "",
                "was_entry": before.entry_id if before else None,
            },
            by=by,
            said_at=row.since,
            stored_at=at,
        )
    _stop_letters(winner, {kind: row.state for kind, row in theirs.items()}, at=at)
    _join_limits(loser, winner)


def unmerge(loser: Customer, winner: Customer, *, since: datetime, by: User | None, at: datetime) -> None:
    """What holds of the winner only because of the merge holds no more; a no that was said since is both’s.

    Call with both held.
    """
    locks.hold(lock_of(loser.pk), lock_of(winner.pk))
    evidence = {"apart": loser.number}

    def add(customer: Customer, kind: Kind, state: str, said_at: datetime) -> None:
        ConsentEntry.objects.create(
            customer=customer,
            channel=kind[0],
            purpose=kind[1],
            state=state,
            source=Source.MERGE,
            evidence=evidence,
            by=by,
            said_at=said_at,
            stored_at=at,
        )

    held = Consent.objects.filter(customer=winner).select_related("entry")
    for row in held:
        by_merge = row.entry.source == Source.MERGE and row.entry.evidence.get("of") == loser.number
        if by_merge:
            add(winner, (row.channel, row.purpose), row.entry.evidence.get("was") or ConsentState.WITHDRAWN, at)
        elif row.state in NO and row.since >= since:
            add(loser, (row.channel, row.purpose), row.state, row.since)


def _join_limits(loser: Customer, winner: Customer) -> None:
    """Whichever of the two rests or does not want to be profiled: so does the one that stays."""
    theirs = ReachLimit.objects.filter(customer=loser).first()
    if theirs is None:
        return
    own, _created = ReachLimit.objects.get_or_create(customer=winner)
    own.restricted_at = own.restricted_at or theirs.restricted_at
    own.restricted_why = own.restricted_why or theirs.restricted_why
    own.no_profiling_at = own.no_profiling_at or theirs.no_profiling_at
    own.save()


# The words people are asked by ----------------------------------------------------------------------------------------


def wordings() -> QuerySet[ConsentWording]:
    """The newest version of each, in each language."""
    last = ConsentWording.objects.values("code", "language").annotate(last=Max("pk")).values("last")
    return ConsentWording.objects.filter(pk__in=last).order_by("purpose", "channel", "code", "language")


@transaction.atomic
def word(
    *, code: str, language: str, channel: str, purpose: str, text: str, by: User | None, at: datetime
) -> ConsentWording:
    """From now on people are asked by these words; the earlier ones stay readable beside who agreed to them."""
    if not text.strip():
        raise Invalid(_("Write something first."), code="empty_message")
    locks.hold(f"wording:{code}:{language}")
    last = ConsentWording.objects.filter(code=code, language=language).aggregate(n=Max("n"))["n"] or 0
    row = ConsentWording.objects.create(
        code=code, language=language, n=last + 1, channel=channel, purpose=purpose, text=text.strip(), by=by, at=at
    )
    audit.record(by, "consent.worded", row, at=at, code=code, n=row.n)
    return row
