"""The rules: what the preview says is what the next night does."""

import pytest
from playwright.sync_api import expect

from core.accounts.models import User
from crm.desk.today import now, today
from crm.flows import nightly
from customers.models import Standing
from segmentation.models import Alert, Change
from tests.browser.conftest import ADMINISTRATOR, SitDown
from tests.rulebook.stories import confirmed

DRAFT = {"long_absence_days": "60", "a_max": "20", "big_share": "60", "big_enter": "100", "big_leave": "99"}
CLASSES = (Standing.Class.BIG, Standing.Class.ACTIVE, Standing.Class.RANDOM)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_night_does_what_the_preview_said(sit_down: SitDown, language: str) -> None:
    desk = sit_down(ADMINISTRATOR, language)
    page = desk.page
    desk.open("/rules/")
    desk.fits()

    for name, value in DRAFT.items():
        page.fill(f"[name={name}]", value)
    page.get_by_role("button", name=desk.say("Preview")).click()
    moves = page.locator("#moves tbody tr")
    expect(moves).to_have_count(4)
    desk.fits()
    told_moves = {
        (before, after): int(moves.nth(row).locator("td").nth(column).inner_text())
        for row, before in enumerate(CLASSES)
        for column, after in enumerate(CLASSES)
        if before != after
    }
    names = page.locator("#per-manager dt").all_inner_texts()
    counts = [int(text) for text in page.locator("#per-manager dd").all_inner_texts()]
    told_alerts = dict(zip(names, counts, strict=True))
    assert sum(told_moves.values()) > 0
    assert sum(told_alerts.values()) > 0

    page.fill("[name=reason]", "少一些大客户，早一点发现")
    page.get_by_role("button", name=desk.say("Propose to a second person")).click()
    expect(page.get_by_role("heading", name=desk.say("Classes and the night"))).to_be_visible()
    desk.fits()
    confirmed(now())
    desk.open("/rulebook/")
    desk.fits()

    nightly.run(today())

    moved = Change.objects.filter(on=today(), class_before__gte=0)
    done_moves = {
        (before, after): moved.filter(class_before=before, class_after=after).count() for before, after in told_moves
    }
    opened = Alert.objects.filter(opened_on=today())
    managers = User.objects.filter(pk__in=opened.values("customer__manager"))
    done_alerts = {str(manager): opened.filter(customer__manager=manager).count() for manager in managers}
    if unowned := opened.filter(customer__manager__isnull=True).count():
        done_alerts[desk.say("nobody")] = unowned
    assert done_moves == told_moves
    assert done_alerts == told_alerts
