"""The alert workbench: from the evidence to the end of an alert."""

import pytest
from playwright.sync_api import expect

from segmentation.models import Alert
from tests.browser.conftest import MANAGER, SitDown

INTERVIEW = {
    "why": "搬到成都，附近有新店",
    "recoverable": "Yes: free delivery to the new address",
    "rival": "隔壁茶庄",
    "compared": "They deliver the same day",
}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_an_alert_is_worked_to_its_end(sit_down: SitDown, language: str) -> None:
    desk = sit_down(MANAGER, language)
    page = desk.page
    mine = Alert.objects.filter(customer__manager=desk.user, state=Alert.State.OPEN, kind=Alert.Kind.QUIET)
    alert = mine.order_by("-severity", "pk")[0]
    desk.open("/alerts/")
    desk.fits()
    page.locator(f"tr[data-href='/alerts/{alert.pk}/'] a").click()
    page.wait_for_url(f"**/alerts/{alert.pk}/")

    # The evidence: a dot for each purchase of the last year, and a line for today.
    desk.drawn()
    purchases = page.evaluate("JSON.parse(document.getElementById('interval').textContent).purchases.length")
    assert purchases > 0
    assert page.locator("[data-chart=interval] svg path").count() >= purchases
    expect(page.locator("[data-chart=interval] svg").get_by_text(desk.say("Today"), exact=True)).to_be_visible()
    desk.fits()

    page.fill("textarea[name=text]", "客服：三月投诉过物流")
    page.get_by_role("button", name=desk.say("Comment"), exact=True).click()
    expect(page.locator(".lk-event-text")).to_have_text("客服：三月投诉过物流")

    page.get_by_role("button", name=desk.say("Visit"), exact=True).click()
    expect(page.locator("button[name=decision].btn-primary")).to_have_text(desk.say("Visit"))

    # Without a cause the form is refused, and what was typed stays.
    for name, text in INTERVIEW.items():
        page.fill(f"[name={name}]", text)
    page.evaluate("document.querySelectorAll('[name=cause]').forEach((choice) => { choice.required = false; })")
    page.get_by_role("button", name=desk.say("Close as lost")).click()
    expect(page.locator(".lk-field-error")).to_be_visible()
    for name, text in INTERVIEW.items():
        expect(page.locator(f"[name={name}]")).to_have_value(text)
    desk.fits()
    alert.refresh_from_db()
    assert (alert.state, alert.decision) == (Alert.State.OPEN, Alert.Decision.VISIT)

    page.check("[name=cause][value=poached]")
    page.get_by_role("button", name=desk.say("Close as lost")).click()
    expect(page.get_by_role("heading", name=desk.say("How it ended"))).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text=INTERVIEW["why"])).to_be_visible()
    desk.fits()
    alert.refresh_from_db()
    assert (alert.state, alert.cause, alert.interview) == (Alert.State.LOST, "poached", INTERVIEW)
