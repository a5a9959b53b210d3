"""What other tier rules would do, worked out by the night that would apply them; and how they come into force.

draft → simulate → publish by a second person → the night of `starts_on` → compare → roll back as a new version.
"""

import itertools
import zlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from core.accounts import audit
from core.accounts.models import User
from core.lib import arrays
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.periods import mall_day
from customers import locks
from customers.models import Customer, Standing
from loyalty.maths.tiers import Basis, Reason, Transition, add_months, lowest, totals, transfer, window_start
from loyalty.models import TierChange, TierDraft, TierOverride, TierRules, TierSimulation, TierState
from loyalty.tier_rules import Content, digest, rule_of, starting_point, validate
from loyalty.tiers import figures as facts
from loyalty.tiers import membership
from loyalty.tiers import night as tier_night
from loyalty.tiers.figures import People, Span
from segmentation.frames import day_number
from segmentation.models import Alert

Array = NDArray[Any]
FRESH_FOR = timedelta(days=7)
LATEST = timedelta(days=366)
MAY_DIFFER = 0.005
NIGHTS_BEHIND = 7
NEAR = Decimal("0.95")
SHOWN = 50
BARS = 60


class StaleSimulation(DomainError):
    code = "simulation_stale"


# Working out --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Simulated:
    """The first night of a draft. Arrays are of everybody with a purchase or a level, sorted by customer.

    `held_before` counts in the levels in force until then, `before` and `after` in the draft's.
    """

    ids: Array
    held_before: Array
    before: Array
    after: Array
    reason: Array
    amount: Array
    year: Array
    old: TierRules | None
    content: Content
    starts_on: date

    @property
    def moved(self) -> Array:
        return np.flatnonzero(self.before != self.after)

    def moves(self) -> dict[int, tuple[int, int]]:
        """Customer → rank before and after, of everybody whose level changes that night."""
        at = self.moved
        return {
            int(customer): (int(before), int(after))
            for customer, before, after in zip(self.ids[at], self.before[at], self.after[at], strict=True)
        }


def work_out(content: Content, *, starts_on: date, today: date, restores: TierRules | None = None) -> Simulated:
    """The night of `starts_on` under these rules, if nobody buys anything more until then. Nothing is written.

    The nights between now and then are worked first, in memory, under the rules that are in force on them.
    """
    rule, first_day = rule_of(content), day_number(starts_on)
    state = TierState.objects.select_related("rules").first()
    current = state.rules if state else None
    nights = _nights_until(starts_on, state, today)
    spans = [tier_night.span_of(rules.rule, day_number(night)) for night, rules in nights]
    spans.append(tier_night.span_of(rule, first_day))
    year = int(add_months(np.array([first_day]), -12)[0])
    spans.append(Span(Basis.NET_SPEND, year, first_day, first_day))
    ids, sums = facts.sums(spans)

    bars = [rules.rule.levels[1].qualify for _night, rules in nights] + [rule.levels[1].qualify]
    could_rise = np.zeros(len(ids), bool)
    for amounts, bar in zip(sums, bars, strict=False):
        could_rise |= amounts >= bar
    people = facts.people(ids[could_rise])
    here = np.isin(ids, people.ids, assume_unique=True)
    old, before = current, current.rule if current else None
    refunds = True
    for (night, rules), amounts in zip(nights, sums, strict=False):
        same = old is not None and rules.pk == old.pk
        tonight = before if same and before is not None else rules.rule
        of_people = facts.at(people.ids, ids[here], amounts[here])
        worked = tier_night.work_out(
            day_number(night),
            people,
            of_people,
            before=before,
            rule=tonight,
            restores=rules.rolls_back,
            refunds=refunds,
        )
        people, old, before, refunds = _afterwards(worked), rules, tonight, False
        following = [following_night for following_night, _rules in nights if following_night > night]
        people = _reviews_between(night, min([starts_on, *following]), people, rules)
    amount = facts.at(people.ids, ids[here], sums[-2][here])
    worked = tier_night.work_out(
        first_day, people, amount, before=before, rule=rule, restores=restores, refunds=refunds
    )
    everybody = np.union1d(ids, people.ids)

    def spread(values: Array) -> Array:
        return facts.at(everybody, people.ids, values)

    return Simulated(
        ids=everybody,
        held_before=spread(people.held.rank),
        before=spread(worked.rank_before),
        after=spread(worked.after.rank),
        reason=spread(worked.reason),
        amount=facts.at(everybody, ids, sums[-2]),
        year=facts.at(everybody, ids, sums[-1]),
        old=old,
        content=content,
        starts_on=starts_on,
    )


