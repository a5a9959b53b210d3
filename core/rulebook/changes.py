"""A change of rules on its way. Every verb takes the kind: `changes.propose(points.RULES, …)`.

propose (worked out at once) → confirmed by a second person → its day → compared with what was foretold → rolled back.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.deciding import second_person
from core.accounts.models import User
from core.accounts.roles import who_may
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.periods import mall_day, mall_midnight
from core.rulebook import notices
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange

State = RuleChange.State
FRESH_FOR = timedelta(days=7)
LATEST = timedelta(days=366)
MAY_DIFFER = 0.005
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Stale(DomainError):
    """What was worked out is not what would happen any more."""

    code = "simulation_stale"


def newest(kind: Kind) -> Version | None:
    """The last version, in force or scheduled."""
    return next(iter(kind.versions(1)), None)


def in_force(kind: Kind, *, at: datetime) -> Version | None:
    """The version of that moment."""
    return next((row for row in kind.versions(3) if row.starts_at is None or row.starts_at <= at), None)


def first_day(kind: Kind, *, today: date, rolls_back: bool = False) -> date:
    """From when on new rules of this kind can be in force: what the newest version promises holds.

    Nobody was promised anything before the first version, and a roll back only gives back: both can begin today.
    """
    last, earliest = newest(kind), kind.earliest(today)
    if last is None or rolls_back:
        return earliest
    return max(earliest, today + timedelta(days=kind.notice_days(last.content)))


@transaction.atomic
def propose(
    kind: Kind, content: Content, *, starts_on: date | None, reason: str, by: User, at: datetime, client_key: str = ""
) -> RuleChange:
    """The change is worked out and waits for a second person. The same `client_key` finds it again.

    Without a day it begins as soon as it can. Raises Invalid for content out of bounds, no reason, or a day before the
    notice is over; DomainError when nothing changes or another version is scheduled; SameKey for a key that has
    proposed something else.
    """
    content = kind.checked(kind.written_by(_legible(content), by))
    if known := _of_key(client_key, kind, content=content, reason=reason, rolls_back=None):
        # Confirming may have put it on a later day than was asked for.
        is_later = known.state != State.OPEN and starts_on is not None and starts_on < known.starts_on
        if starts_on not in (None, known.starts_on) and not is_later:
            raise SameKey
        return known
    starts_on = starts_on or first_day(kind, today=mall_day(at))
    return _proposed(kind, content, starts_on=starts_on, reason=reason, by=by, at=at, client_key=client_key)


def _legible(content: Content) -> Content:
    """Raises Invalid for signs that nobody types and the database does not store."""
    if _unstorable(content):
        raise Invalid(_("There are signs in it that cannot be stored."), code="illegible")
    return content


def _unstorable(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_unstorable, [*value.keys(), *value.values()]))
    if isinstance(value, list):
        return any(map(_unstorable, value))
    return isinstance(value, str) and bool(UNSTORABLE.search(value))


def _of_key(
    client_key: str, kind: Kind, *, content: Content | None, reason: str, rolls_back: int | None
) -> RuleChange | None:
    if not client_key:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"rulebook:{client_key}"])
    known = RuleChange.objects.filter(client_key=client_key).first()
    if known is None:
        return None
    same = (known.kind, known.reason, known.rolls_back) == (kind.name, reason.strip()[:300], rolls_back)
    if not same or (content is not None and known.content != content):
        raise SameKey
    return known


def _proposed(
    kind: Kind,
    content: Content,
    *,
    starts_on: date,
    reason: str,
    by: User,
    at: datetime,
    rolls_back: int | None = None,
    client_key: str = "",
) -> RuleChange:
    content, last = kind.checked(content), newest(kind)
    if not reason.strip():
        raise Invalid(_("Say in a few words why the rules change."), code="reason_missing")
    if last is not None and content == kind.checked(last.content):
        raise DomainError(_("These are the rules already in force: nothing to save."), code="unchanged")
    _refuse_day(kind, starts_on, rolls_back, at)
    _refuse_second_start(kind, last)
    foretold = kind.foretell(content, starts_on=starts_on, at=at, rolls_back=rolls_back)
    change = RuleChange.objects.create(
        kind=kind.name,
        content=content,
        starts_on=starts_on,
        reason=reason.strip()[:300],
        by=by,
        at=at,
        based_on=last.number if last else None,
        rolls_back=rolls_back,
        client_key=client_key,
        foretold_at=at,
        **_stored(foretold),
    )
    audit.record(by, "rules.proposed", change, at=at, kind=kind.name, starts_on=starts_on.isoformat())
    notices.waits(change, [user.pk for user in who_may(kind.confirms) if user.pk != by.pk], at=at)
    return change


def _refuse_second_start(kind: Kind, last: Version | None) -> None:
    """Where nothing was in force yet, one start waits at most: of two, whoever confirms one would start the other's too."""
    if last is None or last.number:
        return
    _hold(kind)
    if RuleChange.objects.filter(kind=kind.name, state=State.OPEN, based_on=0).exists():
        raise DomainError(
            _("A start of this waits already for a second person: confirm it, or drop it first."), code="start_waits"
        )


