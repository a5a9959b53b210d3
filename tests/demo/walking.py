"""Somebody who knows nothing of the product but its pages: follows every link and does everything that is offered.

Nothing here names a page: a field is filled by its kind, a form is known by where it goes and what it asks.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any
from unittest import mock
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import Resolver404, resolve

from core.accounts import idempotency
from core.accounts.models import RequiredFactor, User
from core.lib.errors import DomainError
from crm.demo.tables.staff import PASSWORD
from crm.desk.today import today

# What makes a button that sends no form do something: see static/laoke.js.
DOES = {"data-dialog", "data-close", "data-print", "data-login", "data-dismiss", "popovertarget", "hx-get", "hx-post"}
# In bulk.js, palette.js and lists.js: ticking rows, what is found, the order of columns.
DOES |= {"data-tick-mode", "data-choose-all", "data-choose-none", "data-palette-close", "data-move"}
VOID = {"input", "br", "img", "hr", "meta", "link", "wbr", "path", "use", "source", "col"}
LINKS = ("href", "data-href", "hx-get")
A_FILE = "order_no,customer,date,paid\nwalk-{n},walk-c{n},2026-10-{n:02},80\n"
# What a person reads from the label of a field that is of no kind of its own.
MEANT = {"phone": "138{n:08}", "email": "walk{n}@example.com", "username": "walk{n}", "budget": "100000"}
# Offered while the page was read, and settled by another action meanwhile.
GONE = "gone"
# Of one page with many subjects (customers, cases, …) one is opened; of one kind of form one is sent.
OF_A_KIND = 1
WORDS = "Walked through 走一遍"
OTHER = "別的話"
# Hidden fields that are others each time the form is opened, or follow what was typed.
ANEW = re.compile(r"csrfmiddlewaretoken|once|version|(request_|client_)?key$|initial-")


@dataclass
class Control:
    """A field as it stands on the page: what it would send untouched, and what may be chosen."""

    name: str
    kind: str
    attrs: dict[str, str]
    value: str = ""
    chosen: bool = False
    options: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def required(self) -> bool:
        return "required" in self.attrs


@dataclass
class Form:
    action: str
    method: str
    controls: list[Control] = field(default_factory=list)
    buttons: list[Control] = field(default_factory=list)
    htmx: bool = False

    @property
    def route(self) -> str:
        return route_of(self.action)

    @property
    def kind(self) -> tuple[str, ...]:
        """Forms that go to one page and ask the same are of a kind; a field of a row (`amount-7`) is every row's."""
        asked = {"".join("#" if sign.isdigit() else sign for sign in control.name) for control in self.controls}
        return (self.route, self.method, *sorted(asked))

    @property
    def subject(self) -> tuple[Any, ...]:
        """What the form is about, beside what is typed: where it goes, and the keys it carries."""
        carried = [control for control in self.controls if control.kind == "hidden"]
        keys = sorted((control.name, control.value) for control in carried if not ANEW.match(control.name))
        return (self.kind, self.action, *keys)

    @property
    def undoes_much(self) -> bool:
        """Its button is red: pressed after all others, or there would be nothing left to walk through."""
        return any("danger" in button.attrs.get("class", "") for button in self.buttons)


@dataclass
class Page:
    """`words` is what it says; `errors` what it says beside or above a form that was refused."""

    address: str
    links: list[str] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


def route_of(address: str) -> str:
    try:
        return str(resolve(urlsplit(address).path).view_name).removeprefix("desk:")
    except Resolver404:
        return ""


