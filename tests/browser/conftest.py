"""A small mall behind a real server, and somebody of its staff at a real browser.

The mall is drawn and stored once, with the night before today; each story begins with it as it was, and today's night
is left for the stories. A story fails when a page logs an error to the console.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test import Client
from django.utils import timezone, translation
from django.utils.translation import gettext, ngettext
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from core.accounts.models import User
from crm.demo import mall as demo
from crm.demo.testing import chromium
from crm.desk.today import today
from crm.flows import nightly
from tests import kept

# Playwright keeps a loop running in the thread of the tests, in which Django would refuse to ask the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
# Charts take a moment to follow the window. (`wait_for_function` would need the eval that our policy forbids.)
WIDTH_WHEN_SETTLED = """async (most) => {
    const end = Date.now() + 5000;
    const width = () => document.documentElement.scrollWidth;
    while (width() > most && Date.now() < end) await new Promise(requestAnimationFrame);
    return width();
}"""
LOCALES = {"en": "en-GB", "zh-hans": "zh-CN", "zh-hant": "zh-TW"}
MANAGER, ADMINISTRATOR = "chen", "admin"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    return {
        "executable_path": chromium(),
        "args": [
            "--no-sandbox",  # Chromium refuses its sandbox to root
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--font-render-hinting=none",
        ],
    }


@pytest.fixture(scope="session")
def drawn(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> demo.Mall:
    """On paper: its last orders are of the day before yesterday, so that a night could run yesterday."""
    with django_db_blocker.unblock():  # where the mall's midnight is stands in its row
        return demo.imagine(today() - timedelta(days=1), demo.SMALL)


@pytest.fixture
def mall(live_server: LiveServer, drawn: demo.Mall, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the mall."""
    # A thread of the server that kept its connection would keep the test database from being dropped.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    if kept.is_kept():
        kept.put_back()
    else:
        demo.load(drawn, at=timezone.now() - timedelta(days=1))
        nightly.run(today() - timedelta(days=1))
        kept.keep()
    ContentType.objects.clear_cache()
    return str(live_server.url)


@dataclass
class Desk:
    """Somebody signed in at a page, in a language."""

    page: Page
    url: str
    user: User
    language: str

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def say(self, text: str, **values: object) -> str:
        """What the product says for this English text."""
        with translation.override(self.language):
            return gettext(text) % values if values else gettext(text)

    def say_many(self, one: str, many: str, n: int, **values: object) -> str:
        with translation.override(self.language):
            return ngettext(one, many, n) % {"n": n, **values}

    def drawn(self) -> None:
        """Wait until every chart of the page is drawn."""
        self.page.wait_for_selector("body[data-charts=ready]")

    def fits(self) -> None:
        """Nothing sticks out to the right, neither on a desk nor on a phone."""
        for size in (PHONE, WIDE):
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            assert self.page.evaluate(WIDTH_WHEN_SETTLED, size["width"]) <= size["width"], self.page.url
        assert self.page.locator("html").get_attribute("lang") == self.language


SitDown = Callable[[str, str], Desk]


# A refused form is a 422 and a session that ended a 401: the browser reports them, the page says them.
# A request that a newer one replaces is one that ended early; a phone without a net sends none.
EXPECTED = (
    "net::ERR_INTERNET_DISCONNECTED",
    "status of 422",
    "status of 401",
    "Error Code 401",
    "htmx:afterRequest",
    "htmx:sendAbort",
)


@pytest.fixture
def sit_down(browser: Browser, mall: str) -> Iterator[SitDown]:
    """`sit_down("chen", "zh-hans")`: a browser in that language in which this person is signed in."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(status in message.text for status in EXPECTED):
            errors.append(f"{message.text} {message.location['url']}")

    def sit(username: str, language: str) -> Desk:
        user = User.objects.get(username=username)
        client = Client()
        client.force_login(user)
        context = browser.new_context(
            base_url=mall,
            viewport=WIDE,  # type: ignore[arg-type]
            locale=LOCALES[language],
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": mall}])
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: errors.append(str(error)))
        return Desk(page, mall, user, language)

    yield sit
    for context in contexts:
        context.close()
    assert errors == []
