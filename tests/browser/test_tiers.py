"""The five screens of the tier rules: from dragging a threshold to rolling it back."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from crm.desk.today import today
from loyalty.models import Membership, TierDraft, TierRules
from loyalty.tiers import membership
from tests.browser.conftest import ADMINISTRATOR, MANAGER, SitDown

LEAD = "lead"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_threshold_is_dragged_published_lived_through_and_rolled_back(sit_down: SitDown, language: str) -> None:
    desk = sit_down(ADMINISTRATOR, language)
    page = desk.page
    desk.open("/levels/rules/")
    desk.fits()
    page.get_by_role("button", name=desk.say("New draft")).click()

    # Screen 1: the figures follow the line.
    desk.drawn()
    field = page.locator("#level-1-qualify")
    before = field.input_value()
    line = page.locator('.lk-threshold[data-input="level-1-qualify"]')
    expect(page.locator("#figures .lk-kpis").first).to_be_visible()
    box = line.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2, steps=4)
    with page.expect_response(re.compile("/preview/")):
        page.mouse.up()
    assert float(field.input_value()) > float(before)
    dragged = field.input_value()
    line.focus()
    with page.expect_response(re.compile("/preview/")):
        page.keyboard.press("ArrowRight")
    assert float(field.input_value()) > float(dragged)
    desk.fits()
    page.locator("button[name=next]").click()

    # Screen 2: those who would fall, fall on the first day.
    page.locator("input[name=transition][value=now]").check()
    page.fill("[name=starts_on]", (today() + timedelta(days=7)).isoformat())
    page.fill("[name=reason]", "银卡太多")
    desk.fits()
    page.get_by_role("button", name=desk.say("Go on: simulate and confirm")).click()

    # Screen 3: the author is told that somebody else publishes.
    expect(page.get_by_text(desk.say("You wrote this draft: somebody else has to publish it."))).to_be_visible()
    desk.fits()
    draft = TierDraft.objects.latest("id")
    falls = draft.simulations.latest("id").figures["falls"]
    assert falls > 0
    second = sit_down(LEAD, language)
    second.open(f"/levels/drafts/{draft.pk}/confirm/")
    second.page.fill("[name=falls]", str(falls))
    second.page.get_by_role("button", name=second.say("Publish")).click()
    expect(second.page.locator("#aftermath")).to_contain_text(second.say("Its first night has not been worked yet."))

    # Screen 4: afterwards, said and done agree.
    rules = TierRules.objects.latest("version")
    counts = dict.fromkeys(range(4), 0)
    membership.review_due(rules.starts_on, at=timezone.now() + timedelta(days=7))
    for rank in Membership.objects.values_list("rank", flat=True):
        counts[rank] += 1
    second.page.reload()
    told = second.page.locator("#aftermath dd").all_inner_texts()
    assert len(set(told)) == 1
    assert int(told[0]) >= falls
    second.fits()
    assert counts[2] + counts[3] > 0

    # Screen 5: back to what was, as a draft that is simulated already.
    desk.open(f"/levels/versions/{rules.pk}/")
    page.get_by_role("button", name=desk.say("Roll back")).click()
    page.fill("#roll-back-reason", "投诉太多")
    page.get_by_role("button", name=desk.say("Draft the roll back")).click()
    expect(page.locator("h1")).to_contain_text(desk.say("Roll back version %(n)s", n=rules.version))
    desk.fits()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_level_of_a_customer_explains_itself(sit_down: SitDown, language: str) -> None:
    desk = sit_down(MANAGER, language)
    page = desk.page
    desk.open("/levels/?level=silver")
    desk.fits()
    page.locator("tbody tr td.title a").first.click()
    page.wait_for_load_state()  # earlier, the link opens the explanation as a page of its own
    card = page.locator("#level")
    expect(card).to_contain_text("银卡")
    page.get_by_label(desk.say("Why this level?")).click()
    expect(page.locator("#drawer #gap")).to_be_visible()
    gap = page.locator("#drawer #gap").inner_text().strip()
    expect(card).to_contain_text(gap)
    page.keyboard.press("Escape")
    desk.fits()
    page.goto(page.url.rstrip("/").partition("?")[0] + "/level/")
    expect(page.locator("main #gap")).to_have_text(gap)
    desk.fits()
    desk.open("/levels/at-risk/")
    desk.fits()
