"""Which rows of a list are meant: those that were ticked, or all that the list shows at its address."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import Http404

from core.accounts.permissions import StaffRequest, may
from core.jobs.bulk import Asked as AskedFor
from core.jobs.bulk import BulkKind
from core.lib.conditions import tree
from crm.desk.bulk.forms import FORMS, BulkForm
from crm.desk.bulk.kinds import KINDS, LISTS
from crm.desk.lists import page
from crm.desk.lists.asking import Asked
from crm.desk.lists.definition import ListDef
from crm.desk.today import now, today

ALL, IDS = "all", "ids"
MOST_TICKED = 500


@dataclass(frozen=True)
class Chosen:
    """`ids` of the ticked rows; None: all that the address asks for. `rows` are those of them that the reader sees."""

    definition: ListDef
    kind: BulkKind
    known: Asked
    ids: tuple[int, ...] | None
    rows: QuerySet[Any]

    def form(self, request: StaffRequest, *, filled: bool) -> BulkForm:
        count = self.rows.count()
        data = request.POST if filled else None
        return FORMS[self.kind.name](data, by=request.user, known=self.known, count=count)

    def asked_for(self, form: BulkForm) -> AskedFor:
        data = form.cleaned_data
        node = tree.dump(self.known.tree) if self.ids is None else None
        return AskedFor(
            self.definition.key, form.params(now()), data["expected"], form.reason(), tree=node, key=data["key"]
        )


def chosen(request: StaffRequest, list_: str, kind: str) -> Chosen:
    """What the request means; Http404 for a list or a kind that is none of the reader's."""
    definition = LISTS.get(list_)
    offered = {offer.name for offer in definition.bulk} if definition else set()
    if definition is None or kind not in offered or not may(request.user, KINDS[kind].permission):
        raise Http404
    known, _kept = page.asked_of(definition, request, request.user)
    if request.POST.get(ALL):
        return Chosen(definition, KINDS[kind], known, None, page.matching(known, today()))
    sent = request.POST.getlist(IDS)[:MOST_TICKED]
    ids = tuple(sorted({int(text) for text in sent if text.isdecimal() and len(text) < 16}))
    return Chosen(definition, KINDS[kind], known, ids, definition.rows(request.user, today()).filter(pk__in=ids))
