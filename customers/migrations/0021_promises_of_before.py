"""What was promised before there was a ledger is in it: with its keeper, its hour, and whether it was kept."""

from datetime import timedelta
from typing import Any

from django.db import migrations
from django.db.models import Q

from core.lib.periods import mall_day, mall_midnight, mall_moment

CLOSING_HOUR = 18
BATCH = 1000
SOURCES = {"promise": "talk", "call": "complaint"}


def _source(todo: Any, taken: set[tuple[str, int, int]]) -> tuple[str, int, int]:
    """Where it was made: in a contact, in a case; what cannot be told is its own source."""
    kind, _colon, rest = todo.dedupe_key.partition(":")
    number, _colon, ordinal = rest.partition(":")
    if kind in SOURCES and number.isdigit() and (not ordinal or ordinal.isdigit()):
        named = (SOURCES[kind], int(number), int(ordinal or 0))
        if named not in taken:
            return named
    return "other", todo.pk, 0


def _state(todo: Any, due: Any) -> str:
    if todo.state == "dropped":
        return "void"
    if todo.state == "done":
        return "late" if todo.closed_at > due else "kept"
    return "open"


def into_the_ledger(apps: Any, schema_editor: Any) -> None:
    Todo, Promise, Event, User = (
        apps.get_model("customers", "Todo"),
        apps.get_model("customers", "Promise"),
        apps.get_model("customers", "PromiseEvent"),
        apps.get_model("accounts", "User"),
    )
    somebody = User.objects.filter(is_active=True).filter(
        Q(roles__contains=["team_lead"]) | Q(roles__contains=["administrator"])
    )
    fallback = somebody.order_by("pk").values_list("pk", flat=True).first()
    taken: set[tuple[str, int, int]] = set()
    rows = Todo.objects.filter(reason="promise", promise=None).select_related("customer").order_by("pk")
    for todo in rows.iterator(BATCH):
        owner = todo.owner_id or todo.customer.manager_id or todo.closed_by_id or fallback
        if owner is None:
            continue
        due = todo.due_at
        if due is None:
            due = mall_moment(todo.due_on, CLOSING_HOUR)
            if todo.closed_at and mall_day(todo.closed_at) == todo.due_on and todo.closed_at > due:
                # It was promised for the day, and kept on it.
                due = mall_midnight(todo.due_on + timedelta(days=1)) - timedelta(minutes=1)
        state, (source, source_id, ordinal) = _state(todo, due), _source(todo, taken)
        taken.add((source, source_id, ordinal))
        ended = None if state == "open" else todo.closed_at or due
        words = str(todo.text.get("promise") or todo.text.get("text") or todo.text.get("call") or "…")[:200]
        promise = Promise.objects.create(
            customer_id=todo.customer_id,
            words=words,
            made_at=todo.opened_at,
            made_by_id=None,
            owner_id=owner,
            due_at=due,
            first_due_at=due,
            counts_at=due,
            grain="hour" if todo.due_at else "day",
            source=source,
            source_id=source_id,
            ordinal=ordinal,
            state=state,
            done_at=ended,
            done_by_id=todo.closed_by_id if ended else None,
            how="…" if state == "void" else "",
        )
        Event.objects.create(promise=promise, kind="made", at=todo.opened_at, after=due)
        if ended:
            Event.objects.create(promise=promise, kind=state, at=ended, by_id=todo.closed_by_id, after=due)
        Todo.objects.filter(pk=todo.pk).update(promise=promise, owner=owner, due_at=due)


class Migration(migrations.Migration):
    dependencies = [("customers", "0020_promises_and_stakes")]

    operations = [migrations.RunPython(into_the_ledger, migrations.RunPython.noop)]
