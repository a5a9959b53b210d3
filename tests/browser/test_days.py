"""Every role's day: each page the role comes to by links, each form and button of those pages, and every message."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from core.accounts.models import RequiredFactor, Role, User
from core.outbox.models import Message
from crm.desk.today import today
from tests.browser.walking import Form, Page, filled, read, route_of
from tests.demo.furnished import furnish

# Of one page with many subjects (customers, cases, …) so many are opened; of one kind of form one is sent.
OF_A_KIND = 2


class Walk:
    """Somebody who opens every page they come to, and then does everything that those pages offer."""

    def __init__(self, role: Role, user: User) -> None:
        self.role, self.user = role, user
        self.client = Client(raise_request_exception=False)
        self.client.force_login(user)
        self.pages: dict[str, Page] = {}
        self.read_at: dict[str, int] = {}
        self.opened: Counter[str] = Counter()
        self.forms: dict[tuple[str, ...], tuple[str, Form]] = {}
        self.ended: dict[tuple[str, ...], str] = {}
        self.wrong: list[str] = []
        self.here = "/"
        self.sent = 0

    def day(self) -> None:
        self.look("/")
        while kind := self.next():
            self.act(kind, *self.forms.pop(kind))

    # Pages

    def look(self, *addresses: str) -> None:
        """These pages and all that they lead to."""
        queue = deque(addresses)
        while queue:
            address = queue.popleft()
            route = route_of(address)
            if not route or address in self.pages or self.opened[route] >= OF_A_KIND:
                continue
            self.opened[route] += 1
            page = self.get(address)
            if page is not None:
                queue.extend(page.links)

    def get(self, address: str, *, fresh: bool = True) -> Page | None:
        """The page, when there is one at this address; a `fresh` address was just read, so it has to lead somewhere."""
        answer = self.client.get(address, follow=True)
        status = answer.status_code
        if status != 200:
            if fresh or status not in (403, 404):
                self.wrong.append(f"GET {address} answers {status}")
            return None
        if not str(answer.get("Content-Type", "")).startswith("text/html"):
            return None
        return self.note(address, answer)

    def note(self, address: str, answer: Any) -> Page:
        page = read(address, answer.content.decode())
        self.pages[address], self.read_at[address] = page, self.sent
        for form in page.forms:
            if form.kind not in self.ended:
                self.forms.setdefault(form.kind, (address, form))
        return page

    # Deeds

    def next(self) -> tuple[str, ...] | None:
        """What is done next: what stands on the page at hand; what takes away comes last."""

        def order(kind: tuple[str, ...]) -> tuple[bool, bool]:
            address, form = self.forms[kind]
            return form.undoes_much, address != self.here

        return min(self.forms, key=order, default=None)

    def act(self, kind: tuple[str, ...], address: str, seen: Form) -> None:
        self.ended[kind] = "gone"
        self.let_in()
        page = self.pages[address] if self.read_at[address] == self.sent else self.get(address, fresh=False)
        offered = [form for form in page.forms if form.kind == kind] if page else []
        form = next((form for form in offered if form.action == seen.action), offered[0] if offered else None)
        if form is None:
            return
        self.here = address
        self.ended[kind] = self.send(form)

    def let_in(self) -> None:
        """An action may have signed out, or asked for a second factor that nobody here has."""
        if "_auth_user_id" not in self.client.session:
            self.client.force_login(self.user)
        RequiredFactor.objects.all().delete()

    def send(self, form: Form) -> str:
        data = filled(form, day=today(), n=len(self.ended))
        headers = {"HX-Request": "true"} if form.htmx else {}
        answer = getattr(self.client, form.method)(form.action, data, headers=headers)
        self.sent += form.method == "post"
        return self.judge(form, data, answer)

    def judge(self, form: Form, data: Any, answer: HttpResponse) -> str:
        status = answer.status_code
        if status in (302, 303):
            target = urljoin(form.action, answer["Location"])
            page = self.get(target)
            if page is not None:
                self.look(*page.links)
            return "done"
        if status in (200, 204):
            if str(answer.get("Content-Type", "")).startswith("text/html"):
                self.look(*self.note(form.action, answer).links)
            return "done"
        if status == 422:
            page = read(form.action, answer.content.decode())
            sentence = " / ".join(error for error in page.errors if error)
            if not sentence:
                self.wrong.append(f"{form.method} {form.action} {data} is refused without a word")
            return f"refused: {sentence} {[(k, v) for k, v in data.items() if not k.startswith(('initial', 'csrf', 'once'))]}"
        self.wrong.append(f"{form.method} {form.action} {data} answers {status}")
        return f"answers {status}"


@pytest.fixture
def full_mall(mall: str, monkeypatch: pytest.MonkeyPatch) -> str:
    furnish(monkeypatch, at=timezone.now())
    return mall


def test_every_role_gets_through_its_day(full_mall: str) -> None:
    wrong = []
    for role in Role:
        if role == Role.CLIENT:
            continue
        user = User.objects.filter(roles__contains=[role], is_active=True).order_by("pk")[0]
        start = time.process_time()
        walk = Walk(role, user)
        walk.day()
        print(f"== {role}: {len(walk.pages)} pages, {len(walk.opened)} kinds; {len(walk.ended)} actions; {time.process_time() - start:.1f} s")
        for kind, how in walk.ended.items():
            if how != "done":
                print("   ", how[:300], kind)
        for word in walk.wrong:
            print("  !!", word)
        wrong += walk.wrong
    assert not wrong