def _refuse_day(kind: Kind, starts_on: date, rolls_back: int | None, at: datetime) -> None:
    today = mall_day(at)
    first = first_day(kind, today=today, rolls_back=rolls_back is not None)
    if starts_on < first and first == kind.earliest(today):
        raise Invalid(
            _("New rules can begin on %(day)s at the earliest.") % {"day": first.isoformat()}, code="starts_on"
        )
    if starts_on < first:
        raise Invalid(
            _("The rules in force promise %(days)d days of notice: begin on %(day)s or later.")
            % {"days": (first - today).days, "day": first.isoformat()},
            code="starts_on",
        )
    if starts_on > today + LATEST:
        raise Invalid(_("Begin within the next %(days)d days.") % {"days": LATEST.days}, code="starts_on")
    last = newest(kind)
    if last is not None and last.starts_at is not None and last.starts_at > at:
        raise DomainError(
            _("Version %(version)d begins on %(day)s already. Withdraw it first, or begin later.")
            % {"version": last.number, "day": mall_day(last.starts_at).isoformat()},
            code="scheduled_already",
        )


def _stored(foretold: Foretold) -> dict[str, object]:
    return {
        "foretold": {name: list(pair) for name, pair in foretold.figures.items()},
        "moves": [[customer, before, after] for customer, (before, after) in sorted(foretold.moves.items())],
    }


@transaction.atomic
def look_again(kind: Kind, change_id: int, *, at: datetime) -> RuleChange:
    """What the change would do is worked out as things stand now."""
    change = _open(kind, change_id)
    _refuse_base(kind, change)
    foretold = kind.foretell(change.content, starts_on=change.starts_on, at=at, rolls_back=change.rolls_back)
    RuleChange.objects.filter(pk=change.pk).update(foretold_at=at, **_stored(foretold))
    change.refresh_from_db()
    return change


@transaction.atomic
def move(kind: Kind, change_id: int, *, starts_on: date, by: User, at: datetime) -> RuleChange:
    """The change begins on another day: the same words of its author, proposed anew by who moves it."""
    change = _open(kind, change_id)
    drop(kind, change_id, by=by, at=at)
    return _proposed(
        kind,
        change.content,
        starts_on=starts_on,
        reason=change.reason,
        by=by,
        at=at,
        rolls_back=change.rolls_back,
    )


@transaction.atomic
def drop(kind: Kind, change_id: int, *, by: User, at: datetime, reason: str = "") -> None:
    """The change will never be; nothing was in force by it."""
    change = _open(kind, change_id)
    _end(change, State.DROPPED, by=by, at=at, reason=reason)
    audit.record(by, "rules.dropped", change, at=at, kind=kind.name)
    notices.decided(change, by=by, at=at)


def _end(change: RuleChange, state: str, *, by: User, at: datetime, reason: str) -> None:
    change.state, change.ended_by, change.ended_at, change.ended_because = state, by, at, reason.strip()[:300]
    change.save(update_fields=["state", "ended_by", "ended_at", "ended_because"])


@transaction.atomic
def confirm(
    kind: Kind, change_id: int, *, by: User, at: datetime, meant: bool = False, because: str = ""
) -> RuleChange:
    """The change is the next version, in force from its day on.

    Needs a second person, or a typed reason of the only one who may; figures not older than a week that still tell
    what would happen (Stale); and `meant` where there are doubts. Where nobody was promised notice, a day that is over
    meanwhile is moved to the first one that can be kept.
    """
    _hold(kind)
    change = _open(kind, change_id)
    refusal = _("You wrote this change: somebody else has to confirm it.")
    alone = second_person(by, change.by_id, who_may(kind.confirms), refusal=refusal, because=because)
    _refuse_base(kind, change)
    change.starts_on = _day_kept(kind, change, at)
    _refuse_day(kind, change.starts_on, change.rolls_back, at)
    _refuse_if_it_moved(kind, change, at)
    if (doubts := kind.doubts(change.content, figures_of(change))) and not meant:
        raise Invalid(" ".join([*doubts, _("Say that it is meant, or change it.")]), code="doubts")
    change.version = kind.put_in_force(change, starts_at=max(at, mall_midnight(change.starts_on)), by=by, at=at)
    change.state, change.decided_by, change.decided_at, change.alone_because = State.CONFIRMED, by, at, alone
    change.save(update_fields=["version", "starts_on", "state", "decided_by", "decided_at", "alone_because"])
    audit.record(
        by,
        "rules.confirmed",
        change,
        at=at,
        kind=kind.name,
        version=change.version,
        starts_on=change.starts_on.isoformat(),
        proposed_by=change.by_id,
        reason=change.reason,
        **({"alone_because": alone} if alone else {}),
    )
    notices.decided(change, by=by, at=at)
    return change


def _day_kept(kind: Kind, change: RuleChange, at: datetime) -> date:
    last = newest(kind)
    if last is not None and change.rolls_back is None and kind.notice_days(last.content):
        return change.starts_on
    return max(change.starts_on, kind.earliest(mall_day(at)))


