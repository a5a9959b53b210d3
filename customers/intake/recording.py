"""Orders as a source tells them, before they are facts: whose each is, whether it can be, and whether to ask first."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

from django.utils.translation import gettext as _

from core.lib.deadlock import joining
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import identity, keys, orders
from customers.identity import CustomerRef, People, Person, Told
from customers.intake import guests, unusual
from customers.intake.guests import Kept
from customers.intake.unusual import Usual
from customers.models import GuestOrder, Order
from customers.orders import Contents, OrderFact, Outcome, Recorded, Version

AHEAD = timedelta(days=1)
# Before it nobody sold online; programs that have no time write days of 1970 or 1980.
FIRST_DAY = date(1990, 1, 1)

Result = Recorded | Kept | DomainError


@joining()
def record(fact: OrderFact, *, at: datetime, today: date) -> Recorded | Kept:
    """`record_some` of one. Raises what refuses it: nothing is stored then."""
    [result] = record_some([fact], at=at, today=today)
    if result is None:
        raise RuntimeError("nothing is before the first")
    if isinstance(result, DomainError):
        raise result
    return result


@joining()
def record_some(facts: Sequence[OrderFact], *, at: datetime, today: date) -> list[Result | None]:
    """The newest version of each order, all of one source, is stored; what refuses one refuses that one alone.

    Without a customer an order is kept among those of nobody instead. A later version that names nobody stays with the
    customer who was named. An amount far from everything the shop sells is held until somebody confirms it. Refused are
    numbers that a spreadsheet damaged, times that cannot be, and what contradicts the record.

    None for an order that has to wait until one before it is stored, as both concern one order, one customer or one
    product: so the record is as if they had come one after the other. The first one never waits.
    """
    results: list[Result | None] = [None] * len(facts)
    items = []
    for place, fact in enumerate(facts):
        try:
            items.append(_understood(place, fact, at))
        except DomainError as refusal:
            results[place] = refusal
    if not items:
        return results
    source = items[0].fact.source
    numbers = [item.fact.external_id for item in items]
    whos = [item.who for item in items if item.who]
    orders.hold([item.fact for item in items], whos)
    stored = orders.stored(source, numbers)
    for item in items:
        if item.fact.external_id in stored:
            item.order, item.was_asked = stored[item.fact.external_id]
    owners = {item.order.customer_id for item in items if item.order}
    people = People.read(whos, today=today, owners=owners, hold=True)
    usual = cache(unusual.usual_amount)
    items = _apart(items, people, usual)
    same = [item.order for item in items if item.order and item.order.version == item.fact.version]
    waiting = guests.known(source, (item.fact.external_id for item in items if not item.order))
    judge = _Judge(people, waiting, orders.contents(same), usual, at, today)
    for item in items:
        try:
            results[item.place] = judge.judge(item)
        except DomainError as refusal:
            results[item.place] = refusal
    for item, recorded in judge.write():
        results[item.place] = recorded
    return results


@dataclass
class _Item:
    """One of the facts in normal form, who it names if anybody, and what is stored of it."""

    place: int
    fact: OrderFact
    who: Told | None
    order: Order | None = None
    was_asked: bool = False
    usual: Decimal | None = None


def _understood(place: int, fact: OrderFact, at: datetime) -> _Item:
    fact = _in_normal_form(fact)
    _refuse_impossible_times(fact, at)
    orders.refuse_impossible(fact)
    return _Item(place, fact, None if _names_nobody(fact.customer) else identity.told(fact.customer))


class _Judge:
    """Decides what becomes of each item, and writes all of it when everything is decided."""

    def __init__(
        self,
        people: People,
        waiting: dict[str, GuestOrder],
        contents: Contents,
        usual: Usual,
        at: datetime,
        today: date,
    ) -> None:
        self.people, self.waiting, self.contents, self.usual = people, waiting, contents, usual
        self.at, self.today = at, today
        self.versions: list[tuple[_Item, Version]] = []
        self.kept: list[Kept] = []
        self.named: list[GuestOrder] = []

    def judge(self, item: _Item) -> Recorded | Kept | None:
        """What became of it; None for what is to be stored. Raises what refuses it, with nothing to be written of it."""
        order = item.order
        person, who = self._whose(item)
        guest = None if order else self.waiting.get(item.fact.external_id)
        if person is None:
            why = GuestOrder.Why.AMBIGUOUS if item.who else _why(item.fact.customer)
            self.kept.append(guests.kept(item.fact, why, guest, at=self.at))
            return self.kept[-1]
        told, item.usual = unusual.judged(guests.newest(item.fact, guest), order, self.usual)
        version = Version(told, person.customer, order)
        outcome = orders.outcome(version, self.contents)
        # It is sure now.
        self.people.learn(person, who, since=min(mall_day(told.ordered_at), self.today))
        if guest:
            self.named.append(guest)
        if order and outcome in (Outcome.STALE, Outcome.UNCHANGED):
            return Recorded(outcome, order, order.customer if outcome == Outcome.STALE else person.customer)
        self.versions.append((item, version))
        return None

    def _whose(self, item: _Item) -> tuple[Person | None, Told | None]:
        """Whose order it is, and by what they are told: whoever is named, else who has it; None where nobody can be said."""
        order = item.order
        if order and orders.erased_of(order):
            return self.people.of(order.customer_id), None
        if item.who is not None:
            try:
                return self.people.meant(item.who), item.who
            except DomainError as refusal:
                if refusal.code != "ambiguous_customer":
                    raise
        return (self.people.instead_of(order.customer_id) if order else None), None

    def write(self) -> list[tuple[_Item, Recorded]]:
        self.people.write()
        guests.write(self.kept)
        if self.named:
            GuestOrder.objects.filter(pk__in=[guest.pk for guest in self.named]).delete()
        recorded = orders.record([version for _item, version in self.versions], at=self.at, today=self.today)
        for (item, _version), row in zip(self.versions, recorded, strict=True):
            if item.usual is not None or item.was_asked:
                unusual.note(row.order, item.usual, at=self.at)
        return [(item, row) for (item, _version), row in zip(self.versions, recorded, strict=True)]


# One after the other ------------------------------------------------------------------------------------------------


def _apart(items: Sequence[_Item], people: People, usual: Usual) -> list[_Item]:
    """As many as have nothing in common with one before them: in which order those are stored makes no difference."""
    differing = _told_differently(items)
    touched: set[Hashable] = set()
    apart: list[_Item] = []
    for item in items:
        if unusual.may_be(item.fact, usual):
            return apart or [item]
        concerns = _concerns(item, people, differing)
        if touched.isdisjoint(concerns):
            apart.append(item)
        touched |= concerns
    return apart


def _concerns(item: _Item, people: People, differing: Collection[str]) -> set[Hashable]:
    """What the item reads or changes that another one may change too."""
    concerns: set[Hashable] = {("order", item.fact.external_id)}
    concerns |= {("product", line.product) for line in item.fact.lines if line.product in differing}
    if item.who:
        concerns |= {("name", name) for name in item.who.names}
        concerns |= {("customer", pk) for pk in people.candidates(item.who)}
    if item.order:
        owner = item.order.customer_id
        concerns |= {("customer", owner), ("customer", people.instead_of(owner).customer.pk)}
    return concerns


def _told_differently(items: Sequence[_Item]) -> set[str]:
    """Products of which the items do not say the same: the last word counts."""
    first: dict[str, tuple[str, str]] = {}
    lines = [line for item in items for line in item.fact.lines]
    return {x.product for x in lines if first.setdefault(x.product, (x.name, x.category)) != (x.name, x.category)}


# What can be --------------------------------------------------------------------------------------------------------


def _in_normal_form(fact: OrderFact) -> OrderFact:
    if keys.damaged(fact.external_id):
        raise identity.number_damaged()
    number = keys.order_key(fact.external_id)
    if not number:
        raise Invalid(_("The order number is missing."), code="order_number_missing")
    return replace(fact, external_id=number, customer=identity.in_normal_form(fact.customer))


def _refuse_impossible_times(fact: OrderFact, at: datetime) -> None:
    moments = [fact.ordered_at, *(refund.refunded_at for refund in fact.refunds)]
    if max(moments) > at + AHEAD:
        raise Invalid(_("The order or a refund of it lies in the future. Check the date."), code="time_ahead")
    if mall_day(min(moments)) < FIRST_DAY:
        raise Invalid(_("The order lies before 1990: its date is missing or wrong."), code="time_too_early")


def _names_nobody(customer: CustomerRef) -> bool:
    return not (customer.number or customer.external_id or customer.phone or customer.email)


def _why(customer: CustomerRef) -> str:
    return GuestOrder.Why.UNUSABLE if customer.left_out else GuestOrder.Why.NOBODY
