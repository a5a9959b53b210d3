"""Two colleagues at real browsers write into the forms of the desk, in the ways that go wrong.

Each word is typed once and means one thing. Whoever was told that it is stored leaves it; whoever finds it in a form
sends it. In the end every word that was sent stands in the database once, where it belongs, and no other word does.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route
from playwright.sync_api import Error as PlaywrightError

from complaints.models import Case, CaseEvent, CaseMessage
from core.accounts.models import User
from crm.desk.today import today
from customers import queries as people
from customers.models import Contact, Customer
from tests.conftest import PASSWORD

MOST_TRIES = 6
LOOKS = ("*.css*", "*.svg*", "*.ico*")
SHOW = """(form) => {
    const box = document.querySelector(form).closest("dialog");
    if (!box.open) box.showModal();
}"""
CHOOSE = """() => {
    for (const choice of ["input[name=group]", "[data-group]:not([hidden]) input[name=category]"]) {
        const field = document.querySelector(choice);
        field.checked = true;
        field.dispatchEvent(new Event("change", { bubbles: true }));
    }
}"""
KINDS = (
    *(
        "plainly",
        "double_click",
        "reload",
        "lost_answer",
        "lost_answer",
        "back",
        "back",
        "session_ends",
        "session_ends",
    ),
    *("two_tabs", "two_editors", "sign_out_unsent", "colleague_between"),
)


class Lost(AssertionError):
    """A word was sent and is not where it belongs once, or stands where it does not belong."""


@dataclass
class Person:
    """Somebody at a browser of their own."""

    user: User
    context: BrowserContext
    page: Page


@dataclass(frozen=True)
class Door:
    """A form: where it is found, its field, and how it is made ready and found again."""

    name: str
    address: str
    form: str
    about: str  # whom or what the words belong to
    text: str = "textarea"

    def open(self, page: Page) -> None:
        if self.name == "stranger":
            page.goto(reverse("desk:complaint_new"))
            page.fill(".lk-find [name=q]", self.about)
            page.keyboard.press("Enter")
            page.wait_for_selector(self.form)
            return
        page.goto(self.address)
        self.shown(page)

    def shown(self, page: Page) -> None:
        """A dialog of the page is open."""
        if self.name in ("edit", "contact"):
            page.evaluate(SHOW, self.form)

    def field(self, page: Page) -> Locator:
        """A refused form stands on the page beside the closed dialog it was sent from."""
        everywhere = page.locator(f"{self.form} {self.text}")
        seen = everywhere.locator("visible=true")
        return seen.last if seen.count() else everywhere.last

    def write(self, page: Page, word: str) -> None:
        self.field(page).fill(word)
        self.choose(page)

    def choose(self, page: Page) -> None:
        """What kind of complaint it is: a page that came Back may have forgotten it, and says so."""
        if self.name in ("caller", "stranger") and page.locator("input[name=category]:checked").count() == 0:
            page.evaluate(CHOOSE)

    def press(self, page: Page, *, twice: bool = False) -> None:
        button = page.locator(f"{self.form} button:not([type=button])").locator("visible=true").last
        button.dblclick(no_wait_after=True) if twice else button.click(no_wait_after=True)

    def send(self, page: Page, *, twice: bool = False) -> None:
        with page.expect_navigation():
            self.press(page, twice=twice)
        page.wait_for_load_state()


@dataclass
class Walk:
    """One walk: what was written, by whom, and what must be found of it."""

    url: str
    browser: Browser
    chance: random.Random
    users: list[User]
    customers: list[Customer]
    cases: list[Case]
    number: int
    people: list[Person] = field(default_factory=list)
    sent: dict[str, Door] = field(default_factory=dict)
    unsent: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    words: int = 0
    blocked: tuple[str, ...] = field(default_factory=lambda: LOOKS)

    # The people --------------------------------------------------------------------------------------------------

    def sit_down(self, user: User) -> Person:
        context = self.browser.new_context(base_url=self.url, reduced_motion="reduce")
        self.prepare(context)
        client = Client()
        client.force_login(user)
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": self.url}])
        person = Person(user, context, self.new_page(context))
        self.people.append(person)
        return person

    def prepare(self, context: BrowserContext) -> None:
        context.set_default_timeout(60_000)

    def new_page(self, context: BrowserContext) -> Page:
        """Without its looks, which do not matter here. (A route that aborts would end the cache, and with it Back.)"""
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setBlockedURLs", {"urls": list(self.blocked)})
        return page

    def leave(self) -> None:
        for person in self.people:
            person.context.close()

    def sign_in(self, page: Page, user: User) -> None:
        cache.clear()  # nobody is slowed down for signing in often
        page.fill("#id_login", user.username)
        page.fill("#id_password", PASSWORD)
        page.click("form[action*='login'] button")
        page.wait_for_selector("body[data-person]")

    def sign_out(self, page: Page) -> None:
        page.evaluate("document.querySelectorAll('dialog[open]').forEach((box) => box.close())")
        page.click("details.lk-user:not(.lk-menu) summary")
        page.click("form[action$='/accounts/logout/'] button")
        page.wait_for_selector("#id_login")

    def end_session(self, person: Person) -> None:
        for cookie in person.context.cookies():
            if cookie.get("name") == "sessionid":
                Session.objects.filter(session_key=cookie.get("value")).delete()

    # The words ---------------------------------------------------------------------------------------------------

    def word(self) -> str:
        self.words += 1
        return f"words-{self.number}-{self.words}"

    def door(self) -> Door:
        name = self.chance.choice(["caller", "caller", "stranger", "reply", "reply", "note", "contact", "edit"])
        customer, case = self.chance.choice(self.customers), self.chance.choice(self.cases)
        log = "form[data-quick-log]"
        if name == "caller":
            return Door(
                name,
                f"{reverse('desk:complaint_new')}?customer={customer.pk}",
                log,
                str(customer.pk),
                "[name=description]",
            )
        if name == "stranger":
            phone = f"139{self.number % 10_000:04d}{self.words % 10_000:04d}"
            return Door(name, "", log, phone, "[name=description]")
        if name == "contact":
            action = reverse("desk:log_contact", args=[customer.pk])
            page = reverse("desk:customer", args=[customer.pk])
            return Door(name, page, f"form[action='{action}']", str(customer.pk), "[name=note]")
        page = reverse("desk:complaint", args=[case.pk])
        if name == "edit":
            action = reverse("desk:complaint_edit", args=[case.pk])
            text = self.chance.choice(["[name=remedy_sought]", "[name=external_case]", "[name=product_ref]"])
            return Door(name, page, f"form[action='{action}']", str(case.pk), text)
        return Door("reply", page, "form#answer", str(case.pk), "[name=body]")

    def finish(self, person: Person, door: Door, word: str, page: Page | None = None) -> None:
        """Whoever sent the word does what the pages say until it is stored."""
        page = page or person.page
        self.sent[word] = door
        for _try in range(MOST_TRIES):
            if page.locator("#id_login").count():
                self.sign_in(page, person.user)
                if not self.finds(page, door, word):
                    raise Lost(f"{word} did not come back after the sign-in")
            elif page.get_by_text("This was sent already").count() or not self.refused(page):
                return
            door.choose(page)
            door.send(page)
        said = page.locator(".lk-notice[data-tone=red], .has-error, .lk-both").all_inner_texts()
        raise Lost(f"{word} is never stored: {page.url} says {said}")

    def refused(self, page: Page) -> bool:
        """The page asks to send it once more, or shows what somebody else did."""
        return page.locator(".lk-notice[data-tone=red], .has-error, .lk-both").count() > 0

    def finds(self, page: Page, door: Door, word: str) -> bool:
        """The word is in the form again, by itself or taken up."""
        for _again in range(20):
            if page.locator(door.form).count() and door.field(page).input_value() == word:
                return True
            offer = page.locator(".lk-draft", has_text=word).locator("button.btn-primary")
            if offer.count():
                offer.click()
                page.wait_for_load_state()
            page.wait_for_timeout(50)
        return False

    # What happens ------------------------------------------------------------------------------------------------

    def plainly(self, person: Person) -> None:
        door, word = self.door(), self.word()
        door.open(person.page)
        door.write(person.page, word)
        door.send(person.page)
        self.finish(person, door, word)

    def double_click(self, person: Person) -> None:
        door, word = self.door(), self.word()
        door.open(person.page)
        door.write(person.page, word)
        door.send(person.page, twice=True)
        self.finish(person, door, word)

    def reload(self, person: Person) -> None:
        door, word = self.door(), self.word()
        door.open(person.page)
        door.write(person.page, word)
        door.open(person.page) if door.name == "stranger" else person.page.reload()
        if not self.finds(person.page, door, word):
            raise Lost(f"{word} is gone after a reload")
        door.shown(person.page)
        door.send(person.page)
        self.finish(person, door, word)

    def lost_answer(self, person: Person) -> None:
        door, word = self.door(), self.word()
        door.open(person.page)
        door.write(person.page, word)
        lost = cut(person.page, reaches=self.chance.random() < 0.7)
        with lost, suppress(PlaywrightError), person.page.expect_navigation():
            door.press(person.page)
        self.sent[word] = door
        door.open(person.page)
        if self.finds(person.page, door, word):  # else the server has it
            door.shown(person.page)
            door.send(person.page)
            self.finish(person, door, word)

    def back(self, person: Person) -> None:
        """Stored; Back; another text, or the same one again."""
        door, word = self.door(), self.word()
        door.open(person.page)
        door.write(person.page, word)
        door.send(person.page)
        self.finish(person, door, word)
        person.page.go_back()
        person.page.wait_for_load_state()
        if not person.page.locator(door.form).count():
            return
        door.shown(person.page)
        if self.chance.random() < 0.5:
            other = self.word()
            door.write(person.page, other)
            door.send(person.page)
            self.finish(person, door, other)
        elif self.finds(person.page, door, word):
            door.send(person.page)
            self.finish(person, door, word)

    def session_ends(self, person: Person) -> None:
        door, word = self.door(), self.word()
        door.open(person.page)
        door.write(person.page, word)
        self.end_session(person)
        door.send(person.page)
        self.finish(person, door, word)

    def colleague_between(self, person: Person) -> None:
        """The session ends while somebody writes, a colleague uses the browser, and leaves it."""
        door, word, other = self.door(), self.word(), self.other_than(person)
        page = person.page
        door.open(page)
        door.write(page, word)
        self.end_session(person)
        door.send(page)
        self.sign_in(page, other)
        self.unseen(page, door, word)
        self.sign_out(page)
        self.sign_in(page, person.user)
        door.open(page)
        self.sent[word] = door
        if not self.finds(page, door, word):
            raise Lost(f"{word} is gone after a colleague was there")
        door.shown(page)
        door.send(page)
        self.finish(person, door, word)

    def sign_out_unsent(self, person: Person) -> None:
        """Whoever signs out leaves nothing behind; a colleague sits down at the browser."""
        door, word, other = self.door(), self.word(), self.other_than(person)
        page = person.page
        door.open(page)
        door.write(page, word)
        self.unsent.append(word)
        self.sign_out(page)
        if word in page.evaluate("JSON.stringify(localStorage)"):
            raise Lost(f"{word} stays on the computer after the sign-out")
        self.sign_in(page, other)
        self.unseen(page, door, word)
        self.sign_out(page)
        self.sign_in(page, person.user)

    def unseen(self, page: Page, door: Door, word: str) -> None:
        door.open(page)
        page.wait_for_timeout(150)
        texts = page.evaluate(
            "[...document.querySelectorAll('input, textarea')].map((one) => one.value).join() + document.body.innerText"
        )
        if word in texts:
            raise Lost(f"{word} is shown to a colleague")

    def other_than(self, person: Person) -> User:
        return next(user for user in self.users if user != person.user)

    def two_tabs(self, person: Person) -> None:
        door, first, second = self.door(), self.word(), self.word()
        tab = self.new_page(person.context)
        door.open(person.page)
        door.write(person.page, first)
        door.open(tab)
        door.write(tab, second)
        for page, word in ((person.page, first), (tab, second)):
            door.send(page)
            self.finish(person, door, word, page)
        tab.close()

    def two_editors(self, person: Person) -> None:
        """Both open the form before either saves; of the same field the second sees both texts."""
        colleague = next((one for one in self.people if one is not person), None) or self.sit_down(
            self.other_than(person)
        )
        case = self.chance.choice(self.cases)
        page, action = reverse("desk:complaint", args=[case.pk]), reverse("desk:complaint_edit", args=[case.pk])
        names = [self.chance.choice(["remedy_sought", "external_case"]) for _ in range(2)]
        mine, theirs = (
            Door("edit", page, f"form[action='{action}']", str(case.pk), f"[name={name}]") for name in names
        )
        word, other = self.word(), self.word()
        for one, door, text in ((person, mine, word), (colleague, theirs, other)):
            door.open(one.page)
            door.write(one.page, text)
        theirs.send(colleague.page)
        self.finish(colleague, theirs, other)
        mine.send(person.page)
        # The history of the case names what was overwritten: asked is whether it was shown before.
        if names[0] == names[1] and other not in " ".join(person.page.locator(".lk-both").all_inner_texts()):
            raise Lost(f"{other} is overwritten unseen")
        self.finish(person, mine, word)
        case.refresh_from_db()
        if names[0] != names[1] and (getattr(case, names[0]), getattr(case, names[1])) != (word, other):
            raise Lost(f"of {word} and {other} one is gone")

    # What must be found ------------------------------------------------------------------------------------------

    def go(self, steps: int, kinds: Sequence[str] = KINDS) -> None:
        """Raises Lost, with what was done, when a word is missing, doubled or in the wrong place."""
        person = self.sit_down(self.chance.choice(self.users))
        try:
            for _step in range(steps):
                self.steps.append(self.chance.choice(kinds))
                getattr(self, self.steps[-1])(person)
            self.check()
        except (Lost, PlaywrightError) as problem:
            raise Lost(
                f"walk {self.number}, {' → '.join(self.steps)}: {problem} at {[one.page.url for one in self.people]}"
            ) from problem
        finally:
            self.leave()

    def check(self) -> None:
        found = Counter(self.stored())
        wrong = {
            word: places
            for word in self.sent
            if (places := [place for place in found if place[0] == word]) != [self.place(word)]
        }
        doubled = {place: count for place, count in found.items() if count > 1}
        strays = [place for place in found if place[0] in self.unsent]
        if wrong or doubled or strays:
            raise Lost(f"wrong {wrong}, doubled {doubled}, never sent {strays}")

    def place(self, word: str) -> tuple[str, str, str]:
        door = self.sent[word]
        about = door.about
        if door.name == "stranger":
            about = ",".join(str(customer.pk) for customer in people.search(self.users[0], door.about, today()))
        kind = {"caller": "customer", "stranger": "customer", "contact": "contact"}.get(door.name, "case")
        return word, kind, about

    def stored(self) -> Iterator[tuple[str, str, str]]:
        """Each word of this walk that stands in the database, and of whom: (word, kind, id)."""
        mark = f"words-{self.number}-"
        for case in Case.objects.filter(description__startswith=mark):
            yield case.description, "customer", str(case.customer_id)
        for message in CaseMessage.objects.filter(body__startswith=mark).select_related("case"):
            logged = self.sent.get(message.body)
            is_log = logged is not None and logged.name in ("caller", "stranger")
            about = message.case.customer_id if is_log else message.case_id
            yield message.body, "customer" if is_log else "case", str(about)
        for contact in Contact.objects.filter(note__startswith=mark):
            yield contact.note, "contact", str(contact.customer_id)
        for event in CaseEvent.objects.filter(kind=CaseEvent.Kind.EDITED):
            for _before, after in event.data.get("changed", {}).values():
                if str(after).startswith(mark):
                    yield str(after), "case", str(event.case_id)


@contextmanager
def cut(page: Page, *, reaches: bool) -> Iterator[None]:
    """The line breaks at the next form that is sent: before the server has it, or before its answer is here."""

    def handle(route: Route) -> None:
        if route.request.method != "POST" or not route.request.is_navigation_request():
            return route.fallback()
        if reaches:
            route.fetch(max_redirects=0)
        return route.abort()

    page.route("**/*", handle)
    yield
    page.unroute("**/*", handle)
