"""A complaint from a blank screen while the customer speaks: keys only, few of them, and nothing is lost."""

import os
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from complaints.models import Case, Queue, QueueMember, SilentSign
from complaints.setup import defaults
from core.accounts.models import User
from core.lib.errors import DomainError
from crm.desk import acting
from crm.desk.today import today
from customers import contact_points
from customers.models import Customer, Standing
from tests.browser.conftest import SitDown

AGENT = "agent"
PHONE = "138 1234 5678"
MOST_KEYS = 12
WORDS = "包裹五天没动，客户很着急"


class Keyboard:
    """Counts what the agent presses; the words themselves do not count."""

    def __init__(self, page: Page) -> None:
        self.page, self.pressed = page, 0

    def press(self, key: str) -> None:
        self.pressed += 1
        self.page.keyboard.press(key)

    def say(self, words: str) -> None:
        self.page.keyboard.insert_text(words)


@pytest.fixture
def caller(mall: str) -> Customer:
    """An active customer with orders, whose phone is known."""
    defaults.install(at=timezone.now() - timedelta(days=1))
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=User.objects.get(username=AGENT))
    person = Customer.objects.filter(standing__customer_class=Standing.Class.ACTIVE, orders__isnull=False).first()
    assert person is not None
    contact_points.add(person, "phone", PHONE)
    return person


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_complaint_is_logged_by_keyboard_in_twelve_keys(sit_down: SitDown, caller: Customer, language: str) -> None:
    desk = sit_down(AGENT, language)
    page, keys = desk.page, Keyboard(desk.page)
    desk.open("/complaints/")

    keys.press("n")
    page.wait_for_url("**/complaints/new/")
    expect(page.locator(".lk-find [name=q]")).to_be_focused()
    keys.say(PHONE)
    keys.press("Enter")
    page.wait_for_url(f"**/complaints/new/?customer={caller.pk}")
    expect(page.locator(".lk-identity")).to_contain_text(caller.name)
    expect(page.locator("form[data-quick-log]")).to_be_focused()
    keys.press("1")
    keys.press("2")
    expect(page.locator("textarea[name=description]")).to_be_focused()
    keys.say(WORDS)
    keys.press("Control+Enter")
    page.wait_for_url("**/logged/**")

    case = Case.objects.get()
    expect(page.locator(".lk-logged .number")).to_have_text(case.number)
    expect(page.locator(".lk-logged blockquote")).to_contain_text(case.number)
    assert (case.customer, case.category.code, case.description) == (caller, "delivery-lost", WORDS)
    assert keys.pressed <= MOST_KEYS
    assert PHONE not in page.url
    desk.fits()

    # Enter is the next call.
    expect(page.locator(".lk-logged a.btn-primary")).to_be_focused()
    keys.press("Enter")
    page.wait_for_url("**/complaints/new/")


def test_a_closed_tab_loses_nothing_and_who_calls_again_is_added(sit_down: SitDown, caller: Customer) -> None:
    desk = sit_down(AGENT, "zh-hans")
    page = desk.page
    desk.open("/complaints/new/")
    page.fill(".lk-find [name=q]", PHONE)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/complaints/new/?customer={caller.pk}")
    page.keyboard.press("3")
    page.keyboard.press("1")
    page.keyboard.insert_text(WORDS)
    page.wait_for_function("Object.keys(localStorage).some((key) => key.startsWith('laoke-draft:'))")

    page.goto("about:blank")
    desk.open(f"/complaints/new/?customer={caller.pk}")

    expect(page.locator("textarea[name=description]")).to_have_value(WORDS)
    expect(page.locator("input[name=category]:checked")).to_have_count(1)
    page.locator("textarea[name=description]").focus()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/logged/**")
    case = Case.objects.get()

    desk.open(f"/complaints/new/?customer={caller.pk}")
    expect(page.locator("textarea[name=description]")).to_be_focused()
    expect(page.locator("textarea[name=description]")).to_have_value("")
    page.keyboard.insert_text("又打电话来问")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(f"**/complaints/{case.pk}/logged/**")
    assert [message.body for message in case.messages.all()] == ["又打电话来问"]
    assert Case.objects.count() == 1


def test_the_case_page_fits_and_works_by_keys(sit_down: SitDown, caller: Customer) -> None:
    desk = sit_down(AGENT, "zh-hans")
    page = desk.page
    desk.open("/complaints/new/")
    page.fill(".lk-find [name=q]", PHONE)
    page.keyboard.press("Enter")
    page.wait_for_url("**?customer=*")
    desk.fits()
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.keyboard.insert_text(WORDS)
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/logged/**")
    case = Case.objects.get()

    desk.open(f"/complaints/{case.pk}/")
    desk.fits()
    page.fill("#id_answer", "今天一定送到")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".lk-said[data-direction=out]")).to_contain_text("今天一定送到")
    page.locator("h1").click()
    page.keyboard.press("e")
    expect(page.locator("#do-resolve")).to_be_visible()
    expect(page.locator("#do-resolve .lk-dialog-body :focus")).to_have_count(1)
    desk.open("/complaints/board/")
    desk.fits()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_call_promised_by_key_stands_on_the_desk_until_it_is_made(
    sit_down: SitDown, caller: Customer, language: str
) -> None:
    desk = sit_down(AGENT, language)
    page = desk.page
    desk.open("/complaints/new/")
    page.fill(".lk-find [name=q]", PHONE)
    page.keyboard.press("Enter")
    page.wait_for_url("**?customer=*")
    page.keyboard.press("p")
    expect(page.locator("input[name=promise]:checked")).to_have_value("hour")
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.keyboard.insert_text(WORDS)
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/logged/**")
    todo = caller.todos.get(dedupe_key__startswith="call:")
    assert todo.due_at is not None
    hour = f"{timezone.localtime(todo.due_at):%H:%M}"
    expect(page.locator(".lk-logged blockquote")).to_contain_text(hour)
    desk.fits()

    desk.open("/complaints/")
    card = page.locator(".lk-card", has_text=desk.say("Calls you promised"))
    expect(card).to_contain_text(hour)
    desk.fits()
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/calls-{language}.png")
    card.get_by_role("button", name=desk.say("Done")).click()
    expect(page.locator(".lk-card", has_text=desk.say("Calls you promised"))).to_have_count(0)
    todo.refresh_from_db()
    assert todo.state == "done"


def test_words_that_are_refused_stand_in_their_dialog_again(
    sit_down: SitDown, caller: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened by key, it is typed into at once; the server gives the words back where the browser keeps nothing."""
    SilentSign.objects.create(customer=caller, sign="mood", ref="1", found_on=today(), evidence={"on": "2026-11-01"})
    desk = sit_down("service", "en")
    page = desk.page
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('private'); } })")
    desk.open("/complaints/silent/")

    page.keyboard.press("j")
    page.keyboard.press("d")
    page.keyboard.insert_text(WORDS)
    expect(page.locator("dialog[open] textarea").first).to_have_value(WORDS)
    with monkeypatch.context() as patch:
        patch.setattr(acting, "once", Mock(side_effect=DomainError("Not now.")))
        page.locator("dialog[open] [formaction]").click()
        expect(page.locator(".lk-toast")).to_contain_text("Not now.")

    expect(page.locator("dialog[open] textarea").first).to_have_value(WORDS)
