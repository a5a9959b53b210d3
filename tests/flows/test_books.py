"""Many customers of a colleague go to others: shared out by load, as previewed, with their work, and back for a day."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import AuditEntry, Role, User
from core.lib.errors import DomainError
from core.outbox import bell
from core.outbox.models import Message
from crm.flows import books
from crm.flows import staff as flows
from crm.flows.books import Part
from customers import todo
from customers.books import handing
from customers.books import moving as verbs
from customers.models import BookHandOver, BookMove, Contact, Customer, Standing, Todo
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def east(make_user: MakeUser, make_customer: MakeCustomer) -> dict[str, User]:
    """Chen with four customers, the first of them big; Zhao has room for many, Lin for few."""
    people = {
        "lead": make_user(Role.TEAM_LEAD, "Zhou", team="east"),
        "chen": make_user(name="Chen", team="east"),
        "zhao": make_user(name="Zhao", team="east", capacity=30),
        "lin": make_user(name="Lin", team="east", capacity=10),
        "wu": make_user(name="Wu", team="south"),
    }
    for n, name in enumerate(("李雷", "韩梅梅", "王芳", "赵六")):
        person = make_customer(name, manager=people["chen"])
        big, last = Standing.Class.BIG if n == 0 else Standing.Class.ACTIVE, TODAY - timedelta(days=50 * n)
        Standing.objects.filter(pk=person.pk).update(value=100 - n, customer_class=big, last_on=last)
    return people


def hand_over(east: dict[str, User], part: Part | None = None, **more: Any) -> BookMove:
    told: dict[str, Any] = {
        "to": [east["zhao"], east["lin"]],
        "by": east["lead"],
        "reason": "重新分区",
        "seen": None,
        "at": NOW,
    }
    return books.hand_over(east["chen"], part or Part(), **(told | more))


def book(user: User) -> list[str]:
    return list(Customer.objects.filter(manager=user).order_by("pk").values_list("name", flat=True))


def test_the_preview_is_what_happens_with_the_open_work_and_everybody_is_told(east: dict[str, User]) -> None:
    called = Customer.objects.get(name="李雷")
    task = todo.open_task(called, reason="promise", text={}, due_on=TODAY, at=NOW, dedupe_key="p1", owner=east["chen"])
    shares = verbs.shares(east["chen"], to=[east["zhao"], east["lin"]], at=NOW)
    planned = {share.manager.full_name: len(share.customers) for share in shares}

    move = hand_over(east, seen=verbs.plan_of(shares))

    assert planned == {"Zhao": 3, "Lin": 1} == {name: len(book(east[name.lower()])) for name in planned}
    assert book(east["chen"]) == []
    task.refresh_from_db()
    called.refresh_from_db()
    assert (task.owner, called.standing.manager) == (called.manager, called.manager)
    assert AuditEntry.objects.filter(action="customer.assigned").count() == 4
    rung = {user: bell.count(east[user]) for user in ("zhao", "lin", "chen", "lead", "wu")}
    assert rung == {"zhao": 1, "lin": 1, "chen": 1, "lead": 0, "wu": 0}
    assert Message.objects.get(recipient=east["lin"]).params["count"] == 1
    assert len(move.customers) == 4


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (Part(customer_class=Standing.Class.BIG), ["李雷"]),
        (Part(absent_days=60), ["王芳", "赵六"]),
        (Part(absent_days=60, customer_class=Standing.Class.BIG), []),
        (Part(quiet=True), []),
        (Part(level="gold"), []),
    ],
    ids=["class", "absent", "both", "quiet", "level"],
)
def test_a_part_of_the_book_is_chosen(east: dict[str, User], part: Part, names: list[str]) -> None:
    hand_over(east, part, to=[east["zhao"]])

    assert book(east["zhao"]) == names
    assert len(book(east["chen"])) == 4 - len(names)


def test_within_a_day_all_of_it_comes_back_but_for_who_went_on_meanwhile(east: dict[str, User]) -> None:
    before = dict(Customer.objects.values_list("pk", "manager_since"))
    move = hand_over(east)
    Customer.objects.filter(name="韩梅梅").update(manager=east["wu"])

    count = books.undo(move.pk, by=east["lead"], at=NOW + timedelta(hours=20))

    assert count == 3
    assert book(east["chen"]) == ["李雷", "王芳", "赵六"]
    assert book(east["wu"]) == ["韩梅梅"]
    back = Customer.objects.filter(manager=east["chen"])
    assert all(person.manager_since == before[person.pk] for person in back)
    assert Message.objects.filter(kind="customers_given", settled_at=None).count() == 0
    with pytest.raises(DomainError, match="cannot be taken back any more"):
        books.undo(move.pk, by=east["lead"], at=NOW + timedelta(hours=20))


@pytest.mark.parametrize("late", [timedelta(days=1, seconds=1), timedelta(days=9)])
def test_after_a_day_it_stays(east: dict[str, User], late: timedelta) -> None:
    move = hand_over(east)

    with pytest.raises(DomainError, match="cannot be taken back any more"):
        books.undo(move.pk, by=east["lead"], at=NOW + late)
    assert book(east["chen"]) == []


@pytest.mark.parametrize("why", ["other plan", "other team", "no reason", "to nobody who looks after customers"])
def test_what_is_refused_changes_nothing(east: dict[str, User], why: str, make_user: MakeUser) -> None:
    told: dict[str, Any] = {
        "other plan": {"seen": "somebody else's"},
        "other team": {"to": [east["wu"]]},
        "no reason": {"reason": " "},
        "to nobody who looks after customers": {"to": [make_user(Role.ANALYST, team="east")]},
    }[why]

    with pytest.raises(DomainError):
        hand_over(east, **told)
    assert len(book(east["chen"])) == 4
    assert not BookMove.objects.exists()


def test_who_leaves_is_handed_over_by_the_same_verb(east: dict[str, User], make_user: MakeUser) -> None:
    flows.deactivate(east["chen"].pk, to=[east["zhao"]], by=make_user(Role.ADMINISTRATOR), reason="离职", at=NOW)

    move = BookMove.objects.get()
    assert (len(book(east["zhao"])), len(move.customers)) == (4, 4)
    assert not verbs.can_undo(move, at=NOW)


def test_a_lead_looks_then_hands_over_then_takes_back(client: Client, east: dict[str, User]) -> None:
    client.force_login(east["lead"])
    address = reverse("desk:hand_over")
    wanted = {"giver": east["chen"].pk, "to": [east["zhao"].pk, east["lin"].pk], "reason": "重新分区"}

    seen = client.post(address, wanted)
    assert (seen.status_code, len(book(east["chen"]))) == (200, 4)
    other = client.post(address, wanted | {"seen": seen.context["plan"], "customer_class": "2"})
    done = client.post(address, wanted | {"seen": seen.context["plan"]})
    page = client.get(address)

    assert other.status_code == 422
    assert "not the same customers" in other.content.decode()
    assert (done.status_code, book(east["chen"])) == (302, [])
    assert "4 customers handed over" in page.content.decode()
    taken_back = client.post(reverse("desk:hand_over_undo", args=[BookMove.objects.get().pk]), follow=True)
    assert "4 customers are back" in taken_back.content.decode()
    assert len(book(east["chen"])) == 4


def test_a_lead_hands_over_within_the_team_and_an_administrator_anybody(
    client: Client, east: dict[str, User], make_user: MakeUser
) -> None:
    offered = {}
    for user in (east["lead"], make_user(Role.ADMINISTRATOR)):
        client.force_login(user)
        form = client.get(reverse("desk:hand_over")).context["form"]
        offered[user.roles[0]] = {str(person) for person in form.fields["to"].queryset}

    assert offered[Role.TEAM_LEAD] == {"Zhou", "Chen", "Zhao", "Lin"}
    assert offered[Role.ADMINISTRATOR] == {"Zhou", "Chen", "Zhao", "Lin", "Wu"}


def test_open_work_that_was_done_meanwhile_stays_with_who_did_it(east: dict[str, User]) -> None:
    called = Customer.objects.get(name="李雷")
    task = todo.open_task(called, reason="promise", text={}, due_on=TODAY, at=NOW, dedupe_key="p1", owner=east["chen"])
    move = hand_over(east, to=[east["zhao"]])
    Todo.objects.filter(pk=task.pk).update(state=Todo.State.DONE, closed_at=NOW, closed_by=east["zhao"])

    books.undo(move.pk, by=east["lead"], at=NOW + timedelta(hours=1))

    task.refresh_from_db()
    assert task.owner == east["zhao"]


def propose(east: dict[str, User], *to: str, **more: Any) -> list[BookHandOver]:
    people = [east[name] for name in to]
    told: dict[str, Any] = {"to": people, "by": east["lead"], "reason": "转岗", "seen": None, "at": NOW}
    return books.propose(east["chen"], Part(), **(told | more))


def test_proposed_they_stay_until_the_new_manager_says_yes_and_may_come_back_while_nothing_followed(
    east: dict[str, User],
) -> None:
    person = Customer.objects.get(name="李雷")
    todo.open_task(person, reason="contact", text={}, due_on=TODAY, at=NOW, dedupe_key="c", owner=east["chen"])
    (row,) = propose(east, "zhao")
    assert (len(book(east["chen"])), bell.count(east["zhao"]), bell.count(east["chen"])) == (4, 1, 0)
    with pytest.raises(DomainError, match="None of their customers is meant"):
        propose(east, "lin")
    with pytest.raises(DomainError, match="Only Zhao decides"):
        handing.accept(row.pk, only=None, by=east["lead"], on=TODAY, at=NOW)
    two = list(row.lines.filter(customer__name__in=["李雷", "韩梅梅"]).values_list("pk", flat=True))

    move = handing.accept(row.pk, only=two, by=east["zhao"], on=TODAY, at=NOW)

    assert (book(east["zhao"]), book(east["chen"])) == (["李雷", "韩梅梅"], ["王芳", "赵六"])
    assert Todo.objects.get().owner == east["zhao"]
    assert (bell.count(east["lead"]), bell.count(east["chen"]), bell.count(east["zhao"])) == (1, 1, 1)
    assert handing.refuse(row.pk, only=None, why="太远", by=east["zhao"], at=NOW) == 2
    row.refresh_from_db()
    assert (row.ended_at, bell.count(east["zhao"])) == (NOW, 0)
    with pytest.raises(DomainError, match="Nothing of this is undecided"):
        handing.refuse(row.pk, only=None, why="太远", by=east["zhao"], at=NOW)
    # With one of the two the new manager has talked meanwhile.
    later = NOW + timedelta(minutes=5)
    Contact.objects.create(customer=person, channel="phone", outcome="reached", by=east["zhao"], at=later)
    assert books.undo(move.pk, by=east["lead"], at=NOW + timedelta(hours=1)) == 1
    assert (book(east["zhao"]), Todo.objects.get(reason="contact").owner) == (["李雷"], east["zhao"])


def test_what_changed_meanwhile_is_left_out_and_who_leaves_is_proposed_to_no_more(
    east: dict[str, User], make_user: MakeUser
) -> None:
    (row,) = propose(east, "zhao")
    Customer.objects.filter(name="李雷").update(manager=east["wu"])
    with pytest.raises(DomainError, match="not the same customers"):
        propose(east, "lin", seen="somebody else's")

    handing.accept(row.pk, only=None, by=east["zhao"], on=TODAY, at=NOW)

    assert (len(book(east["zhao"])), book(east["wu"])) == (3, ["李雷"])
    assert dict(row.lines.values_list("customer__name", "state"))["李雷"] == "withdrawn"
    back = books.propose(
        east["zhao"], Part(), to=[east["lin"]], by=east["lead"], reason="换人", seen=None, at=NOW + timedelta(hours=1)
    )
    flows.deactivate(
        east["lin"].pk, to=[east["zhao"]], by=make_user(Role.ADMINISTRATOR), reason="离职", at=NOW + timedelta(hours=2)
    )
    assert {line.state for line in back[0].lines.all()} == {"withdrawn"}


def test_the_pages_show_the_pack_and_decide(client: Client, east: dict[str, User]) -> None:
    person = Customer.objects.get(name="李雷")
    Customer.objects.filter(pk=person.pk).update(notes="不喜欢电话")
    client.force_login(east["lead"])
    wanted = {"giver": east["chen"].pk, "to": [east["zhao"].pk], "reason": "转岗"}
    plan = client.post(reverse("desk:hand_over"), wanted).context["plan"]
    assert client.post(reverse("desk:hand_over"), wanted | {"propose": "another"}).status_code == 422
    client.post(reverse("desk:hand_over"), wanted | {"propose": plan})
    row = BookHandOver.objects.get()
    line = row.lines.get(customer=person)
    client.post(reverse("desk:hand_over_note", args=[line.pk]), {"note": "先发微信"})
    address = reverse("desk:hand_over_proposed", args=[row.pk])

    seen = {}
    for name in ("lead", "chen", "zhao", "wu", "lin"):
        client.force_login(east[name])
        answer = client.get(address)
        seen[name] = answer.status_code == 200 and {"不喜欢电话", "先发微信"} <= set(
            word for word in ("不喜欢电话", "先发微信") if word in answer.content.decode()
        )
    assert seen == {"lead": True, "chen": True, "zhao": True, "wu": False, "lin": False}
    client.force_login(east["chen"])
    assert client.post(reverse("desk:hand_over_accept", args=[row.pk]), {"all": "1"}).status_code == 403
    client.force_login(east["zhao"])
    nothing = client.post(reverse("desk:hand_over_accept", args=[row.pk]), follow=True)
    assert "Tick whom you mean." in nothing.content.decode()
    client.post(reverse("desk:hand_over_read", args=[row.pk]), {"line": [line.pk]})
    client.post(reverse("desk:hand_over_refuse", args=[row.pk]), {"line": [line.pk], "why": "太远"})
    client.post(reverse("desk:hand_over_accept", args=[row.pk]), {"all": "1"})
    assert (book(east["chen"]), len(book(east["zhao"]))) == (["李雷"], 3)
    line.refresh_from_db()
    assert (line.state, line.why, line.read_at is not None) == ("refused", "太远", True)
    assert "3" in client.get(reverse("desk:hand_overs")).content.decode()
