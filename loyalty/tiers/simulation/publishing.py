"""Drafts come into force by a second person, are withdrawn or rolled back, and compared with what had been said.

draft → simulate → publish by a second person → the night of `starts_on` → compare → roll back as a new version.
"""

import itertools
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.deciding import second_person
from core.accounts.models import User
from core.accounts.roles import Permission, who_may
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.periods import mall_day
from customers import locks
from loyalty import colleagues, notices
from loyalty.maths.tiers import Transition
from loyalty.models import TierChange, TierDraft, TierRules, TierSimulation, TierState
from loyalty.tiers import membership
from loyalty.tiers.simulation.drafts import (
    draft_of_key,
    fresh,
    moves_of,
    newest,
    open_draft,
    refuse_notice,
    simulate,
    work_out_draft,
)

MAY_DIFFER = 0.005


class StaleSimulation(DomainError):
    code = "simulation_stale"


@transaction.atomic
def publish(draft_id: int, *, by: User, falls: int, at: datetime, because: str = "") -> TierRules:
    """The draft is the next version, in force from its day on. `falls`: how many will fall, as `by` has understood it.

    Needs a second person and a fresh simulation that still tells what would happen. Raises StaleSimulation.
    `because`: why the only person who may publish does so alone, what they wrote themselves.
    """
    locks.hold("tiers.publish")
    draft, today, last = open_draft(draft_id), mall_day(at), newest()
    alone_because = _refuse_publisher(draft, by, because)
    _refuse_day(draft, last, today)
    simulation = _understood(draft, falls, today)
    _refuse_if_it_moved(draft, simulation, today)
    version = 1 + max(TierRules.objects.values_list("version", flat=True), default=0)
    if last is not None:
        last.ends_on = draft.starts_on
        last.save(update_fields=["ends_on"])
    rules = TierRules.objects.create(
        version=version,
        content=draft.content,
        starts_on=draft.starts_on,
        reason=draft.reason,
        notice=draft.notice,
        drafted_by=draft.by,
        published_by=by,
        published_at=at,
        alone_because=alone_because,
        simulation=simulation,
        rolls_back=draft.rolls_back,
    )
    draft.state = TierDraft.State.PUBLISHED
    draft.save(update_fields=["state"])
    notices.rules_published(rules, at=at)
    audit.record(
        by,
        "tiers.published",
        rules,
        at=at,
        version=version,
        starts_on=draft.starts_on.isoformat(),
        falls=falls,
        drafted_by=draft.by_id,
        reason=draft.reason,
        **({"alone_because": alone_because} if alone_because else {}),
    )
    return rules


def _refuse_publisher(draft: TierDraft, by: User, because: str) -> str:
    """Why `by` publishes their own draft, empty for a second person."""
    refusal = _("You wrote this draft: somebody else has to publish it.")
    alone = second_person(by, draft.by_id, who_may(Permission.PUBLISH_TIERS), refusal=refusal, because=because)
    if not draft.reason:
        raise Invalid(_("Say in a few words why the rules change."), code="reason")
    return alone


def _refuse_day(draft: TierDraft, last: TierRules | None, today: date) -> None:
    """The members have their notice, and versions follow each other."""
    refuse_notice(draft.starts_on, draft.content, rolls_back=draft.rolls_back_id is not None, today=today)
    if last is not None and last.starts_on >= draft.starts_on:
        raise DomainError(
            _("Version %(version)d begins on %(day)s already. Withdraw it first, or begin later.")
            % {"version": last.version, "day": last.starts_on.isoformat()},
            code="scheduled_already",
        )


def _understood(draft: TierDraft, falls: int, today: date) -> TierSimulation:
    """The simulation of what the draft says, whose number of falls the publisher has typed."""
    simulation = fresh(draft, today=today)
    if simulation is None:
        raise StaleSimulation(_("Simulate these rules first: the last simulation is not of this draft, or too old."))
    if falls != simulation.figures["falls"]:
        raise Invalid(
            _("Type the number of members who fall: %(falls)d.") % {"falls": simulation.figures["falls"]}, code="falls"
        )
    return simulation


def _refuse_if_it_moved(draft: TierDraft, simulation: TierSimulation, today: date) -> None:
    stored, now = moves_of(simulation), work_out_draft(draft, today).moves()
    differ = sum(1 for customer in stored.keys() | now.keys() if stored.get(customer) != now.get(customer))
    if differ > MAY_DIFFER * max(len(stored), 1):
        raise StaleSimulation(
            _("Orders have changed what these rules would do since the simulation (%(count)d members). Simulate again.")
            % {"count": differ}
        )


