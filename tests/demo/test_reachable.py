"""Every role's day in the demo mall with all its rooms: each page is reached by links, and what it offers ends."""

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from html import unescape
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import pytest
from django.db import transaction
from django.test import Client
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from lxml import html
from pytest_django import DjangoDbBlocker

from core.accounts.models import Role, User
from core.accounts.roles import RIGHTS
from core.outbox import delivery
from core.outbox.kinds import Topic
from core.outbox.models import Message
from crm.demo import mall as demo
from crm.desk.today import today
from crm.desk.urls import urlpatterns
from crm.flows import nightly, notices
from tests.demo.furnished import furnish
from tests.demo.walking import GONE, Walk
from tests.desk.test_permissions import PAGES, POSTED

PEOPLE = [role for role in Role if role != Role.CLIENT]
# Those who edit much: what they send is sent again with other words, what they edit is edited by two.
DOUBTING = (Role.ADMINISTRATOR, Role.TEAM_LEAD, Role.SERVICE_LEAD, Role.DEPARTMENT)
# The forms whose words one of them was refused already: nobody else needs to be.
TRIED: set[tuple[str, ...]] = set()
# The pages that are lists, and a number as it is written.
LISTS = {f"desk:{route.name}" for route in urlpatterns if hasattr(route.callback, "takeable")}
NUMBER = re.compile(r"\d{1,3}(,\d{3})*")
LEADS_TO = re.compile(r'\b(?:href|data-href|hx-get|action)="([^"#][^"]*)"')
# Of one page with many subjects (customers, cases, …) so many are opened.
OF_A_KIND = 2
# Opened by something else than a link of a page, or leads to what even this mall has none of: with the reason.
NO_LINK = {
    "complaint_logged": "the answer to a complaint that was logged",
    "complaint_promises": "a part of the page of a call, fetched as a category is chosen",
    "complaint_link": "on a case of an anonymous caller; there is none",
    "complaint_file": "on a case with photos; there is none",
    "letters_arrived": "of the demo as it runs, with its own mail server and gateway",
    "question_file": "on a question that files of a case are shared with; there is none",
    "me_sent": "asked by the drafts of every page, by script",
    "question": "on the list of questions; whoever is asked nothing has none",
    "bell_open": "on a message; whoever has none has nothing to open",
    "hand_overs": "in the menu of who looks after customers, and on their day while something is proposed to them",
    **dict.fromkeys(
        ("hand_over_proposed", "leave", "leave_asked"),
        "on the list of what was proposed, or of days away; who is concerned by none has none to open",
    ),
    "rising_not_now": "on a customer who waits for an answer; nobody waits in this mall",
    "merge_undo": "on a record that another was merged into; none was",
    "tiers_moves": "in the table of a draft that moves somebody; this one says what is in force",
    **dict.fromkeys(
        ("complaints_count", "alerts_count", "orders_count"),
        "a part of a list of more than a thousand, fetched as it is opened",
    ),
    "bulk_run": "on the list of what one did with many; who did nothing has none",
    "bulk_progress": "a part of the page of a run, fetched as long as it goes on",
    "bulk_strip": "at the foot of every page while a run goes on, fetched by it",
    "customers_count": "a part of a list of more than a thousand customers, fetched as it is opened",
    "coupons_begin": "on the page of a campaign that has not begun; the two that are opened run",
    "stop_undo": "on the page of somebody who is not to be reached; the two that are opened may be",
    "points_thaw": "on the page of a frozen account; none is frozen",
}
# Who sees only whom they look up by a whole number comes to a customer by the search, puts somebody new on record by
# the page of the call, and comes to the settings not at all.
NO_LINK_FOR = {
    (Role.SERVICE_AGENT, "customer"),
    (Role.SERVICE_AGENT, "customer_edit"),
    (Role.SERVICE_AGENT, "complaint_mark"),
    (Role.SERVICE_AGENT, "customer_orders"),
    (Role.SERVICE_AGENT, "order"),
    (Role.SERVICE_AGENT, "customer_new"),
    (Role.SERVICE_AGENT, "stop"),
    (Role.SERVICE_AGENT, "customer_letters"),
    (Role.SERVICE_AGENT, "suspect"),
    (Role.SERVICE_AGENT, "alert"),
    (Role.SERVICE_AGENT, "letter"),
    # Who sees nobody by name is shown letters and segments as figures.
    (Role.ADMINISTRATOR, "letter"),
    (Role.PRIVACY_OFFICER, "letter"),
    (Role.ANALYST, "letter"),
    (Role.ADMINISTRATOR, "letters_by_hand"),
    (Role.PRIVACY_OFFICER, "letters_by_hand"),
    (Role.ANALYST, "letters_by_hand"),
    (Role.ANALYST, "segment_why"),
    (Role.SERVICE_AGENT, "tiers_why"),
    (Role.SERVICE_AGENT, "points"),
    (Role.SERVICE_AGENT, "settings"),
    (Role.ASSISTANT, "settings"),
    (Role.DEPARTMENT, "settings"),
    # Whose book has no case that is open, and to whom no promise falls that somebody else could keep.
    (Role.ASSISTANT, "complaint"),
    (Role.ASSISTANT, "promise_hand_over"),
    # Their work is promises: those are moved with the customer, not put off.
    (Role.SERVICE_AGENT, "todo_snooze"),
    (Role.SERVICE_LEAD, "todo_snooze"),
}


