"""What somebody sees who knows nothing of the product but its pages: links, forms, and how each field is filled in.

Nothing here names a page or a field: a field is filled by its kind, a form is known by where it goes and what it asks.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import Resolver404, resolve

from crm.demo.tables.staff import PASSWORD

VOID = {"input", "br", "img", "hr", "meta", "link", "wbr", "path", "use", "source", "col"}
LINKS = ("href", "data-href", "hx-get")
A_FILE = "order_no,customer,date,paid\nwalk-{n},walk-c{n},2026-10-{n:02},80\n"
# What a person reads from the label of a field that is of no kind of its own.
MEANT = {"phone": "138{n:08}", "email": "walk{n}@example.com", "username": "walk{n}", "budget": "100000"}
WORDS = "Walked through 走一遍"


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
        elif tag == "button":
            self.page.loose.append(json.dumps(has, ensure_ascii=False))
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