def _nights_until(starts_on: date, state: TierState | None, today: date) -> list[tuple[date, TierRules]]:
    """Nights before `starts_on` that can raise somebody: up to tomorrow's, and the first night of scheduled rules."""
    if state is None:
        return []
    nights: list[tuple[date, TierRules]] = []
    rules, night = state.rules, state.evaluated_on + timedelta(days=1)
    while night < starts_on:
        tonight = membership.in_force(night) or rules
        if night <= today + timedelta(days=1) or tonight.pk != rules.pk:
            nights.append((night, tonight))
        if len(nights) > NIGHTS_BEHIND:
            raise DomainError(_("The nights are behind. Let them run first, then simulate."), code="nights_behind")
        rules, night = tonight, night + timedelta(days=1)
    return nights


def _afterwards(worked: tier_night.Worked) -> People:
    seq = worked.people.seq.copy()
    for place, _line in worked.lines():
        seq[place] += 1
    return People(worked.people.ids, worked.after, seq)


def _reviews_between(night: date, until: date, people: People, rules: TierRules) -> People:
    """The nights after `night` and before `until`, on which only reviews and ends of grace can come."""
    rule = rules.rule
    for day in range(day_number(night) + 1, day_number(until)):
        due = np.flatnonzero((people.held.rank > 0) & (people.held.review <= day))
        if not len(due):
            continue
        some = People(people.ids[due], people.held.of(due), people.seq[due])
        ends = np.full(len(due), day, np.int64)
        bought = facts.events(some.ids, rule.basis)
        amount = totals(bought, window_start(rule, ends), ends, ends)
        worked = tier_night.work_out(day, some, amount, before=rule, rule=rule, refunds=False)
        after = _afterwards(worked)
        seq = people.seq.copy()
        seq[due] = after.seq
        people = People(people.ids, people.held.put(due, after.held), seq)
    return people


# Telling ------------------------------------------------------------------------------------------------------------


def figures(told: Simulated) -> dict[str, Any]:
    """Everything the pages show, as plain numbers and ids: names are looked up by who may see them."""
    new_levels = told.content["levels"]
    old_levels = told.old.levels if told.old else []
    customers = Customer.objects.count()
    unseen = customers - len(told.ids)
    table = np.zeros((max(len(old_levels), 1), len(new_levels)), np.int64)
    np.add.at(table, (told.held_before, told.after), 1)
    table[0, 0] += unseen
    falls, rises = np.flatnonzero(told.after < told.before), np.flatnonzero(told.after > told.before)
    graced = np.flatnonzero((told.after == told.before) & (told.reason == Reason.RULES))
    worse = np.union1d(falls, graced)
    standing = _standings(told.ids[worse])
    big = [row for row in standing if row["class"] == Standing.Class.BIG]
    place = {int(customer): n for n, customer in enumerate(told.ids.tolist())} if len(big) else {}
    promised = TierOverride.objects.filter(starts_on__lte=told.starts_on, ends_on__gt=told.starts_on)
    return {
        "customers": customers,
        "from": [level["name"] for level in old_levels] or [new_levels[0]["name"]],
        "to": [level["name"] for level in new_levels],
        "table": table.tolist(),
        "first": told.old is None,
        "rises": len(rises),
        "falls": len(falls),
        "graced": len(graced),
        "value_of_fallen": sum(row["value"] for row in standing),
        "alerts_of_fallen": Alert.objects.filter(
            customer_id__in=told.ids[worse].tolist(), state=Alert.State.OPEN
        ).count()
        if len(worse) < 50_000
        else None,
        "promised": promised.filter(customer_id__in=told.ids[falls].tolist()).count() if promised.exists() else 0,
        "big_worse": [
            {
                "customer": row["customer"],
                "before": int(told.before[place[row["customer"]]]),
                "after": int(told.after[place[row["customer"]]]),
                "amount": int(told.amount[place[row["customer"]]]),
                "value": row["value"],
            }
            for row in sorted(big, key=lambda row: -row["value"])
        ],
        "near": _near(told),
        "spared": _spared(told, {row["customer"] for row in big}),
        "cost_before": _cost(told.old.content if told.old else None, told.held_before, told, unseen),
        "cost_after": _cost(told.content, told.after, told, unseen),
        "credit_before": _credit(told.old.content if told.old else None, told.held_before),
        "credit_after": _credit(told.content, told.after),
        "bars": histogram(told.amount, told.content["basis"]),
    }


