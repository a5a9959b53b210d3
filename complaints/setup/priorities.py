"""The priorities of complaints as the rulebook changes them: the cases of late, ordered by another table."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from complaints.cases import priority
from complaints.models import Case, PriorityMatrix
from complaints.models.cases import OPEN
from complaints.models.catalogue import Severity
from core.accounts.models import User
from core.accounts.roles import Permission
from core.lib.errors import Invalid
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange

WINDOW = timedelta(days=30)
MOST_CASES = 5000
# Priority 1 for so many per cent more of the cases: then nothing comes first any more, and that is asked about.
MANY_MORE = 20
PRIORITIES = range(priority.HIGHEST, priority.LOWEST + 1)


class PriorityKind(Kind):
    name = "priorities"
    label = gettext_lazy("Priorities of complaints")
    edits = Permission.EDIT_COMPLAINT_SETTINGS
    confirms = Permission.EDIT_COMPLAINT_SETTINGS
    figures = {
        "cases": gettext_lazy("Cases of the last 30 days"),
        "changed": gettext_lazy("Cases with another priority"),
        "p1": gettext_lazy("Priority 1, in per cent of the cases"),
        "p2": gettext_lazy("Priority 2, in per cent of the cases"),
        "p3": gettext_lazy("Priority 3, in per cent of the cases"),
        "p4": gettext_lazy("Priority 4, in per cent of the cases"),
    }
    states = {n: f"P{n}" for n in PRIORITIES}

    def checked(self, content: Content) -> Content:
        try:
            cells = {str(name): [int(cell) for cell in row] for name, row in content["cells"].items()}
            if content.keys() != {"cells"} or any(isinstance(cell, bool) for row in cells.values() for cell in row):
                raise ValueError(content)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise Invalid(_("Each class needs a priority from 1 to 4 for each severity."), code="cells") from None
        return {"cells": priority.checked(cells)}

    def versions(self, limit: int) -> list[Version]:
        priority.matrix()
        rows = PriorityMatrix.objects.filter(withdrawn_at=None).select_related("by").order_by("-version")[:limit]
        return [Version(row.version, {"cells": row.cells}, row.starts_at, row.reason, row.by) for row in rows]

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """Each case logged of late, by its class and severity, under both tables: as it would be logged again."""
        old, new = priority.matrix(at=at).cells, content["cells"]
        before, after = Counter[int](), Counter[int]()
        moves: dict[int, tuple[int, int]] = {}
        changed = count = 0
        rows = Case.objects.filter(opened_at__gt=at - WINDOW, opened_at__lte=at).order_by("-opened_at", "-pk")
        for customer, served_as, severity in rows.values_list("customer", "served_as", "severity")[:MOST_CASES]:
            first = priority.by_table(old, served_as=served_as, severity=severity)
            then = priority.by_table(new, served_as=served_as, severity=severity)
            count, changed = count + 1, changed + (first != then)
            before[first] += 1
            after[then] += 1
            if first != then and customer is not None:
                moves.setdefault(customer, (first, then))
        figures: dict[str, tuple[Number, Number]] = {"cases": (count, count), "changed": (0, changed)}
        figures |= {f"p{n}": (_percent(before[n], count), _percent(after[n], count)) for n in PRIORITIES}
        return Foretold(figures, moves)

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        """Cases logged from that moment on have their priority by it; open ones keep theirs."""
        return priority.add(
            change.content["cells"], starts_at=starts_at, reason=change.reason, by=change.by, at=at
        ).version

    def take_back(self, version: int, *, at: datetime) -> None:
        PriorityMatrix.objects.filter(version=version).update(withdrawn_at=at)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """The cases that were logged by this version, as the table put them: raised or set by hand does not count."""
        cells = PriorityMatrix.objects.get(version=version).cells
        rows = Case.objects.filter(priority_reason__matrix=version, opened_at__lte=at)
        served = rows.values_list("priority_reason__class", "priority_reason__severity")
        counts = Counter(priority.by_table(cells, served_as=mine, severity=severity) for mine, severity in served)
        if not counts:
            return None
        return {f"p{n}": _percent(counts[n], counts.total()) for n in PRIORITIES}

    def differences(self, before: Content | None, after: Content) -> list[str]:
        if before is None:
            return [_("These are the first rules.")]
        old, new = dict(_lines(before)), dict(_lines(after))
        return [
            _("%(option)s: %(after)s instead of %(before)s.") % {"option": who, "before": old[who], "after": cell}
            for who, cell in new.items()
            if old[who] != cell
        ]

    def says(self, content: Content) -> list[tuple[str, str]]:
        return _lines(content)

    def doubts(self, content: Content, figures: Mapping[str, tuple[Number, Number]]) -> list[str]:
        before, after = figures.get("p1", (0, 0))
        if after - before < MANY_MORE:
            return []
        sentence = _("%(after)s %% of the cases would come first, instead of %(before)s %%: then none of them does.")
        return [sentence % {"after": after, "before": before}]

    def stays(self, version: int) -> list[str]:
        count = Case.objects.filter(priority_reason__matrix=version, status__in=OPEN).count()
        return [_("Open cases that keep the priority of this version: %(count)d.") % {"count": count}]

    def notice_days(self, content: Content) -> int:
        """Nobody was promised in which order cases are worked."""
        return 0


RULES = PriorityKind()


def _lines(content: Content) -> list[tuple[str, str]]:
    return [
        (f"{mine.label} · {severity.label}", f"P{content['cells'][str(mine.value)][severity.value - 1]}")
        for mine in priority.CLASSES
        for severity in Severity
    ]


def _percent(part: int, of: int) -> int:
    return round(part * 100 / of) if of else 0
