"""Drafts of other rules: what they say, and what has been worked out for exactly that."""

import zlib
from datetime import date, datetime, timedelta

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.periods import mall_day
from customers import locks
from loyalty.maths.tiers import Transition
from loyalty.models import TierDraft, TierRules, TierSimulation
from loyalty.tier_rules import Content, digest, starting_point, validate
from loyalty.tiers.simulation.outcome import figures
from loyalty.tiers.simulation.working_out import Simulated, work_out

FRESH_FOR = timedelta(days=7)
LATEST = timedelta(days=366)


def newest() -> TierRules | None:
    """The last published version, in force or scheduled."""
    return TierRules.objects.filter(withdrawn_at__isnull=True).order_by("-starts_on").first()


@transaction.atomic
def new_draft(*, by: User, at: datetime, client_key: str = "") -> TierDraft:
    """A draft that says what the newest version says, to begin when its notice is over. The same `client_key` finds it."""
    if known := draft_of_key(client_key, None):
        return known
    last = newest()
    content = {**(last.content if last else starting_point()), "transition": Transition.KEEP.value}
    starts_on = mall_day(at) + timedelta(days=last.content["notice_days"] if last else 1)
    return TierDraft.objects.create(content=validate(content), starts_on=starts_on, by=by, at=at, client_key=client_key)


def draft_of_key(client_key: str, rolls_back: TierRules | None) -> TierDraft | None:
    """The draft of an earlier request with this key. Raises SameKey when that request was another one."""
    if not client_key:
        return None
    locks.hold(f"tier-draft:{client_key}")
    draft = TierDraft.objects.filter(client_key=client_key).select_related("rolls_back", "by").first()
    if draft is not None and draft.rolls_back != rolls_back:
        raise SameKey()
    return draft


@transaction.atomic
def save_draft(
    draft_id: int,
    *,
    by: User,
    at: datetime,
    content: Content | None = None,
    starts_on: date | None = None,
    reason: str | None = None,
    notice: str | None = None,
) -> TierDraft:
    """The draft says this now; whoever saved last cannot publish it. What is None stays."""
    draft = open_draft(draft_id)
    if content is not None:
        draft.content = validate(content)
        if draft.rolls_back_id is None and draft.content["transition"] == Transition.RESTORE:
            raise Invalid(_("Only a roll back can give back what the last rules took."), code="transition")
    if starts_on is not None and starts_on > mall_day(at) + LATEST:
        raise Invalid(_("Begin within the next %(days)d days.") % {"days": LATEST.days}, code="starts_on")
    if starts_on is not None:
        refuse_notice(starts_on, draft.content, rolls_back=draft.rolls_back_id is not None, today=mall_day(at))
    draft.starts_on = starts_on or draft.starts_on
    draft.reason = draft.reason if reason is None else reason.strip()[:300]
    draft.notice = draft.notice if notice is None else notice.strip()[:500]
    draft.by, draft.at = by, at
    draft.save()
    return draft


def refuse_notice(starts_on: date, content: Content, *, rolls_back: bool, today: date) -> None:
    """Raises Invalid for a day before the notice is over that the rules in force promise; a draft can only promise more."""
    last = newest()
    notice = max(last.content["notice_days"], content["notice_days"]) if last is not None and not rolls_back else 1
    if starts_on < today + timedelta(days=notice):
        raise Invalid(
            _("The rules in force promise %(days)d days of notice: begin on %(day)s or later.")
            % {"days": notice, "day": (today + timedelta(days=notice)).isoformat()},
            code="starts_on",
        )


@transaction.atomic
def drop_draft(draft_id: int, *, by: User, at: datetime) -> None:
    draft = open_draft(draft_id)
    draft.state = TierDraft.State.DROPPED
    draft.save(update_fields=["state"])
    audit.record(by, "tiers.draft_dropped", draft, at=at)


def open_draft(draft_id: int) -> TierDraft:
    draft = TierDraft.objects.select_for_update().get(pk=draft_id)
    if draft.state != TierDraft.State.OPEN:
        raise DomainError(_("This draft is closed: %(how)s.") % {"how": draft.get_state_display()}, code="draft_closed")
    return draft


@transaction.atomic
def simulate(draft_id: int, *, by: User | None, at: datetime) -> TierSimulation:
    """What the draft would do is stored with the digest of what it says."""
    draft = open_draft(draft_id)
    simulated = work_out_draft(draft, mall_day(at))
    return TierSimulation.objects.create(
        draft=draft,
        digest=digest(draft.content, draft.starts_on),
        based_on=newest(),
        computed_on=mall_day(at),
        at=at,
        by=by,
        figures=figures(simulated),
        moves=_packed(simulated),
    )


def work_out_draft(draft: TierDraft, today: date) -> Simulated:
    if draft.starts_on <= today:
        raise Invalid(_("New rules begin tomorrow at the earliest."), code="starts_on")
    return work_out(draft.content, starts_on=draft.starts_on, today=today, restores=draft.rolls_back)


def _packed(simulated: Simulated) -> bytes:
    at = simulated.moved
    columns = np.stack([simulated.ids[at], simulated.before[at], simulated.after[at]]).astype("<i8")
    return zlib.compress(columns.tobytes(), 6)


def moves_of(simulation: TierSimulation) -> dict[int, tuple[int, int]]:
    """Customer → rank before and after, as the simulation said."""
    columns = np.frombuffer(zlib.decompress(bytes(simulation.moves)), dtype="<i8").reshape(3, -1)
    return {int(customer): (int(before), int(after)) for customer, before, after in columns.T}


def named_moves(simulation: TierSimulation) -> dict[int, tuple[str, str]]:
    """Customer → the names of the levels before and after."""
    old = {level["code"]: level["name"] for level in (simulation.based_on.levels if simulation.based_on else [])}
    new = simulation.draft.content["levels"]
    names = [old.get(level["code"], level["name"]) for level in new]
    return {customer: (names[was], new[is_]["name"]) for customer, (was, is_) in moves_of(simulation).items()}


def movers(simulation: TierSimulation, *, before: str, after: str) -> list[int]:
    """Customers in one cell of the table, by the names of the levels before and after."""
    return sorted(customer for customer, pair in named_moves(simulation).items() if pair == (before, after))


def fresh(draft: TierDraft, *, today: date) -> TierSimulation | None:
    """The newest simulation of exactly what the draft says now, not older than a week; or None."""
    simulation = draft.simulations.order_by("-id").first()
    if (
        simulation is None
        or simulation.digest != digest(draft.content, draft.starts_on)
        or simulation.computed_on < today - FRESH_FOR
        or simulation.based_on != newest()
    ):
        return None
    return simulation
