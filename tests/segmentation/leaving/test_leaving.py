"""A colleague hears that somebody is leaving; service and sales agree what is done; the lost are counted by one queryset."""

from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection

from core.accounts.models import Role, User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from core.outbox.models import Message
from crm.flows import call, nightly
from crm.flows.record import stopping
from customers import todo
from customers.models import Category, Contact, Customer, Product, Standing, Todo
from customers.record import stops
from segmentation import alerts
from segmentation.alerts import AlertClosed, Due
from segmentation.leaving import discussing, lost, suspecting
from segmentation.models import Alert, AlertComment
from tests.conftest import NOW, TODAY, MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
Sign, State, Class = AlertComment.Sign, Alert.State, Standing.Class


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "陈静", team="华东")


@pytest.fixture
def wang(make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_LEAD, "王芳")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, make_order: MakeOrder, chen: User) -> Customer:
    customer = make_customer("李雷", manager=chen)
    make_order(customer, TODAY - 10 * DAY)
    Standing.objects.filter(pk=customer.pk).update(value=Decimal(1000), customer_class=Class.BIG)
    return Customer.objects.get(pk=customer.pk)


def heard(customer: Customer, by: User, words: str = "说要去别家买", sign: str = Sign.RIVAL) -> Alert:
    return suspecting.suspect(customer, by=by, words=words, sign=sign, at=NOW).alert


def test_who_hears_it_says_so_and_the_manager_has_work_with_a_stake(li_lei: Customer, chen: User, wang: User) -> None:
    alert = heard(li_lei, wang)

    assert (alert.kind, alert.state, alert.last_on, alert.opened_on) == ("suspected", "open", TODAY - 10 * DAY, TODAY)
    task = Todo.objects.get()
    assert (task.owner, task.reason, task.at_stake, task.due_on) == (chen, "alert", Decimal(300), TODAY)
    message = Message.objects.get()
    assert (message.recipient, message.needs, message.params["number"]) == (chen, True, li_lei.number)

    # The front line agrees: the same alert, another voice, no second task.
    again = suspecting.suspect(li_lei, by=chen, words="我也听说了", sign=Sign.PRICE, at=NOW)
    assert (again.alert, again.opened, alert.comments.count(), Todo.objects.count()) == (alert, False, 2, 1)


def test_without_a_manager_the_leads_hear_it(make_user: MakeUser, make_customer: MakeCustomer, wang: User) -> None:
    lead, other = make_user(Role.TEAM_LEAD, "刘组长"), make_user(Role.ACCOUNT_MANAGER, "别的经理")

    alert = heard(make_customer("新客"), wang)  # who never bought anything

    assert set(Message.objects.values_list("recipient", flat=True)) == {lead.pk} != {other.pk}
    assert (alert.last_on, alert.severity) == (date(2024, 1, 1), 0)


