"""My day worked from the keyboard, the mouse untouched."""

import pytest
from playwright.sync_api import expect

from crm.desk.today import today
from customers import todo
from customers.models import Todo
from tests.browser.conftest import MANAGER, SitDown


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_day_is_worked_by_keyboard_alone(sit_down: SitDown, language: str) -> None:
    desk = sit_down(MANAGER, language)
    page, press = desk.page, desk.page.keyboard.press
    first, second, third, *rest = todo.queue(desk.user, today())
    desk.open("/")
    desk.fits()
    rows, here, toast = page.locator(".lk-queue > li"), page.locator(".lk-row.is-current"), page.locator(".lk-toast")
    expect(rows).to_have_count(3 + len(rest))

    # ? tells the order of the queue.
    press("?")
    order = desk.say(
        "Promises that are overdue stand on top. Everything else is ordered by the money at stake: current value × "
        "probability of no further purchase."
    )
    expect(page.locator("#shortcuts").get_by_text(order)).to_be_visible()
    press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()

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

    # Put off: without a reason the drawer stays, with one the row leaves until that day.
    press("j")
    press("s")
    drawer = page.locator("#drawer")
    expect(drawer.locator("[name=reason]")).to_be_focused()
    page.keyboard.insert_text("   ")
    press("Control+Enter")
    expect(drawer.locator(".lk-field-error")).to_be_visible()
    expect(drawer.locator("[name=reason]")).to_be_focused()
    press("Control+a")
    page.keyboard.insert_text("出差，下周回来")
    press("Control+Enter")
    expect(drawer).to_be_hidden()
    expect(rows).to_have_count(2 + len(rest))
    expect(page.locator(f"#todo-{second.pk}")).to_have_count(0)
    second.refresh_from_db()
    assert (second.snooze_reason, second.state) == ("出差，下周回来", Todo.State.OPEN)
    assert second.snoozed_until is not None
    assert second.snoozed_until > today()
    press("u")
    expect(rows).to_have_count(3 + len(rest))
    desk.fits()

    # The alert of a row opens by its key.
    order_of_rows = [item.pk for item in todo.queue(desk.user, today())]
    alerting = next(item for item in todo.queue(desk.user, today()) if item.alert_id)
    place = here.get_attribute("id")
    for _step in range(order_of_rows.index(alerting.pk) - order_of_rows.index(int(str(place).removeprefix("todo-")))):
        press("j")
    expect(here).to_have_id(f"todo-{alerting.pk}")
    press("a")
    page.wait_for_url(f"**/alerts/{alerting.alert_id}/")

    # And back to the day.
    press("g")
    press("d")
    expect(rows).to_have_count(3 + len(rest))
