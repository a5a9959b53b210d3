"""The week dragged, worked by keys, and by buttons on a phone; a visit logged with a thumb, without a net."""

import time
from datetime import date

from playwright.sync_api import expect

from care import appointments
from care.appointments import Agreed
from care.days import DAY, around
from care.models import Appointment
from core.accounts.models import Absence
from crm.desk.today import now, today
from customers.models import Contact, Customer
from tests.browser.conftest import MANAGER, PHONE, Desk, SitDown

TAPS, SECONDS = 8, 45


def next_week(days: int) -> date:
    """So many days after the next Monday."""
    return today() + (8 - today().isoweekday() + days) * DAY


def agreed(desk: Desk, days: int) -> Appointment:
    """A visit so many days after the next Monday."""
    customer = Customer.objects.filter(manager=desk.user).order_by("pk")[days]
    told = Agreed(next_week(days), how="visit")
    working = around(today(), lambda day: True)
    return appointments.book(customer, told, by=desk.user, at=now(), days=working, client_key=f"k{days}").appointment


def test_the_week_is_dragged_and_worked_by_keys(sit_down: SitDown) -> None:
    desk = sit_down(MANAGER, "en")
    page, press, toast = desk.page, desk.page.keyboard.press, desk.page.locator(".lk-toast")
    row = agreed(desk, 0)
    Absence.objects.create(user=desk.user, starts_on=next_week(3), ends_on=next_week(3))
    desk.open("/week/")
    desk.fits()
    item = page.locator(f"#appointment-{row.pk}")

    def stands(days: int) -> None:
        on = next_week(days)
        expect(page.locator(f"[data-day='{on.isoformat()}'] #appointment-{row.pk}")).to_have_count(1)
        row.refresh_from_db()
        assert row.on == on

    item.drag_to(page.locator(f"[data-day='{next_week(2).isoformat()}'] h3"))
    stands(2)
    press("u")
    stands(0)
    # A day of leave: it springs back, with the sentence.
    item.drag_to(page.locator(f"[data-day='{next_week(3).isoformat()}'] h3"))
    expect(toast.last).to_contain_text("is away on that day")
    stands(0)
    item.focus()
    press("Shift+ArrowRight")
    stands(1)
    expect(item).to_be_focused()
    press("u")
    stands(0)
    # On a phone nothing is dragged.
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    item.locator("form button").click()
    stands(1)


def test_a_visit_is_logged_with_a_thumb_and_once_without_a_net(sit_down: SitDown) -> None:
    desk = sit_down(MANAGER, "zh-hans")
    page = desk.page
    customer = Customer.objects.filter(manager=desk.user).order_by("pk")[0]
    appointments.book(
        customer,
        Agreed(today(), how="visit"),
        by=desk.user,
        at=now(),
        days=around(today(), lambda day: True),
        client_key="k",
    )
    before = Contact.objects.count()
    desk.open("/visits/")
    desk.fits()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    began, taps = time.monotonic(), 0
    page.locator(".lk-here a").first.click()
    for name, value in (("outcome", "reached"), ("mood", "good"), ("next_in", "7")):
        page.locator(f"[name={name}][value='{value}']").check()
        taps += 1
    page.locator("[name=note]").fill("看了新品，下月再谈")
    page.context.set_offline(True)
    page.locator("form[data-visit] .btn-primary").click()
    taps += 3
    expect(page.locator("#kept-here")).to_be_visible()
    assert Contact.objects.count() == before
    page.context.set_offline(False)
    page.wait_for_url("**/visits/?logged=*")
    assert (taps <= TAPS, time.monotonic() - began <= SECONDS) == (True, True)
    assert Contact.objects.count() == before + 1
    assert Appointment.objects.get().state == "done"
    # The kept words are gone, and nothing is sent again.
    page.reload()
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes(':visit:')).length") == 0
    assert Contact.objects.count() == before + 1
