"""My day worked from the keyboard, the mouse untouched."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from crm.desk.today import now, today
from customers import todo
from customers.models import Contact, Todo
from tests.browser.conftest import MANAGER, Desk, SitDown


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_day_is_worked_by_keyboard_alone(sit_down: SitDown, language: str) -> None:
    desk = sit_down(MANAGER, language)
    page, press = desk.page, desk.page.keyboard.press
    first, second, third, *rest = todo.queue(desk.user, today(), now=now())
    desk.open("/")
    desk.fits()
    rows, here, toast = page.locator(".lk-queue > li"), page.locator(".lk-row.is-current"), page.locator(".lk-toast")
    expect(rows).to_have_count(3 + len(rest))

    the_order_of_the_queue_is_explained(desk)

    for key, row in (("j", first), ("j", second), ("j", third), ("k", second), ("k", first), ("k", first)):
        press(key)
        expect(here).to_have_id(f"todo-{row.pk}")

    # Done: the row leaves, the next one takes its place under the hand.
    press("d")
    expect(rows).to_have_count(2 + len(rest))
    expect(toast).to_contain_text(first.customer.name)
    expect(here).to_have_id(f"todo-{second.pk}")
    first.refresh_from_db()
    assert (first.state, first.closed_by) == (Todo.State.DONE, desk.user)

    # Undo: it is back where it was.
    press("u")
    expect(rows).to_have_count(3 + len(rest))
    expect(rows.first).to_have_id(f"todo-{first.pk}")
    expect(here).to_have_id(f"todo-{first.pk}")
    first.refresh_from_db()
    assert (first.state, first.closed_by) == (Todo.State.OPEN, None)

    # Put off, and brought back; a promise would be moved instead.
    waiting = go_to(desk, here, lambda item: item.promise is None)
    it_is_put_off_with_a_reason(desk, waiting)
    expect(rows).to_have_count(2 + len(rest))
    press("u")
    expect(rows).to_have_count(3 + len(rest))
    desk.fits()

    an_alert_opens_by_its_key(desk, here)

    # And back to the day.
    press("g")
    press("d")
    expect(rows).to_have_count(3 + len(rest))


def test_what_was_typed_is_kept_when_the_session_ends_meanwhile(sit_down: SitDown) -> None:
    desk = sit_down(MANAGER, "en")
    page, press, drawer = desk.page, desk.page.keyboard.press, desk.page.locator("#drawer")
    desk.open("/")
    press("j")
    first = go_to(desk, page.locator(".lk-row.is-current"), lambda item: item.promise is None)
    press("s")
    expect(drawer.locator("[name=reason]")).to_be_focused()
    page.keyboard.insert_text("back next week")
    session = next(cookie for cookie in page.context.cookies() if cookie.get("name") == "sessionid")
    page.context.clear_cookies(name="sessionid")

    press("Control+Enter")
    expect(page.locator(".lk-toast")).to_contain_text("You were signed out.")
    expect(drawer.locator("[name=reason]")).to_have_value("back next week")

    # Signed in again in another tab, which has changed the token of the forms as well.
    signed_in = {"name": "sessionid", "value": str(session.get("value")), "url": desk.url}
    page.context.add_cookies([signed_in, {"name": "csrftoken", "value": "n" * 32, "url": desk.url}])  # type: ignore[list-item]
    press("Control+Enter")
    expect(drawer).to_be_hidden()
    first.refresh_from_db()
    assert first.snooze_reason == "back next week"


def the_order_of_the_queue_is_explained(desk: Desk) -> None:
    help_, press = desk.page.locator("#shortcuts"), desk.page.keyboard.press
    press("?")
    order = desk.say(
        "Late promises stand on top, those with most at stake first. Then what is due within two hours, by its hour. "
        "Then what else is due at an hour today, and then everything else, both by what is at stake: risk × value. "
        "The ? of a row shows its two parts."
    )
    expect(help_.get_by_text(order)).to_be_visible()
    press("Escape")
    expect(help_).to_be_hidden()


def it_is_put_off_with_a_reason(desk: Desk, second: Todo) -> None:
    """Without a reason the drawer stays, with one the row leaves until that day."""
    page, press, drawer = desk.page, desk.page.keyboard.press, desk.page.locator("#drawer")
    press("s")
    expect(drawer.locator("[name=reason]")).to_be_focused()
    page.keyboard.insert_text("   ")
    press("Control+Enter")
    expect(drawer.locator(".lk-field-error")).to_be_visible()
    expect(drawer.locator("[name=reason]")).to_be_focused()
    press("Control+a")
    page.keyboard.insert_text("出差，下周回来")
    press("Control+Enter")
    expect(drawer).to_be_hidden()
    expect(page.locator(f"#todo-{second.pk}")).to_have_count(0)
    second.refresh_from_db()
    assert (second.snooze_reason, second.state) == ("出差，下周回来", Todo.State.OPEN)
    assert second.snoozed_until is not None
    assert second.snoozed_until > today()


def go_to(desk: Desk, here: Locator, wanted: Callable[[Todo], bool]) -> Todo:
    """By `j` to the first such row below the one that is current; the row."""
    queue = list(todo.queue(desk.user, today(), now=now()))
    place = int(str(here.get_attribute("id")).removeprefix("todo-"))
    order = [item.pk for item in queue]
    steps, row = next((n, item) for n, item in enumerate(queue[order.index(place) :]) if wanted(item))
    for _step in range(steps):
        desk.page.keyboard.press("j")
    expect(here).to_have_id(f"todo-{row.pk}")
    return row


def an_alert_opens_by_its_key(desk: Desk, here: Locator) -> None:
    alerting = go_to(desk, here, lambda item: item.alert_id is not None)
    desk.page.keyboard.press("a")
    desk.page.wait_for_url(f"**/alerts/{alerting.alert_id}/")


def test_a_row_is_handled_with_few_keys_and_without_a_page_load(sit_down: SitDown) -> None:
    """A talk is logged in a drawer over the queue: the promise and the alert it came from are done, the next is at hand."""
    desk = sit_down(MANAGER, "en")
    page, keys, loads = desk.page, list[str](), list[str]()
    here, drawer = page.locator(".lk-row.is-current"), page.locator("#drawer")
    desk.open("/")
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    queue = list(todo.queue(desk.user, today(), now=now()))
    promise, after = queue[:2]

    def press(key: str) -> None:
        keys.append(key)
        page.keyboard.press(key)

    press("j")
    press("c")
    expect(drawer.locator("[name=outcome]")).to_be_focused()
    press("Tab")
    page.keyboard.insert_text("rang, all is well")
    press("Control+Enter")
    expect(drawer).to_be_hidden()
    expect(here).to_have_id(f"todo-{after.pk}")
    promise.refresh_from_db()
    assert promise.state == Todo.State.DONE
    assert Contact.objects.filter(customer=promise.customer, note="rang, all is well").exists()
    assert (len(keys), loads) == (4, [])

    # An alert that nobody has decided: the key of "done" asks what is done about it.
    alerting = go_to(desk, here, lambda item: item.undecided)
    keys.clear()
    press("d")
    expect(drawer.locator("[name=decision]").first).to_be_visible()
    press("Control+Enter")
    expect(drawer).to_be_hidden()
    expect(page.locator(f"#todo-{alerting.pk}")).to_have_count(0)
    alerting.refresh_from_db()
    assert (alerting.text["decision"], alerting.due_on > today()) == ("contact", True)
    assert (len(keys), loads) == (2, [])
