"""How full a book may be and where new customers go, as the rulebook changes it: what it would do is which books are full."""

from collections.abc import Mapping
from datetime import date, datetime

from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import Team, User
from core.accounts.roles import Permission, holders
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange
from customers import managers
from customers.models import BookRules
from customers.work import capacity

MOST = 10_000
BOUNDS = {"with_assistant": (1, MOST), "alone": (1, MOST), "refuse_at": (100, 1000)}
WORDS = {
    "with_assistant": gettext_lazy("Customers of a manager with an assistant"),
    "alone": gettext_lazy("Customers of a manager without one"),
    "refuse_at": gettext_lazy("Filled without a second thought up to so many per cent"),
}


class BookKind(Kind):
    name = "books"
    label = gettext_lazy("Books of the managers")
    edits = Permission.EDIT_RULES
    confirms = Permission.PUBLISH_TIERS
    figures = {
        "over": gettext_lazy("Books that hold more than is agreed"),
        "room": gettext_lazy("Customers for whom there is room"),
    }

    def checked(self, content: Content) -> Content:
        """Raises Invalid for a number beyond its bounds, and for a team that there is not."""
        whole = {**capacity.FIRST.content(), **content}
        checked: Content = {name: _number(name, whole[name], *bounds) for name, bounds in BOUNDS.items()}
        if checked["alone"] > checked["with_assistant"]:
            raise Invalid(_("Alone nobody looks after more customers than with an assistant."), code="alone")
        teams = set(Team.objects.values_list("pk", flat=True))
        regions = {str(name).strip()[:60]: int(team) for name, team in dict(whole["regions"]).items()}
        if set(regions.values()) - teams or "" in regions:
            raise Invalid(_("Name a province and a team that there is."), code="regions")
        return checked | {"regions": dict(sorted(regions.items()))}

    def versions(self, limit: int) -> list[Version]:
        rows = BookRules.objects.filter(withdrawn_at=None).select_related("by").order_by("-version")[:limit]
        later = [Version(row.version, row.content, row.starts_at, row.reason, row.by) for row in rows]
        return [*later, Version(capacity.FIRST.version, capacity.FIRST.content(), None, "Defaults", None)][:limit]

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        people = list(holders(*managers.LOOK_AFTER))
        books = managers.books(User.objects.filter(pk__in=[person.pk for person in people]))
        figures: dict[str, list[Number]] = {"over": [], "room": []}
        for rules in (capacity.in_force(at=at), capacity.rules_of(0, content)):
            most = capacity.most_of(people, on=mall_day(at), at=at, rules=rules)
            figures["over"].append(sum(books.get(pk, 0) > least for pk, least in most.items()))
            figures["room"].append(sum(max(0, least - books.get(pk, 0)) for pk, least in most.items()))
        return Foretold({name: (before, after) for name, (before, after) in figures.items()})

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        newest = BookRules.objects.aggregate(newest=Max("version"))["newest"] or capacity.FIRST.version
        content, reason = change.content, change.reason
        rules = BookRules.objects.create(
            version=newest + 1, content=content, starts_at=starts_at, reason=reason, by=change.by, at=at
        )
        return rules.version

    def take_back(self, version: int, *, at: datetime) -> None:
        BookRules.objects.filter(version=version).update(withdrawn_at=at)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """Books fill by what people do: there is nothing to compare."""
        return None

    def differences(self, before: Content | None, after: Content) -> list[str]:
        old = dict(self.says(before)) if before else {}
        return [
            _("%(option)s: %(after)s instead of %(before)s.")
            % {"option": label, "after": value, "before": old.get(label, "–")}
            for label, value in self.says(after)
            if old.get(label) != value
        ]

    def says(self, content: Content) -> list[tuple[str, str]]:
        rules = capacity.rules_of(0, content).content()
        names = {team.pk: str(team) for team in Team.objects.all()}
        regions = dict(rules.pop("regions") or {})  # type: ignore[call-overload]
        numbers = [(str(label), str(rules[name])) for name, label in WORDS.items()]
        return numbers + [(region, names.get(team, "–")) for region, team in regions.items()]

    def notice_days(self, content: Content) -> int:
        """Nobody was promised how full a book is."""
        return 0


RULES = BookKind()


def _number(name: str, value: object, least: int, most: int) -> int:
    text = str(value)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise Invalid(
            _("%(option)s: a whole number from %(least)d to %(most)d.")
            % {"option": WORDS[name], "least": least, "most": most},
            code=name,
        )
    return int(text)
