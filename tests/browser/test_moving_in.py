"""A mall moves into an empty house: set up, colleagues invited, and each sees an honest first page."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone, translation
from django.utils.translation import gettext
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from core.accounts.models import Role, User
from core.jobs import runs
from crm.desk.today import today
from crm.flows import mall, nightly
from customers.models import Customer, Order, Standing
from tests.browser.conftest import LOCALES, PHONE, WIDE, WIDTH_WHEN_SETTLED

PASSWORD = "correct horse battery"
EXPORTS = Path(__file__).parents[1] / "data" / "exports"
OWNER = {"name": "老街百货", "full_name": "何敏", "username": "hemin", "password": PASSWORD, "again": PASSWORD}
MAX_CLICKS = 20


@pytest.fixture
def house(live_server: LiveServer, mall_row: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a house in which nobody is."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    return str(live_server.url)


@pytest.fixture
def visitor(browser: Browser, house: str) -> Iterator[Callable[[str], Page]]:
    """`visitor("zh-hans")`: a browser of somebody who has never been here."""
    contexts = []

    def come(language: str) -> Page:
        context = browser.new_context(base_url=house, viewport=WIDE, locale=LOCALES[language])  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        contexts.append(context)
        return context.new_page()

    yield come
    for context in contexts:
        context.close()


def fits(page: Page) -> None:
    for size in (PHONE, WIDE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert page.evaluate(WIDTH_WHEN_SETTLED, size["width"]) <= size["width"], page.url


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_from_an_empty_house_to_two_colleagues_who_see_what_they_wait_for(
    visitor: Callable[[str], Page], language: str
) -> None:
    def say(text: str) -> str:
        with translation.override(language):
            return gettext(text)

    admin, clicks = visitor(language), 0
    code = mall.new_code(at=timezone.now())
    admin.goto("/")
    assert "/setup/" in admin.url
    admin.goto(f"/setup/?code={code}")
    fits(admin)
    for name, value in OWNER.items():
        admin.fill(f"[name={name}]", value)
    admin.select_option("[name=language]", language)
    admin.click("form.lk-setup-form button.btn-primary")
    clicks += 1
    expect(admin.locator(".lk-first-step")).to_have_count(9)
    expect(admin.locator("[aria-current=step] h2")).to_have_text(say("Invite your colleagues"))
    fits(admin)

    links = []
    for username, name, role in (("chen", "陈静", Role.ACCOUNT_MANAGER), ("fang", "刘芳", Role.SERVICE_AGENT)):
        admin.goto("/staff/")
        admin.click("[data-dialog=invite]")
        admin.fill("#invite [name=full_name]", name)
        admin.fill("#invite [name=username]", username)
        admin.check(f"#invite [name=roles][value={role}]")
        admin.click("#invite .btn-primary")
        clicks += 4
        links.append(admin.locator("[data-copy]").input_value())
    fits(admin)
    expect(admin.locator("tbody tr")).to_have_count(3)

    for link in links:
        page = visitor(language)
        page.goto(link)
        fits(page)
        page.select_option("[name=language]", language)
        page.fill("[name=password]", PASSWORD)
        page.fill("[name=again]", PASSWORD)
        page.click("main form .btn-primary")
        clicks += 1
        expect(page.get_by_text(say("Laoke is new here"))).to_be_visible()
        expect(page.get_by_text(say("Your administrator or team lead brings them in."))).to_be_visible()
        assert page.locator("html").get_attribute("lang") == language
        fits(page)
        again = visitor(language)
        again.goto(link)
        expect(again.get_by_text(say("This link opens nothing"))).to_be_visible()

    admin.goto("/first-steps/")
    expect(admin.locator(".lk-first-step.is-done")).to_have_count(2)
    chen = User.objects.get(username="chen")
    admin.goto(f"/staff/{chen.pk}/")
    fits(admin)
    admin.goto("/teams/")
    fits(admin)
    assert clicks <= MAX_CLICKS
    print(f"{clicks} clicks from an empty house to two colleagues at work")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_from_an_empty_house_over_two_exports_and_a_night_to_the_customers_of_a_manager(
    visitor: Callable[[str], Page], language: str
) -> None:
    def say(text: str) -> str:
        with translation.override(language):
            return gettext(text)

    owner, clicks = visitor(language), 0
    owner.goto(f"/setup/?code={mall.new_code(at=timezone.now())}")
    for name, value in OWNER.items():
        owner.fill(f"[name={name}]", value)
    owner.check("[name=alone]")
    owner.click("form.lk-setup-form button.btn-primary")
    owner.goto("/staff/")
    owner.click("[data-dialog=invite]")
    owner.fill("#invite [name=full_name]", "陈静")
    owner.fill("#invite [name=username]", "chen")
    owner.check(f"#invite [name=roles][value={Role.ACCOUNT_MANAGER}]")
    owner.click("#invite .btn-primary")
    clicks += 6
    link = owner.locator("[data-copy]").input_value()

    for source, file in (("淘宝旗舰店", "01-*"), ("shopify", "03-*")):
        owner.goto("/imports/")
        owner.fill("[name=source]", source)
        owner.set_input_files("[name=file]", next(EXPORTS.glob(file)))
        owner.get_by_role("button", name=say("Upload")).click()
        owner.get_by_role("button", name=say("Import"), exact=True).click()
        owner.wait_for_load_state()
        clicks += 3
    assert Order.objects.count() == 9

    nightly.run(today())  # the night of today came by while nobody had bought anything
    owner.goto("/nights/")
    owner.get_by_role("button", name=say("Run tonight's now")).click()
    owner.wait_for_load_state()
    clicks += 1
    for run in runs.to_issue(nightly.JOB, at=timezone.now()):
        nightly.run(run.business_date)  # what a worker does when it is told to look

    for customer in Customer.objects.order_by("pk"):
        owner.goto(f"/customers/{customer.pk}/")
        owner.select_option("[name=manager]", label="陈静")
        owner.fill("form[action$='/assign/'] [name=reason]", "陈静负责")
        owner.click("form[action$='/assign/'] button")
        owner.wait_for_load_state()
        clicks += 2

    chen = visitor(language)
    chen.goto(link)
    chen.fill("[name=password]", PASSWORD)
    chen.fill("[name=again]", PASSWORD)
    chen.click("main form .btn-primary")
    chen.wait_for_load_state()
    clicks += 1
    chen.goto("/customers/")
    expect(chen.locator("tbody tr")).to_have_count(Customer.objects.count())
    chen.goto("/")
    fits(chen)
    best = Standing.objects.order_by("-value").select_related("customer").first()
    assert best is not None
    assert best.value > 0
    chen.goto(f"/customers/{best.customer_id}/")
    expect(chen.get_by_text(best.customer.name).first).to_be_visible()
    print(f"{clicks} clicks from an empty house to a manager with {Customer.objects.count()} valued customers")