def names_of(has: dict[str, str]) -> str:
    return has.get("class", "")


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.page = Page(address)
        self.open: list[str] = []
        self.form: Form | None = None
        self.by_id: dict[str, Form] = {}
        self.late: list[tuple[str, Control]] = []
        self.select: Control | None = None
        self.text: Control | None = None
        self.wrong = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        if "template" in self.open:
            return  # drawn by a script, if at all
        if "id" in has:
            self.page.ids.add(has["id"])
        for name in LINKS:
            if has.get(name) and not has[name].startswith("#") and tag not in ("link", "use"):
                self.page.links.append(urljoin(self.page.address, has[name]))
        names = has.get("class", "")
        if "lk-field-error" in names or ("lk-notice" in names and has.get("data-tone") == "red"):
            self.wrong = len(self.open)
            self.page.errors.append("")
        if tag == "form":
            self._form(has)
        elif tag in ("input", "select", "textarea", "button"):
            self._control(tag, has)
        elif tag == "option" and self.select is not None and "disabled" not in has:
            self.select.options.append((has.get("value", ""), "selected" in has))

    def _form(self, has: dict[str, str]) -> None:
        method = has.get("method", "get").lower()
        action = has.get("hx-post") or has.get("action") or has.get("hx-get") or self.page.address
        if has.get("hx-post"):
            method = "post"
        self.form = Form(urljoin(self.page.address, action), method, htmx="hx-post" in has)
        self.by_id[has.get("id", "")] = self.form
        self.page.forms.append(self.form)

    def _control(self, tag: str, has: dict[str, str]) -> None:
        if "disabled" in has:
            return
        kind = has.get("type", "submit" if tag == "button" else "text") if tag in ("input", "button") else tag
        control = Control(has.get("name", ""), kind, has, has.get("value", "on"), "checked" in has)
        if kind not in ("checkbox", "radio"):
            control.value = has.get("value", "")
        if tag == "select":
            self.select = control
        if tag == "textarea":
            self.text = control
        if "form" in has:
            self.late.append((has["form"], control))
        elif self.form is not None:
            (self.form.buttons if kind == "submit" else self.form.controls).append(control)
        if (
            tag == "button"
            and kind == "button"
            and not DOES.intersection(has)
            and "lk-menu-toggle" not in names_of(has)
        ):
            self.page.loose.append(str(has))
        if tag == "button" and has.get("hx-post"):
            self.page.forms.append(Form(urljoin(self.page.address, has["hx-post"]), "post", htmx=True))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        while self.open and self.open.pop() != tag:
            pass
        if self.wrong > len(self.open):
            self.wrong = 0
        if tag == "form":
            self.form = None
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.text = None

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text.value += data.removeprefix("\n") if not self.text.value else data
        if self.wrong:
            self.page.errors[-1] += data

    def done(self) -> Page:
        for name, control in self.late:
            if name in self.by_id:
                form = self.by_id[name]
                (form.buttons if control.kind == "submit" else form.controls).append(control)
        self.page.errors = [" ".join(error.split()) for error in self.page.errors]
        return self.page


def read(address: str, html: str) -> Page:
    reader = _Reader(address)
    reader.feed(html)
    return reader.done()


# Filling in -----------------------------------------------------------------------------------------------------------


def filled(form: Form, *, day: date, n: int) -> dict[str, Any]:
    """What somebody would send who leaves what stands there and fills in what is empty, each field by its kind."""
    data: dict[str, Any] = {}
    for name, controls in _by_name(form.controls):
        values = [value for control in controls if (value := _value(control, day=day, n=n)) is not None]
        kinds = {control.kind for control in controls}
        if kinds <= {"checkbox", "radio"}:
            values = [control.value for control in controls if control.chosen]
            if not values and ("radio" in kinds or len(controls) > 1 or any(control.required for control in controls)):
                values = [controls[0].value]
        if values:
            data[name] = values[0] if len(values) == 1 else values
    for button in form.buttons[:1]:
        if button.name:
            data[button.name] = button.value
    return data


def _by_name(controls: list[Control]) -> Iterator[tuple[str, list[Control]]]:
    names = dict.fromkeys(control.name for control in controls if control.name)
    for name in names:
        yield name, [control for control in controls if control.name == name]


def _value(control: Control, *, day: date, n: int) -> Any:
    if control.kind == "hidden":
        return control.value
    if control.kind == "select":
        return _choice(control)
    if control.kind == "file":
        return SimpleUploadedFile(f"walk-{n}.csv", A_FILE.format(n=n % 28 + 1).encode(), "text/csv")
    if control.value:
        return control.value
    for part, value in MEANT.items():
        if part in control.name:
            return value.format(n=n)
    if control.attrs.get("autocomplete") == "current-password":
        return PASSWORD
    if control.kind in ("text", "search", "textarea"):
        return _text(control, n)
    made = {
        "number": _at_least(control.attrs.get("min", "")),
        "date": control.attrs.get("max") or control.attrs.get("min") or (day + timedelta(days=1)).isoformat(),
        "datetime-local": f"{day + timedelta(days=1)}T09:00",
        "time": "09:00",
        "email": f"walk{n}@example.com",
        "tel": f"138{n:08}",
        "url": f"https://shop.example.com/walk/{n}",
        "password": "a long enough passphrase",
    }
    return made.get(control.kind, "")


