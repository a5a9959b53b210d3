"""Files of customers: who is meant, what the file may say of them, and what waits for a yes.

A file fills what the record does not know and changes what files have said before. What a person has written here, or
the shop itself has told, stays until somebody says yes.
"""

import copy
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Min
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import rows
from core.lib.almanac.days import LifeDay
from customers import contact_points, identity, locks
from customers.contact_points import Kind as Reach
from customers.contact_points import Sealed
from customers.imports.kinds import passing
from customers.imports.kinds.passing import ASKED, CREATED, UNCHANGED, UPDATED, Cells, Pass
from customers.imports.kinds.people_rows import Reader, Told
from customers.models import ContactPoint, Customer, CustomerChange, ExternalIdentity, ImportQuestion, Order, Standing
from customers.record import changes, life_dates, writing
from customers.record.changes import MANAGER, Changed, Door
from customers.work import capacity

Asks, Answer = ImportQuestion.Kind, ImportQuestion.Answer
RECOGNISES = (Reach.PHONE, Reach.EMAIL)
# Whatever it says of these, a record that was made through a door does not mean that the door has told them.
NOT_TOLD_BY_DEFAULT = ("registered_on", "is_reseller", "interests")


@dataclass
class Person:
    """A customer as this pass knows them; `pk` is below zero for one whom the pass makes."""

    pk: int
    customer: Customer
    points: set[tuple[str, bytes]] = field(default_factory=set)
    doors: dict[str, str] = field(default_factory=dict)
    first_order: date | None = None
    before: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)  # as they were
    new_points: list[Sealed] = field(default_factory=list)
    new_ids: list[str] = field(default_factory=list)
    borrowed: dict[tuple[str, bytes], int] = field(default_factory=dict)  # points that another import alone has told
    is_changed: bool = False


