"""The rules of the night as the rulebook changes them: the same night under the rules in force and under others."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.accounts.roles import Permission
from core.lib.periods import mall_day, mall_midnight
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange
from customers.models import Standing
from segmentation import fitting, night, rules, whatif
from segmentation.models import Alert, Change, Night, RuleSet

CODES = (("big", 2), ("active", 1), ("random", 0))
# What is asked about: so many times the alerts, and at least so many more; a share of all customers who change class.
ALERTS_TIMES, ALERTS_MORE = 2, 20
SHARE_MOVED = 0.2


class NightKind(Kind):
    name = "night"
    label = gettext_lazy("Classes and the night")
    edits = Permission.EDIT_RULES
    confirms = Permission.PUBLISH_TIERS
    figures = {
        "big": gettext_lazy("Big customers"),
        "active": gettext_lazy("Active customers"),
        "random": gettext_lazy("Random customers"),
        "moved": gettext_lazy("Customers who change class that night"),
        "alerts": gettext_lazy("Alerts that open that night"),
    }
    states = dict(Standing.Class.choices)

    def checked(self, content: Content) -> Content:
        return dict(rules.validate(content))

    def versions(self, limit: int) -> list[Version]:
        rules.current()
        rows = RuleSet.objects.filter(withdrawn_at__isnull=True).select_related("by").order_by("-version")
        return [
            Version(
                row.version,
                {**rules.DEFAULTS, **row.parameters},
                mall_midnight(row.starts_on) if row.starts_on else None,
                rules.reason_of(row),
                row.by,
            )
            for row in rows[:limit]
        ]

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """The next night under these rules, beside the same night under the rules in force.

        What the orders of late do by themselves, both nights do: what differs is done by the rules. Nothing is foretold
        before there was any night.
        """
        last = Night.objects.order_by("as_of").last()
        if last is None:
            return Foretold({})
        as_of = max(last.as_of + timedelta(days=1), min(starts_on, mall_day(at) + timedelta(days=1)))
        restores = RuleSet.objects.get(version=rolls_back) if rolls_back else None
        with whatif.nights_before(as_of, today=mall_day(at)):
            before = _worked_out(as_of, rules.constants(mall_day(at)))
            after = _worked_out(as_of, content, restores=restores)
            opened = len(whatif.opened_by(before)), len(whatif.opened_by(after))
        old, new = before.scores.customer_class, after.scores.customer_class
        figures: dict[str, tuple[Number, Number]] = {
            name: (int((old == code).sum()), int((new == code).sum())) for name, code in CODES
        }
        had = before.state.class_before
        moved = np.flatnonzero(old != new)
        if restores is not None:
            # What the version never did need not be taken back: these go from what they are now.
            old, moved = had, np.flatnonzero((old != new) & (new != had))
        by_itself = before.scores.customer_class
        figures["moved"] = int((by_itself != had).sum()), int((new != had).sum())
        figures["alerts"] = opened
        ids = before.state.customer_id[moved].tolist()
        pairs = zip(old[moved].tolist(), new[moved].tolist(), strict=True)
        return Foretold(figures, dict(zip(ids, pairs, strict=True)))

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        """From the night of that day on."""
        return rules.save(
            change.content,
            previewed=rules.digest(change.content, on=mall_day(at)),
            by=change.by,
            reason=change.reason,
            at=at,
            starts_on=change.starts_on,
            rolls_back=RuleSet.objects.get(version=change.rolls_back) if change.rolls_back else None,
        ).version

    def take_back(self, version: int, *, at: datetime) -> None:
        RuleSet.objects.filter(version=version).update(withdrawn_at=at)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """What the first night of the version did."""
        first = Night.objects.filter(rules__version=version).order_by("as_of").first()
        if first is None:
            return None
        moved = [pair for pair in Change.objects.filter(on=first.as_of).values_list("class_before", "class_after")]
        return {
            **first.figures.get("classes", {}),
            "moved": sum(before != after for before, after in moved),
            "alerts": first.figures.get("alerts_opened", Alert.objects.filter(opened_on=first.as_of).count()),
        }

    def differences(self, before: Content | None, after: Content) -> list[str]:
        return [
            _("%(option)s: %(after)s instead of %(before)s.")
            % {"option": constant.label, "before": constant.words(old), "after": constant.words(new)}
            for constant, old, new in rules.changes(before or {}, after)
        ]

    def says(self, content: Content) -> list[tuple[str, str]]:
        said = self.checked(content)
        return [(str(constant.label), constant.words(said[constant.name])) for constant in rules.CONSTANTS]

    def doubts(self, content: Content, figures: Mapping[str, tuple[Number, Number]]) -> list[str]:
        sentences = []
        before, after = figures.get("alerts", (0, 0))
        if after >= ALERTS_TIMES * before and after >= before + ALERTS_MORE:
            sentences.append(
                _("That night %(after)d alerts open instead of %(before)d.") % {"after": after, "before": before}
            )
        everybody = sum(after for name, (_before, after) in figures.items() if name in dict(CODES))
        by_itself, moved = figures.get("moved", (0, 0))
        if moved - by_itself > SHARE_MOVED * max(everybody, 1):
            sentences.append(_("%(count)d of %(all)d customers change class.") % {"count": moved, "all": everybody})
        if figures.get("big", (0, 1))[1] == 0 < figures.get("big", (0, 1))[0]:
            sentences.append(_("Nobody is called big any more."))
        return sentences

    def stays(self, version: int) -> list[str]:
        nights = Night.objects.filter(rules__version=version).values("as_of")
        if not nights:
            return [_("No night has run under this version: nobody has been moved by it.")]
        opened = Alert.objects.filter(opened_on__in=nights, state=Alert.State.OPEN).count()
        return [
            _(
                "Classes and types are as if this version had never been. Alerts of its nights that stay open: %(count)d."
            )
            % {"count": opened}
        ]

    def earliest(self, today: date) -> date:
        """The first night that has not run."""
        last = Night.objects.order_by("as_of").last()
        return max(today, last.as_of + timedelta(days=1)) if last else today

    def notice_days(self, content: Content) -> int:
        """Nobody was promised how they are sorted: the next night can do it."""
        return 0


RULES = NightKind()


def _worked_out(as_of: date, constants: Mapping[str, float], *, restores: RuleSet | None = None) -> night.Outcome:
    return night.work_out(as_of, fitting.for_night(as_of, constants), constants, restores=restores)
