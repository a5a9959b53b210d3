"""A bulk run as its pages show it: what it does in words, how far it is, what it left alone and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from complaints.models import Queue
from core.accounts.models import User
from core.jobs import bulk
from core.jobs.models import BulkItem, BulkRun
from core.lib.conditions.tree import BadCondition, Node
from crm.desk.bulk import export
from crm.desk.bulk.kinds import KINDS, LISTS
from crm.desk.lists.definition import ListDef
from crm.desk.today import now
from crm.flows.bulk import alerts, cases, customers, results
from crm.flows.bulk.exports import EXPORT
from crm.flows.notices import Bulk
from customers.models import Label
from segmentation.models import Alert

State = BulkRun.State
SHOWN = 50
WHY: Mapping[str, Any] = {
    bulk.NOT_YOURS: gettext_lazy("no longer in your reach"),
    results.HAD_IT: gettext_lazy("was so before"),
    results.HAD_IT_NOT: gettext_lazy("did not carry it"),
    results.CHANGED_SINCE: gettext_lazy("changed since by somebody"),
    results.CLOSED_SINCE: gettext_lazy("the task is closed already"),
    results.PUT_AWAY: gettext_lazy("the label is put away"),
    results.NOBODY: gettext_lazy("nobody knows whose it is"),
    alerts.NO_TASK: gettext_lazy("nothing of it waits on anybody’s day"),
    "not_now": gettext_lazy("not open any more"),
    "alert_closed": gettext_lazy("not open any more"),
    "not_of_the_desk": gettext_lazy("the new owner does not work complaints any more"),
    "decision_day": gettext_lazy("its window ends before that day"),
    "out_of_reach": gettext_lazy("no longer in your reach"),
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


class Names(NamedTuple):
    """Whom and what runs speak of, by their ids."""

    people: Mapping[int, str]
    labels: Mapping[int, str]
    queues: Mapping[int, str]


def names_of(runs: Iterable[BulkRun]) -> Names:
    """For all of these runs, in a query for each sort of thing that they name."""
    told = [run.params for run in runs]
    ids = {params[name] for params in told for name in ("manager", "owner") if params.get(name)}
    people = User.objects.filter(pk__in=ids) if ids else []
    ids = {params["label"] for params in told if "label" in params}
    labels = Label.objects.filter(pk__in=ids) if ids else []
    ids = {params["queue"] for params in told if "queue" in params}
    queues = Queue.objects.filter(pk__in=ids) if ids else []
    return Names(*({row.pk: str(row) for row in rows} for rows in (people, labels, queues)))


def rows(runs: Sequence[BulkRun]) -> list[Row]:
    names = names_of(runs)
    return [row(run, names) for run in runs]


def row(run: BulkRun, names: Names | None = None) -> Row:
    done = run.changed + run.skipped + run.failed
    if run.state in (State.UNDOING, State.UNDONE):
        done = run.undone + run.kept
    label, tone = str(Bulk(run.kind).label), TONES.get(State(run.state), "blue")
    return Row(run, what(run, names or names_of([run])), label, tone, done)


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
        "is_export": run.kind == EXPORT,
    }


def what(run: BulkRun, names: Names) -> str:
    """What it does, in the reader's language."""
    params = run.params
    match run.kind:
        case customers.ASSIGN:
            return _("Assign to %(name)s") % {"name": names.people.get(params["manager"], "–")}
        case customers.TASK:
            return _("Task: %(words)s, by %(day)s") % {"words": params["words"], "day": params["due_on"]}
        case customers.LABEL | cases.LABEL | alerts.LABEL:
            text = _("Take the label “%(name)s” off") if params["off"] else _("Put the label “%(name)s” on")
            return text % {"name": names.labels.get(params["label"], "–")}
        case cases.ASSIGN:
            return _("Give to %(name)s") % {"name": names.people.get(params["owner"], "–")}
        case cases.QUEUE:
            return _("To the queue %(name)s") % {"name": names.queues.get(params["queue"], "–")}
        case cases.PRIORITY:
            return _("Priority P%(n)d") % {"n": params["to"]}
        case alerts.DECIDE:
            return _("Decided: %(what)s") % {"what": Alert.Decision(params["decision"]).label}
        case alerts.PUT_OFF:
            return _("Put off until %(day)s") % {"day": params["until"]}
    return _("Export as %(format)s: %(why)s") % {"format": params["format"].upper(), "why": run.reason}


def why(code: str) -> str:
    return str(WHY.get(code, code))


def in_short(run: BulkRun) -> str:
    """How it ended, in a sentence."""
    counted = LISTS[run.list].counted
    if run.state == State.UNDONE:
        text = _("Undone: %(what)s.") % {"what": counted(run.undone)}
        if run.kept:
            text += " " + _("%(n)d left as they are.") % {"n": run.kept}
        return text
    text = f"{what(run, names_of([run]))}: {counted(run.changed)}"
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
        return sentence(definition, definition.catalogue.parse(run.tree)) or _("all that you may see")
    except BadCondition:
        return ""
