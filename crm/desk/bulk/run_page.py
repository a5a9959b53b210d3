"""A bulk run as its pages show it: what it does in words, how far it is, what it left alone and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from core.accounts.models import User
from core.jobs import bulk
from core.jobs.models import BulkItem, BulkRun
from core.lib.conditions.tree import BadCondition, Node
from crm.desk.bulk import export
from crm.desk.bulk.kinds import KINDS, LISTS
from crm.desk.lists.definition import ListDef
from crm.desk.today import now
from crm.flows.bulk import customers
from crm.flows.notices import Bulk
from customers.models import Label

State = BulkRun.State
SHOWN = 50
WHY: Mapping[str, Any] = {
    bulk.NOT_YOURS: gettext_lazy("no longer in your reach"),
    customers.HAD_IT: gettext_lazy("was so before"),
    customers.HAD_IT_NOT: gettext_lazy("did not carry it"),
    customers.CHANGED_SINCE: gettext_lazy("changed since by somebody"),
    customers.CLOSED_SINCE: gettext_lazy("the task is closed already"),
    customers.PUT_AWAY: gettext_lazy("the label is put away"),
}
TONES = {State.DONE: "green", State.UNDONE: "grey", State.FAILED: "red", State.STOPPED: "amber"}


@dataclass(frozen=True)
class Row:
    """`done` of `total`, in the direction in which it runs."""

    run: BulkRun
    what: str
    label: str
    tone: str
    done: int

    @property
    def going(self) -> bool:
        return self.run.state in bulk.GOING


def row(run: BulkRun) -> Row:
    done = run.changed + run.skipped + run.failed
    if run.state in (State.UNDOING, State.UNDONE):
        done = run.undone + run.kept
    return Row(run, what(run), str(Bulk(run.kind).label), TONES.get(State(run.state), "blue"), done)


def context(run: BulkRun) -> dict[str, Any]:
    """Everything that the page of a run shows."""
    at = now()
    shown = row(run)
    left = BulkItem.objects.filter(run=run).exclude(code="").order_by("n")
    wanted = BulkItem.State.KEPT if run.state in (State.UNDOING, State.UNDONE) else BulkItem.State.SKIPPED
    rows = list(left.filter(state=wanted)[:SHOWN])
    definition = LISTS[run.list]
    numbers = definition.numbers([item.target for item in rows])
    return {
        "row": shown,
        "run": run,
        "total": run.changed if run.state in (State.UNDOING, State.UNDONE) else run.total,
        "sentence": _of_tree(definition, run),
        "left": [(numbers.get(item.target, ""), item.target, why(item.code)) for item in rows],
        "more_left": max(0, (run.kept if wanted == BulkItem.State.KEPT else run.skipped) - SHOWN),
        "can_undo": bulk.can_undo(run, KINDS, at=at),
        "can_stop": run.state in (State.CONFIRM, State.APPROVAL, State.WAITING, State.RUNNING),
        "can_fetch": export.can_fetch(run, at=at),
        "list": definition,
        "is_export": run.kind == export.EXPORT,
    }


def what(run: BulkRun) -> str:
    """What it does, in the reader's language."""
    params = run.params
    if run.kind == customers.ASSIGN:
        return _("Assign to %(name)s") % {"name": User.objects.get(pk=params["manager"])}
    if run.kind == customers.TASK:
        return _("Task: %(words)s, by %(day)s") % {"words": params["words"], "day": params["due_on"]}
    if run.kind == customers.LABEL:
        text = _("Take the label “%(name)s” off") if params["off"] else _("Put the label “%(name)s” on")
        return text % {"name": Label.objects.get(pk=params["label"])}
    return _("Export as %(format)s: %(why)s") % {"format": params["format"].upper(), "why": run.reason}


def why(code: str) -> str:
    return str(WHY.get(code, code))


def in_short(run: BulkRun) -> str:
    """How it ended, in a sentence."""
    if run.state == State.UNDONE:
        text = ngettext("Undone: %(n)d customer.", "Undone: %(n)d customers.", run.undone) % {"n": run.undone}
        if run.kept:
            text += " " + _("%(n)d left as they are.") % {"n": run.kept}
        return text
    text = f"{what(run)}: " + ngettext("%(n)d customer", "%(n)d customers", run.changed) % {"n": run.changed}
    if run.skipped:
        text += ", " + _("%(n)d left out") % {"n": run.skipped}
    return text


def sentence(definition: ListDef, node: Node) -> str:
    return definition.catalogue.sentence(node)


def _of_tree(definition: ListDef, run: BulkRun) -> str:
    """The conditions that chose the rows; empty where they were ticked, or speak of what is no more."""
    if run.tree is None:
        return ""
    try:
        return sentence(definition, definition.catalogue.parse(run.tree)) or _("everybody in your reach")
    except BadCondition:
        return ""
