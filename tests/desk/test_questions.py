"""Questions to my department: those who can answer are asked, and read what they need for it and nothing else."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django import forms
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.attachments import contents, files
from complaints.cases import handover, intake, remedies
from complaints.models import Case, Category, Department, Handover, Queue, QueueMember
from complaints.setup import defaults
from core.accounts.models import AuditEntry, Role, User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from crm.desk.complaints.forms import AskForm, AssignForm, PlanForm
from crm.desk.complaints.setup.forms import DepartmentForm, MemberForm
from customers.models import Customer, Standing
from loyalty.models import Coupon
from tests.conftest import MakeCustomer, MakeOrder, MakeUser
from tests.loyalty.campaigns.stories import running

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(make_user: MakeUser) -> User:
    defaults.install(at=timezone.now())
    user = make_user(Role.SERVICE_AGENT, "Wang Fang")
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=user)
    return user


@pytest.fixture
def ma(agent: User, make_user: MakeUser) -> User:
    user = make_user(Role.DEPARTMENT, "Ma Qiang")
    Department.objects.get(code="warehouse").members.add(user)
    return user


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


@pytest.fixture
def case(agent: User, li_lei: Customer, make_order: MakeOrder) -> Case:
    make_order(li_lei, external_id="S-77")
    return intake.log(
        li_lei,
        category=Category.objects.get(code="delivery-late"),
        channel="phone",
        by=agent,
        at=timezone.now(),
        title="李雷的包裹",
        description="家里老人住院，急用",
        orders=["S-77"],
    ).case


@pytest.fixture
def asked(case: Case, agent: User, ma: User) -> Handover:
    depot = Department.objects.get(code="warehouse")
    return handover.ask(case.pk, depot, question="包裹出库了吗？", by=agent, at=timezone.now())


def page_of(question: Handover, deed: str = "") -> str:
    return reverse(f"desk:question{deed}", args=[question.pk])


def test_a_colleague_of_a_department_reads_their_questions_and_nothing_else(
    client: Client, asked: Handover, case: Case, li_lei: Customer, ma: User
) -> None:
    client.force_login(ma)

    assert client.get("/").headers["Location"] == reverse("desk:questions")
    listed = client.get(reverse("desk:questions"))
    page = client.get(page_of(asked))
    for text in (listed.content.decode(), page.content.decode()):
        assert "包裹出库了吗？" in text
        assert case.number in text
        assert not any(word in text for word in ("李雷", li_lei.number, "老人住院", f"/complaints/{case.pk}/"))
    assert "S-77" in page.content.decode()
    for address in (f"/complaints/{case.pk}/", "/complaints/", f"/customers/{li_lei.pk}/", "/customers/"):
        assert client.get(address).status_code in (403, 404)


def test_files_are_seen_by_who_is_asked_where_the_desk_shares_them_and_until_it_is_answered(
    client: Client, case: Case, agent: User, ma: User
) -> None:
    depot, at = Department.objects.get(code="warehouse"), timezone.now()
    paper = files.add(case.pk, name="盒子.pdf", file=contents.cleaned(b"%PDF-1.7\n%%EOF\n"), by=agent, at=at)
    told = {"department": depot.pk, "question": "是这个盒子吗？", "version": case.version, "client_key": uuid4().hex}
    client.force_login(agent)
    client.post(reverse("desk:complaint_ask", args=[case.pk]), told | {"with_files": "on"})
    shared = Handover.objects.get()
    kept = handover.ask(case.pk, depot, question="别的", by=agent, at=at)

    def look(question: Handover) -> int:
        return client.get(reverse("desk:question_file", args=[question.pk, paper.pk])).status_code

    client.force_login(ma)
    assert ("盒子.pdf" in client.get(page_of(shared)).content.decode(), look(shared)) == (True, 200)
    assert AuditEntry.objects.filter(action="attachment.opened", actor=ma).count() == 1
    assert ("盒子.pdf" in client.get(page_of(kept)).content.decode(), look(kept)) == (False, 404)
    assert client.get(reverse("desk:complaint_file", args=[case.pk, paper.pk])).status_code == 403
    handover.answer(shared.pk, by=ma, at=at, text="是")
    assert look(shared) == 404


def test_it_is_taken_answered_and_back_at_the_desk(client: Client, asked: Handover, case: Case, ma: User) -> None:
    client.force_login(ma)
    client.post(page_of(asked, "_accept"))
    assert Handover.objects.get().assignee == ma

    empty = client.post(page_of(asked, "_answer"), {"text": " ", "once": "k-1"})
    assert empty.status_code == 422
    client.post(page_of(asked, "_answer"), {"text": "昨天 18:00 出库", "once": "k-1"})
    late = client.post(page_of(asked, "_answer"), {"text": "说错了，是今天", "once": "k-2"})

    assert (Handover.objects.get().answer, late.status_code) == ("昨天 18:00 出库", 422)
    assert "说错了，是今天" in late.content.decode()
    case.refresh_from_db()
    assert case.status == Case.Status.IN_PROGRESS
    assert "昨天 18:00 出库" in client.get(reverse("desk:questions")).content.decode()


def test_a_question_is_declined_with_a_reason(client: Client, asked: Handover, ma: User) -> None:
    client.force_login(ma)
    assert client.post(page_of(asked, "_decline"), {"text": "", "once": "k-1"}).status_code == 422
    client.post(page_of(asked, "_decline"), {"text": "问物流部", "once": "k-1"})
    assert (Handover.objects.get().status, Handover.objects.get().answer) == ("rejected", "问物流部")


def test_another_department_and_who_asked_find_nothing(
    client: Client, asked: Handover, agent: User, make_user: MakeUser
) -> None:
    other = make_user(Role.DEPARTMENT, "Finance")
    Department.objects.get(code="finance").members.add(other)
    Department.objects.get(code="warehouse").members.add(agent)
    for user in (other, agent):
        client.force_login(user)
        assert "出库" not in client.get(reverse("desk:questions")).content.decode()
        assert client.get(page_of(asked)).status_code == 404
        for deed in ("_accept", "_answer", "_decline"):
            assert client.post(page_of(asked, deed), {"text": "x"}).status_code == 404
    assert Handover.objects.get().status == "pending"


def test_who_asked_is_offered_to_withdraw_and_a_colleague_to_answer(
    client: Client, asked: Handover, case: Case, agent: User, make_user: MakeUser
) -> None:
    def offered() -> list[bool]:
        text = client.get(f"/complaints/{case.pk}/").content.decode()
        return [f"/complaints/{case.pk}/handover-{deed}/" in text for deed in ("accept", "answer", "cancel")]

    client.force_login(agent)
    assert offered() == [False, False, True]
    client.force_login(make_user(Role.SERVICE_LEAD))
    assert offered() == [True, True, True]


def test_departments_are_chosen_on_the_page_of_a_colleague(client: Client, ma: User, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ADMINISTRATOR))
    finance, analyst = Department.objects.get(code="finance"), make_user(Role.ANALYST)
    where = reverse("desk:person_departments", args=[ma.pk])
    assert where in client.get(reverse("desk:person", args=[ma.pk])).content.decode()
    assert "/departments/" not in client.get(reverse("desk:person", args=[analyst.pk])).content.decode()

    client.post(where, {"departments": [finance.pk]})
    assert [department.code for department in ma.departments.all()] == ["finance"]
    refused = client.post(reverse("desk:person_departments", args=[analyst.pk]), {"departments": [finance.pk]})
    assert (refused.status_code, analyst.departments.count()) == (422, 0)


@pytest.mark.parametrize(
    ("make", "name", "needed"),
    [
        (AskForm, "assignee", Permission.ANSWER_QUESTIONS),
        (AssignForm, "owner", Permission.WORK_COMPLAINTS),
        (PlanForm, "owner", Permission.WORK_COMPLAINTS),
        (DepartmentForm, "head", Permission.ANSWER_QUESTIONS),
        (MemberForm, "user", Permission.WORK_COMPLAINTS),
    ],
    ids=["question", "owner", "corrective-action", "head", "queue"],
)
def test_everybody_who_is_offered_can_do_it(
    agent: User, make_user: MakeUser, make: Any, name: str, needed: Permission
) -> None:
    everybody = [agent, *(make_user(role, role.value) for role in Role)]
    User.objects.filter(pk=make_user(Role.SERVICE_AGENT, "Gone").pk).update(is_active=False)
    form = make()
    if make is AskForm:
        form.asked_by(agent)
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)

    able = {user.pk for user in everybody if may(user, needed)}
    assert set(field.queryset.values_list("pk", flat=True)) == able - ({agent.pk} if make is AskForm else set())


def test_a_remedy_says_in_the_history_what_how_much_and_what_happened(client: Client, case: Case, agent: User) -> None:
    told = {"reason": "晚到", "by": agent, "at": timezone.now()}
    refund = remedies.propose(case.pk, kind="refund", amount="12.50", client_key="1", **told)
    remedies.issue(refund.pk, by=agent, at=timezone.now(), reference="R-1")
    points = remedies.propose(case.pk, kind="points", amount=50, client_key="2", **told)
    remedies.take_back(points.pk, by=agent, at=timezone.now(), reason="误给")
    remedies.propose(case.pk, kind="visit", client_key="3", **told)
    client.force_login(agent)

    page = client.get(f"/complaints/{case.pk}/")

    lines = [item.text for item in page.context["thread"] if item.text.startswith("Remedy ")]
    assert set(lines) == {
        "Remedy Refund ¥12.50 · proposed",
        "Remedy Refund ¥12.50 · given",
        "Remedy Points 50 · proposed",
        "Remedy Points 50 · taken back",
        "Remedy Personal visit · proposed",
    }
    assert "To be done by Wang Fang." in page.content.decode()


def test_a_case_that_is_due_and_what_is_owed_in_it_are_rows_of_its_owners_day(
    client: Client, case: Case, agent: User, make_user: MakeUser
) -> None:
    at = timezone.now()
    client.force_login(agent)

    def rows() -> list[tuple[str, str, bool]]:
        page = client.get(reverse("desk:my_day"))
        assert page.context["things"] == page.context["waiting"] + len(page.context["matters"])
        assert page.context["all_count"] == page.context["things"]
        assert [row.url for row in page.context["matters"]] == [reverse("desk:complaint", args=[case.pk])] * len(
            page.context["matters"]
        )
        return [(row.button, row.reason, row.late) for row in page.context["matters"]]

    Case.objects.update(owner=agent, next_due_at=at - timedelta(minutes=5))
    late = ("Answer", f"{case.number} 李雷的包裹", True)
    assert rows() == [late]
    remedies.propose(case.pk, kind="coupon", amount=10, reason="晚到", by=agent, at=at, client_key="1")
    Case.objects.update(owner=agent, next_due_at=at - timedelta(minutes=5))
    assert rows() == [late, ("Give it", f"{case.number}: Coupon was agreed and is not given yet", False)]
    Case.objects.update(next_due_at=at + timedelta(days=3))
    assert len(rows()) == 1
    # A late answer is a promise: as much is at stake with it, for who may see values.
    assert [row.stake for row in client.get(reverse("desk:my_day")).context["matters"]] == [None]
    boss = make_user(roles=[Role.SERVICE_LEAD, Role.TEAM_LEAD])
    Case.objects.update(owner=boss)
    Standing.objects.filter(customer=case.customer).update(value=1000)
    client.force_login(boss)
    page = client.get(reverse("desk:my_day"))
    assert [row.stake.amount for row in page.context["matters"]] == [300]
    assert "× 30 % =" in page.content.decode()
    client.force_login(agent)
    Case.objects.update(owner=None)
    assert rows() == []


def test_a_coupon_is_given_on_the_case_and_its_code_stands_there(client: Client, case: Case, agent: User) -> None:
    at = timezone.now()
    campaign = running("TEN", amount=10, starts_at=at - timedelta(days=1), ends_at=at + timedelta(days=9))
    remedy = remedies.propose(case.pk, kind="coupon", amount=10, reason="晚到", by=agent, at=at, client_key="1")
    client.force_login(agent)
    give = reverse("desk:complaint_remedy_issue", args=[case.pk])

    assert client.post(give, {"row": remedy.pk, "once": uuid4().hex}).status_code == 422
    assert "Ten (TEN" in client.get(f"/complaints/{case.pk}/").content.decode()
    client.post(give, {"row": remedy.pk, "campaign": campaign.pk, "once": uuid4().hex})

    page = client.get(f"/complaints/{case.pk}/").content.decode()
    assert Coupon.objects.get(customer=case.customer).code in page