@pytest.mark.parametrize(("words", "sign", "code"), [(" ", "rival", "words_missing"), ("x", "", "sign_missing")])
def test_a_suspicion_says_what_was_noticed(li_lei: Customer, wang: User, words: str, sign: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        heard(li_lei, wang, words, sign)

    assert (refusal.value.code, Alert.objects.exists()) == (code, False)


def test_of_a_record_that_is_closed_nobody_is_suspected(
    li_lei: Customer, wang: User, make_customer: MakeCustomer
) -> None:
    Customer.objects.filter(pk=li_lei.pk).update(merged_into=make_customer("韩梅梅"))

    with pytest.raises(DomainError) as refusal:
        heard(li_lei, wang)

    assert refusal.value.code == "record_closed"


def test_the_own_limit_makes_one_quiet_alert_of_it_and_the_next_silence_can_be_heard_again(
    li_lei: Customer, wang: User
) -> None:
    alert = heard(li_lei, wang)
    due = Due(li_lei.pk, "quiet", alert.last_on, TODAY + 90 * DAY, 5000, 9000, {"no_purchase": 0.9})  # type: ignore[typeddict-item]

    assert alerts.open_due([due], as_of=TODAY, at=NOW, silent=False) == 0
    alert.refresh_from_db()
    assert (alert.kind, alert.window_ends_on) == ("quiet", TODAY + 90 * DAY)

    for _again in range(2):  # the same silence, after the window of the one before
        alerts.end_windows(as_of=TODAY + 200 * DAY, at=NOW)
        assert heard(li_lei, wang).kind == "suspected"
    assert Alert.objects.count() == 3


def test_a_stop_ends_the_alert_and_taken_back_it_goes_on_within_its_window(
    li_lei: Customer, chen: User, wang: User, make_order: MakeOrder
) -> None:
    alert = heard(li_lei, wang)
    discussing.agree(alert.pk, by=chen, words="上门", owner=chen, due_on=TODAY + DAY, at=NOW)
    said = {"since": TODAY, "said_by": "女儿", "note": "", "by": chen, "at": NOW}
    due = Due(li_lei.pk, "quiet", alert.last_on, TODAY + 90 * DAY, 5000, 9000, {"no_purchase": 0.9})  # type: ignore[typeddict-item]

    stopping.say(li_lei, "deceased", **said)

    alert.refresh_from_db()
    assert (alert.state, alert.closed_on, alert.closed_by) == (State.STOPPED, TODAY, chen)
    assert not Todo.objects.filter(state="open").exists()
    assert alerts.open_due([due], as_of=TODAY, at=NOW, silent=False) == 0
    with pytest.raises(DomainError) as refusal:
        heard(li_lei, wang)
    assert refusal.value.code == "contact_stopped"

    stopping.undo(li_lei, reason="认错人了", by=chen, at=NOW)
    alert.refresh_from_db()
    assert (alert.state, alert.closed_on, alert.closed_by) == (State.OPEN, None, None)
    assert Todo.objects.filter(alert_id=alert.pk, state="open").count() == 2

    # What was stopped before alerts knew of it is ended by the night; a window that is over stays over, and so its work.
    stops.say(li_lei, "no_contact", **said)
    assert alerts.end_stopped(on=TODAY, at=NOW) == 1
    later = NOW + timedelta(days=400)
    stopping.undo(li_lei, reason="又联系上了", by=chen, at=later)
    alert.refresh_from_db()
    assert (alert.state, Todo.objects.filter(state="open").exists()) == (State.STOPPED, False)


def test_who_said_so_hears_once_how_it_ended(li_lei: Customer, chen: User, wang: User) -> None:
    alert = heard(li_lei, wang)
    assert suspecting.tell_reporters(on=TODAY, at=NOW) == 0
    alerts.close_lost(alert.pk, by=chen, cause="left", interview={}, on=TODAY, at=NOW)

    run = nightly.runs.plan(nightly.JOB, TODAY, at=NOW)
    assert nightly._notify(run, NOW)["notified"] == 0
    assert [suspecting.tell_reporters(on=TODAY, at=NOW) for _again in "ab"] == [0, 0]

    told = Message.objects.get(kind="suspicion_ended")
    assert (told.recipient, told.params["end"]) == (wang, "lost")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("held", [True, False])
def test_two_who_press_at_once_make_one_alert_with_two_voices(
    li_lei: Customer, chen: User, wang: User, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not held:  # the control: without the lock of the customer the second one runs into the unique key
        monkeypatch.setattr(suspecting.locks, "hold_customers", lambda ids: None)
    both, failed, opening = Barrier(2), [], suspecting._open

    def slowly(*args: object, **kwargs: object) -> Alert:
        if not held:
            both.wait(5)
        return opening(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(suspecting, "_open", slowly)

    def press(by: User) -> None:
        try:
            heard(li_lei, by)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [Thread(target=press, args=[by]) for by in (chen, wang)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert len(failed) == (0 if held else 1)
    assert (Alert.objects.count(), AlertComment.objects.count()) == (1, 2 if held else 1)


def test_at_calls_for_a_colleague_by_the_longest_name(
    li_lei: Customer, chen: User, wang: User, make_user: MakeUser
) -> None:
    long_name = make_user(Role.SERVICE_LEAD, "王芳芳")
    stranger = make_user(Role.ACCOUNT_MANAGER, "外人")
    alert = heard(li_lei, chen)
    Message.objects.all().delete()

    said = discussing.comment(alert.pk, by=chen, text="＠王芳芳 物流是谁负责? @陈静 @nobody", at=NOW)

    assert said.mentions == [long_name.pk]
    assert list(Message.objects.values_list("recipient", "kind")) == [(long_name.pk, "alert_mention")]
    with pytest.raises(Invalid) as refusal:
        discussing.comment(alert.pk, by=chen, text=f"@{stranger} 看一下", at=NOW)
    assert (refusal.value.code, alert.comments.count()) == ("mention_out_of_reach", 2)
    assert [row.called for row in discussing.discussion(alert)] == [[], ["王芳芳"]]


def test_what_is_agreed_is_somebodys_work_with_a_day(li_lei: Customer, chen: User, wang: User) -> None:
    alert = heard(li_lei, wang)
    task = discussing.agree(alert.pk, by=chen, words="查清三月的物流投诉", owner=wang, due_on=TODAY + DAY, at=NOW)

    own = alerts.work_of(alert).get()
    assert (task.owner, task.at_stake, task.alert_id, own.pk != task.pk) == (wang, own.at_stake, alert.pk, True)
    # It is done like any task; the alert itself still waits for its decision.
    todo.complete(task.pk, by=wang, at=NOW)
    with pytest.raises(DomainError) as refusal:
        todo.complete(own.pk, by=chen, at=NOW)
    assert refusal.value.code == "undecided"
    # A talk about a second task ends that one, and neither decides the alert nor ends its work.
    second = discussing.agree(alert.pk, by=wang, words="打电话", owner=chen, due_on=TODAY, at=NOW)
    talk = {"channel": "phone", "direction": "out", "outcome": Contact.Outcome.REACHED, "mood": "good", "note": ""}
    call.talk(second.pk, closes=True, by=chen, at=NOW, **talk)
    states = dict(Todo.objects.values_list("pk", "state"))
    assert states == {own.pk: "open", task.pk: "done", second.pk: "done"}
    alert.refresh_from_db()
    assert alert.decision == ""
    # What decides the alert leaves what was agreed alone; its loss ends what is left.
    third = discussing.agree(alert.pk, by=wang, words="寄样品", owner=chen, due_on=TODAY + DAY, at=NOW)
    alerts.decide(alert.pk, by=chen, decision="visit", at=NOW)
    third.refresh_from_db()
    assert (third.agreed, third.owner, third.due_on) == ("寄样品", chen, TODAY + DAY)
    alerts.close_lost(alert.pk, by=chen, cause="left", interview={}, on=TODAY, at=NOW)
    assert set(Todo.objects.filter(pk__in=[own.pk, third.pk]).values_list("state", flat=True)) == {"done", "dropped"}


def test_what_cannot_be_agreed_is_refused_with_a_sentence(
    li_lei: Customer, chen: User, wang: User, make_user: MakeUser
) -> None:
    alert = heard(li_lei, wang)
    stranger = make_user(Role.ACCOUNT_MANAGER, "外人")

    for words, owner, day, code in [
        (" ", chen, TODAY, "words_missing"),
        ("x", chen, TODAY - DAY, "decision_day"),
        ("x", chen, alert.window_ends_on + DAY, "decision_day"),
        ("x", stranger, TODAY, "owner"),
    ]:
        with pytest.raises(Invalid) as refusal:
            discussing.agree(alert.pk, by=chen, words=words, owner=owner, due_on=day, at=NOW)
        assert refusal.value.code == code
    alerts.close_lost(alert.pk, by=chen, cause="left", interview={}, on=TODAY, at=NOW)
    with pytest.raises(AlertClosed):
        discussing.agree(alert.pk, by=chen, words="x", owner=chen, due_on=TODAY, at=NOW)


def test_whoever_was_big_when_the_silence_began_is_served_as_big_until_it_ends(
    li_lei: Customer, chen: User, make_order: MakeOrder
) -> None:
    def served() -> tuple[int, int]:
        return Standing.objects.values_list("customer_class", "serve_class").get(pk=li_lei.pk)

    due = Due(li_lei.pk, "quiet", TODAY - 10 * DAY, TODAY + 9 * DAY, 5000, 9000, {}, Class.BIG)  # type: ignore[typeddict-item]
    alerts.open_due([due], as_of=TODAY, at=NOW, silent=False)
    Standing.objects.filter(pk=li_lei.pk).update(customer_class=Class.RANDOM)
    assert served() == (Class.RANDOM, Class.BIG)

    make_order(li_lei, TODAY)
    alerts.follow_purchases([li_lei.pk], as_of=TODAY, at=NOW)
    assert (Alert.objects.get().state, served()) == (State.RECOVERED, (Class.RANDOM, Class.RANDOM))
    # Sent back: the silence goes on, and so does the service.
    li_lei.orders.filter(ordered_on=TODAY).update(status="cancelled")
    li_lei.summary.__class__.objects.filter(pk=li_lei.pk).update(last_on=TODAY - 10 * DAY)
    alerts.follow_purchases([li_lei.pk], as_of=TODAY, at=NOW)
    assert (Alert.objects.get().state, served()) == (State.OPEN, (Class.RANDOM, Class.BIG))
    alerts.close_lost(Alert.objects.get().pk, by=chen, cause="left", interview={}, on=TODAY, at=NOW)
    assert served() == (Class.RANDOM, Class.RANDOM)


# 14. The lost ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def gone(make_customer: MakeCustomer, make_order: MakeOrder, chen: User) -> list[Alert]:
    """Seven lost customers of Chen Jing: two lines and nobody's, two rivals and none, three causes."""
    lines = [Category.objects.create(name=name) for name in ("咖啡", "茶叶")]
    goods = [
        Product.objects.create(source="shop", external_id=line.name, name=line.name, category=line) for line in lines
    ]
    rows = []
    for n, (cause, rival, line) in enumerate(
        [
            ("left", "甲店", 0),
            ("left", " 甲店", 0),
            ("left", "", 1),
            ("poached", "乙店", 1),
            ("poached", "甲店", None),
            ("other", "", None),
            ("left", "乙店", 0),
        ]
    ):
        person = make_customer(f"客户{n}", manager=chen)
        order = make_order(person, TODAY - 100 * DAY, paid="80.00")
        if line is not None:
            order.lines.create(product=goods[line], quantity=1, amount=Decimal(80))
            order.lines.create(product=goods[1 - line], quantity=9, amount=Decimal(30))
        alert = heard(person, chen)
        interview: alerts.Interview = {"why": "太贵", "rival": rival, "chance": "maybe", "rival_service": 1}
        rows.append(alerts.close_lost(alert.pk, by=chen, cause=cause, interview=interview, on=TODAY, at=NOW))
    return rows


def test_who_was_not_reached_is_asked_once_more_in_thirty_days(li_lei: Customer, chen: User, wang: User) -> None:
    alert = heard(li_lei, wang)
    alerts.close_lost(alert.pk, by=chen, cause="left", interview={}, on=TODAY, at=NOW, not_reached=True)

    task = Todo.objects.get(state="open")
    assert (task.reason, task.due_on, task.alert_id, task.undecided) == ("contact", TODAY + 30 * DAY, alert.pk, False)
    assert list(todo.queue(chen, TODAY + 30 * DAY)) == [task]
    alerts.answer(alert.pk, by=chen, interview={"why": "", "rival_service": None}, at=NOW)  # nothing was said
    assert Todo.objects.filter(state="open").exists()
    alerts.answer(alert.pk, by=chen, interview={"why": "太贵了"}, at=NOW)
    task.refresh_from_db()
    assert (task.state, task.closed_by) == ("done", chen)


def test_the_list_of_the_lost_counts_what_its_figures_say(gone: list[Alert], chen: User, make_user: MakeUser) -> None:
    everybody = lost.Filters(since=TODAY)
    rows = lost.lost(chen, TODAY, everybody)
    kinds = [
        lost.by_cause(rows, everybody),
        lost.by_line(rows, everybody, unknown="?"),
        lost.by_rival(rows, everybody, unknown="?"),
    ]

    assert [[(share.label, share.number) for share in shares if share.number] for shares in kinds] == [
        [("Left by choice", 4), ("Poached by a rival", 2), ("Other", 1)],
        [("咖啡", 3), ("茶叶", 2), ("?", 2)],
        [("甲店", 3), ("?", 2), ("乙店", 2)],
    ]
    for shares in kinds:
        assert sum(share.number for share in shares) == rows.count() == 7
        for share in shares:
            assert lost.lost(chen, TODAY, share.filters).count() == share.number
    other = make_user(Role.ACCOUNT_MANAGER, "别的经理")
    assert lost.lost(other, TODAY, everybody).count() == 0
    assert {(row.profit_before, row.manager_at_close) for row in rows} == {(Decimal(80), chen)}


def test_who_comes_back_after_all_stays_lost_with_the_day_of_it(
    gone: list[Alert], chen: User, make_order: MakeOrder
) -> None:
    person = gone[0].customer
    Alert.objects.update(closed_on=TODAY - 50 * DAY)
    for days in (10, 20):
        make_order(person, TODAY - days * DAY)
    alerts.follow_purchases([person.pk], as_of=TODAY, at=NOW)

    alert = Alert.objects.get(pk=gone[0].pk)
    assert (alert.state, alert.returned_on) == (State.LOST, TODAY - 20 * DAY)
    assert lost.lost(chen, TODAY, lost.Filters(returned=True)).get() == alert
    assert lost.lost(chen, TODAY, lost.Filters()).count() == 7
    assert not Alert.objects.filter(state=State.RECOVERED).exists()

    person.orders.filter(ordered_on__gt=TODAY - 50 * DAY).update(status="cancelled")
    assert (alerts.follow_returns([person.pk]), alerts.follow_returns(None)) == (1, 0)


def test_other_needs_words_and_the_interview_can_follow_later(li_lei: Customer, chen: User) -> None:
    alert = heard(li_lei, chen)
    with pytest.raises(Invalid) as refusal:
        alerts.close_lost(alert.pk, by=chen, cause="other", interview={"why": " "}, on=TODAY, at=NOW)
    assert refusal.value.code == "other_needs_words"
    with pytest.raises(Invalid) as refusal:
        alerts.answer(alert.pk, by=chen, interview={}, at=NOW)
    assert refusal.value.code == "not_lost"

    alerts.close_lost(alert.pk, by=chen, cause="other", interview={"why": "退休了"}, on=TODAY, at=NOW)
    with pytest.raises(Invalid):
        alerts.answer(alert.pk, by=chen, interview={}, at=NOW)
    told = alerts.answer(alert.pk, by=chen, interview={"why": "退休了", "chance": "no", "rival_service": -2}, at=NOW)

    assert (told.interview["why"], told.chance, told.rival_service) == ("退休了", "no", -2)


def test_a_line_that_was_merged_into_another_is_found_again_by_the_night(gone: list[Alert]) -> None:
    coffee = Category.objects.get(name="咖啡")
    Product.objects.filter(category=coffee).update(category=Category.objects.create(name="饮品"))
    coffee.delete()

    assert Alert.objects.filter(line=None).count() == 5
    assert alerts.fill_losses() == 3
    assert Alert.objects.filter(line__name="饮品").count() == 3
    assert mall_day(NOW) == TODAY
