"""What the palette offers for some letters: people, cases, orders, pages, what can be done, views and segments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from complaints import queries as complaints
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, rights_of
from core.views import saved
from crm.desk.admin.settings import ROOM
from crm.desk.complaints.queue.case_list import CASE_LIST
from crm.desk.context import MENU, opens
from crm.desk.customers.customer_list import CUSTOMER_LIST
from crm.desk.customers.order_list import ORDER_LIST
from crm.desk.lists.page import system_views
from crm.desk.today import now, today
from crm.desk.work.lists.alert_list import ALERT_LIST
from customers import queries
from customers.access import visible_to
from customers.identity import pinyin
from customers.models import Customer, Opened, Order
from segmentation.segments import reach

EACH = 5
LONGEST = 120
# The lists with views, and who opens them.
OF_LISTS = (
    (Permission.LIST_CUSTOMERS, CUSTOMER_LIST),
    (Permission.WORK_COMPLAINTS, CASE_LIST),
    (Permission.WORK_ALERTS, ALERT_LIST),
    (Permission.VIEW_ORDERS, ORDER_LIST),
)
# Of settings, which stand in no menu.
PAGE = "settings"


@dataclass(frozen=True)
class Entry:
    """`about` stands beside the label, smaller."""

    label: str
    url: str
    icon: str
    about: str = ""


@dataclass(frozen=True)
class Group:
    title: str
    entries: Sequence[Entry]


def groups(user: User, text: str) -> list[Group]:
    """At most five of each group; of customers, cases and orders those that this person may open."""
    text = " ".join(text.split())[:LONGEST]
    people = _people(user, text)
    made = [
        Group(_("Seen lately"), _recent(user) if not text else []),
        Group(_("Customers"), [_person(person) for person in people]),
        Group(_("Cases and orders"), [*_cases(user, text), *_orders(user, text)]),
        Group(_("Do"), _actions(user, text, people)),
        Group(_("Pages"), _matching(text, _pages(user)) if text else []),
        Group(_("Views"), _matching(text, _views(user)) if text else []),
        Group(_("Segments"), _matching(text, _segments(user)) if text else []),
    ]
    return [Group(group.title, group.entries[:EACH]) for group in made if group.entries]


# People and what is theirs -------------------------------------------------------------------------------------------


def _recent(user: User) -> list[Entry]:
    """Whose pages they opened last, as far as these are in their reach now."""
    if not may(user, Permission.VIEW_CUSTOMER):
        return []
    last = Opened.objects.filter(user=user).order_by("-on", "-last_at").values_list("customer", flat=True)
    ids = list(dict.fromkeys(last[: 4 * EACH]))
    seen = {person.pk: person for person in visible_to(user, today()).filter(pk__in=ids)}
    return [_person(seen[pk]) for pk in ids if pk in seen]


def _people(user: User, text: str) -> list[Customer]:
    """By anything that names them. Who finds people only by a whole number does not find them while typing."""
    if not text or not may(user, Permission.FIND_CUSTOMER) or rights_of(user).looks_up:
        return []
    return queries.search(user, text, today())[:EACH]


def _person(person: Customer) -> Entry:
    return Entry(person.name, reverse("desk:customer", args=[person.pk]), "user", person.number)


def _cases(user: User, text: str) -> list[Entry]:
    case = complaints.named(user, text, now()) if text and may(user, Permission.WORK_COMPLAINTS) else None
    return [Entry(case.number, reverse("desk:complaint", args=[case.pk]), "flag", case.title)] if case else []


def _orders(user: User, text: str) -> list[Entry]:
    if len(text) < 3 or not may(user, Permission.VIEW_CUSTOMER):
        return []
    rows = Order.objects.filter(external_id=text, customer__in=visible_to(user, today())).select_related("customer")
    return [
        Entry(row.external_id, reverse("desk:order", args=[row.pk]), "shopping-cart", row.customer.name)
        for row in rows.order_by("-ordered_at")[:EACH]
        if row.customer
    ]


# What can be done, and where -----------------------------------------------------------------------------------------


def _actions(user: User, text: str, people: Sequence[Customer]) -> list[Entry]:
    P = Permission
    every = [
        (P.LOG_COMPLAINT, _("Log a complaint"), reverse("desk:complaint_new"), "phone-call"),
        (P.EDIT_CUSTOMER, _("New customer"), reverse("desk:customer_new"), "user-plus"),
        (P.STOP_LETTERS, _("Stop sending"), reverse("desk:outgoing"), "ban"),
        (P.CHANGE_MANY, _("Labels"), reverse("desk:labels"), "star"),
        (P.CHANGE_MANY, _("Done with many"), reverse("desk:bulk_runs"), "checks"),
        (P.USE_SEGMENTS, _("New segment"), reverse("desk:segment_new"), "filter"),
    ]
    made = [Entry(label, url, icon) for right, label, url, icon in every if may(user, right)]
    known = _matching(text, made) if text else made[:3]
    if len(people) == 1 and may(user, Permission.LOG_CONTACT):
        url = reverse("desk:customer", args=[people[0].pk])
        label = _("Log a contact with %(name)s") % {"name": people[0].name}
        known = [Entry(label, f"{url}#contact", "phone"), *known]
    return known


def _pages(user: User) -> list[Entry]:
    menu = [
        Entry(str(page.label), reverse(page.route), page.icon)
        for _title, pages in MENU
        for page in pages
        if opens(user, page.needed)
    ]
    return menu + [
        Entry(str(page.title), reverse(page.route, args=page.args), PAGE)
        for _title, pages in ROOM
        for page in pages
        if may(user, page.permission)
    ]


def _views(user: User) -> list[Entry]:
    """The views of each list that this person may open: those that come with it, and saved ones, each with its list."""
    lists = {definition.key: definition for right, definition in OF_LISTS if may(user, right)}
    made = [
        (definition, f"v{view.pk}", view.name)
        for view in saved.visible_to(user, *lists)
        for definition in [lists[view.list]]
    ]
    for definition in lists.values():
        made += [(definition, view.key, str(view.label)) for view in system_views(definition, user)]
    return [
        Entry(label, f"{reverse(definition.routes['list'])}?view={key}", "eye", str(definition.title))
        for definition, key, label in made
    ]


def _segments(user: User) -> list[Entry]:
    if not may(user, Permission.USE_SEGMENTS):
        return []
    rows: Any = reach.seen_by(user).order_by("name", "pk")
    return [Entry(row.name, reverse("desk:segment", args=[row.code]), "filter", row.code) for row in rows]


# Letters -------------------------------------------------------------------------------------------------------------


def _matching(text: str, entries: Iterable[Entry]) -> list[Entry]:
    """Those whose label has these letters, or is spelled so in pinyin or its initials; what begins so comes first."""
    wanted = text.casefold().replace(" ", "")
    known = [(_place(wanted, _spellings(entry.label)), entry) for entry in entries]
    found = [(place, entry) for place, entry in known if place is not None]
    return [entry for _place, entry in sorted(found, key=lambda pair: pair[0])]


def _place(wanted: str, spellings: Sequence[str]) -> int | None:
    places = [spelling.find(wanted) for spelling in spellings]
    return min((place for place in places if place >= 0), default=None)


@lru_cache(maxsize=2000)
def _spellings(label: str) -> tuple[str, ...]:
    """As it is written, in pinyin, and by the initials of its pinyin or of its words."""
    syllables = pinyin(label).casefold().split()
    words = syllables or label.casefold().split()
    return (
        label.casefold().replace(" ", ""),
        "".join(syllables) or label.casefold().replace(" ", ""),
        "".join(word[0] for word in words if word),
    )