@transaction.atomic
def withdraw(version_id: int, *, reason: str, by: User, at: datetime) -> TierRules:
    """Rules that have not begun never will, and why; the version before goes on, and who was told of them is told so.

    Who drafted and who published them are told as well.
    """
    if not reason.strip():
        raise Invalid(_("Say in a few words why it is withdrawn."), code="reason_missing")
    locks.hold("tiers.publish")
    rules = TierRules.objects.select_for_update().get(pk=version_id)
    state = TierState.objects.select_for_update().first()
    begun = rules.starts_on <= mall_day(at) or (state is not None and state.evaluated_on >= rules.starts_on)
    if begun or rules.withdrawn_at is not None or rules.ends_on is not None:
        raise DomainError(
            _("Only the last version can be withdrawn, before it begins. Roll it back instead."), code="has_begun"
        )
    rules.withdrawn_at, rules.withdrawn_by, rules.withdrawn_because = at, by, reason.strip()[:300]
    rules.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_because"])
    TierRules.objects.filter(ends_on=rules.starts_on, withdrawn_at__isnull=True).update(ends_on=None)
    notices.rules_withdrawn(rules, at=at)
    colleagues.levels_withdrawn(rules, by=by, at=at)
    audit.record(by, "tiers.withdrawn", rules, at=at, version=rules.version, reason=rules.withdrawn_because)
    return rules


@transaction.atomic
def roll_back(version_id: int, *, by: User, reason: str, at: datetime, client_key: str = "") -> TierDraft:
    """A draft, simulated, that says what the version before said, from tomorrow on. The same `client_key` finds it; with
    another reason it raises SameKey.

    Whoever lost a level to this version, and has not moved since, gets it back. It is published like any draft.
    """
    rules = TierRules.objects.get(pk=version_id)
    if known := draft_of_key(client_key, rules):
        if known.reason != reason.strip()[:300]:
            raise SameKey()
        return known
    before = TierRules.objects.filter(ends_on=rules.starts_on, withdrawn_at__isnull=True).first()
    if before is None or rules.withdrawn_at is not None or newest() != rules or membership.applied() != rules:
        raise DomainError(
            _("Only the version in force can be rolled back, to the one before it."), code="cannot_roll_back"
        )
    if not reason.strip():
        raise Invalid(_("Say in a few words why the rules change."), code="reason")
    draft = TierDraft.objects.create(
        content={**before.content, "transition": Transition.RESTORE.value},
        starts_on=mall_day(at) + timedelta(days=1),
        reason=reason.strip()[:300],
        by=by,
        at=at,
        rolls_back=rules,
        client_key=client_key,
    )
    simulate(draft.pk, by=by, at=at)
    audit.record(by, "tiers.roll_back_drafted", rules, at=at, version=rules.version, draft=draft.pk)
    return draft


# Afterwards ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aftermath:
    """What the first night of a version did, beside what had been said."""

    foretold: int
    moved: int
    as_foretold: int
    others: list[int]


def aftermath(rules: TierRules) -> Aftermath | None:
    """None until the first night of these rules has been worked."""
    state = TierState.objects.first()
    if state is None or state.evaluated_on < rules.starts_on:
        return None
    foretold = moves_of(rules.simulation)
    moved = actual_moves(rules)
    agree = sum(1 for customer, move in foretold.items() if moved.get(customer) == move)
    others = sorted(c for c in foretold.keys() | moved.keys() if foretold.get(c) != moved.get(c))
    return Aftermath(len(foretold), len(moved), agree, others)


def actual_moves(rules: TierRules) -> dict[int, tuple[int, int]]:
    """Customer → rank before and after the first night of these rules, as the history tells it."""
    lines = TierChange.objects.filter(rules=rules, on=rules.starts_on).order_by("customer", "seq")
    moves: dict[int, tuple[int, int]] = {}
    rows = lines.values_list("customer_id", "rank_before", "rank_after")
    for customer, steps in itertools.groupby(rows, key=lambda row: row[0]):
        night = list(steps)
        before, after = night[0][1], night[-1][2]
        if before != after:
            moves[customer] = (before, after)
    return moves
