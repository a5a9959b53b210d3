"""What waits for a person stands on that person's list of complaints."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.cases import intake, remedies
from complaints.models import Case, Category, Queue, QueueMember, Remedy
from complaints.setup import defaults
from core.accounts.models import Role, User
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(make_user: MakeUser) -> User:
    defaults.install(at=timezone.now() - timedelta(days=1))
    user = make_user(Role.SERVICE_AGENT, "Wang Fang")
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=user)
    return user


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.SERVICE_LEAD, "Chen Jing")


@pytest.fixture
def case(make_customer: MakeCustomer, agent: User) -> Case:
    late = Category.objects.get(code="delivery-late")
    return intake.log(
        make_customer("李雷"), category=late, channel="phone", by=agent, at=timezone.now(), description="包裹三天没到"
    ).case


def proposed(case: Case, by: User, amount: int) -> Remedy:
    """Promised for in an hour."""
    at = timezone.now()
    soon = at + timedelta(hours=1)
    return remedies.propose(
        case.pk, kind="refund", amount=amount, reason="丢件", by=by, at=at, client_key=str(amount), promised_at=soon
    )


def tabs(user: User) -> dict[str, int]:
    """Address and number of every tab of this person's list."""
    client = Client()
    client.force_login(user)
    page = client.get(reverse("desk:complaints"))
    for tab in page.context["tabs"]:
        rows = client.get(reverse("desk:complaints") + tab.href).context["page"].rows
        assert tab.count in ("", len(rows)), tab.label
    return {tab.href.partition("view=")[2]: tab.count for tab in page.context["tabs"]}


def test_a_remedy_that_needs_a_second_person_stands_on_the_list_of_the_lead(
    case: Case, agent: User, lead: User
) -> None:
    remedy = proposed(case, agent, 400)
    assert remedy.status == Remedy.Status.PROPOSED

    assert tabs(lead)["approve"] == 1
    assert "approve" not in tabs(agent)

    remedies.approve(remedy.pk, by=lead, at=timezone.now())
    assert "approve" not in tabs(lead)


def test_nobody_is_asked_to_approve_what_they_proposed(case: Case, agent: User, lead: User) -> None:
    remedy = proposed(case, agent, 400)
    Remedy.objects.filter(pk=remedy.pk).update(proposed_by=lead)

    assert "approve" not in tabs(lead)


def test_a_remedy_that_was_promised_and_not_given_stands_on_the_list_until_it_is(case: Case, agent: User) -> None:
    remedy = proposed(case, agent, 5)
    assert "owed" not in tabs(agent)

    Remedy.objects.update(promised_at=timezone.now() - timedelta(minutes=1))
    assert tabs(agent)["owed"] == 1

    remedies.issue(remedy.pk, by=agent, at=timezone.now(), reference="R-1")
    assert "owed" not in tabs(agent)