def _at_least(least: str) -> str:
    return least if least and float(least) > 0 else "1"


def _choice(control: Control) -> Any:
    chosen = [value for value, is_chosen in control.options if is_chosen and value]
    if chosen:
        return chosen if "multiple" in control.attrs else chosen[-1]
    offered = [value for value, _chosen in control.options if value]
    return offered[0] if offered else ""


def _text(control: Control, n: int) -> str:
    if control.attrs.get("inputmode") in ("numeric", "decimal"):
        return "1"
    text = f"{WORDS} {n}"
    return text[: int(control.attrs.get("maxlength") or 200)]


def untouched(form: Form) -> dict[str, Any]:
    """What the form would send as it stands."""
    data: dict[str, Any] = {}
    for name, controls in _by_name(form.controls):
        values: list[str] = []
        for control in controls:
            if control.kind in ("checkbox", "radio"):
                values += [control.value] if control.chosen else []
            elif control.kind == "select":
                values += [value for value, is_chosen in control.options if is_chosen]
                if not values and control.options and "multiple" not in control.attrs:
                    values.append(control.options[0][0])
            elif control.kind != "file":
                values.append(control.value)
        if values:
            data[name] = values[0] if len(values) == 1 else values
    return data


def _wordy(form: Form) -> list[str]:
    """The fields that take any words, those of several lines first."""
    rows = [control for control in form.controls if control.kind in ("text", "textarea")]
    free = [control for control in rows if control.name and not control.attrs.get("inputmode")]
    return [control.name for control in sorted(free, key=lambda control: control.kind != "textarea")][:6]


# Walking -------------------------------------------------------------------------------------------------------------