@pytest.fixture(scope="module")
def demo_mall(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The small mall after a night, with all its rooms in use; each test begins with it, whatever the others did."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        demo.load(demo.imagine(today() - timedelta(days=1), demo.SMALL), at=timezone.now() - timedelta(days=1))
        nightly.run(today() - timedelta(days=1))
        furnish(patch, at=timezone.now())
        yield
        transaction.set_rollback(True)


def route_of(address: str) -> str:
    try:
        return str(resolve(urlsplit(address).path).view_name)
    except Resolver404:
        return ""


class Opened(NamedTuple):
    """A page that somebody came to, what it says, and the addresses it leads to."""

    address: str
    body: str
    links: list[str]


def pages_of(client: Client) -> Iterator[Opened]:
    """The pages somebody comes to by following links, form addresses among them, from the first page."""
    opened: Counter[str] = Counter()
    queue, known = deque(["/"]), {"/"}
    while queue:
        address = queue.popleft()
        route = route_of(address)
        name = route.removeprefix("desk:")
        if name in POSTED or opened[route] >= OF_A_KIND or not route.startswith("desk:"):
            continue
        opened[route] += 1
        answer = client.get(address)
        assert answer.status_code in (200, 302, 404, 409), f"{address} answers {answer.status_code}"
        if answer.status_code != 302 and "text/html" not in answer["Content-Type"]:
            continue
        body = "" if answer.status_code == 302 else answer.content.decode()
        found = (
            [answer["Location"]] if answer.status_code == 302 else [unescape(link) for link in LEADS_TO.findall(body)]
        )
        targets = [urljoin(address, link) for link in found]
        links = [target for target in targets if target.startswith("/") and not urlsplit(target).netloc]
        yield Opened(address, body, links)
        for target in links:
            if urlsplit(target).path not in known:
                known.add(urlsplit(target).path)
                queue.append(target)


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(User.objects.filter(roles__contains=[role], is_active=True).order_by("pk")[0])
    return client


@cache
def walked(role: Role) -> list[Opened]:
    """The pages of one of this role; the mall is the same for every test."""
    return list(pages_of(signed_in(role)))


def test_no_page_is_reached_only_by_knowing_its_address(demo_mall: None, db: None) -> None:
    missing: dict[str, list[str]] = {}
    for role in PEOPLE:
        reached = {route_of(link).removeprefix("desk:") for page in walked(role) for link in page.links}
        for route in urlpatterns:
            name, permission = str(route.name), PAGES[str(route.name)]
            may_open = permission is None or permission in RIGHTS[role].permissions
            if name not in POSTED and may_open and name not in reached and (role, name) not in NO_LINK_FOR:
                missing.setdefault(name, []).append(role.value)
    for name, roles in missing.items():
        print(f"{name}: {', '.join(roles)}")

    assert missing.keys() <= NO_LINK.keys()


class Number(NamedTuple):
    """A number on a page that is a link, and what it opens."""

    page: str
    count: int
    opens: str


def numbers_in(page: Opened) -> Iterator[Number]:
    """The links whose words are a number, or end with one that stands by itself, and that open a list."""
    if "<main" not in page.body:
        return
    for link in html.document_fromstring(page.body).iterfind(".//main//a[@href]"):
        words = [word.strip() for word in link.itertext() if word.strip()]
        target = urljoin(page.address, str(link.get("href")))
        if words and NUMBER.fullmatch(words[-1]) and route_of(target) in LISTS and "page=" not in target:
            yield Number(page.address, int(words[-1].replace(",", "")), target)


def rows_behind(client: Client, address: str) -> int:
    """How many rows a list has, drawn whole as for a printer."""
    printed = f"{address}{'&' if '?' in address else '?'}as=print"
    page = html.document_fromstring(client.get(printed).content.decode())
    assert page.find(".//main//a[@rel='next']") is None
    return len(page.findall(".//main//*[@data-rows]/*[@data-href]"))


@pytest.mark.parametrize("role", PEOPLE)
def test_every_number_that_is_a_link_opens_as_many_rows(
    demo_mall: None, db: None, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    client, numbers = signed_in(role), {number for page in walked(role) for number in numbers_in(page)}
    monkeypatch.setitem(RIGHTS, role, replace(RIGHTS[role], takes=10_000))

    behind = {address: rows_behind(client, address) for address in {number.opens for number in numbers}}
    differing = sorted((*number, behind[number.opens]) for number in numbers if behind[number.opens] != number.count)
    print(f"{role}: {len(numbers)} numbers, {len(differing)} differ", *differing, sep="\n    ")
    assert differing == []


# %(number)s
PLACES = re.compile(r"%\((\w+)\)(\+?[sd])")


@pytest.mark.parametrize("role", PEOPLE)
def test_everything_that_is_offered_ends(demo_mall: None, db: None, role: Role) -> None:
    """By an answer or by a sentence beside what was typed: never nowhere, never without the right, never broken."""
    user = User.objects.filter(roles__contains=[role], is_active=True).order_by("pk")[0]
    walk = Walk(user, doubting=role in DOUBTING, tried=TRIED)

    walk.day()

    done = sum(how == "" for how in walk.ended.values())
    settled = sum(how == GONE for how in walk.ended.values())
    said = {kind[0]: how for kind, how in walk.ended.items() if how not in ("", GONE)}
    print(
        f"{role}: {len(walk.opened)} pages, {len(walk.ended)} actions: "
        f"{done} done, {settled} settled, {len(said)} said no"
    )
    for name, how in said.items():
        print(f"    {name}: {how}")
    for form, how in sorted(walk.again.items()):
        print(f"    {form[0]} sent again with other words: {how}")
    for form, how in sorted(walk.edits.items()):
        print(f"    {form[0]} edited by two: {how}")
    assert walk.wrong == []
    assert not walk.forgotten, f"words that were refused are nowhere on the page that says so: {walk.forgotten}"
    assert done > len(said)
    assert [(form[0], how) for form, how in walk.edits.items() if how.startswith("lost")] == []
    lost = [form[0] for form, how in walk.again.items() if how == "lost"]
    assert lost == [], "the words of a form that came back are nowhere, and nothing says so"


@pytest.mark.parametrize("role", PEOPLE)
def test_every_message_to_a_role_is_shown_and_leads_somewhere(demo_mall: None, db: None, role: Role) -> None:
    """Those the demo has written, and one of each kind there is."""
    user = User.objects.filter(roles__contains=[role], is_active=True).order_by("pk")[0]
    places = [place for kind in notices.ALL.values() for place in PLACES.findall(str(kind.text))]
    # Whatever any of the sentences may ask for: a number does for a text as well.
    told = {name: f"〈{name}〉" for name, _form in places} | {name: 7 for name, form in places if form.endswith("d")}
    for kind in notices.ALL.values():
        words = {field: choices.values[0] for field, choices in kind.words.items()}
        key = f"walk:{kind.name}"
        delivery.tell([user.pk], kind, told | words, key=key, thread=kind.name, at=timezone.now(), link="/bell/")
    client = Client()
    client.force_login(user)

    shown = unescape(client.get("/bell/?all=1").content.decode() + client.get("/digest/").content.decode())

    written = Message.objects.filter(recipient=user, channel=Message.Channel.IN_APP)
    fresh = written.filter(dedupe_key__startswith="walk:").exclude(topic=Topic.DIGEST)
    assert [message.kind for message in fresh if notices.text_of(message) not in shown] == []
    assert fresh.count() == len(notices.ALL) - 1
    nowhere = []
    for message in written:
        answer = client.get(reverse("desk:bell_open", args=[message.pk]), follow=True)
        if answer.status_code != 200:
            nowhere.append(f"{message.kind}: {message.link} answers {answer.status_code}")
    assert nowhere == []
