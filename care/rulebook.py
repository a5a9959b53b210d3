"""The rules of contact plans as the rulebook changes them: what they would ask of whom, and how many talks a week."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from care import plans, rules
from care.models import PlanDue, PlanRules
from core.accounts.models import User
from core.accounts.roles import Permission
from core.lib.periods import mall_day
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange


class PlanKind(Kind):
    name = "plans"
    label = gettext_lazy("Contact plans")
    edits = Permission.EDIT_RULES
    confirms = Permission.PUBLISH_TIERS
    figures = {
        "plans": gettext_lazy("Customers with a plan"),
        "weekly": gettext_lazy("Talks a week that the plans ask for"),
        "moved": gettext_lazy("Customers who are talked with more or less often"),
    }

    def state(self, code: int) -> str:
        """Every how many days."""
        return ngettext("every %(n)d day", "every %(n)d days", code) % {"n": code} if code else _("no plan")

    def checked(self, content: Content) -> Content:
        return {"rows": rules.checked(content.get("rows") or [])}

    def versions(self, limit: int) -> list[Version]:
        rows = PlanRules.objects.filter(withdrawn_at=None).select_related("by").order_by("-version")[:limit]
        later = [Version(row.version, {"rows": row.rows}, row.starts_at, row.reason, row.by) for row in rows]
        first = {"rows": [row._asdict() for row in rules.FIRST.rows]}
        return [*later, Version(rules.FIRST.version, first, None, "Defaults", None)][:limit]

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """What is asked of each customer by the rules in force, and by these."""
        today = mall_day(at)
        before = plans.asked_by(rules.in_force(at=at), today=today)
        after = plans.asked_by(rules.table_of(0, content["rows"]), today=today)
        moves = {
            pk: (before.get(pk, 0), after.get(pk, 0))
            for pk in before.keys() | after.keys()
            if before.get(pk, 0) != after.get(pk, 0)
        }
        return Foretold(
            {
                "plans": (len(before), len(after)),
                "weekly": (_weekly(before), _weekly(after)),
                "moved": (0, len(moves)),
            },
            moves,
        )

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        """The night of that day works by it."""
        newest = PlanRules.objects.aggregate(newest=Max("version"))["newest"] or rules.FIRST.version
        row = PlanRules.objects.create(
            version=newest + 1,
            rows=change.content["rows"],
            starts_at=starts_at,
            reason=change.reason,
            by=change.by,
            at=at,
        )
        return row.version

    def take_back(self, version: int, *, at: datetime) -> None:
        PlanRules.objects.filter(version=version).update(withdrawn_at=at)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """How many have a plan by it, and what it asks, once its first night has worked by it."""
        asked = dict(PlanDue.objects.filter(version=version).values_list("pk", "every_days"))
        return {"plans": len(asked), "weekly": _weekly(asked)} if asked else None

    def differences(self, before: Content | None, after: Content) -> list[str]:
        old = {row[:3]: row for row in rules.table_of(0, before["rows"]).rows} if before else {}
        new = {row[:3]: row for row in rules.table_of(0, after["rows"]).rows}
        lines = []
        for whom, row in new.items():
            said = {"whom": rules.whom(row), "after": rules.asks(row)}
            if whom not in old:
                lines.append(_("%(whom)s: %(after)s (new).") % said)
            elif old[whom] != row:
                said["before"] = rules.asks(old[whom])
                lines.append(_("%(whom)s: %(after)s instead of %(before)s.") % said)
        gone = [old[whom] for whom in old if whom not in new]
        return lines + [_("%(whom)s: no row any more.") % {"whom": rules.whom(row)} for row in gone]

    def says(self, content: Content) -> list[tuple[str, str]]:
        return [(rules.whom(row), rules.asks(row)) for row in rules.table_of(0, content["rows"]).rows]

    def earliest(self, today: date) -> date:
        """A night begins them."""
        return today + timedelta(days=1)

    def notice_days(self, content: Content) -> int:
        """Nobody was promised how often they are called."""
        return 0


RULES = PlanKind()


def _weekly(asked: Mapping[int, int]) -> int:
    return round(sum(7 / every for every in asked.values()))
