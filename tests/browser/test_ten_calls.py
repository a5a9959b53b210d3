"""The ten calls as they really come, by keys alone: each possible, each counted."""

import os
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from complaints import orders
from complaints.calls import marks
from complaints.cases import intake
from complaints.models import Case, Category, Queue, QueueMember
from complaints.setup import defaults
from core.accounts.models import User
from core.lib.periods import mall_day
from customers import contact_points
from customers.models import Customer, Order, Standing
from customers.record import newcomers
from tests.browser.conftest import Desk, SitDown
from tests.browser.test_complaints import AGENT, Keyboard

PHONE, SHARED, UNKNOWN = "138 1234 5678", "137 1111 2222", "136 0000 4321"
WORDS = "包裹五天没动，客户很着急"


class Callers:
    """The people of the table, on record before the telephone rings."""

    def __init__(self) -> None:
        defaults.install(at=timezone.now() - timedelta(days=30))
        self.agent = User.objects.get(username=AGENT)
        for queue in Queue.objects.all():
            QueueMember.objects.create(queue=queue, user=self.agent)
        people = Customer.objects.filter(standing__customer_class=Standing.Class.ACTIVE, orders__isnull=False)
        self.known, self.one, self.other, *_rest = list(people.distinct().order_by("pk")[:3])
        contact_points.add(self.known, "phone", PHONE)
        for person in (self.one, self.other):
            contact_points.add(person, "phone", SHARED)

    def open_case(self, *, days: int) -> Case:
        late = Category.objects.get(code="delivery-late")
        at = timezone.now() - timedelta(days=days)
        return intake.log(self.known, category=late, channel="phone", by=None, at=at, description="没到").case


@pytest.fixture
def callers(mall: str) -> Callers:
    return Callers()


def ring(desk: Desk, keys: Keyboard, text: str) -> None:
    desk.open("/complaints/")
    keys.press("n")
    expect(desk.page.locator(".lk-find [name=q]")).to_be_focused()
    keys.say(text)
    keys.press("Enter")


def on_the_form(page: Page) -> None:
    expect(page.locator("form[data-quick-log]")).to_be_focused()


def take_down(page: Page, keys: Keyboard, words: str = WORDS) -> Case:
    keys.press("1")
    keys.press("2")
    expect(page.locator("textarea[name=description]")).to_be_focused()
    return save(page, keys, words)


def save(page: Page, keys: Keyboard, words: str = WORDS) -> Case:
    keys.say(words)
    keys.press("Control+Enter")
    page.wait_for_url("**/logged/**")
    return Case.objects.get(pk=int(page.url.rstrip("/").split("/")[-2]))


