"""Remedies that were promised for a moment are in the ledger of promises."""

from typing import Any

from django.db import migrations

from core.lib.periods import mall_day

BATCH = 1000


def _end(remedy: Any) -> tuple[str, Any]:
    if remedy.issued_at:
        return ("late" if remedy.issued_at > remedy.promised_at else "kept"), remedy.issued_at
    if remedy.status in ("rejected", "revoked"):
        return "void", remedy.decided_at or remedy.proposed_at
    return "open", None


def into_the_ledger(apps: Any, schema_editor: Any) -> None:
    Remedy, Promise, Event, Todo = (
        apps.get_model("complaints", "Remedy"),
        apps.get_model("customers", "Promise"),
        apps.get_model("customers", "PromiseEvent"),
        apps.get_model("customers", "Todo"),
    )
    for remedy in Remedy.objects.filter(promised_at__isnull=False).order_by("pk").iterator(BATCH):
        state, ended = _end(remedy)
        due, words = remedy.promised_at, f"C-{remedy.case_id} {remedy.get_kind_display()}"
        promise = Promise.objects.create(
            customer_id=remedy.customer_id,
            words=words,
            made_at=remedy.proposed_at,
            made_by_id=remedy.proposed_by_id,
            owner_id=remedy.proposed_by_id,
            due_at=due,
            first_due_at=due,
            counts_at=due,
            grain="hour",
            source="remedy",
            source_id=remedy.pk,
            state=state,
            done_at=ended,
            done_by_id=remedy.issued_by_id if state in ("kept", "late") else None,
            how="…" if state == "void" else "",
        )
        Event.objects.create(
            promise=promise, kind="made", at=remedy.proposed_at, by_id=remedy.proposed_by_id, after=due
        )
        if ended:
            Event.objects.create(promise=promise, kind=state, at=ended, after=due)
        Todo.objects.create(
            customer_id=remedy.customer_id,
            owner_id=remedy.proposed_by_id,
            reason="promise",
            text={"promise": words, "case": remedy.case_id},
            due_on=mall_day(due),
            due_at=due,
            dedupe_key=f"remedy:{remedy.pk}:0",
            opened_at=remedy.proposed_at,
            promise=promise,
            state={"open": "open", "void": "dropped"}.get(state, "done"),
            closed_at=ended,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("complaints", "0007_people_who_must_know"),
        ("customers", "0021_promises_of_before"),
    ]

    operations = [migrations.RunPython(into_the_ledger, migrations.RunPython.noop)]
