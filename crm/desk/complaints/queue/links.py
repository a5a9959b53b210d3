"""The list behind a number of the reports: the same filter, as an address in the language of the list."""

from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from complaints.case_conditions import figure_of
from complaints.queries import Filters
from core.lib.conditions import address, tree
from core.lib.conditions.tree import Leaf
from customers.lists.record import CLASSES


def tree_of(filters: Filters) -> tree.Node:
    """What the filter of a number says, as conditions: the number of the one is that of the other."""
    told: list[Leaf] = []
    named = {
        "status": filters.status,
        "queue": filters.queue_id,
        "owner": filters.owner_id,
        "category": filters.category_id,
        "cause": filters.root_cause_id,
        "department": filters.department_id,
        "product": filters.product_ref,
        "customer": filters.customer_id,
        "kind": filters.kind,
        "matter": filters.matter.written if filters.matter else "",
    }
    told += [Leaf(name, "any", (str(value),)) for name, value in named.items() if value not in (None, "")]
    if filters.open is not None:
        told.append(Leaf("state", "any", ("open" if filters.open else "ended",)))
    if filters.served_as is not None:
        told.append(Leaf("class", "any", tuple(name for name, kind in CLASSES.items() if kind == filters.served_as)))
    if filters.breached is not None:
        told.append(Leaf("clock", "any" if filters.breached else "none", ("missed",)))
    if filters.unassigned:
        told.append(Leaf("owner", "unknown"))
    if filters.reopened:
        told.append(Leaf("reopened", "ge", ("1",)))
    told += [Leaf(name, "any", ("yes",)) for name in ("logged_late", "counted") if getattr(filters, name)]
    spans = {
        "opened": (filters.opened_from, filters.opened_until),
        "resolved": (filters.resolved_from, filters.resolved_until),
    }
    for name, (since, until) in spans.items():
        if since or until:
            told.append(Leaf("matter", "any", (figure_of(name, _stamp(since), _stamp(until)),)))
    return tree.and_(*told)


def address_of(filters: Filters) -> str:
    """The address of that list."""
    pairs = [("view", "every"), *address.write(tree_of(filters))]
    return f"{reverse('desk:complaints')}?{urlencode(pairs)}"


def _stamp(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None
