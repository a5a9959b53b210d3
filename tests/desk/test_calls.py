"""Calls as they come, on the pages: nobody, somebody else, a number that went on, orders, phones, promises."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from complaints import orders
from complaints.attachments import files, links
from complaints.calls import marks
from complaints.cases import intake
from complaints.models import Attachment, CallerMark, Case, Category, Queue, QueueMember
from complaints.setup import defaults
from core.accounts.models import AuditEntry, Role, User
from core.lib.periods import mall_day
from crm.desk.complaints.wording import in_words
from crm.desk.today import today
from crm.flows import call
from customers import contact_points
from customers.models import ContactPoint, Customer, Lookup, Todo
from customers.record import newcomers
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

PHONE = "138 0013 8000"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PDF = b"%PDF-1.7\ntrailer<<>>\n%%EOF\n"


@pytest.fixture
def desk(db: None) -> None:
    defaults.install(at=timezone.now() - 30 * DAY)


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
def feng(make_customer: MakeCustomer) -> Customer:
    return make_customer("冯振宇", phone=PHONE)


@pytest.fixture
def on_the_line(client: Client, feng: Customer, agent: User) -> Customer:
    Lookup.objects.create(user=agent, customer=feng, on=today())
    return feng


def late() -> Category:
    return Category.objects.get(code="delivery-late")


def said(person: Customer | None = None, **more: Any) -> dict[str, Any]:
    who = {"customer": person.pk} if person else {}
    told = {"client_key": str(uuid4()), "category": late().pk, "description": "包裹三天没到", "promise": "due"}
    return told | who | more


def logged(client: Client, **told: Any) -> Case:
    answer = client.post(reverse("desk:complaint_new"), said(**told))
    assert answer.status_code == 302, answer.context["form"].errors
    return Case.objects.latest("pk")


def of(person: Customer, **told: Any) -> Case:
    at = told.pop("at", timezone.now())
    told = {"channel": "phone", "by": None, "description": "没到"} | told
    return intake.log(person, category=late(), at=at, **told).case


# Who calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0", "匿名", "anonymous", "－"])
def test_somebody_who_does_not_say_who_they_are_is_taken_down(client: Client, agent: User, text: str) -> None:
    page = client.post(reverse("desk:complaint_find"), {"q": text}, follow=True)
    assert page.context["anonymous"]
    assert [promise.value for promise in page.context["promises"]] == ["due", "none"]

    case = logged(client, anonymous="True")

    assert (case.customer, case.owner) == (None, agent)
    for address in ("complaint", "complaint_logged"):
        assert "Anonymous caller" in client.get(reverse(f"desk:{address}", args=[case.pk])).content.decode()
    listed = client.get(reverse("desk:complaints"), {"list": "anonymous"})
    assert list(listed.context["page"].rows) == [case]


def test_a_case_of_nobody_is_linked_to_who_is_found_or_put_on_record(
    client: Client, agent: User, feng: Customer
) -> None:
    first, second = logged(client, anonymous="True"), logged(client, anonymous="True", description="第二件")

    found = client.post(reverse("desk:complaint_link", args=[first.pk]), {"q": PHONE}).context["callers"]
    client.post(reverse("desk:complaint_link_to", args=[first.pk]), {"caller": found[0].token})
    asked = client.post(reverse("desk:complaint_link_new", args=[second.pk]), {"phone": PHONE, "name": "李新号"})
    assert asked.status_code == 422
    client.post(
        reverse("desk:complaint_link_new", args=[second.pk]), {"phone": PHONE, "name": "李新号", "who": "share"}
    )

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.customer == feng
    assert second.customer is not None
    assert second.customer.name == "李新号"


def test_a_name_that_is_not_the_one_known_by_the_number_is_asked_about(client: Client, feng: Customer) -> None:
    answer = client.post(reverse("desk:complaint_new"), said(phone=PHONE, name="李新号"))

    assert answer.status_code == 422
    assert not Case.objects.exists()
    assert "李新号" in answer.content.decode()
    asked = answer.context["whose"].answers
    assert [choice.value for choice in asked] == [f"is:{feng.pk}", "share", f"gone:{feng.pk}"]


@pytest.mark.parametrize("answer", ["is", "share", "gone"])
def test_whose_number_it_is_now_is_what_the_agent_says(client: Client, feng: Customer, answer: str) -> None:
    who = answer if answer == "share" else f"{answer}:{feng.pk}"

    case = logged(client, phone=PHONE, name="李新号", who=who)

    point = ContactPoint.objects.get(customer=feng)
    assert (case.customer == feng) is (answer == "is")
    assert point.retired == ("old" if answer == "gone" else "")
    owners = {owner.name for owner in newcomers.owners(PHONE)}
    assert owners == {"is": {"冯振宇"}, "share": {"冯振宇", "李新号"}, "gone": {"李新号"}}[answer]


def test_an_answer_lost_on_its_way_makes_no_second_person(client: Client, feng: Customer) -> None:
    told = said(phone=PHONE, name="李新号", who="share")

    for _time in range(2):
        client.post(reverse("desk:complaint_new"), told)

    assert Case.objects.count() == 1
    assert Customer.objects.filter(name="李新号").count() == 1


def test_a_third_person_on_a_shared_phone_is_none_of_these(
    client: Client, feng: Customer, make_customer: MakeCustomer
) -> None:
    contact_points.add(make_customer("冯太太"), "phone", PHONE)
    offered = client.post(reverse("desk:complaint_find"), {"q": PHONE})
    assert len(offered.context["callers"]) == 2

    page = client.post(reverse("desk:complaint_stranger"))
    initial = page.context["form"].initial
    assert (initial["phone"], initial["who"]) == (PHONE, "share")
    case = logged(client, phone=PHONE, name="冯小弟", who="share")

    assert case.customer is not None
    assert case.customer.name == "冯小弟"
    assert len(newcomers.owners(PHONE)) == 3
    assert PHONE not in str(dict(client.session.items()))


# A caller colleagues are warned of ------------------------------------------------------------------------------------


def test_the_next_colleague_is_warned_and_the_head_judges_it_on_the_list(
    client: Client, on_the_line: Customer, make_user: MakeUser
) -> None:
    person, until = on_the_line, today() + 7 * DAY
    lead = make_user(Role.SERVICE_LEAD, "Zhao Min")
    client.post(reverse("desk:complaint_mark", args=[person.pk]), {"reason": "辱骂客服", "until": until})

    for address in (
        f"{reverse('desk:complaint_new')}?customer={person.pk}",
        reverse("desk:customer", args=[person.pk]),
    ):
        assert "辱骂客服" in client.get(address).content.decode()
    case = of(person)
    assert "辱骂客服" in client.get(reverse("desk:complaint", args=[case.pk])).content.decode()
    mark = CallerMark.objects.get()
    client.force_login(lead)
    assert "辱骂客服" in client.get(reverse("desk:approvals")).content.decode()
    client.post(reverse("desk:approval_approve", args=["caller", mark.pk]))
    mark.refresh_from_db()
    assert mark.state == CallerMark.State.APPROVED
    client.post(reverse("desk:complaint_unmark", args=[person.pk]), {"reason": "已道歉"})
    assert marks.in_force(person, today=today()) is None


# Orders ---------------------------------------------------------------------------------------------------------------


def test_an_order_found_by_its_number_is_ticked_and_older_ones_are_behind_a_click(
    client: Client, feng: Customer, make_order: MakeOrder
) -> None:
    for n in range(5):
        make_order(feng, today() - (100 + n) * DAY, external_id=f"S-{n}")

    page = client.post(reverse("desk:complaint_find"), {"q": "S-4"}, follow=True)

    choice = page.context["caller"].orders
    assert [(row.number, row.chosen) for row in choice.last] == [
        ("S-0", False),
        ("S-1", False),
        ("S-2", False),
        ("S-4", True),
    ]
    assert [row.number for row in choice.older] == ["S-3"]


def test_a_call_about_two_orders_and_one_that_is_typed(
    client: Client, on_the_line: Customer, make_order: MakeOrder
) -> None:
    make_order(on_the_line, today() - DAY, external_id="S-1")
    case = logged(client, person=on_the_line, orders=["S-1", "S-2"], orders_typed="T-9 s-10", description="")

    assert orders.numbers_of(case) == ["S-1", "S-2", "T-9", "s-10"]
    shown = client.get(reverse("desk:complaint", args=[case.pk])).context["orders"]
    assert [(row.number, row.known) for row in shown] == [
        ("S-1", True),
        ("S-2", False),
        ("T-9", False),
        ("s-10", False),
    ]
    make_order(on_the_line, today() - 2 * DAY, external_id="T-9")
    after = client.get(reverse("desk:complaint", args=[case.pk])).context["orders"]
    assert [row.known for row in after] == [True, False, True, False]


def test_an_order_of_somebody_elses_book_is_named_and_nothing_of_it_shown(
    client: Client, make_customer: MakeCustomer, make_order: MakeOrder, make_user: MakeUser, desk: None
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    mine, other = make_customer("李雷", manager=chen), make_customer("韩梅")
    make_order(other, external_id="X-1", paid="77.00")
    case = of(mine, orders=["X-1"])
    client.force_login(chen)

    page = client.get(reverse("desk:complaint", args=[case.pk]))

    assert [(row.number, row.goods, row.paid, row.elsewhere) for row in page.context["orders"]] == [
        ("X-1", "", None, True)
    ]


# The phone ------------------------------------------------------------------------------------------------------------


def test_one_click_shows_the_phone_and_says_what_for(client: Client, on_the_line: Customer, agent: User) -> None:
    case = of(on_the_line)

    in_call = client.post(reverse("desk:complaint_phone"), {"customer": on_the_line.pk}, headers={"HX-Request": "true"})
    on_case = client.post(reverse("desk:complaint_phone_of", args=[case.pk]))

    for answer in (in_call, on_case):
        assert "tel:+8613800138000" in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"
    looks = AuditEntry.objects.filter(actor=agent, action=contact_points.REVEALED)
    assert [entry.detail["purpose"] for entry in looks] == ["call", "call"]


# Promises -------------------------------------------------------------------------------------------------------------


def test_the_promise_on_the_page_follows_what_is_chosen_and_is_what_is_stored(
    client: Client, on_the_line: Customer
) -> None:
    for category in Category.objects.filter(parent__isnull=False).order_by("pk")[::5]:
        for severity in ("", "1", "4"):
            chosen = {"customer": on_the_line.pk, "category": category.pk, "severity": severity, "promise": "due"}
            page = client.get(reverse("desk:complaint_promises"), chosen)
            told = said(on_the_line, category=category.pk, severity=severity, said_at=page.context["said_at"])
            client.post(reverse("desk:complaint_new"), told)

            clock = Case.objects.latest("pk").clocks.get(metric="first_response")
            assert page.context["promises"][0].label == f"an answer by {in_words(clock.due_at)}"


def test_a_promise_that_is_over_is_not_read_aloud_and_a_new_one_is_the_agents(
    client: Client, on_the_line: Customer, agent: User
) -> None:
    case = of(on_the_line, at=timezone.now() - 10 * DAY)
    opened = client.get(reverse("desk:complaint_new"), {"customer": on_the_line.pk})
    assert opened.context["caller"].open_cases[0].missed

    joined = client.post(reverse("desk:complaint_new"), said(on_the_line, into=case.pk), follow=True)
    assert joined.context["missed"]
    assert "You will hear from us" not in joined.context["sentence"]
    client.post(reverse("desk:complaint_promise", args=[case.pk]), {"again": "hour"})

    promised = call.promised(case)
    assert promised is not None
    assert promised.due_at is not None
    assert (promised.owner, promised.state) == (agent, Todo.State.OPEN)
    aloud = client.get(reverse("desk:complaint_logged", args=[case.pk])).context["sentence"]
    assert aloud.endswith(f"You will hear from us by {in_words(promised.due_at)}.")
    for page in ("complaints", "complaint_board"):
        assert case.number in client.get(reverse(f"desk:{page}"), {"list": "all"}).content.decode()


def test_joining_a_case_a_new_call_is_promised_in_the_same_breath(
    client: Client, on_the_line: Customer, agent: User, make_user: MakeUser
) -> None:
    at = timezone.now()
    told = {"channel": "phone", "category": late(), "description": "没到"}
    case = call.log(on_the_line, by=agent, at=at - 3 * HOUR, call_at=at - 2 * HOUR, **told).case
    missed = Todo.objects.get()

    client.post(reverse("desk:complaint_new"), said(on_the_line, into=case.pk, again="tomorrow"))

    missed.refresh_from_db()
    fresh = call.promised(case)
    assert missed.state == Todo.State.DONE
    assert missed.is_late(missed.closed_at or at)
    assert fresh is not None
    assert fresh.due_on == mall_day(at) + DAY
    assert list(call.waiting(agent, at)) == [fresh]
    client.force_login(make_user(Role.SERVICE_LEAD))
    everybodys = client.get(reverse("desk:complaint_board")).context["all_calls"].rows
    assert [row.todo for row in everybodys] == [fresh]


# The number of a case -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["C-{n}", "c{n}", "{n}"])
def test_the_number_read_out_is_found_in_every_box(client: Client, feng: Customer, text: str) -> None:
    case = of(feng)
    written = text.format(n=case.pk)

    top = client.post(reverse("desk:find"), {"q": written})
    box = client.post(reverse("desk:complaint_find"), {"q": written})

    assert top["Location"] == reverse("desk:complaint", args=[case.pk])
    assert box["Location"] == f"{reverse('desk:complaint_new')}?customer={feng.pk}&into={case.pk}"
    page = client.get(box["Location"])
    assert page.context["caller"].into == str(case.pk)


# Photos ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def photo() -> Callable[[], SimpleUploadedFile]:
    def make() -> SimpleUploadedFile:
        out = BytesIO()
        exif = Image.Exif()
        exif[0x010F] = "SecretPhone"
        Image.new("RGB", (40, 20), "red").save(out, "JPEG", exif=exif)
        return SimpleUploadedFile("伤.jpg", out.getvalue(), "image/jpeg")

    return make


def test_photos_are_added_shown_to_who_sees_the_case_and_to_nobody_else(
    client: Client, feng: Customer, photo: Callable[[], SimpleUploadedFile], make_user: MakeUser
) -> None:
    case = of(feng)
    bad = SimpleUploadedFile("x.jpg", b"<svg onload=alert(1)>")
    added = client.post(
        reverse("desk:complaint_files", args=[case.pk]), {"files": [photo(), bad]}, headers={"HX-Request": "true"}
    )
    assert added.status_code == 422
    assert "x.jpg: Only photos" in added.content.decode()
    client.post(reverse("desk:complaint_files", args=[case.pk]), {"files": SimpleUploadedFile("x.pdf", PDF)})
    picture, paper = list(files.of(case))

    shown = client.get(reverse("desk:complaint_file", args=[case.pk, picture.pk]))
    saved = client.get(reverse("desk:complaint_file", args=[case.pk, paper.pk]))

    assert (shown["Content-Type"], b"SecretPhone" in shown.content) == ("image/jpeg", False)
    assert saved["Content-Disposition"].startswith("attachment")
    for answer in (shown, saved):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert "no-store" in answer["Cache-Control"]
    assert "伤.jpg" in client.get(reverse("desk:complaint", args=[case.pk])).content.decode()
    other = of(feng)
    assert client.get(reverse("desk:complaint_file", args=[other.pk, picture.pk])).status_code == 404
    client.force_login(make_user(Role.ACCOUNT_MANAGER, "Nobody of theirs"))
    assert client.get(reverse("desk:complaint_file", args=[case.pk, picture.pk])).status_code == 404
    assert AuditEntry.objects.filter(action="attachment.opened").count() == 2


def test_a_customer_sends_photos_by_the_link_once(
    client: Client, feng: Customer, photo: Callable[[], SimpleUploadedFile], agent: User
) -> None:
    case = of(feng)
    words = client.post(reverse("desk:complaint_upload_link", args=[case.pk])).context["link"]
    outside, address = Client(enforce_csrf_checks=True), reverse("upload", args=[words.rstrip("/").rpartition("/")[2]])

    for language in ("en", "zh-hans", "zh-hant"):
        assert outside.get(address, headers={"Accept-Language": language}).status_code == 200
    refused = outside.post(address, {"files": SimpleUploadedFile("a.exe", b"MZ")})
    assert (refused.status_code, Attachment.objects.exists()) == (422, False)
    sent = outside.post(address, {"files": [photo()], "words": "就是这里"})
    assert sent.context["thanks"]
    assert outside.post(address, {"files": [photo()]}).status_code == 410
    assert case.messages.get(direction="in").body == "就是这里\n伤.jpg"


def test_who_guesses_at_links_is_slowed_down(client: Client, feng: Customer, agent: User) -> None:
    secret = links.make(of(feng).pk, by=agent, at=timezone.now())
    address = reverse("upload", args=[secret])

    answers = [Client().post(address, {"words": "x"}).status_code for _try in range(32)]

    assert answers[0] == 422
    assert answers[-1] == 429


# Files of a call ------------------------------------------------------------------------------------------------------


def paper(name: str = "小票.pdf", more: bytes = b"") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, PDF.replace(b"trailer", more + b"trailer"), "application/pdf")


def test_files_stay_with_a_call_through_a_refused_save_and_go_into_its_case(
    client: Client, on_the_line: Customer, photo: Callable[[], SimpleUploadedFile]
) -> None:
    told = said(on_the_line, category="")

    refused = client.post(reverse("desk:complaint_new"), told | {"files": [photo(), paper()]})
    page = refused.content.decode()
    assert (refused.status_code, Case.objects.count()) == (422, 0)
    assert [row.name for row in refused.context["call_files"]] == ["伤.jpg", "小票.pdf"]
    assert "包裹三天没到" in page
    keep = {"shown": [row.pk for row in refused.context["call_files"]], "kept": refused.context["call_files"][0].pk}

    again = client.post(reverse("desk:complaint_new"), told | keep | {"files": [paper("假.exe", b"x"), photo()]})
    assert [row.name for row in again.context["call_files"]] == ["伤.jpg", "假.pdf"]  # the paper was unticked
    keep = {"shown": [row.pk for row in again.context["call_files"]]} | {
        "kept": [row.pk for row in again.context["call_files"]]
    }
    bad = client.post(
        reverse("desk:complaint_new"),
        told | keep | {"category": late().pk, "files": [SimpleUploadedFile("a.exe", b"MZ")]},
    )
    assert (bad.status_code, Case.objects.count()) == (422, 0)
    assert "a.exe" in bad.content.decode()

    case = logged(client, **told | keep | {"category": late().pk})
    assert [row.name for row in files.of(case)] == ["伤.jpg", "假.pdf"]
    assert not Attachment.objects.filter(case=None).exists()
    assert case.events.filter(kind="file_added").count() == 2
    logged(client, **told | {"category": late().pk, "files": [photo()]})  # the same call, told once more
    assert Attachment.objects.count() == 2


def test_files_of_a_call_are_its_agents_and_go_after_a_day(
    client: Client, on_the_line: Customer, agent: User, make_user: MakeUser
) -> None:
    told = said(on_the_line, category="")
    row = client.post(reverse("desk:complaint_new"), told | {"files": [paper()]}).context["call_files"][0]

    client.force_login(make_user(Role.SERVICE_LEAD))
    other = client.post(reverse("desk:complaint_new"), told | {"shown": [row.pk]})
    assert list(other.context["call_files"]) == []
    assert Attachment.objects.get() == row

    assert [files.forget(at=timezone.now() + hours * HOUR) for hours in (23, 25, 26)] == [0, 1, 0]
    assert not Attachment.objects.exists()


def test_files_go_along_where_the_words_are_added_and_where_a_page_came_back(
    client: Client, on_the_line: Customer, photo: Callable[[], SimpleUploadedFile]
) -> None:
    first = logged(client, customer=on_the_line.pk)
    added = said(on_the_line, into=first.pk, description="照片在这里", files=[photo()])
    client.post(reverse("desk:complaint_new"), added)
    assert [row.name for row in files.of(first)] == ["伤.jpg"]

    told = said(on_the_line)
    logged(client, **told)
    back = client.post(reverse("desk:complaint_new"), told | {"description": "另一件", "files": [paper()]})
    assert (back.status_code, [row.name for row in back.context["call_files"]]) == (422, ["小票.pdf"])
    rest = {"client_key": back.context["form"].data["client_key"], "description": "另一件"}
    assert [row.name for row in files.of(logged(client, **told | rest))] == ["小票.pdf"]


def test_a_phone_tells_no_manager_whose_it_is(
    client: Client, desk: None, make_user: MakeUser, make_customer: Any
) -> None:
    """The case is the caller's, whoever took it down; the name stays with who may see it."""
    zhou = make_user(Role.ACCOUNT_MANAGER, "Zhou")
    make_customer("欧阳震华", manager=zhou, phone="13800138000")
    client.force_login(make_user(Role.ACCOUNT_MANAGER, "Chen"))
    said = {"category": Category.objects.get(code="delivery-late").pk, "description": "包裹三天没到", "promise": "due"}
    pages = [
        client.post(reverse("desk:complaint_find"), {"q": "13800138000"}, follow=True),
        client.post(
            reverse("desk:complaint_new"), said | {"client_key": str(uuid4()), "phone": "13800138000"}, follow=True
        ),
        client.post(
            reverse("desk:complaint_new"),
            said | {"client_key": str(uuid4()), "phone": "13800138000", "name": "不知道"},
            follow=True,
        ),
        client.get(reverse("desk:complaints"), follow=True),
    ]

    assert [page for page in pages if "欧阳震华" in page.content.decode()] == []
    assert Case.objects.get().customer.name == "欧阳震华"