class People:
    """What rows of customers mean. Outside a run, whom the file has made so far is remembered from batch to batch."""

    def __init__(self, pass_: Pass) -> None:
        self.on, self.source = pass_, pass_.run.source
        self.reader = Reader(pass_)
        self.people: dict[int, Person] = {}
        self.ids: dict[str, int] = {}
        self.found: dict[tuple[str, bytes], set[int]] = {}
        self.of_source: set[int] = set()
        self.books: dict[int, int] = {}
        self.most: dict[int, int] = {}
        self.made = 0
        self.mine: set[int] = set()  # made by this pass
        self.again: set[int] = set()  # points that this file has told too

    def read(self, cells: Cells) -> Told:
        """What the row tells. Raises passing.Refused."""
        return self.reader.read(cells)

    def take(self, items: list[Told]) -> None:
        """The pass knows what these rows do to the record; in a run it is done."""
        if self.on.is_run:
            locks.hold_off_everyone()
            self.people, self.ids, self.found, self.of_source = {}, {}, {}, set()
        self._look_up(items)
        for told in items:
            try:
                pk = self._in_use(self._who(told))
            except passing.Refused as refusal:
                self.on.is_other("refused")
                self.on.refuse(told.row, refusal.field, str(refusal))
                continue
            outcome, person = self._tell(told, pk)
            self.on.count(outcome, person.pk)
        if self.on.is_run:
            self._store([person for person in self.people.values() if person.is_changed])
            self._say_again([told.external_id for told in items if told.external_id])

    # Who is meant -----------------------------------------------------------------------------------------------------

    def _look_up(self, items: list[Told]) -> None:
        ids = [told.external_id for told in items if told.external_id and told.external_id not in self.ids]
        rows = ExternalIdentity.objects.filter(source=self.source, external_id__in=ids)
        self.ids |= dict(rows.values_list("external_id", "customer_id"))
        reached = [point for told in items for point in told.points if point.kind in RECOGNISES]
        for value, pks in contact_points.who_have(reached).items():
            self.found.setdefault(value, set()).update(pks)
        wanted = {pk for pks in self.found.values() for pk in pks} | set(self.ids.values())
        fresh = [pk for pk in wanted if pk > 0 and pk not in self.people]
        self._load(fresh)

    def _load(self, ids: list[int]) -> None:
        if self.on.is_run:
            locks.hold_customers(ids)
        known = ExternalIdentity.objects.filter(source=self.source, customer__in=ids)
        self.of_source |= set(known.values_list("customer_id", flat=True))
        first = dict(Order.objects.filter(customer__in=ids).values_list("customer_id").annotate(Min("ordered_on")))
        customers = list(Customer.objects.filter(pk__in=ids).select_related("manager"))
        life_dates.read_many(customers)
        for customer in customers:
            person = Person(customer.pk, customer, first_order=first.get(customer.pk))
            person.before, person.columns = writing.words_of(customer), _columns(customer)
            self.people[customer.pk] = person
        for point in ContactPoint.objects.filter(customer__in=self.people.keys() & set(ids)):
            person, values = self.people[point.customer_id], contact_points.values_of([point])
            person.points |= values
            if point.import_run not in (None, self.on.run.pk):
                person.borrowed |= dict.fromkeys(values, point.pk)
        rows = CustomerChange.objects.filter(customer__in=ids).order_by("at", "pk")
        for pk, name, door in rows.values_list("customer_id", "field", "door"):
            if pk in self.people:
                self.people[pk].doors[name] = door

    def _who(self, told: Told) -> int | None:
        """As identity.find_or_create asks: the source's own id, else the phones, else the e-mails."""
        if told.external_id in self.ids:
            return self.ids[told.external_id]
        for kind in RECOGNISES:
            for point in told.points:
                if point.kind != kind:
                    continue
                people = self.found.get((point.kind, point.blind_index), set())
                if told.external_id:  # somebody whom the source knows under another id only shares the phone
                    people = people - self.of_source
                if len(people) == 1:
                    return next(iter(people))
                if people and not told.external_id:
                    text = _("Several customers share this phone or e-mail. Give the customer's id.")
                    raise passing.Refused(str(kind), text)
        return None

    def _in_use(self, pk: int | None) -> int | None:
        if pk is not None and self.people[pk].customer.merged_into_id is not None:
            text = _("This record has been merged into another one. Change that one.")
            raise passing.Refused("customer", text)
        return pk

    # What the row does ------------------------------------------------------------------------------------------------

    def _tell(self, told: Told, pk: int | None) -> tuple[str, Person]:
        person = self.people[pk] if pk is not None else self._made(told)
        before = dict(person.before if not person.is_changed else writing.words_of(person.customer))
        columns, open_ = self._allowed(told, person, before) if pk is not None else (list(told.groups.values()), {})
        after = writing.words_of(_filled(person.customer, columns))
        says_more = [name for name in before.keys() | after.keys() if before.get(name, "") != after.get(name, "")]
        if self._is_held(told, person, before, after, open_):
            return ASKED, person
        answer = self._ask(told, person, before, open_) if open_ else Answer.NO
        if answer == Answer.YES:
            columns += [told.groups[name] for name in open_ if name != MANAGER]
            says_more += list(open_)
        for group in columns:
            writing.fill(person.customer, group)
        person.doors |= dict.fromkeys(says_more, Door.FILE)
        learnt = self._reached_by(told, person)
        if self._managed(told, person, is_yes=MANAGER not in open_ or answer == Answer.YES):
            says_more.append(MANAGER)
        person.is_changed = person.is_changed or bool(says_more or learnt) or pk is None
        if pk is None:
            return CREATED, person
        if open_ and answer == Answer.OPEN:
            return ASKED, person
        return (UPDATED if says_more or learnt else UNCHANGED), person

    def _is_held(
        self, told: Told, person: Person, before: dict[str, str], after: dict[str, str], open_: dict[str, list[str]]
    ) -> bool:
        """Whether the row would do something that a check has planned otherwise, and nobody has said yes to it."""
        names = [name for name in before.keys() | after.keys() if before.get(name, "") != after.get(name, "")]
        told_of = {*names, *open_} - ({"registered_on"} - told.groups.keys())
        was, will = ({name: side.get(name, "") for name in told_of} for side in (before, after))
        for point in told.points:
            if (point.kind, point.blind_index) not in person.points:
                was[point.kind], will[point.kind] = "", point.mask
        if told.external_id and told.external_id not in self.ids:
            was["identity"], will["identity"] = "", told.external_id
        if told.manager and told.manager.pk != person.customer.manager_id:
            was[MANAGER], will[MANAGER] = str(person.customer.manager or ""), str(told.manager)
        who = person.pk if person.pk > 0 and person.pk not in self.mine else None
        is_other = self.on.is_other(who, sorted(was.items()), sorted(will.items()), sorted(open_))
        if not (is_other and will):
            return False
        stored = {"customer_id": who, "fields": was}
        return self.on.ask(told.row, told.key, [Asks.CHANGED], stored, {"fields": will}) != Answer.YES

    def _made(self, told: Told) -> Person:
        self.made += 1
        customer = Customer(registered_on=self.on.today)
        customer.birthday = None
        person = Person(-self.made, customer)
        self.people[person.pk] = person
        return person

    def _allowed(
        self, told: Told, person: Person, before: dict[str, str]
    ) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
        """(what the file may say at once, field -> why it has to be asked about)"""
        at_once: list[dict[str, Any]] = []
        open_: dict[str, list[str]] = {}
        for name, group in told.groups.items():
            if name == "interests":
                more = [word for word in group[name] if word not in person.customer.interests]
                at_once.append({name: [*person.customer.interests, *more]})
                continue
            word = writing.words_of(_filled(person.customer, [group])).get(name, "")
            if word == before.get(name, ""):
                continue
            if name == "registered_on" and person.first_order and group[name] > person.first_order:
                self.on.note(told.row, name, "registered_later")
                continue
            earlier = name == "registered_on" and group[name] < person.customer.registered_on
            door = person.doors.get(name, "")
            if not door and name not in NOT_TOLD_BY_DEFAULT:
                door = person.doors.get(changes.CREATED, "")
            if before.get(name) and not earlier and door in (Door.PAGE, Door.API):
                open_[name] = [Asks.TYPED if door == Door.PAGE else Asks.SHOP]
            else:
                at_once.append(group)
        if told.manager and person.customer.manager_id not in (None, told.manager.pk):
            open_[MANAGER] = [Asks.TYPED]
        return at_once, open_

    def _ask(self, told: Told, person: Person, before: dict[str, str], open_: dict[str, list[str]]) -> str:
        said = writing.words_of(_filled(person.customer, [told.groups[name] for name in open_ if name != MANAGER]))
        said[MANAGER], before[MANAGER] = str(told.manager), str(person.customer.manager)
        return self.on.ask(
            told.row,
            told.key,
            sorted({kind for kinds in open_.values() for kind in kinds}),
            {"customer_id": person.pk, "fields": {name: before.get(name, "") for name in open_}},
            {"fields": {name: said.get(name, "") for name in open_}},
        )

    def _reached_by(self, told: Told, person: Person) -> bool:
        """Whether the row tells a phone, an e-mail, an address or an id that the record did not have."""
        fresh = [point for point in told.points if (point.kind, point.blind_index) not in person.points]
        values = ((point.kind, point.blind_index) for point in told.points)
        self.again |= {person.borrowed[value] for value in values if value in person.borrowed}
        for point in fresh:
            person.points.add((point.kind, point.blind_index))
            self.found.setdefault((point.kind, point.blind_index), set()).add(person.pk)
        person.new_points += fresh
        is_new_id = bool(told.external_id) and told.external_id not in self.ids
        if is_new_id:
            self.ids[told.external_id] = person.pk
            self.of_source.add(person.pk)
            person.new_ids.append(told.external_id)
        return bool(fresh) or is_new_id

    def _managed(self, told: Told, person: Person, *, is_yes: bool) -> bool:
        manager = told.manager
        if manager is None or not is_yes or person.customer.manager_id == manager.pk:
            return False
        if manager.pk not in self.books:
            self.books[manager.pk] = Customer.objects.filter(manager=manager).count()
            self.most |= capacity.most_of([manager], on=self.on.today, at=self.on.at)
        self.books[manager.pk] += 1
        if self.books[manager.pk] > self.most[manager.pk]:
            self.on.note(told.row, MANAGER, "manager_full")
        person.customer.manager, person.customer.manager_since = manager, self.on.today
        return True

    # Storing ----------------------------------------------------------------------------------------------------------

    def _store(self, people: list[Person]) -> None:
        new = [person for person in people if person.pk < 0]
        for person, pk in zip(new, identity.next_ids(len(new)) if new else [], strict=True):
            customer = person.customer
            customer.pk, customer.number = pk, identity.number_of(pk)
            customer.name_grams = customer.name_grams or identity.name_grams(customer.name)
            self.mine.add(pk)
        rows.insert([person.customer for person in new])
        self._say_birthdays(people)
        rows.insert([Standing(customer=person.customer, manager=person.customer.manager) for person in new])
        self._save([person for person in people if person.pk > 0])
        ids = [
            ExternalIdentity(
                customer=person.customer, source=self.source, external_id=external_id, import_run=self.on.run.pk
            )
            for person in people
            for external_id in person.new_ids
        ]
        points = [
            ContactPoint(customer=person.customer, added_at=self.on.at, import_run=self.on.run.pk, **point._asdict())
            for person in people
            for point in person.new_points
        ]
        rows.insert(ids)
        rows.insert(points)
        self._remember(people, points)

    def _save(self, people: list[Person]) -> None:
        alike: defaultdict[tuple[str, ...], list[Customer]] = defaultdict(list)
        for person in people:
            now = _columns(person.customer)
            names = [name for name, value in now.items() if value != person.columns[name] and name != "birthday"]
            if "name" in names:
                names += ["name_pinyin", "name_grams"]
            alike[tuple(names)].append(person.customer)
            if "manager_id" in names:
                self._hand_over(person)
        for names_, customers in alike.items():
            if names_:
                rows.update(customers, names_)

    def _say_birthdays(self, people: list[Person]) -> None:
        said = [person.customer for person in people if person.customer.birthday != person.columns.get("birthday")]
        told = {customer.pk: customer.birthday for customer in said}
        life_dates.say_birthdays(said, told, by=self.on.by, at=self.on.at, source=self.source[:40] or Door.FILE)

    def _hand_over(self, person: Person) -> None:
        manager: User | None = person.customer.manager
        Standing.objects.filter(customer=person.customer).update(manager=manager)
        audit.record(
            self.on.by,
            "customer.assigned",
            person.customer,
            at=self.on.at,
            before=person.columns["manager_id"],
            manager=person.customer.manager_id,
            on=self.on.today.isoformat(),
            reason="import",
        )

    def _say_again(self, ids: list[str]) -> None:
        """What another import alone has told stays when either is undone."""
        contact_points.said_again(ContactPoint.objects.filter(pk__in=self.again))
        others = ExternalIdentity.objects.filter(source=self.source, external_id__in=ids)
        others.filter(import_run__isnull=False).exclude(import_run=self.on.run.pk).update(import_run=None)
        self.again = set()

    def _remember(self, people: list[Person], points: list[ContactPoint]) -> None:
        """The history of each customer, and what the import is undone by."""
        points_of: dict[int, list[ContactPoint]] = {}
        for point in points:
            points_of.setdefault(point.customer_id, []).append(point)
        history: list[CustomerChange] = []
        kept = {}
        for person in people:
            pk, mine = person.customer.pk, points_of.get(person.customer.pk, [])
            after = writing.words_of(person.customer)
            if person.pk < 0:
                said = [Changed(changes.CREATED, "", person.customer.number)]
            else:
                said = [
                    Changed(name, person.before.get(name, ""), after.get(name, ""))
                    for name in sorted(person.before.keys() | after.keys())
                    if person.before.get(name, "") != after.get(name, "")
                ]
                said += [Changed(point.kind, "", point.mask) for point in mine]
            history += changes.unsaved(person.customer, said, by=self.on.by, door=Door.FILE, at=self.on.at)
            now = _columns(person.customer)
            names = [name for name, value in now.items() if person.pk < 0 or value != person.columns[name]]
            before = {} if person.pk < 0 else {name: _plain(person.columns[name]) for name in names}
            added = {"points": [point.pk for point in mine], "identities": person.new_ids}
            kept[pk] = (person.pk < 0, before, {name: _plain(now[name]) for name in names} | added)
        rows.insert(history)
        passing.remember(self.on, kept)


def _filled(customer: Customer, groups: list[dict[str, Any]]) -> Customer:
    """A copy that says what these columns say, to be read and not to be stored."""
    filled = Customer.__new__(Customer)
    filled.__dict__ |= customer.__dict__
    for group in groups:
        answers = writing.answered(filled.custom, group.get("custom", {}))
        filled.__dict__ |= group | {"custom": answers}
    return filled


COLUMNS = (
    *("name", "region", "city", "registered_on", "birthday"),
    *("interests", "is_reseller", "notes", "custom", "manager_id", "manager_since"),
)


def _columns(customer: Customer) -> dict[str, Any]:
    return {name: copy.copy(getattr(customer, name)) for name in COLUMNS}


def _plain(value: Any) -> Any:
    if isinstance(value, LifeDay):
        return value.text
    return value.isoformat() if isinstance(value, date) else value
