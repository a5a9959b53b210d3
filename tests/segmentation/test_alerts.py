"""An alert is opened once for a silence, is somebody's work, and ends by a purchase, a cause or its window."""

from datetime import date, timedelta

import pytest

from core.accounts.models import Role, User
from core.lib.errors import Invalid
from core.outbox.models import Message
from crm.flows import nightly
from customers.models import Customer, Todo
from segmentation import alerts
from segmentation.alerts import AlertClosed, Due
from segmentation.leaving import discussing
from segmentation.models import Alert
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
LAST = TODAY - timedelta(days=90)
WINDOW = TODAY + timedelta(days=30)
State, Kind = Alert.State, Alert.Kind


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen Jing")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, make_order: MakeOrder, chen: User) -> Customer:
    """Chen Jing's customer, quiet for ninety days."""
    customer = make_customer("李雷", manager=chen)
    make_order(customer, LAST)
    return customer


def opened(customer: Customer, kind: str = Kind.QUIET, *, last_on: date = LAST, silent: bool = False) -> int:
    evidence: alerts.Evidence = {
        "usual_days": 30.0,
        "limit_days": 60.0,
        "quiet_days": 90,
        "tail_level": 0.05,
        "no_purchase": 0.9,
        "horizon_days": 60,
        "monthly_profit": 5000,
        "value": 90000,
    }
    due = Due(customer.pk, kind, last_on, WINDOW, 5000, 9000, evidence)
    return alerts.open_due([due], as_of=TODAY, at=NOW, silent=silent)


def test_of_one_silence_there_is_one_alert_and_it_is_the_managers_work(li_lei: Customer, chen: User) -> None:
    assert [opened(li_lei), opened(li_lei)] == [1, 0]

    todo = Todo.objects.get()
    assert (todo.owner, todo.customer, todo.alert_id) == (chen, li_lei, Alert.objects.get().pk)


def test_what_ended_is_not_raised_again_for_the_same_silence(li_lei: Customer) -> None:
    opened(li_lei)
    alerts.end_windows(as_of=WINDOW + timedelta(days=1), at=NOW)

    assert opened(li_lei) == 0


def test_a_long_absence_that_passes_the_own_limit_stays_one_alert_of_the_stronger_kind(li_lei: Customer) -> None:
    opened(li_lei, Kind.LONG_ABSENCE)

    assert opened(li_lei, Kind.QUIET) == 0
    assert Alert.objects.get().kind == Kind.QUIET
    assert (opened(li_lei, Kind.LONG_ABSENCE), Alert.objects.get().kind) == (0, Kind.QUIET)


def test_the_backlog_of_the_first_night_is_listed_and_tells_nobody(li_lei: Customer, chen: User) -> None:
    opened(li_lei, silent=True)
    run = nightly.runs.plan(nightly.JOB, TODAY, at=NOW)

    assert nightly._notify(run, NOW)["notified"] == 0
    assert (Alert.objects.get().silent, Message.objects.count()) == (True, 0)
    Alert.objects.update(silent=False)
    assert nightly._notify(run, NOW)["notified"] == 1
    assert Message.objects.get().recipient == chen


def test_an_alert_ends_with_its_window_and_its_work_with_it(li_lei: Customer) -> None:
    opened(li_lei)
    assert alerts.end_windows(as_of=WINDOW, at=NOW) == 0

    assert alerts.end_windows(as_of=WINDOW + timedelta(days=1), at=NOW) == 1

    assert (Alert.objects.get().state, Todo.objects.get().state) == (State.NO_RESPONSE, Todo.State.DROPPED)


def test_a_purchase_that_is_undone_after_the_window_leaves_the_alert_closed(li_lei: Customer) -> None:
    opened(li_lei)
    Alert.objects.update(state=State.RECOVERED, closed_on=TODAY)  # by a purchase that the summary knows no more

    assert alerts.reopen_undone(as_of=WINDOW + timedelta(days=1)) == 0
    assert alerts.reopen_undone(as_of=WINDOW) == 1


@pytest.mark.parametrize("worked", ["", "decided", "commented"])
def test_the_alert_of_a_purchase_that_never_was_goes_unless_somebody_has_worked_on_it(
    make_customer: MakeCustomer, chen: User, worked: str
) -> None:
    opened(make_customer("韩梅梅", manager=chen))  # she has no purchase any more
    alert = Alert.objects.get()
    if worked == "decided":
        alerts.decide(alert.pk, by=chen, decision=Alert.Decision.CONTACT, at=NOW)
    elif worked == "commented":
        discussing.comment(alert.pk, by=chen, text="Wrong order number", at=NOW)

    gone = alerts.withdraw_unfounded(at=NOW)

    assert (gone, Alert.objects.exists()) == ((0, True) if worked else (1, False))
    assert Todo.objects.get().state == (Todo.State.OPEN if worked else Todo.State.DROPPED)


def test_a_customer_is_never_lost_without_one_of_the_six_causes(li_lei: Customer, chen: User) -> None:
    opened(li_lei)
    alert = Alert.objects.get()

    def lose(cause: str) -> Alert:
        return alerts.close_lost(alert.pk, by=chen, cause=cause, interview={"why": "太贵"}, on=TODAY, at=NOW)

    for cause in ("", "weather"):
        with pytest.raises(Invalid):
            lose(cause)
    assert lose(Alert.Cause.POACHED).interview["why"] == "太贵"

    assert Todo.objects.get().state == Todo.State.DONE
    with pytest.raises(AlertClosed):
        lose(Alert.Cause.POACHED)
    with pytest.raises(AlertClosed):
        alerts.decide(alert.pk, by=chen, decision=Alert.Decision.VISIT, at=NOW)


def test_a_decision_and_a_comment_say_something(li_lei: Customer, chen: User) -> None:
    opened(li_lei)
    alert = Alert.objects.get()

    for decision in ("", "pray"):
        with pytest.raises(Invalid):
            alerts.decide(alert.pk, by=chen, decision=decision, at=NOW)
    with pytest.raises(Invalid):
        discussing.comment(alert.pk, by=chen, text=" ", at=NOW)