@transaction.atomic
def withdraw(kind: Kind, change_id: int, *, reason: str, by: User, at: datetime) -> RuleChange:
    """A confirmed change that has not begun never will, and why; the version before goes on.

    Who wrote and who confirmed it are told.
    """
    if not reason.strip():
        raise Invalid(_("Say in a few words why it is withdrawn."), code="reason_missing")
    _hold(kind)
    change = RuleChange.objects.select_for_update().get(pk=change_id, kind=kind.name)
    last = newest(kind)
    scheduled = last is not None and last.starts_at is not None and last.starts_at > at
    if change.state != State.CONFIRMED or last is None or last.number != change.version or not scheduled:
        raise DomainError(
            _("Only the last version can be withdrawn, before it begins. Roll it back instead."), code="has_begun"
        )
    kind.take_back(last.number, at=at)
    _end(change, State.WITHDRAWN, by=by, at=at, reason=reason)
    audit.record(
        by, "rules.withdrawn", change, at=at, kind=kind.name, version=change.version, reason=change.ended_because
    )
    notices.withdrawn(change, by=by, at=at)
    return change


@transaction.atomic
def roll_back(kind: Kind, version: int, *, reason: str, by: User, at: datetime, client_key: str = "") -> RuleChange:
    """A change that says what the version before said, to begin at once; it is confirmed like any other.

    The same `client_key` finds it again.
    """
    if known := _of_key(client_key, kind, content=None, reason=reason, rolls_back=version):
        return known
    before = before_it(kind, version, at=at)
    if before is None:
        raise DomainError(
            _("Only the version in force can be rolled back, to the one before it."), code="cannot_roll_back"
        )
    starts_on = kind.earliest(mall_day(at))
    return _proposed(
        kind,
        before.content,
        starts_on=starts_on,
        reason=reason,
        by=by,
        at=at,
        rolls_back=version,
        client_key=client_key,
    )


def before_it(kind: Kind, version: int, *, at: datetime) -> Version | None:
    """The version that a roll back of this one, the newest and in force, would bring back."""
    rows = kind.versions(2)
    begun = len(rows) == 2 and (rows[0].starts_at is None or rows[0].starts_at <= at)
    return rows[1] if begun and rows[0].number == version else None


def waiting(*kinds: Kind) -> QuerySet[RuleChange]:
    """What waits for a second person, of these kinds or of all, the newest first."""
    rows = RuleChange.objects.filter(state=State.OPEN)
    if kinds:
        rows = rows.filter(kind__in=[kind.name for kind in kinds])
    return rows.select_related("by").order_by("-pk")


def fresh(kind: Kind, change: RuleChange, *, at: datetime) -> bool:
    """Whether what was worked out can be confirmed: young enough, and beside the version it was written beside."""
    last = newest(kind)
    return change.foretold_at > at - FRESH_FOR and change.based_on == (last.number if last else None)


def figures_of(change: RuleChange) -> dict[str, tuple[Number, Number]]:
    """Each figure as it was when the change was worked out, and as it would be."""
    return {name: (before, after) for name, (before, after) in change.foretold.items()}


class Compared(NamedTuple):
    """One figure: as it was, as it was foretold, as it came; None where there is nothing to compare yet."""

    name: str
    before: Number
    after: Number
    came: Number | None


def compared(kind: Kind, change: RuleChange, *, at: datetime) -> list[Compared]:
    """Every figure of the change in the order of its kind, with what came of it once its version has begun."""
    came: Mapping[str, Number] = {}
    if change.state == State.CONFIRMED and change.version is not None:
        came = kind.happened(change.version, at=at) or {}
    known = figures_of(change)
    return [Compared(name, *known[name], came.get(name)) for name in kind.figures if name in known]


def _hold(kind: Kind) -> None:
    """One at a time decides about rules of a kind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"rulebook:{kind.name}"])


def _open(kind: Kind, change_id: int) -> RuleChange:
    change = RuleChange.objects.select_for_update().get(pk=change_id, kind=kind.name)
    if change.state != State.OPEN:
        raise DomainError(
            _("This change is closed: %(how)s.") % {"how": change.get_state_display()}, code="change_closed"
        )
    return change


def _refuse_base(kind: Kind, change: RuleChange) -> None:
    last = newest(kind)
    if change.based_on != (last.number if last else None):
        raise Stale(_("Another version has come meanwhile. Drop this change and begin from the new version."))


def _refuse_if_it_moved(kind: Kind, change: RuleChange, at: datetime) -> None:
    """As many customers as before are moved, but for a few in a thousand."""
    if change.foretold_at <= at - FRESH_FOR:
        raise Stale(_("What this change does was worked out too long ago. Work it out again."))
    now = kind.foretell(change.content, starts_on=change.starts_on, at=at, rolls_back=change.rolls_back).moves
    stored = {customer: (before, after) for customer, before, after in change.moves}
    differ = sum(1 for customer in stored.keys() | now.keys() if stored.get(customer) != now.get(customer))
    if differ > MAY_DIFFER * max(len(stored), 1):
        raise Stale(
            _("Orders have changed what these rules would do (%(count)d customers). Work it out again.")
            % {"count": differ}
        )