class Walk:
    """Somebody who opens every page they come to, and then does everything that those pages offer.

    `doubting`: sends what was stored once more with other words, and has the forms that edit a row open twice. Each form
    with words is refused once before it is sent, but for those of a kind that somebody has `tried`.
    """

    def __init__(self, user: User, *, doubting: bool = False, tried: set[tuple[str, ...]] | None = None) -> None:
        self.user, self.doubting = user, doubting
        self.tried = set() if tried is None else tried
        # Fields whose words were nowhere on the page that refused them.
        self.forgotten: list[str] = []
        self.client = Client(raise_request_exception=False)
        self.client.force_login(user)
        self.pages: dict[str, Page] = {}
        self.read_at: dict[str, int] = {}
        self.opened: Counter[str] = Counter()
        self.forms: dict[tuple[str, ...], tuple[str, Form]] = {}
        self.ended: dict[tuple[str, ...], str] = {}
        self.wrong: list[str] = []
        # Forms sent once more with other words: how each of them was met.
        self.again: dict[tuple[str, ...], str] = {}
        # Forms that edit a row, open before two people: what became of what each of them wrote.
        self.edits: dict[tuple[str, ...], str] = {}
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
        self.wrong += [f"{address} has a button that does nothing: {button}" for button in page.loose]
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
        self.ended[kind] = GONE
        self.let_in()
        page = self.pages[address] if self.read_at[address] == self.sent else self.get(address, fresh=False)
        offered = [form for form in page.forms if form.kind == kind] if page else []
        form = next((form for form in offered if form.action == seen.action), offered[0] if offered else None)
        if form is None:
            return
        self.here = address
        if self.doubting and any(control.name.startswith("initial-") for control in form.controls):
            self.edits[kind] = self.edit_by_two(address, form)
            self.sent += 1
        if form.method == "post" and kind not in self.tried and "once" in untouched(form):
            self.tried.add(kind)
            self.be_refused(form)
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
        if self.doubting and answer.status_code in (302, 303) and data.get("once"):
            self.send_again(form, data, headers)
        return self.judge(form, data, answer)

    def send_again(self, form: Form, data: dict[str, Any], headers: dict[str, str]) -> None:
        """The same form by the browser's Back, with other words: they are refused and still there, or they are stored."""
        texts = {control.name for control in form.controls if control.kind in ("text", "textarea")}
        words = {name: f"{value} {OTHER}" for name, value in data.items() if name in texts and WORDS in str(value)}
        if not words:
            return
        answer = self.client.post(form.action, data | words, headers=headers, follow=True)
        page = unescape(answer.content.decode())
        is_told = "lk-field-error" in page or 'data-tone="error"' in page or answer.status_code >= 400
        if OTHER in page:
            self.again[form.kind] = "kept" if is_told else "stored"
        else:
            self.again[form.kind] = "refused" if is_told else "lost"

    def be_refused(self, form: Form) -> None:
        """Every word is there again: in the form, or on the page that the refusal leads to.

        A view that stores without asking for the key by which a form is sent once cannot be made to refuse: it is done.
        """
        names = _wordy(form)
        if not names:
            return
        words = {name: f"Said{n}"[: self.longest(form, name)] for n, name in enumerate(names, 1)}
        headers = {"HX-Request": "true"} if form.htmx else {}
        data = filled(form, day=today(), n=len(self.ended)) | words
        with mock.patch.object(idempotency, "once", side_effect=DomainError("Not now.")) as asked:
            answer = self.client.post(form.action, data, headers=headers, follow=True)
        page = answer.content.decode()
        if asked.called or answer.status_code == 422:
            self.forgotten += [f"{form.route}: {name}" for name, word in words.items() if word not in page]

    @staticmethod
    def longest(form: Form, name: str) -> int:
        return min(int(row.attrs.get("maxlength") or 200) for row in form.controls if row.name == name)

    def edit_by_two(self, address: str, form: Form) -> str:
        """A and B have the form open: they change two fields, and both win; a third who changes A's sees both texts."""
        opened = untouched(form)
        # Of this form alone: another one may have written the same row.
        mine, yours, theirs = (f"{who}{len(self.edits)}" for who in ("甲的字", "乙的字", "丙的字"))
        # A field that says nothing yet may be one of a row that is only made, or why something is changed.
        names = [name for name in _wordy(form) if opened.get(f"initial-{name}")]
        first = next((name for name in names if self.put(form, opened, name, mine)), None)
        if first is None:
            return "nothing to write"
        second = next((name for name in names if name != first and self.put(form, opened, name, yours)), None)
        now = self.get(address, fresh=False)
        forms = [row for row in now.forms if row.subject == form.subject] if now else []
        values = untouched(forms[0]) if forms else {}
        if values.get(first) != mine or (second and values.get(second) != yours):
            return f"lost: {first}, {second} are {values.get(first)!r}, {values.get(second or '')!r}"
        self.let_in()
        answer = self.client.post(form.action, opened | {first: theirs, "once": uuid4().hex}, follow=True)
        page = unescape(answer.content.decode())
        if answer.status_code not in (409, 422) or mine not in page or theirs not in page:
            return f"lost: {first} of the third answers {answer.status_code}"
        return "both won" if second else "one field"

    def put(self, form: Form, opened: dict[str, Any], name: str, text: str) -> bool:
        self.let_in()
        answer = self.client.post(form.action, opened | {name: text, "once": uuid4().hex})
        return answer.status_code == 302

    def judge(self, form: Form, data: Any, answer: Any) -> str:
        """How it ended: an empty word when it was done, or the sentence with which it was refused."""
        status = answer.status_code
        if status in (302, 303):
            target = urljoin(form.action, answer["Location"])
            page = self.get(target)
            if page is not None:
                self.look(*page.links)
            return ""
        if status in (200, 204):
            if str(answer.get("Content-Type", "")).startswith("text/html"):
                self.look(*self.note(form.action, answer).links)
            return ""
        if status == 422:
            page = read(form.action, answer.content.decode())
            sentence = " / ".join(error for error in page.errors if error)
            if not sentence:
                self.wrong.append(f"{form.method} {form.action} {data} is refused without a word")
            return sentence
        self.wrong.append(f"{form.method} {form.action} {data} answers {status}")
        return f"answers {status}"