def _standings(ids: Array) -> list[dict[str, int]]:
    read = arrays.read(
        "SELECT customer_id, value, customer_class FROM customers_standing WHERE customer_id = ANY(%(ids)s::bigint[])",
        {"ids": ids.tolist()},
        {"customer": "int8", "value": "int8", "class": "int2"},
    )
    columns = (read[name].tolist() for name in ("customer", "value", "class"))
    return [{"customer": c, "value": v, "class": k} for c, v, k in zip(*columns, strict=True)]


def _near(told: Simulated) -> list[dict[str, Any]]:
    """Per level: how many miss it by at most five per cent, and the nearest of them."""
    rule, found = rule_of(told.content), []
    for rank, level in enumerate(rule.levels[1:], start=1):
        floor = -int(-level.qualify * NEAR // 1)
        close = np.flatnonzero((told.amount >= floor) & (told.amount < level.qualify) & (told.after < rank))
        nearest = close[np.lexsort((told.ids[close], -told.amount[close]))][:SHOWN]
        found.append(
            {
                "rank": rank,
                "name": level.name,
                "count": len(close),
                "nearest": [
                    {"customer": int(told.ids[n]), "gap": level.qualify - int(told.amount[n])} for n in nearest
                ],
            }
        )
    return found


def _spared(told: Simulated, big: set[int]) -> list[dict[str, Any]]:
    """Per level: the highest threshold that no big customer who holds the level today would miss."""
    if not big:
        return []
    rule, found = rule_of(told.content), []
    is_big = np.isin(told.ids, np.array(sorted(big), np.int64))
    for rank, level in enumerate(rule.levels[1:], start=1):
        hurt = is_big & (told.before >= rank) & (told.amount < level.qualify)
        if hurt.any():
            found.append({"rank": rank, "name": level.name, "at": int(told.amount[hurt].min())})
    return found


def _cost(content: Content | None, ranks: Array, told: Simulated, unseen: int) -> int:
    """Minor units a year: fixed costs per member, discounts and extra points on the last twelve months' spend."""
    if content is None:
        return 0
    spend = np.maximum(told.year, 0)
    years: Array | None = None
    total = Decimal(0)
    for rank, level in enumerate(content["levels"]):
        for benefit in level["benefits"]:
            has = ranks == rank
            if benefit["after_years"]:
                years = _years(told) if years is None else years
                has = has & (years >= benefit["after_years"])
            members = int(has.sum()) + (unseen if rank == 0 and not benefit["after_years"] else 0)
            total += members * Decimal(benefit["cost"]) * 100
            spent = int(spend[has].sum())
            if benefit["kind"] == "discount":
                total += spent * Decimal(benefit["amount"]) / 100
            elif benefit["kind"] == "multiplier":
                # One point per yuan; only what is more than a member without the benefit would get.
                total += spent * (Decimal(benefit["amount"]) - 1) * Decimal(content["point_cost"])
    return int(total)


def _years(told: Simulated) -> Array:
    read = arrays.read(
        "SELECT id, (EXTRACT(year FROM age(%(on)s::date, registered_on)))::int4 FROM customers_customer ORDER BY id",
        {"on": told.starts_on},
        {"id": "int8", "years": "int4"},
    )
    here = np.isin(read["id"], told.ids, assume_unique=True)
    return read["years"][here]


def _credit(content: Content | None, ranks: Array) -> int:
    """The sum of credit limits granted, in minor units."""
    total = 0
    for rank, level in enumerate(content["levels"] if content else []):
        for benefit in level["benefits"]:
            if benefit["kind"] == "credit_limit":
                total += int((ranks == rank).sum()) * int(Decimal(benefit["amount"]) * 100)
    return total


def histogram(amounts: Array, basis: str) -> list[list[float]]:
    """[from, to, customers] per bar, equally wide on a logarithmic axis, in yuan or orders; nothing below 1."""
    amounts = amounts[amounts > 0] / (1 if basis == Basis.ORDERS else 100)
    top = max(float(amounts.max(initial=1.0)), 10.0)
    edges = np.geomspace(1, top * 1.0001, BARS + 1)
    counts, _edges = np.histogram(np.maximum(amounts, 1), edges)
    return [
        [round(low, 2), round(high, 2), int(count)]
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]


def try_out(content: Content, *, draft: TierDraft, today: date) -> dict[str, Any]:
    """The figures of these rules in the place of the draft's, on its day or tomorrow; nothing is stored."""
    starts_on = max(draft.starts_on, today + timedelta(days=1))
    return figures(work_out(content, starts_on=starts_on, today=today, restores=draft.rolls_back))


def distribution(content: Content, *, today: date) -> list[list[float]]:
    """The histogram of what counts today under these rules' basis and window."""
    content = validate(content)
    _ids, [amounts] = facts.sums([tier_night.span_of(rule_of(content), day_number(today) + 1)])
    return histogram(amounts, content["basis"])


def rehearse(content: Content, *, first: date, last: date) -> list[dict[str, Any]]:
    """If these rules had been in force from `first` on: members per level, rises and falls, month by month.

    Looked at on the first of each month with what was known then; everybody begins with the level they had reached.
    """
    rule = rule_of(validate(content))
    nights = [first]
    while nights[-1] < last:
        following = (nights[-1].replace(day=1) + timedelta(days=32)).replace(day=1)
        nights.append(min(following, last))
    spans = [tier_night.span_of(rule, day_number(night)) for night in nights]
    ids, sums = facts.sums(spans)
    people = People(ids, lowest(len(ids)), np.zeros(len(ids), np.int64))
    told = []
    for night, amount in zip(nights, sums, strict=True):
        day = day_number(night)
        if night == first:
            after = transfer(None, rule, people.held, amount, day).held
        else:
            after = tier_night.work_out(day, people, amount, before=rule, rule=rule, refunds=False).after
        told.append(
            {
                "on": night,
                "levels": np.bincount(after.rank, minlength=len(rule.levels)).tolist(),
                "rises": int((after.rank > people.held.rank).sum()) if night != first else 0,
                "falls": int((after.rank < people.held.rank).sum()),
            }
        )
        people = People(ids, after, people.seq)
    return told


# Drafts -------------------------------------------------------------------------------------------------------------


def _today(at: datetime) -> date:
    return mall_day(at)


def newest() -> TierRules | None:
    """The last published version, in force or scheduled."""
    return TierRules.objects.filter(withdrawn_at__isnull=True).order_by("-starts_on").first()


@transaction.atomic
def new_draft(*, by: User, at: datetime, client_key: str = "") -> TierDraft:
    """A draft that says what the newest version says, to begin when its notice is over. The same `client_key` finds it."""
    if known := _known(client_key, None):
        return known
    last = newest()
    content = {**(last.content if last else starting_point()), "transition": Transition.KEEP.value}
    starts_on = _today(at) + timedelta(days=content["notice_days"] if last else 1)
    return TierDraft.objects.create(content=validate(content), starts_on=starts_on, by=by, at=at, client_key=client_key)


def _known(client_key: str, rolls_back: TierRules | None) -> TierDraft | None:
    """The draft of an earlier request with this key. Raises SameKey when that request was another one."""
    if not client_key:
        return None
    locks.hold(f"tier-draft:{client_key}")
    found = TierDraft.objects.filter(client_key=client_key).select_related("rolls_back", "by").first()
    if found is not None and found.rolls_back != rolls_back:
        raise SameKey()
    return found


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
    draft = _open_draft(draft_id)
    if content is not None:
        draft.content = validate(content)
        if draft.rolls_back_id is None and draft.content["transition"] == Transition.RESTORE:
            raise Invalid(_("Only a roll back can give back what the last rules took."), code="transition")
    if starts_on is not None and starts_on > _today(at) + LATEST:
        raise Invalid(_("Begin within the next %(days)d days.") % {"days": LATEST.days}, code="starts_on")
    draft.starts_on = starts_on or draft.starts_on
    draft.reason = draft.reason if reason is None else reason.strip()[:300]
    draft.notice = draft.notice if notice is None else notice.strip()[:500]
    draft.by, draft.at = by, at
    draft.save()
    return draft


@transaction.atomic
def drop_draft(draft_id: int, *, by: User, at: datetime) -> None:
    draft = _open_draft(draft_id)
    draft.state = TierDraft.State.DROPPED
    draft.save(update_fields=["state"])
    audit.record(by, "tiers.draft_dropped", draft, at=at)


def _open_draft(draft_id: int) -> TierDraft:
    draft = TierDraft.objects.select_for_update().get(pk=draft_id)
    if draft.state != TierDraft.State.OPEN:
        raise DomainError(_("This draft is closed: %(how)s.") % {"how": draft.get_state_display()}, code="draft_closed")
    return draft


@transaction.atomic
def simulate(draft_id: int, *, by: User | None, at: datetime) -> TierSimulation:
    """What the draft would do is stored with the digest of what it says."""
    draft = _open_draft(draft_id)
    told = _simulated(draft, _today(at))
    return TierSimulation.objects.create(
        draft=draft,
        digest=digest(draft.content, draft.starts_on),
        based_on=newest(),
        computed_on=_today(at),
        at=at,
        by=by,
        figures=figures(told),
        moves=_packed(told),
    )


def _simulated(draft: TierDraft, today: date) -> Simulated:
    if draft.starts_on <= today:
        raise Invalid(_("New rules begin tomorrow at the earliest."), code="starts_on")
    return work_out(draft.content, starts_on=draft.starts_on, today=today, restores=draft.rolls_back)


def _packed(told: Simulated) -> bytes:
    at = told.moved
    columns = np.stack([told.ids[at], told.before[at], told.after[at]]).astype("<i8")
    return zlib.compress(columns.tobytes(), 6)


def moves_of(simulation: TierSimulation) -> dict[int, tuple[int, int]]:
    """Customer → rank before and after, as the simulation said."""
    columns = np.frombuffer(zlib.decompress(bytes(simulation.moves)), dtype="<i8").reshape(3, -1)
    return {int(customer): (int(before), int(after)) for customer, before, after in columns.T}


def movers(simulation: TierSimulation, *, before: str, after: str) -> list[int]:
    """Customers in one cell of the table, by the names of the levels before and after."""
    old = {level["code"]: level["name"] for level in (simulation.based_on.levels if simulation.based_on else [])}
    new = simulation.draft.content["levels"]
    names = [old.get(level["code"], level["name"]) for level in new]
    found = moves_of(simulation).items()
    return sorted(c for c, (was, is_) in found if names[was] == before and new[is_]["name"] == after)


def fresh(draft: TierDraft, *, today: date) -> TierSimulation | None:
    """The newest simulation of exactly what the draft says now, not older than a week; or None."""
    found = draft.simulations.order_by("-id").first()
    if (
        found is None
        or found.digest != digest(draft.content, draft.starts_on)
        or found.computed_on < today - FRESH_FOR
        or found.based_on != newest()
    ):
        return None
    return found


# Publishing ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def publish(draft_id: int, *, by: User, falls: int, at: datetime) -> TierRules:
    """The draft is the next version, in force from its day on. `falls`: how many will fall, as `by` has understood it.

    Needs a second person and a fresh simulation that still tells what would happen. Raises StaleSimulation.
    """
    locks.hold("tiers.publish")
    draft, today = _open_draft(draft_id), _today(at)
    if draft.by_id == by.pk:
        raise DomainError(_("You wrote this draft: somebody else has to publish it."), code="second_person")
    if not draft.reason:
        raise Invalid(_("Say in a few words why the rules change."), code="reason")
    last = newest()
    notice = draft.content["notice_days"] if last is not None and draft.rolls_back_id is None else 1
    if draft.starts_on < today + timedelta(days=notice):
        raise Invalid(
            _("These rules promise %(days)d days of notice: begin on %(day)s or later.")
            % {"days": notice, "day": (today + timedelta(days=notice)).isoformat()},
            code="starts_on",
        )
    if last is not None and last.starts_on >= draft.starts_on:
        raise DomainError(
            _("Version %(version)d begins on %(day)s already. Withdraw it first, or begin later.")
            % {"version": last.version, "day": last.starts_on.isoformat()},
            code="scheduled_already",
        )
    simulation = fresh(draft, today=today)
    if simulation is None:
        raise StaleSimulation(_("Simulate these rules first: the last simulation is not of this draft, or too old."))
    if falls != simulation.figures["falls"]:
        raise Invalid(
            _("Type the number of members who fall: %(falls)d.") % {"falls": simulation.figures["falls"]}, code="falls"
        )
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
        simulation=simulation,
        rolls_back=draft.rolls_back,
    )
    draft.state = TierDraft.State.PUBLISHED
    draft.save(update_fields=["state"])
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
    )
    return rules


