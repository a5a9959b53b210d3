"""Every page of every role at a real browser: nothing of its script fails, and each dialog opens by its button."""

import pytest
from django.utils import timezone

from core.accounts.models import Role, User
from tests.browser import conftest
from tests.browser.conftest import SitDown
from tests.demo.furnished import furnish
from tests.demo.walking import Walk, route_of

# Each button that opens a dialog is pressed; what did not open is told by the id of the dialog.
OPEN_ALL = """() => {
    const shut = [];
    for (const button of document.querySelectorAll("[data-dialog]")) {
        const dialog = document.getElementById(button.dataset.dialog);
        if (dialog && dialog.open) dialog.close();
        button.click();
        if (dialog && dialog.open) dialog.close(); else shut.push(button.dataset.dialog);
    }
    return shut;
}"""


@pytest.mark.timeout(900)
def test_every_page_of_every_role_works_in_a_browser(sit_down: SitDown, monkeypatch: pytest.MonkeyPatch) -> None:
    # What was there when the links were gathered may be done with by now: the walk without a browser asks for that.
    monkeypatch.setattr(conftest, "EXPECTED", (*conftest.EXPECTED, "status of 404"))
    furnish(monkeypatch, at=timezone.now())
    seen: set[str] = set()
    shut: list[str] = []
    for role in Role:
        if role == Role.CLIENT:
            continue
        user = User.objects.filter(roles__contains=[role], is_active=True).order_by("pk")[0]
        walk = Walk(user)
        walk.look("/")
        desk = sit_down(user.username, "en")
        for address in walk.pages:
            route = route_of(address)
            if route in seen:
                continue
            seen.add(route)
            desk.page.goto(desk.url + address, wait_until="load")
            shut += [f"{role} {address}: {name}" for name in desk.page.evaluate(OPEN_ALL)]
    print(f"{len(seen)} pages in a browser")
    assert shut == []
    assert len(seen) > 80