def test_ten_calls(sit_down: SitDown, callers: Callers) -> None:
    """One sitting, so that the mall is made once; a fresh count of keys for each call."""
    desk = sit_down(AGENT, "zh-hans")
    page, counts = desk.page, dict[str, int]()

    def begin() -> Keyboard:
        return Keyboard(page)

    # 1 A known phone
    keys = begin()
    ring(desk, keys, PHONE)
    on_the_form(page)
    case = take_down(page, keys)
    assert case.customer == callers.known
    counts["known phone"] = keys.pressed
    Case.objects.filter(pk=case.pk).update(status="withdrawn")

    # 2 By the number of an order: it is ticked
    keys = begin()
    order = Order.objects.filter(customer=callers.known).latest("ordered_at")
    ring(desk, keys, order.external_id)
    on_the_form(page)
    shoot(desk, "log-order")
    case = take_down(page, keys)
    assert orders.numbers_of(case) == [order.external_id]
    counts["order number"] = keys.pressed
    Case.objects.filter(pk=case.pk).update(status="withdrawn")

    # 3 By the name alone
    keys = begin()
    ring(desk, keys, callers.other.name)
    expect(page.locator(".lk-callers button, form[data-quick-log]").first).to_be_visible()
    if page.locator(".lk-callers").count():
        keys.press("1")
    on_the_form(page)
    case = take_down(page, keys)
    counts["name only"] = keys.pressed
    Case.objects.filter(pk=case.pk).update(status="withdrawn")

    # 4 A phone nobody is known by
    keys = begin()
    ring(desk, keys, UNKNOWN)
    on_the_form(page)
    case = take_down(page, keys)
    assert [owner.pk for owner in newcomers.owners(UNKNOWN)] == [case.customer_id]
    counts["unknown phone"] = keys.pressed

    # 5 Again, about a case whose promise was missed: nothing that is over is read out
    keys = begin()
    missed = callers.open_case(days=10)
    ring(desk, keys, missed.number)
    expect(page.locator("textarea[name=description]")).to_be_focused()
    shoot(desk, "log-join")
    case = save(page, keys, "又打电话来问")
    assert case == missed
    expect(page.locator(".lk-logged .lk-notice[data-tone=red]")).to_be_visible()
    expect(page.locator(".lk-logged blockquote")).not_to_contain_text(f"{missed.next_due_at:%m-%d}")
    shoot(desk, "logged-missed")
    counts["repeat caller"] = keys.pressed
    Case.objects.filter(pk=case.pk).update(status="withdrawn")

    # 6 A third person on a phone that two share
    keys = begin()
    ring(desk, keys, SHARED)
    expect(page.locator(".lk-callers button").first).to_be_focused()
    shoot(desk, "log-callers")
    keys.press("0")
    on_the_form(page)
    shoot(desk, "log-stranger")
    case = take_down(page, keys)
    assert case.customer not in (callers.one, callers.other)
    assert len(newcomers.owners(SHARED)) == 3
    counts["third on a phone"] = keys.pressed

    # 7 Anonymous
    keys = begin()
    ring(desk, keys, "0")
    on_the_form(page)
    shoot(desk, "log-anonymous")
    case = take_down(page, keys)
    assert case.customer is None
    counts["anonymous"] = keys.pressed
    desk.open(f"/complaints/{case.pk}/")
    shoot(desk, "case-anonymous")

    # 8 Abusive: the colleague is warned before the first word
    marks.mark(
        callers.known,
        reason="辱骂客服",
        until=mall_day(timezone.now()) + timedelta(days=7),
        by=callers.agent,
        at=timezone.now(),
        today=mall_day(timezone.now()),
    )
    keys = begin()
    ring(desk, keys, PHONE)
    on_the_form(page)
    expect(page.locator(".lk-notice[data-tone=red]")).to_contain_text("辱骂客服")
    shoot(desk, "log-warned")

    # 9 About two orders and one that nobody knows yet
    keys.press("o")
    ticked = page.locator("input[name=orders]:checked")
    expect(ticked).to_have_count(1)
    page.locator("input[name=orders]:not(:checked)").first.check()
    page.fill("input[name=orders_typed]", "NEW-77")
    keys.press("Escape")
    page.locator("form[data-quick-log]").focus()
    case = take_down(page, keys)
    assert len(orders.numbers_of(case)) == 3
    counts["abusive, two orders"] = keys.pressed
    desk.open(f"/complaints/{case.pk}/")
    page.get_by_role("button", name=desk.say("Show the phone, to call")).click()
    expect(page.locator("#numbers")).to_contain_text("13812345678")
    shoot(desk, "case")
    Case.objects.filter(pk=case.pk).update(status="withdrawn")

    # 10 The number went on to somebody new
    keys = begin()
    ring(desk, keys, PHONE)
    on_the_form(page)
    keys.press("x")
    on_the_form(page)
    expect(page.locator("input[name=who]:checked")).to_have_value("share")
    keys.press("w")
    expect(page.locator("input[name=who]:checked")).to_have_value(f"gone:{callers.known.pk}")
    page.fill("input[name=name]", "李新号")
    page.locator("form[data-quick-log]").focus()
    case = take_down(page, keys)
    assert case.customer is not None
    assert (case.customer.name, [owner.name for owner in newcomers.owners(PHONE)]) == ("李新号", ["李新号"])
    counts["recycled number"] = keys.pressed

    assert counts["known phone"] == 5
    assert max(counts.values()) <= 8, counts


def test_the_promise_on_the_page_follows_the_category(sit_down: SitDown, callers: Callers) -> None:
    desk = sit_down(AGENT, "zh-hans")
    page = desk.page
    desk.open("/complaints/new/")
    page.fill(".lk-find [name=q]", PHONE)
    page.keyboard.press("Enter")
    on_the_form(page)
    first = page.locator("#promises label").first.inner_text()
    with page.expect_response("**/new/promises/**"):
        page.keyboard.press("u")  # as grave as can be
    expect(page.locator("#promises label").first).not_to_have_text(first)
    shown = page.locator("#promises label").first.inner_text()
    case = take_down(page, Keyboard(page))

    due = timezone.localtime(case.clocks.get(metric="first_response").due_at)
    assert f"{due:%H:%M}" in shown


def shoot(desk: Desk, name: str) -> None:
    """No page is wider than the screen, at a desk or on a telephone; kept for the eye where SHOTS says."""
    desk.fits()
    if shots := os.environ.get("SHOTS"):
        for width in (1440, 390):
            desk.page.set_viewport_size({"width": width, "height": 900})
            desk.page.screenshot(path=f"{shots}/{name}-{width}.png", full_page=True)
        desk.page.set_viewport_size({"width": 1440, "height": 900})