def _refuse_if_it_moved(draft: TierDraft, simulation: TierSimulation, today: date) -> None:
    said, now = moves_of(simulation), _simulated(draft, today).moves()
    differ = sum(1 for customer in said.keys() | now.keys() if said.get(customer) != now.get(customer))
    if differ > MAY_DIFFER * max(len(said), 1):
        raise StaleSimulation(
            _("Orders have changed what these rules would do since the simulation (%(count)d members). Simulate again.")
            % {"count": differ}
        )


@transaction.atomic
def withdraw(version_id: int, *, by: User, at: datetime) -> TierRules:
    """Rules that have not begun never will; the version before goes on."""
    locks.hold("tiers.publish")
    rules = TierRules.objects.select_for_update().get(pk=version_id)
    state = TierState.objects.select_for_update().first()
    begun = rules.starts_on <= _today(at) or (state is not None and state.evaluated_on >= rules.starts_on)
    if begun or rules.withdrawn_at is not None or rules.ends_on is not None:
        raise DomainError(
            _("Only the last version can be withdrawn, before it begins. Roll it back instead."), code="has_begun"
        )
    rules.withdrawn_at, rules.withdrawn_by = at, by
    rules.save(update_fields=["withdrawn_at", "withdrawn_by"])
    TierRules.objects.filter(ends_on=rules.starts_on, withdrawn_at__isnull=True).update(ends_on=None)
    audit.record(by, "tiers.withdrawn", rules, at=at, version=rules.version)
    return rules


