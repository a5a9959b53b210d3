"""What a night changed is read with its why: by the figures of that night, and by name for who may see it."""

from datetime import date, timedelta
from typing import Any

from django.test import Client
from django.urls import reverse

from core.accounts.models import Role, User
from crm.desk.today import today
from crm.flows import nightly
from segmentation.models import Alert, Change
from tests.conftest import MakeCustomer, MakeOrder, MakeUser


def test_each_move_and_alert_of_a_night_says_why(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    lead = make_user(Role.TEAM_LEAD, "Xu", team="East")
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen", team="East")
    wu = make_user(Role.ACCOUNT_MANAGER, "Wu", team="South")
    back, rich, foreign = (
        make_customer(name, manager=who) for name, who in (("李雷", chen), ("Tom", chen), ("韩梅梅", wu))
    )
    crowd = [make_customer(f"客户{n}", manager=chen) for n in range(6)]
    for person in (back, foreign, *crowd):
        for days in (200, 190, 180):
            make_order(person, today() - timedelta(days=days), paid="80.00")
    for days in (30, 20, 10, 2):
        make_order(rich, today() - timedelta(days=days), paid="90.00")
    nightly.run(today() - timedelta(days=1))
    make_order(back, today(), paid="80.00")
    make_order(foreign, today(), paid="80.00")
    make_order(crowd[0], today(), paid="60000.00")
    nightly.run(today())
    assert Change.objects.filter(on=today(), customer=back).get().class_after == 1

    def read(day: date, reader: User) -> Any:
        client.force_login(reader)
        return client.get(reverse("desk:night", args=[day.isoformat()]))

    seen = read(today(), lead)
    page, why = seen.content.decode(), {row.change.customer.name: row.why for row in seen.context["moves"].rows}
    assert "3 known intervals; quiet for 0 days, and 100.0 % of such silences last longer. Active" in why["李雷"]
    assert why["客户0"].startswith("Value ¥")
    assert "the bar is ¥" in why["客户0"]
    assert (seen.context["moved"] - seen.context["moved_seen"], "韩梅梅" in page) == (1, False)
    assert "the others are only counted" in page
    for person in (back, foreign):
        Alert.objects.create(
            customer=person,
            kind=Alert.Kind.QUIET,
            last_on=today() - timedelta(days=180),
            opened_on=today(),
            window_ends_on=today(),
            severity=5,
            evidence={"usual_days": 10.0, "limit_days": 30.0, "quiet_days": 180},
        )
    opened = read(today(), lead)
    assert (opened.context["opened"], opened.context["alerts_opened_seen"]) == (2, 1)
    assert "Usually buys every 10 days; quiet for 180, personal limit 30." in opened.content.decode()
    assert "李雷" not in read(today(), make_user(Role.ANALYST, "Wen")).content.decode()
    assert read(date(2001, 1, 1), lead).status_code == 404
    assert client.get(reverse("desk:night", args=["x"])).status_code == 404
    href = reverse("desk:night", args=[today().isoformat()])
    assert f'href="{href}"' in client.get(reverse("desk:nights")).content.decode()
