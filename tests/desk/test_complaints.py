"""The complaint desk through its pages: found, logged, worked, solved, and nothing typed is ever lost."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.cases import intake, lifecycle, prompts, remedies
from complaints.models import (
    Case,
    CaseMail,
    CaseMessage,
    Category,
    Clock,
    Department,
    Draft,
    Queue,
    QueueMember,
    RootCause,
)
from complaints.setup import defaults
from core.accounts.models import Role, User
from core.lib.errors import Invalid
from core.lib.periods import mall_zone
from core.outbox.models import Message
from crm.desk.complaints.deeds import DEEDS, form_for
from crm.desk.complaints.log_page import call_promised
from crm.desk.complaints.wording import in_words
from crm.desk.today import today
from customers.models import Contact, Customer, Lookup, Standing
from tests.conftest import MakeCustomer, MakeOrder, MakeUser
from tests.desk.forms import opened

PHONE = "138 0013 8000"


@pytest.fixture
def desk(db: None) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))


@pytest.fixture
def agent(desk: None, make_user: MakeUser) -> User:
    user = make_user(Role.SERVICE_AGENT, "Liu Fang")
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=user)
    return user


@pytest.fixture
def client(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    person = make_customer("李雷", phone=PHONE)
    Standing.objects.filter(pk=person.pk).update(customer_class=Standing.Class.ACTIVE)
    return person


@pytest.fixture
def case(li_lei: Customer, agent: User) -> Case:
    late = Category.objects.get(code="delivery-late")
    return intake.log(
        li_lei, category=late, channel="phone", by=agent, at=timezone.now(), description="包裹三天没到"
    ).case


def draft_of_a_call(person: Customer | None, **more: object) -> dict[str, object]:
    late = Category.objects.get(code="delivery-late")
    who = {"customer": person.pk} if person else {}
    return (
        {"client_key": str(uuid4()), "category": late.pk, "description": "包裹三天没到", "promise": "due"} | who | more
    )


# Finding the caller


@pytest.mark.parametrize("text", [PHONE, "13800138000", "+86 138-0013-8000", "１３８００１３８０００"])
def test_a_phone_in_any_form_opens_its_customer(client: Client, li_lei: Customer, text: str) -> None:
    answer = client.post(reverse("desk:complaint_find"), {"q": text})

    assert answer["Location"] == f"{reverse('desk:complaint_new')}?customer={li_lei.pk}"


def test_a_phone_system_sends_the_number_and_the_address_forgets_it(client: Client, li_lei: Customer) -> None:
    known = client.get(reverse("desk:complaint_new"), {"phone": PHONE})
    unknown = client.get(reverse("desk:complaint_new"), {"phone": "139 0013 9000"})

    assert known["Location"] == f"{reverse('desk:complaint_new')}?customer={li_lei.pk}"
    assert "data-clean-address" in unknown.content.decode()
    assert "139 0013 9000" in unknown.content.decode()


def test_four_digits_offer_callers_by_number_and_only_the_chosen_one_opens(
    client: Client, li_lei: Customer, agent: User, make_customer: MakeCustomer
) -> None:
    other = make_customer("韩梅梅", phone="139 0013 8000")

    offered = client.post(reverse("desk:complaint_find"), {"q": "8000"})
    callers = offered.context["callers"]
    assert {caller.name for caller in callers} == {"李**", "韩**"}
    assert client.get(reverse("desk:customer", args=[other.pk])).status_code == 404

    token = next(caller.token for caller in callers if caller.name == "韩**")
    client.post(reverse("desk:complaint_caller"), {"caller": token})

    assert list(Lookup.objects.filter(user=agent).values_list("customer", flat=True)) == [other.pk]
    assert client.get(reverse("desk:customer", args=[other.pk])).status_code == 200


def test_a_caller_somebody_else_was_offered_cannot_be_chosen(
    client: Client, li_lei: Customer, make_user: MakeUser
) -> None:
    token = client.post(reverse("desk:complaint_find"), {"q": "8000"}).context["callers"][0].token
    client.force_login(make_user(Role.SERVICE_AGENT, "Sun Li"))

    assert client.post(reverse("desk:complaint_caller"), {"caller": token}).status_code == 404
    assert client.post(reverse("desk:complaint_caller"), {"caller": "made up"}).status_code == 404


def test_a_stranger_becomes_a_customer_with_the_complaint(client: Client, desk: None) -> None:
    page = client.post(reverse("desk:complaint_find"), {"q": "137 0000 1234"})
    assert page.context["form"].initial["phone"] == "137 0000 1234"

    client.post(reverse("desk:complaint_new"), draft_of_a_call(None, phone="137 0000 1234", name="王芳"))

    case = Case.objects.get()
    assert case.customer.name == "王芳"
    assert [point.mask for point in case.customer.contact_points.all()] == ["137****1234"]


def test_the_page_shows_who_calls_before_the_first_sentence(
    client: Client, li_lei: Customer, make_order: MakeOrder, case: Case
) -> None:
    make_order(li_lei, on=today() - timedelta(days=3))
    Lookup.objects.create(user=User.objects.get(full_name="Liu Fang"), customer=li_lei, on=today())

    caller = client.get(reverse("desk:complaint_new"), {"customer": li_lei.pk}).context["caller"]

    assert caller.trend.word == "rising"
    assert [order.chosen for order in caller.orders.last] == [True]
    assert [other.number for other in caller.open_cases] == [case.number]
    assert caller.into == str(case.pk)


# Logging


@pytest.fixture
def on_the_line(client: Client, li_lei: Customer) -> Customer:
    client.post(reverse("desk:complaint_find"), {"q": PHONE})
    return li_lei


def test_saving_says_the_number_and_what_to_read_aloud(client: Client, on_the_line: Customer, agent: User) -> None:
    answer = client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line), follow=True)

    case = Case.objects.get()
    page = answer.content.decode()
    assert (case.owner, case.description, case.channel) == (agent, "包裹三天没到", "phone")
    assert f"It is on record under number {case.number}. You will hear from us by " in page


def test_a_form_that_comes_back_with_other_words_loses_none_of_them(client: Client, on_the_line: Customer) -> None:
    """The Back of the browser brings the form of the first complaint with its key."""
    sent = draft_of_a_call(on_the_line)
    client.post(reverse("desk:complaint_new"), sent)

    answer = client.post(reverse("desk:complaint_new"), sent | {"description": "还少了一件"})
    assert answer.status_code == 422
    assert f"{Case.objects.get().number} was saved from this page already." in answer.content.decode()
    key = answer.context["form"]["client_key"].value()
    client.post(reverse("desk:complaint_new"), sent | {"description": "还少了一件", "client_key": key})

    assert list(Case.objects.order_by("pk").values_list("description", flat=True)) == ["包裹三天没到", "还少了一件"]


def test_a_form_that_comes_back_for_another_caller_is_not_taken_for_the_first(
    client: Client, on_the_line: Customer, agent: User, make_customer: MakeCustomer
) -> None:
    other = make_customer("韩梅梅")
    Lookup.objects.create(user=agent, customer=other, on=today())
    sent = draft_of_a_call(on_the_line)
    client.post(reverse("desk:complaint_new"), sent)

    assert client.post(reverse("desk:complaint_new"), sent | {"customer": other.pk}).status_code == 422


def test_saving_twice_makes_one_complaint(client: Client, on_the_line: Customer) -> None:
    told = draft_of_a_call(on_the_line, promise="hour")

    first = client.post(reverse("desk:complaint_new"), told)
    second = client.post(reverse("desk:complaint_new"), told)

    assert Case.objects.count() == Contact.objects.count() == 1
    assert first["Location"].split("?")[0] == second["Location"].split("?")[0]


def test_other_words_on_a_page_that_was_saved_are_kept_and_become_a_case_of_their_own(
    client: Client, on_the_line: Customer
) -> None:
    told = draft_of_a_call(on_the_line)
    client.post(reverse("desk:complaint_new"), told)
    first = Case.objects.get()

    back = client.post(reverse("desk:complaint_new"), told | {"description": "发票也没有"})
    again = told | {"description": "发票也没有", "client_key": back.context["form"]["client_key"].value()}
    client.post(reverse("desk:complaint_new"), again)

    assert back.status_code == 422
    assert f"{first.number} was saved from this page already." in back.content.decode()
    assert "发票也没有" in back.content.decode()
    assert [case.description for case in Case.objects.order_by("pk")] == ["包裹三天没到", "发票也没有"]


def test_other_words_for_an_open_case_on_a_page_that_was_saved_are_kept_too(
    client: Client, on_the_line: Customer, case: Case
) -> None:
    told = draft_of_a_call(on_the_line, into=case.pk, description="还是没到", category="")
    client.post(reverse("desk:complaint_new"), told)

    back = client.post(reverse("desk:complaint_new"), told | {"description": "又坏了"})
    again = told | {"description": "又坏了", "client_key": back.context["form"]["client_key"].value()}
    client.post(reverse("desk:complaint_new"), again)

    assert back.status_code == 422
    assert [message.body for message in case.messages.order_by("pk")] == ["还是没到", "又坏了"]


def test_a_promise_is_kept_in_mind(client: Client, on_the_line: Customer) -> None:
    client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line, promise="tomorrow"))

    case = Case.objects.get()
    promise = on_the_line.todos.get()
    assert promise.promised.startswith(f"{case.number}: call back by ")
    assert promise.due_on == today() + timedelta(days=1)


@pytest.mark.parametrize("channel", ["phone", "web", "shop", "api"])
def test_the_call_that_is_read_aloud_is_work_of_who_promised_it(
    client: Client, on_the_line: Customer, agent: User, channel: str
) -> None:
    before = timezone.now()
    draft = draft_of_a_call(on_the_line, promise="hour", channel=channel)

    page = client.post(reverse("desk:complaint_new"), draft, follow=True).content.decode()

    todo = on_the_line.todos.get()
    assert todo.owner == agent
    assert before + timedelta(hours=1) <= todo.due_at <= timezone.now() + timedelta(hours=1)
    assert f"You will hear from us by {in_words(todo.due_at)}." in page
    assert f"Liu Fang calls by {in_words(todo.due_at)}." in page
    assert f"{todo.due_at.astimezone(mall_zone()):%m-%d %H:%M}" in on_case_page(client, Case.objects.get())


def on_case_page(client: Client, case: Case) -> str:
    return client.get(reverse("desk:complaint", args=[case.pk])).content.decode()


def test_nothing_is_read_aloud_that_the_address_made_up(client: Client, case: Case) -> None:
    address = reverse("desk:complaint_logged", args=[case.pk])

    made_up = client.get(address, {"by": "2000000000"}).context["sentence"]

    assert made_up == client.get(address).context["sentence"]
    assert in_words(case.next_due_at) in made_up


def test_the_head_is_said_to_be_told_only_where_there_is_one(
    client: Client, on_the_line: Customer, make_user: MakeUser
) -> None:
    QueueMember.objects.all().delete()
    address = reverse("desk:complaint_new")

    alone = client.post(address, draft_of_a_call(on_the_line), follow=True).context["done"][0]
    Department.objects.update(head=make_user(Role.SERVICE_LEAD, "Zheng Kai"))
    headed = client.post(address, draft_of_a_call(on_the_line), follow=True).context["done"][0]

    assert alone.endswith("nobody has room.")
    assert headed.endswith("nobody has room, the head is told.")


def test_what_is_said_to_be_told_is_in_the_inboxes_of_those_people(
    client: Client, on_the_line: Customer, make_user: MakeUser
) -> None:
    QueueMember.objects.all().delete()
    zheng, chen = make_user(Role.SERVICE_LEAD, "Zheng Kai"), make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    Department.objects.update(head=zheng)
    Customer.objects.filter(pk=on_the_line.pk).update(manager=chen, manager_since=today())
    Standing.objects.filter(pk=on_the_line.pk).update(customer_class=Standing.Class.BIG)

    page = client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line), follow=True)

    number = Case.objects.get().number
    assert page.context["done"][0].endswith("nobody has room, the head is told.")
    assert page.context["done"][1] == "Chen Jing, the account manager, is told."
    subjects = dict(Message.objects.values_list("recipient", "subject"))
    assert subjects[zheng.pk] == f"Case {number} waits in 大客户专线: nobody has room"
    assert subjects[chen.pk].startswith(f"Your big customer complains: {number}")


def test_a_queue_that_is_worked_by_hand_is_not_said_to_be_full(
    client: Client, on_the_line: Customer, make_user: MakeUser
) -> None:
    Queue.objects.update(routing=Queue.Routing.MANUAL)
    address, head = reverse("desk:complaint_new"), make_user(Role.SERVICE_LEAD, "Zheng Kai")

    alone = client.post(address, draft_of_a_call(on_the_line), follow=True).context["done"][0]
    Department.objects.update(head=head)
    headed = client.post(address, draft_of_a_call(on_the_line), follow=True).context["done"][0]

    assert alone == "It waits in the queue 物流投诉 until somebody takes it."
    assert headed == "It waits in the queue 物流投诉 until somebody takes it, the head is told."
    [subject] = Message.objects.filter(recipient=head).values_list("subject", flat=True)
    assert subject.endswith("waits in 物流投诉 until somebody takes it")


def test_a_head_who_has_left_is_not_said_to_be_told(client: Client, on_the_line: Customer, make_user: MakeUser) -> None:
    QueueMember.objects.all().delete()
    gone = make_user(Role.SERVICE_LEAD, "Zheng Kai")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    Department.objects.update(head=gone)

    done = client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line), follow=True).context["done"]

    assert done[0].endswith("nobody has room.")


def test_what_was_answered_during_the_call_is_on_record_as_the_first_response(
    client: Client, on_the_line: Customer
) -> None:
    client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line, answered="已催派送,今天到"))

    case = Case.objects.get()
    [message] = case.messages.filter(direction="out")
    assert message.body == "已催派送,今天到"
    assert case.first_response_at == message.sent_at
    assert case.status == Case.Status.IN_PROGRESS
    assert message.body in client.get(reverse("desk:complaint", args=[case.pk])).content.decode()


def test_a_promised_call_stands_above_the_list_until_it_is_made(client: Client, on_the_line: Customer) -> None:
    client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line, promise="hour"))
    todo = on_the_line.todos.get()

    [call] = client.get(reverse("desk:complaints")).context["calls"].rows
    assert (call.todo, call.case, call.late) == (todo, Case.objects.get().pk, False)
    client.post(reverse("desk:complaint_call_made", args=[todo.pk]))

    todo.refresh_from_db()
    assert (todo.state, str(todo.closed_by)) == ("done", "Liu Fang")
    assert client.get(reverse("desk:complaints")).context["calls"].rows == []


def test_somebody_elses_call_is_not_mine_to_make(client: Client, on_the_line: Customer, make_user: MakeUser) -> None:
    client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line, promise="hour"))
    client.force_login(make_user(Role.SERVICE_AGENT, "Sun Li"))

    assert client.get(reverse("desk:complaints")).context["calls"].rows == []
    assert client.post(reverse("desk:complaint_call_made", args=[on_the_line.todos.get().pk])).status_code == 404


def test_a_call_by_an_hour_that_has_passed_while_writing_is_refused() -> None:
    before, after = (datetime(2026, 11, 17, hour, 30, tzinfo=mall_zone()) for hour in (17, 18))

    assert call_promised("today", before) == datetime(2026, 11, 17, 18, tzinfo=mall_zone())
    assert call_promised("tomorrow", after) == datetime(2026, 11, 18, 12, tzinfo=mall_zone())
    assert call_promised("due", after) is None
    with pytest.raises(Invalid):
        call_promised("today", after)


def test_who_calls_again_is_added_to_the_open_case(client: Client, on_the_line: Customer, case: Case) -> None:
    told = draft_of_a_call(on_the_line, into=case.pk, description="还是没到", category="")

    client.post(reverse("desk:complaint_new"), told)
    client.post(reverse("desk:complaint_new"), told)

    assert Case.objects.count() == 1
    assert [message.body for message in case.messages.all()] == ["还是没到"]


def test_without_a_category_nothing_is_stored_and_nothing_typed_is_lost(client: Client, on_the_line: Customer) -> None:
    answer = client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line, category=""))

    assert answer.status_code == 422
    assert "包裹三天没到" in answer.content.decode()
    assert "Choose what it is about" in answer.content.decode()
    assert not Case.objects.exists()


def test_a_remedy_within_the_agents_limit_goes_with_the_complaint(client: Client, on_the_line: Customer) -> None:
    client.post(reverse("desk:complaint_new"), draft_of_a_call(on_the_line, remedy="coupon", remedy_amount="30"))

    remedy = Case.objects.get().remedies.get()
    assert (remedy.kind, remedy.amount, remedy.status) == ("coupon", 30, "approved")


def test_a_customer_nobody_looked_up_cannot_be_logged_for(client: Client, li_lei: Customer) -> None:
    assert client.get(reverse("desk:complaint_new"), {"customer": li_lei.pk}).status_code == 404
    assert client.post(reverse("desk:complaint_new"), draft_of_a_call(li_lei)).status_code == 404


# The list


def test_each_tab_counts_what_it_opens(client: Client, case: Case, li_lei: Customer) -> None:
    page = client.get(reverse("desk:complaints"))

    for tab in page.context["tabs"]:
        rows = client.get(reverse("desk:complaints") + tab.href).context["page"].rows
        assert tab.count in ("", len(rows)), tab.label


def test_the_pages_of_the_list_hold_every_case_once_in_order(
    client: Client, li_lei: Customer, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm.desk.lists.page.SIZE", 3)
    codes = ["delivery-late", "quality-unsafe", "points-level", "delivery-lost", "other-other"] * 2
    for code in codes:
        intake.log(
            li_lei,
            category=Category.objects.get(code=code),
            channel="phone",
            by=agent,
            at=timezone.now(),
            description=code,
        )

    seen, address = [], "?list=all"
    while address:
        page = client.get(reverse("desk:complaints") + address)
        seen += list(page.context["page"].rows)
        address = page.context["page"].next

    assert len(seen) == len({case.pk for case in seen}) == 10
    assert seen == sorted(seen, key=lambda case: (case.priority, case.next_due_at, case.pk))


def test_taking_a_case_from_the_list_makes_it_mine(client: Client, case: Case, agent: User) -> None:
    lifecycle.release(case.pk, by=agent, at=timezone.now(), reason="lunch")

    client.post(reverse("desk:complaint_claim", args=[case.pk]))

    case.refresh_from_db()
    assert case.owner == agent


def test_whoever_takes_a_case_is_led_to_the_list_it_stood_in_and_to_no_other_site(
    client: Client, case: Case, agent: User
) -> None:
    lists, take = reverse("desk:complaints"), reverse("desk:complaint_claim", args=[case.pk])
    here = f"http://testserver{lists}?list=unassigned"

    assert client.post(take, HTTP_REFERER=here)["Location"] == here
    assert client.post(take, HTTP_REFERER=f"https://evil.example{lists}")["Location"] == lists


def test_what_the_next_colleague_is_to_know_stands_on_the_case_and_waits_for_its_moment(
    client: Client, case: Case
) -> None:
    told = {"trigger": "delivery", "text": "送货前先打电话", "version": case.version}

    page = client.post(reverse("desk:complaint_prompt", args=[case.pk]), told, follow=True).content.decode()

    assert "The next colleague will be told" in page
    [prompt] = prompts.armed(case.customer, "delivery", at=timezone.now())
    assert (prompt.text, prompt.case) == ("送货前先打电话", case)
    assert "The next colleague is told" in page
    assert "送货前先打电话" in page


def test_what_may_be_given_at_once_is_what_the_role_may_give_to_this_class(
    client: Client, on_the_line: Customer
) -> None:
    address = f"{reverse('desk:complaint_new')}?customer={on_the_line.pk}"

    def coupon() -> str:
        return next(
            label for kind, label in client.get(address).context["form"].fields["remedy"].choices if kind == "coupon"
        )

    assert coupon() == "Coupon up to 50"
    Standing.objects.filter(pk=on_the_line.pk).update(customer_class=Standing.Class.BIG)
    assert coupon() == "Coupon up to 200"


def test_what_fits_the_loss_says_what_this_person_may_still_give(client: Client, case: Case, agent: User) -> None:
    address = reverse("desk:complaint", args=[case.pk])

    assert "Coupon up to 50" in client.get(address).context["suggestions"]
    for amount in (50, 30):
        given = {"kind": "coupon", "amount": Decimal(amount), "reason": "late", "client_key": str(amount)}
        remedies.propose(case.pk, promised_at=None, by=agent, at=timezone.now(), **given)
    assert "Coupon up to 20" in client.get(address).context["suggestions"]


def test_a_case_of_a_foreign_queue_does_not_exist(client: Client, case: Case, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.SERVICE_AGENT, "Sun Li"))

    assert client.get(reverse("desk:complaint", args=[case.pk])).status_code == 404
    assert client.post(reverse("desk:complaint_take", args=[case.pk])).status_code == 404


def test_the_list_asks_the_database_no_more_for_thirty_cases_than_for_one(
    client: Client, case: Case, li_lei: Customer, agent: User, django_assert_num_queries: object
) -> None:
    address = reverse("desk:complaints")
    client.get(address)
    with django_assert_num_queries(30, exact=False) as one:  # type: ignore[operator]
        client.get(address)
    for number in range(30):
        intake.log(
            li_lei, category=case.category, channel="phone", by=agent, at=timezone.now(), description=str(number)
        )

    with django_assert_num_queries(len(one)):  # type: ignore[operator]
        client.get(address)


# The case


def do(client: Client, case: Case, name: str, **told: object) -> object:
    return client.post(reverse(f"desk:complaint_{name}", args=[case.pk]), {"version": case.version} | told)


def test_an_answer_stops_the_first_clock(client: Client, case: Case) -> None:
    do(client, case, "reply", body="今天送到", channel="phone")

    case.refresh_from_db()
    assert case.first_response_at is not None
    assert "今天送到" in client.get(reverse("desk:complaint", args=[case.pk])).content.decode()


def test_the_second_of_two_who_answer_sees_both_texts_and_confirms(client: Client, case: Case, agent: User) -> None:
    lifecycle.reply(case.pk, by=agent, at=timezone.now(), body="我们已联系快递", channel="phone")

    refused = do(client, case, "reply", body="请再等一天", channel="phone")

    page = refused.content.decode()
    assert refused.status_code == 409
    assert "我们已联系快递" in page
    assert page.count("请再等一天") == 2  # beside the other text, and in the form
    case.refresh_from_db()
    do(client, case, "reply", body="请再等一天", channel="phone")
    assert CaseMessage.objects.filter(case=case).count() == 2


def test_a_correction_leaves_alone_what_another_corrected_meanwhile(client: Client, case: Case, agent: User) -> None:
    told = opened(form_for(DEEDS["edit"], case, agent))
    lifecycle.edit(case.pk, {"remedy_sought": "退款"}, by=agent, at=timezone.now(), version=case.version)

    do(client, case, "edit", **told | {"product_ref": "S-1"})

    case.refresh_from_db()
    assert (case.remedy_sought, case.product_ref) == ("退款", "S-1")


def test_two_corrections_of_the_same_field_show_both_and_the_second_confirms(
    client: Client, case: Case, agent: User
) -> None:
    told = opened(form_for(DEEDS["edit"], case, agent)) | {"remedy_sought": "换货"}
    lifecycle.edit(case.pk, {"remedy_sought": "退款"}, by=agent, at=timezone.now(), version=case.version)

    answer = do(client, case, "edit", **told)
    form = answer.context["unfinished"].form  # type: ignore[attr-defined]
    do(client, case, "edit", **opened(form))

    case.refresh_from_db()
    assert answer.status_code == 409  # type: ignore[attr-defined]
    assert case.remedy_sought == "换货"


def test_solving_without_a_cause_says_so_and_keeps_the_words(client: Client, case: Case) -> None:
    told = {"outcome": "fixed", "justified": "justified", "resolution": "重新发货", "reply": "已重发"}

    refused = do(client, case, "resolve", **told)
    assert refused.status_code == 422
    assert "重新发货" in refused.content.decode()

    do(client, case, "resolve", **told, root_cause=RootCause.objects.get(code="carrier-late").pk)
    case.refresh_from_db()
    assert (case.status, case.justified) == ("resolved", "justified")


def test_unsent_words_are_kept_for_their_author(client: Client, case: Case, agent: User) -> None:
    client.post(reverse("desk:complaint_draft", args=[case.pk]), {"body": "亲爱的", "version": case.version})

    assert Draft.objects.get(case=case, author=agent).body == "亲爱的"
    assert "亲爱的" in client.get(reverse("desk:complaint", args=[case.pk])).content.decode()


def test_the_clock_says_why_it_is_due_then(client: Client, case: Case) -> None:
    clocks = client.get(reverse("desk:complaint", args=[case.pk])).context["clocks"]

    assert [clock.label for clock in clocks] == ["First answer", "Solution"]
    assert clocks[0].why[0].startswith("240 minutes of “工作时间” from ")


def test_the_customer_of_a_case_opens_though_nobody_looked_them_up_today(client: Client, case: Case) -> None:
    record = reverse("desk:customer", args=[case.customer_id])
    assert client.get(record).status_code == 404

    answer = client.post(reverse("desk:complaint_customer", args=[case.pk]))

    assert answer["Location"] == record
    assert client.get(record).status_code == 200


def test_a_customer_of_another_book_is_not_offered_with_the_case(
    client: Client, case: Case, make_user: MakeUser
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    lifecycle.assign(case.pk, chen, by=chen, at=timezone.now())
    client.force_login(chen)

    address = reverse("desk:complaint_customer", args=[case.pk])

    assert address not in on_case_page(client, case)
    assert client.post(address).status_code == 404


def test_rows_of_another_case_cannot_be_touched_through_this_one(client: Client, case: Case, li_lei: Customer) -> None:
    other = intake.log(
        li_lei, category=case.category, channel="phone", by=None, at=timezone.now(), description="另一件"
    ).case
    remedy = do(client, other, "remedy", kind="coupon", amount="500", reason="迟到") and other.remedies.get()

    assert do(client, case, "remedy_reject", row=remedy.pk, text="no").status_code == 404  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(DEEDS))
def test_the_address_of_a_deed_opened_by_hand_leads_to_the_case(
    client: Client, case: Case, agent: User, name: str
) -> None:
    User.objects.filter(pk=agent.pk).update(roles=[Role.SERVICE_LEAD])

    answer = client.get(reverse(f"desk:{DEEDS[name].route}", args=[case.pk]))

    assert answer["Location"] == reverse("desk:complaint", args=[case.pk])


def test_every_deed_that_is_offered_is_posted_to_its_own_address(client: Client, case: Case) -> None:
    page = on_case_page(client, case)

    for name in ("reply", "acknowledge", "wait", "resolve", "customer_said", "ask", "remedy", "transfer", "withdraw"):
        assert f'action="{reverse(f"desk:complaint_{name}", args=[case.pk])}"' in page, name
    assert 'name="do"' not in page


def test_each_label_on_the_case_page_leads_to_a_field_of_its_own(
    client: Client, case: Case, li_lei: Customer, agent: User
) -> None:
    intake.log(li_lei, category=case.category, channel="phone", by=agent, at=timezone.now(), description="另一件")
    do(client, case, "ask", department=Department.objects.first().pk, question="在哪里？")  # type: ignore[union-attr]
    do(client, case, "remedy", kind="coupon", amount="500", reason="迟到")

    ids = re.findall(r'\sid="([^"]+)"', on_case_page(client, case))

    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_every_page_answers_in_each_language(client: Client, case: Case, li_lei: Customer, language: str) -> None:
    client.post(reverse("desk:complaint_find"), {"q": PHONE})
    for address in (
        reverse("desk:complaints"),
        reverse("desk:complaint_board"),
        reverse("desk:complaint_new"),
        f"{reverse('desk:complaint_new')}?customer={li_lei.pk}",
        reverse("desk:complaint", args=[case.pk]),
        reverse("desk:complaint_logged", args=[case.pk]),
    ):
        assert client.get(address, HTTP_ACCEPT_LANGUAGE=language).status_code == 200, address


def test_words_that_do_not_belong_there_are_removed_by_the_head_and_by_nobody_else(
    client: Client, case: Case, make_user: MakeUser
) -> None:
    do(client, case, "customer_said", body="卡号 6222 0000 1111", channel="wechat")
    message = CaseMessage.objects.get(direction="in")
    address = reverse("desk:complaint_redact", args=[case.pk])
    sent = {"row": message.pk, "text": "卡号"}
    assert address not in on_case_page(client, case)
    assert client.post(address, sent).status_code == 403

    client.force_login(make_user(Role.SERVICE_LEAD, "Zheng Kai"))
    assert address in on_case_page(client, case)
    assert client.post(address, sent | {"text": ""}).status_code == 422
    client.post(address, sent)

    page = on_case_page(client, case)
    assert "6222" not in page
    assert "Zheng Kai removed these words: 卡号" in page
    assert address not in page


def test_words_of_a_case_that_was_merged_in_are_removed_where_they_are_read(
    client: Client, case: Case, li_lei: Customer, agent: User, make_user: MakeUser
) -> None:
    at = timezone.now()
    other = intake.log(li_lei, category=case.category, channel="phone", by=agent, at=at, description="还是没到").case
    lifecycle.customer_replied(other.pk, at=at, body="卡号 6222", channel="wechat", by=agent)
    lifecycle.merge(other.pk, case.pk, by=agent, at=at, reason="同一件事")
    client.force_login(make_user(Role.SERVICE_LEAD, "Zheng Kai"))

    message = CaseMessage.objects.get(body="卡号 6222")
    client.post(reverse("desk:complaint_redact", args=[case.pk]), {"row": message.pk, "text": "卡号"})

    page = on_case_page(client, case)
    assert ("6222" in page, "Zheng Kai removed these words" in page) == (False, True)


def test_a_remedy_that_could_not_be_given_says_why_and_is_still_owed(client: Client, case: Case, agent: User) -> None:
    at = timezone.now()
    remedy = remedies.propose(
        case.pk, kind="refund", amount=5, reason="丢件", by=agent, at=at, client_key="1", promised_at=at + timedelta(1)
    )

    do(client, case, "remedy_fail", row=remedy.pk, text="账户不存在")

    assert "账户不存在" in on_case_page(client, case)
    do(client, case, "remedy_issue", row=remedy.pk, text="R-1")
    remedy.refresh_from_db()
    assert (remedy.status, remedy.error) == ("issued", "")


def test_an_answer_by_e_mail_without_a_mail_server_waits_on_the_page_until_somebody_has_sent_it(
    client: Client, case: Case, agent: User
) -> None:
    do(client, case, "reply", body="马上补发", channel="email")
    letter = CaseMail.objects.get()

    page = on_case_page(client, case)
    assert ("To be sent by hand" in page, "The clock goes on until then" in page) == (True, True)
    assert case.number in client.get(reverse("desk:complaints"), {"list": "unsent"}).content.decode()
    assert Clock.objects.get(case=case, metric="first_response").state == "running"

    do(client, case, "mail_sent", row=letter.pk)

    assert Clock.objects.get(case=case, metric="first_response").state == "met"
    assert case.number not in client.get(reverse("desk:complaints"), {"list": "unsent"}).content.decode()


def test_the_mail_of_another_case_is_not_sent_from_here(
    client: Client, case: Case, li_lei: Customer, agent: User
) -> None:
    at = timezone.now()
    other = intake.log(li_lei, category=case.category, channel="phone", by=agent, at=at, description="还是没到").case
    do(client, other, "reply", body="马上补发", channel="email")

    do(client, case, "mail_sent", row=CaseMail.objects.get().pk)

    assert CaseMail.objects.get().state == "by_hand"


def test_what_is_done_about_a_case_is_done_once_until_it_is_meant_again(client: Client, case: Case) -> None:
    said = {"body": "还没收到", "channel": "phone", "once": uuid4().hex}
    url = reverse("desk:complaint_customer_said", args=[case.pk])
    first, again = client.post(url, said), client.post(url, said)

    assert (first.status_code, again.status_code) == (302, 422)
    assert CaseMessage.objects.filter(case=case, body="还没收到").count() == 1


def test_a_remedy_meant_a_second_time_is_a_second_one(client: Client, case: Case) -> None:
    url = reverse("desk:complaint_remedy", args=[case.pk])
    offered = {"kind": "apology", "reason": "late", "request_key": str(uuid4()), "once": uuid4().hex}
    client.post(url, offered)
    again = client.post(url, offered)
    assert (again.status_code, case.remedies.count()) == (422, 1)

    key = again.context["unfinished"].form["request_key"].value()
    client.post(url, offered | {"once": uuid4().hex, "request_key": key})

    assert case.remedies.count() == 2