@transaction.atomic
def roll_back(version_id: int, *, by: User, reason: str, at: datetime, client_key: str = "") -> TierDraft:
    """A draft, simulated, that says what the version before said, from tomorrow on. The same `client_key` finds it.

    Whoever lost a level to this version, and has not moved since, gets it back. It is published like any draft.
    """
    rules = TierRules.objects.get(pk=version_id)
    if known := _known(client_key, rules):
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
        starts_on=_today(at) + timedelta(days=1),
        reason=reason.strip()[:300],
        by=by,
        at=at,
        rolls_back=rules,
        client_key=client_key,
    )
    simulate(draft.pk, by=by, at=at)
    audit.record(by, "tiers.roll_back_drafted", rules, at=at, version=rules.version, draft=draft.pk)
    return draft


# Afterwards ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aftermath:
    """What the first night of a version did, beside what had been said."""

    said: int
    moved: int
    as_said: int
    others: list[int]


def aftermath(rules: TierRules) -> Aftermath | None:
    """None until the first night of these rules has been worked."""
    state = TierState.objects.first()
    if state is None or state.evaluated_on < rules.starts_on:
        return None
    said = moves_of(rules.simulation)
    moved = actual_moves(rules)
    agree = sum(1 for customer, move in said.items() if moved.get(customer) == move)
    others = sorted(c for c in said.keys() | moved.keys() if said.get(c) != moved.get(c))
    return Aftermath(len(said), len(moved), agree, others)


def actual_moves(rules: TierRules) -> dict[int, tuple[int, int]]:
    """Customer → rank before and after the first night of these rules, as the history tells it."""
    lines = TierChange.objects.filter(rules=rules, on=rules.starts_on).order_by("customer", "seq")
    found: dict[int, tuple[int, int]] = {}
    rows = lines.values_list("customer_id", "rank_before", "rank_after")
    for customer, of_one in itertools.groupby(rows, key=lambda row: row[0]):
        told = list(of_one)
        if told[0][1] != told[-1][2]:
            found[customer] = (told[0][1], told[-1][2])
    return found
