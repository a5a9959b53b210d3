"""The demo's complaint desk lives: every kind of case is there, made by the verbs, and making it twice changes nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from complaints.models import Case, CaseEvent, Clock, Handover, Remedy, Survey
from crm.demo import complaints as demo_complaints
from crm.demo import mall as demo
from crm.desk.today import today
from crm.flows import nightly


@pytest.mark.django_db
def test_the_desk_of_the_demo_lives() -> None:
    at = timezone.now()
    demo.load(demo.imagine(today(), demo.SMALL), at=at)
    nightly.run(today())

    made = demo_complaints.load(at=at)

    assert made == Case.objects.count() > 40
    assert {"new", "in_progress", "waiting_customer", "waiting_internal", "resolved", "closed"} <= set(
        Case.objects.values_list("status", flat=True)
    )
    assert Case.objects.filter(breached=True).exists()
    assert Case.objects.filter(reopen_count__gt=0, needs_a_look=True).exists()
    assert Clock.objects.filter(state="met").count() > Clock.objects.filter(state="missed").count() > 0
    assert Remedy.objects.filter(status="issued").exists()
    assert Remedy.objects.filter(status="proposed").exists()
    assert Survey.objects.filter(state="answered").exists()
    assert Handover.objects.filter(status="pending").exists()
    assert not CaseEvent.objects.filter(at__gt=at + timedelta(hours=1)).exists()
    assert demo_complaints.load(at=at) == 0
