"""Files of refunds: money back on orders that are on record. What has been told before changes nothing."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from core.lib.money import from_minor
from core.lib.periods import mall_day
from customers import keys, locks, refunds
from customers.imports import undo
from customers.imports.kinds import passing
from customers.imports.kinds.passing import ASKED, CREATED, UNCHANGED, UPDATED, Cells, Pass, Refused
from customers.imports.reading.shape import Row
from customers.imports.spellings import amounts, contacts, dates, statuses
from customers.imports.spellings.statuses import Meaning
from customers.imports.spellings.texts import words
from customers.models import GuestOrder, ImportQuestion, Order, Refund
from customers.refunds import NOTHING, RefundFact

Asks, Answer = ImportQuestion.Kind, ImportQuestion.Answer
# What begins the ids of refunds of which a file of orders has told the sum alone, and of those that have no id.
SUM, MADE = "file-", "refund-"
DONE = (Meaning.REFUNDED, Meaning.PARTIALLY_REFUNDED, Meaning.PAID)
LONGEST_REASON = 200
TOMORROW = timedelta(days=1)


@dataclass
class Told:
    """What one row tells: that so much went back of an order, and when; without `refund_no` the file has no ids."""

    row: Row
    order_no: str
    refund_no: str
    amount: Decimal
    at: datetime | None
    reason: str = ""


@dataclass
class Known:
    """An order and its refunds as this pass knows them."""

    order: Order
    refunds: dict[str, RefundFact] = field(default_factory=dict)
    seen: Counter[tuple[Any, ...]] = field(default_factory=Counter)  # rows without an id, alike in all they say
    is_changed: bool = False


class MoneyBack:
    """What rows of refunds mean. The orders of a file are remembered from batch to batch: rows alike are counted.

    `follow` is told the ids of the orders that have changed, inside the transaction that changed them.
    """

    def __init__(self, pass_: Pass, follow: Callable[[Sequence[int]], object]) -> None:
        self.on, self.source, self.follow = pass_, pass_.run.source, follow
        self.said = {statuses.word(text): meaning for text, meaning in pass_.choices.statuses.items()}
        self.known: dict[str, Known] = {}
        self.seen: dict[str, Counter[tuple[Any, ...]]] = {}
        self.made = set(pass_.run.changes.values_list("order_id", flat=True))

    def read(self, cells: Cells) -> Told | None:
        """None for a refund that nobody has paid out, which is noted. Raises Refused."""
        order_no = contacts.order_no(cells.text("order_no"))
        if not order_no:
            raise Refused("order_no", _("The order number is missing."))
        if status := cells.text("status"):
            meaning = self.said.get(statuses.word(status)) or statuses.meaning_of_refund(status)
            if not meaning:
                text = _("This status is not known. Say what “%(word)s” means.") % {"word": status[:40]}
                raise Refused("status", text)
            if meaning not in DONE:
                cells.note("status", "refund_open" if meaning == Meaning.PENDING else "refund_closed")
                return None
        currency = cells.text("currency")
        if currency:
            amounts.is_own(currency)
        column = self.on.choices.mapping["amount"]
        text = cells.text("amount")
        minor = cells.value("amount", amounts.minor(text, self.on.choices.decimal, amounts.header_unit(column)))
        if not minor:
            cells.note("amount", "refund_nothing")
            return None
        reason = cells.value("reason", words(cells.text("reason"), LONGEST_REASON))
        return Told(
            cells.row,
            order_no,
            contacts.order_no(cells.text("refund_no")),
            from_minor(abs(minor)),
            self._at(cells),
            "" if keys.is_nobody(reason) else reason,
        )

    def _at(self, cells: Cells) -> datetime | None:
        if not (text := cells.text("refunded_at")):
            cells.note("refunded_at", "refund_day")
            return None
        try:
            at = datetime.fromisoformat(dates.moment(text, self.on.choices.date_order)[0])
        except Invalid:
            cells.note("refunded_at", "refund_day")
            return None
        if at > self.on.at + TOMORROW:
            raise Refused("refunded_at", _("This refund is in the future."))
        return at

    def take(self, items: list[Told]) -> None:
        """The pass knows what these rows do to the record; in a run it is done."""
        if self.on.is_run:
            locks.hold_off_everyone()
            self.known = {}
        self._look_up(items)
        for told in items:
            is_other = self.on.is_other(*self._sight(self.known.get(told.order_no)))
            try:
                outcome = self._tell(told, is_other=is_other)
            except passing.Refused as refusal:
                self.on.refuse(told.row, refusal.field, str(refusal))
            else:
                self.on.count(outcome)
        if self.on.is_run:
            self._store([known for known in self.known.values() if known.is_changed])

    def _look_up(self, items: list[Told]) -> None:
        numbers = {told.order_no for told in items} - self.known.keys()
        rows = Order.objects.filter(source=self.source, external_id__in=numbers).order_by("pk")
        for order in rows.prefetch_related("refunds"):
            facts = {
                row.external_id: RefundFact(
                    row.external_id, row.amount, row.refunded_at, row.amount + row.profit_effect, row.reason
                )
                for row in order.refunds.all()
            }
            seen = self.seen.setdefault(order.external_id, Counter())
            self.known[order.external_id] = Known(order, facts, seen)
        guests = GuestOrder.objects.filter(source=self.source, external_id__in=numbers)
        self.guests = set(guests.values_list("external_id", flat=True))

    # What a row does --------------------------------------------------------------------------------------------------

    def _sight(self, known: Known | None) -> list[Any]:
        """What of the record a row of this order depends on."""
        if known is None:
            return []
        refunds_ = sorted((row.external_id, int(row.amount * 100)) for row in known.refunds.values())
        return [known.order.pk, str(known.order.status), int(known.order.paid * 100), refunds_]

    def _tell(self, told: Told, *, is_other: bool) -> str:
        known = self.known.get(told.order_no)
        if known is None:
            raise self._no_order(told)
        if known.order.status == Order.Status.CANCELLED:
            self.on.note(told.row, "order_no", "refund_cancelled")
            return UNCHANGED
        if known.order.status == Order.Status.PENDING:
            raise Refused(
                "order_no", _("Order %(number)s is not paid: nothing can go back.") % {"number": told.order_no}
            )
        fact = self._fact(told, known)
        if fact is None:
            return UNCHANGED
        before = known.refunds.get(fact.external_id)
        if before and before.amount == fact.amount and fact.reason not in ("", before.reason) and not is_other:
            known.refunds[fact.external_id], known.is_changed = replace(before, reason=fact.reason), True
            return UPDATED
        if before and before.amount == fact.amount:
            was_made = known.order.pk in self.made and known.order.import_run == self.on.run.pk
            return CREATED if was_made else UNCHANGED
        after = self._with(known, fact)
        if sum(row.amount for row in after.values()) > known.order.paid:
            text = _("More would have gone back than order %(number)s was paid: %(paid)s.")
            raise Refused("amount", text % {"number": told.order_no, "paid": known.order.paid})
        kinds = [Asks.AMOUNT] * (before is not None) + [Asks.CHANGED] * is_other
        if kinds and not self._is_yes(told, known, before, fact, kinds):
            return ASKED
        known.refunds, known.is_changed = after, True
        self.on.concerned.add(known.order.customer_id)
        return UPDATED if before else CREATED

    def _no_order(self, told: Told) -> Refused:
        if told.order_no in self.guests:
            text = _("Order %(number)s has no customer yet. Say whose it is first.")
        else:
            text = _("There is no order %(number)s of this source. Import its orders first.")
        return Refused("order_no", text % {"number": told.order_no})

    def _fact(self, told: Told, known: Known) -> RefundFact | None:
        """The refund the row speaks of; None for one without an id that is on record under an id of the shop."""
        at = told.at or known.order.ordered_at
        if told.refund_no:
            return RefundFact(told.refund_no, told.amount, at, reason=told.reason)
        alike = (at, told.amount)
        known.seen[alike] += 1
        text = f"{told.order_no}/{at.isoformat()}/{told.amount}/{known.seen[alike]}"
        external_id = MADE + hashlib.sha256(text.encode()).hexdigest()[:20]
        if external_id in known.refunds:
            return RefundFact(external_id, told.amount, at, reason=told.reason)
        same = [
            row
            for row in known.refunds.values()
            if (row.amount, mall_day(row.refunded_at)) == (told.amount, mall_day(at))
            and not row.external_id.startswith((SUM, MADE))
        ]
        day = (mall_day(at), told.amount)
        known.seen[day] += 1
        return None if known.seen[day] <= len(same) else RefundFact(external_id, told.amount, at, reason=told.reason)

    def _with(self, known: Known, fact: RefundFact) -> dict[str, RefundFact]:
        """The refunds with this one. What a file of orders has told of the sum is what the single refunds add up to."""
        after = dict(known.refunds)
        rest = NOTHING if fact.external_id in after else fact.amount
        for row in [row for row in after.values() if row.external_id.startswith(SUM)]:
            taken = min(rest, row.amount)
            rest -= taken
            del after[row.external_id]
            if row.amount > taken:
                cost = min(row.cost_returned, row.amount - taken)
                after[row.external_id] = RefundFact(row.external_id, row.amount - taken, row.refunded_at, cost)
        after[fact.external_id] = fact
        return after

    def _is_yes(
        self, told: Told, known: Known, before: RefundFact | None, fact: RefundFact, kinds: list[ImportQuestion.Kind]
    ) -> bool:
        amount = before.amount if before else NOTHING
        who = {"customer_id": known.order.customer_id, "fields": {"amount": str(amount)}}
        after = {"fields": {"amount": str(fact.amount)}}
        key = f"{told.order_no} {fact.external_id}"
        return self.on.ask(told.row, key, kinds, who, after) == Answer.YES

    # Storing ----------------------------------------------------------------------------------------------------------

    def _store(self, changed: list[Known]) -> None:
        ids = [known.order.pk for known in changed]
        if not ids:
            return
        undo.remember(self.on.run, ids)
        Refund.objects.filter(order__in=ids).delete()
        for known in changed:
            facts = list(known.refunds.values())
            refunds.store((known.order, fact) for fact in facts)
            Order.objects.filter(pk=known.order.pk).update(
                fully_refunded_on=refunds.fully_refunded_on(facts, paid=known.order.paid),
                file_changes=F("file_changes") + 1,
                import_run=self.on.run.pk,
                received_at=self.on.at,
            )
        self.made |= set(ids)
        self.follow(ids)
