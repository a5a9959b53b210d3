"""What is over goes, in pieces; what is not stays; and everything with a day in it is in the table or has a reason."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.test import Client
from django.utils import timezone

from complaints.models import Draft
from core.accounts.models import Invitation, Role, SentForm
from core.jobs.models import JobRun
from core.outbox import delivery
from core.outbox.models import Message, WebhookEndpoint, WebhookEvent
from crm.operating import limits, retention
from crm.operating.for_ever import FOR_EVER
from crm.operating.models import Trouble
from customers.models import Import, ImportNote, ImportQuestion, Lookup, Opened, RejectedRow
from loyalty.models import TierDraft, TierSimulation
from tests.conftest import MakeCustomer, MakeUser

# Nine in the morning in the mall.
NOW = datetime.fromisoformat("2026-11-18T01:00:00+00:00")
BY_NAME = {kept.name: kept for kept in retention.TABLE}
# Of a line of the table, what happens to tables without a day of their own.
CHILDREN = (RejectedRow, ImportNote)


def test_everything_that_grows_with_time_is_in_the_table_or_has_a_reason() -> None:
    dated = {
        model._meta.label
        for model in apps.get_models()
        if any(isinstance(field, models.DateField) for field in model._meta.concrete_fields)
    }
    deleted = {model._meta.label for kept in retention.TABLE for model in kept.models}
    stays = [label for _reason, labels in FOR_EVER.values() for label in labels]

    assert len(stays) == len(set(stays))
    assert deleted.isdisjoint(stays)
    assert dated == {label for label in deleted | set(stays) if label in dated}
    assert deleted | set(stays) - dated <= {model._meta.label for model in apps.get_models()}
    assert {kept.name for kept in retention.TABLE if kept.pieces} | {"audit"} == limits.KEPT.keys()


@pytest.fixture
def _full(make_user: MakeUser, make_customer: MakeCustomer) -> None:
    """Of each kind one row that is over since yesterday, and one that is over tomorrow."""
    user, li_lei = make_user(Role.SERVICE_AGENT, "Wang"), make_customer("李雷")
    endpoint = WebhookEndpoint.objects.create(url="https://x.example", events=[], secret=b"", by=user, at=NOW)
    for place, name in enumerate(("old", "new")):

        def at(kind: str, name: str = name) -> datetime:
            days = timedelta(days=BY_NAME[kind].days)
            return NOW - days + timedelta(days=-1 if name == "old" else 1)

        Session.objects.create(session_key=name, session_data="", expire_date=at("sessions"))
        UserSession.objects.create(user=user, session_key=f"gone {name}", ip="10.0.0.1", user_agent="x")
        UserSession.objects.filter(session_key=f"gone {name}").update(last_seen_at=at("sessions"))
        person = make_user(name=f"Person {place}")
        Invitation.objects.create(user=person, digest=name, made_at=NOW, expires_at=at("invitations"))
        SentForm.objects.create(key=name, at=at("forms"))
        for channel in Message.Channel.values:
            delivery.queue(user.pk, channel=channel, dedupe_key=f"{name} {channel}", subject=name, at=at("messages"))
        WebhookEvent.objects.create(
            endpoint=endpoint,
            event_id=f"{place:032}",
            kind="x",
            happened_at=NOW,
            data={},
            state="sent",
            next_attempt_at=at("events"),
        )
        run = Import.objects.create(file_name=name, source="shop", encoding="utf-8", at=at("import_details"))
        RejectedRow.objects.create(run=run, line_number=1, reason="x")
        ImportNote.objects.create(run=run, line_number=1, code="x")
        for answer in ("", "no"):
            ImportQuestion.objects.create(
                run=run,
                line_number=1,
                external_id=f"o{answer}",
                asks=[],
                before={},
                after={},
                answer=answer,
                answered_at=NOW if answer else None,
            )
        for state in ("open", "dropped"):
            draft = TierDraft.objects.create(content={}, starts_on=NOW.date(), state=state, by=user, at=at("drafts"))
            TierSimulation.objects.create(
                draft=draft, digest="x", computed_on=NOW.date(), at=at("drafts"), figures={}, moves=b""
            )
        Lookup.objects.create(user=user, customer=li_lei, on=at("lookups").date())
        Opened.objects.create(customer=li_lei, user=user, on=at("opened").date(), first_at=NOW, last_at=NOW)
        Trouble.objects.create(
            what="disk", case="full", began_at=at("troubles"), seen_at=NOW, ended_at=at("troubles"), about=name
        )


def rows() -> dict[str, int]:
    tables = (*(model for kept in retention.TABLE for model in kept.models), *CHILDREN)
    return {model.__name__: model._default_manager.count() for model in tables}


@pytest.mark.django_db
@pytest.mark.usefixtures("_full")
def test_what_is_over_goes_and_what_is_not_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 1)
    before = rows()

    run = retention.work_due(now=lambda: NOW)

    gone = {name: count - rows()[name] for name, count in before.items() if count != rows()[name]}
    one_of_each = ("Session", "UserSession", "Invitation", "SentForm", "WebhookEvent", "ImportQuestion", "TierDraft")
    assert gone == {
        **dict.fromkeys(one_of_each, 1),
        **dict.fromkeys(("TierSimulation", "Lookup", "Opened", "Trouble", "RejectedRow", "ImportNote"), 1),
        "Message": 1,  # the mail still waits to be sent
    }
    assert run is not None
    assert (run.state, run.counts["messages"], run.counts["sessions"]) == (JobRun.State.DONE, 1, 2)
    assert retention.work_due(now=lambda: NOW) is None  # done for today
    assert Message.objects.filter(subject="old", state=Message.State.WAITING).exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("_full")
def test_days_are_chosen_and_none_is_for_ever(settings: Any) -> None:
    settings.KEEP_DAYS = {**dict.fromkeys(limits.KEPT, 0.0), "lookups": 1.0}
    before = rows()

    retention.work_due(now=lambda: NOW)

    assert {name for name, count in before.items() if count != rows()[name]} == {"Lookup"}
    assert Lookup.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("_full")
def test_a_run_that_is_not_done_within_its_minute_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", timedelta(0))
    before, states = sum(rows().values()), []
    for hour in range(40):
        run = retention.work_due(now=lambda hour=hour: NOW + timedelta(minutes=hour))
        assert run is not None
        states.append(run.state)
        if run.state == JobRun.State.DONE:
            break

    assert states[:3] == ["waiting"] * 3
    assert states[-1] == "done"
    assert sum(rows().values()) < before
    assert retention.work_due(now=lambda: NOW.replace(hour=18)) is None  # three in the morning of the next day


@pytest.mark.django_db
def test_counts_of_attempts_are_swept_from_their_table(settings: Any) -> None:
    settings.CACHES = {"default": django_settings.CACHES["default"] | {"LOCATION": "attempts_of_a_test"}}
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE attempts_of_a_test (cache_key text PRIMARY KEY, value text, expires timestamptz)")
        cursor.execute(
            "INSERT INTO attempts_of_a_test VALUES ('a', '', %s), ('b', '', %s)", [NOW - timedelta(days=2), NOW]
        )
        assert list(retention.forget(BY_NAME["attempts"], at=NOW)) == [1]
        cursor.execute("SELECT cache_key FROM attempts_of_a_test")
        assert cursor.fetchall() == [("b",)]


def test_the_privacy_officer_reads_what_is_kept_how_long(client: Client, make_user: MakeUser, settings: Any) -> None:
    client.force_login(make_user(Role.PRIVACY_OFFICER))
    settings.KEEP_DAYS = settings.KEEP_DAYS | {"messages": 0.0, "opened": 1234.0}
    assert "It has not run yet." in client.get("/privacy/kept/").text

    retention.work_due(now=timezone.now)

    page = client.get("/privacy/kept/").text
    assert "1234" in page
    assert "for ever" in page
    assert "Books of points" in page
    assert all(str(kept.what) in page for kept in retention.TABLE)


def test_a_typed_answer_that_nobody_sent_is_a_draft() -> None:
    assert Draft in BY_NAME["drafts"].models
