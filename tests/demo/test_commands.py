"""The commands of the demo: each fills what is empty, once, and says so."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from complaints.models import Case, Queue
from core.accounts.models import User
from core.jobs.models import JobRun
from core.lib.periods import mall_day
from customers.models import Customer, Todo
from loyalty.models import CouponCampaign, PointAccount, PointRules
from segmentation.models import Night


def run(*command: str) -> str:
    said = StringIO()
    call_command(*command, stdout=said)
    return said.getvalue()


def interrupted(made: type[Model], table: str, *command: str) -> None:
    """Ctrl-C in the middle of the command, when it comes to write this table: nothing of what it made is left."""
    begun: list[int] = []

    def strike(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(f'INSERT INTO "{table}"'):
            begun.append(made._default_manager.count())
            raise KeyboardInterrupt
        return execute(sql, params, many, context)

    with connection.execute_wrapper(strike), pytest.raises(KeyboardInterrupt):
        run(*command)
    assert begun[0] > 0
    assert not made._default_manager.exists()


@pytest.mark.django_db
def test_the_mall_is_filled_by_one_command_after_the_other_and_only_once() -> None:
    """Each is interrupted first: nothing of it is left, and the next start begins it anew."""
    interrupted(Customer, "customers_standing", "seed_demo", "--small")
    assert not User.objects.exists()
    assert "The mall stands: 400 customers" in run("seed_demo", "--small")
    interrupted(JobRun, "segmentation_night", "seed_nights", "--nights", "3")
    assert not Night.objects.exists()
    assert "3 nights" in run("seed_nights", "--nights", "3")
    assert "done" in run("nightly")
    today = mall_day(timezone.now())
    assert list(Night.objects.order_by("as_of").values_list("as_of", flat=True)) == [
        today - timedelta(days=days) for days in (3, 2, 1, 0)
    ]
    assert {mall_day(at) for at in Todo.objects.filter(reason="alert").values_list("opened_at", flat=True)} <= {
        *Night.objects.values_list("as_of", flat=True)
    }
    interrupted(Case, "complaints_remedy", "seed_complaints", "--demo")
    assert not Queue.objects.exists()
    assert "The desk has" in run("seed_complaints", "--demo")
    interrupted(PointAccount, "loyalty_redemption", "seed_points")
    assert not PointRules.objects.exists()
    assert "Points are in use." in run("seed_points")
    interrupted(CouponCampaign, "loyalty_draw", "seed_campaigns")
    assert "Campaigns are there." in run("seed_campaigns")
    stored = [model.objects.count() for model in (Case, PointAccount, CouponCampaign)]
    assert min(stored) > 0

    for command in (
        ("seed_demo",),
        ("seed_nights",),
        ("seed_complaints", "--demo"),
        ("seed_points",),
        ("seed_campaigns",),
    ):
        assert "nothing was added" in run(*command)

    assert [model.objects.count() for model in (Case, PointAccount, CouponCampaign)] == stored


@pytest.mark.django_db
def test_the_desk_is_set_up_without_cases() -> None:
    assert "The desk is set up." in run("seed_complaints")
    assert "nothing was changed" in run("seed_complaints")

    assert Queue.objects.exists()
    assert not Case.objects.exists()


@pytest.mark.django_db
def test_without_a_mall_there_is_nothing_to_add_to() -> None:
    assert "nothing was added" in run("seed_campaigns")
    assert "no demo accounts yet" in run("seed_demo", "--logins")
    with pytest.raises(CommandError, match="staff"):
        run("seed_complaints", "--demo")
    assert not PointRules.objects.exists()


@pytest.mark.django_db
def test_where_nothing_answers_smoke_says_what_failed_and_ends_with_1() -> None:
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("smoke", "--base", "http://127.0.0.1:9", stdout=said)

    assert ended.value.code == 1
    assert "failed: stranger, my_day: is sent to sign in" in said.getvalue()
    assert said.getvalue().splitlines()[-1].startswith("smoke: ")


@pytest.mark.parametrize(("demo", "file"), [(False, "arrived.jsonl"), (True, "")])
def test_what_stands_outside_of_the_mall_is_of_the_demo_only(settings: Any, demo: bool, file: str) -> None:
    settings.DEMO, settings.DEMO_ARRIVED = demo, file

    with pytest.raises(CommandError, match="bin/demo"):
        call_command("mall_post", base="http://127.0.0.1:9", mail_port=9, gateway_port=9)


def test_smoke_speaks_http_only() -> None:
    with pytest.raises(CommandError, match="http"):
        call_command("smoke", "--base", "ftp://example.com")
