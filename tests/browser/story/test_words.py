"""What somebody sees of the words that were not stored yet."""

import os

from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import Page, expect

from complaints.models import Case
from tests.browser.conftest import PHONE, WIDE
from tests.browser.story.conftest import World
from tests.conftest import PASSWORD

CONTRAST = """(element) => {
    const shine = (colour) => {
        const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
        const [r, g, b] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const style = getComputedStyle(element);
    const [dark, light] = [shine(style.color), shine(style.backgroundColor)].sort((one, other) => one - other);
    return (light + 0.05) / (dark + 0.05);
}"""


def photographed(page: Page, name: str) -> None:
    if shots := os.environ.get("SHOTS"):
        for kind, size in (("wide", WIDE), ("phone", PHONE)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.screenshot(path=f"{shots}/{name}-{kind}.png")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def test_words_of_a_dialog_come_back_after_the_sign_in_and_can_be_discarded(world: World) -> None:
    walk = world.walk(0)
    walk.blocked = ()  # here its looks matter
    person, case = walk.sit_down(world.users[0]), world.cases[0]
    page, address = person.page, reverse("desk:complaint", args=[case.pk])
    page.goto(address)
    page.click("[data-dialog=do-customer_said]")
    page.fill("#do-customer_said textarea", "我要退货")
    Session.objects.all().delete()
    page.click("#do-customer_said .btn-primary")
    page.fill("#id_login", person.user.username)
    page.fill("#id_password", PASSWORD)
    page.click("form[action*='login'] button")

    said, note = page.locator("#do-customer_said textarea"), page.locator("#do-customer_said .lk-draft")
    expect(said).to_be_visible()
    expect(said).to_have_value("我要退货")
    expect(note).to_contain_text("not saved yet")
    photographed(page, "restored")
    note.get_by_role("button").click()
    expect(said).to_have_value("")
    page.reload()
    expect(said).to_have_value("")
    assert not case.messages.exists()
    walk.leave()


def test_what_two_wrote_into_one_field_is_legible_and_one_press_takes_the_other(world: World) -> None:
    walk = world.walk(0)
    walk.blocked = ()  # here its looks matter
    page, case = walk.sit_down(world.users[0]).page, world.cases[0]
    page.goto(reverse("desk:complaint", args=[case.pk]))
    page.evaluate("document.getElementById('do-edit').showModal()")
    page.fill("#do-edit [name=remedy_sought]", "换货")
    colleague = walk.sit_down(world.users[1]).page
    colleague.goto(reverse("desk:complaint", args=[case.pk]))
    colleague.evaluate("document.getElementById('do-edit').showModal()")
    colleague.fill("#do-edit [name=remedy_sought]", "退款")
    colleague.click("#do-edit .btn-primary")
    colleague.wait_for_url("**/complaints/*/")

    page.click("#do-edit .btn-primary")

    texts = page.locator(".lk-both pre")
    expect(texts).to_have_text(["退款", "换货"])
    assert all(texts.nth(place).evaluate(CONTRAST) >= 4.5 for place in range(2))
    photographed(page, "conflict")
    page.get_by_role("button", name="Take what it says now").click()
    expect(page.locator("#unfinished [name=remedy_sought]")).to_have_value("退款")
    page.click("#unfinished .btn-primary")
    page.wait_for_url("**/complaints/*/")
    assert Case.objects.get(pk=case.pk).remedy_sought == "退款"
    walk.leave()


def test_no_secret_is_kept(world: World) -> None:
    walk = world.walk(0)
    walk.blocked = ()  # here its looks matter
    page = walk.sit_down(world.users[0]).page
    page.goto(reverse("desk:me"))
    for field in page.locator("input[type=password]").all():
        field.evaluate(
            "(field) => { field.value = 'secret'; field.dispatchEvent(new Event('input', { bubbles: true })); }"
        )

    assert "secret" not in page.evaluate("JSON.stringify(localStorage)")
    walk.leave()
