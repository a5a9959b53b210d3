"""What conditions may say of the record: who they are, who looks after them, what was talked about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from core.accounts.models import Role
from core.accounts.roles import Field as Personal
from core.accounts.roles import holders
from core.lib.almanac import days
from core.lib.conditions import fields as of
from core.lib.conditions.fields import ME, Context, Cost, Field, Fresh
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from core.lib.periods import mall_midnight
from customers import queries
from customers.identity import query_grams
from customers.lists.happenings import happening
from customers.models import Contact, ContactPoint, Customer, ExternalIdentity, Label, Promise, Standing
from customers.record import labels, life_dates

AN_HOUR = 3600
GROUP = _("Customer")
TALKS = _("Talks and promises")
CLASSES = {"big": Standing.Class.BIG, "active": Standing.Class.ACTIVE, "random": Standing.Class.RANDOM} | {
    "prospect": Standing.Class.PROSPECT
}
TYPES = {kind.name: kind for kind in Standing.Type if kind}
YES_NO: list[tuple[str, Words]] = [("yes", _("yes")), ("no", _("no"))]
MOODS = [(str(value), label) for value, label in Contact.Mood.choices]


def classes() -> list[tuple[str, Words]]:
    return [(name, member.label) for name, member in CLASSES.items()]


def types() -> list[tuple[str, Words]]:
    return [(name, member.label) for name, member in TYPES.items()]


def managers() -> list[tuple[str, Words]]:
    """Everybody who may have a book, and who still has one."""
    people = holders(Role.ACCOUNT_MANAGER).order_by("full_name", "pk").values_list("pk", "full_name", "username")
    return [(ME, _("me")), *((str(pk), name or username) for pk, name, username in people)]


def manager_of(value: str, context: Context) -> int | None:
    if value == ME:
        return context.reader
    return int(value) if value.isdecimal() else None


def _mindsets() -> list[tuple[str, Words]]:
    return [(value, label) for value, label in Customer.Mindset.choices if value != Customer.Mindset.UNKNOWN]


def _channels() -> list[tuple[str, Words]]:
    return [(value, label) for value, label in Customer.Channel.choices if value != Customer.Channel.UNKNOWN]


def regions() -> list[str]:
    """Every province in which there are customers, kept for an hour."""
    return list(cache.get_or_set("regions", queries.regions, AN_HOUR) or [])


def provinces() -> list[tuple[str, Words]]:
    return [(name, name) for name in regions()]


def _interests(leaf: Leaf, context: Context) -> Q:
    values = list(leaf.values)
    if leaf.op == "all":
        return Q(customer__interests__contains=values)
    overlap = Q(customer__interests__overlap=values)
    return overlap if leaf.op == "any" else ~overlap


def _sources(leaf: Leaf, context: Context) -> Q:
    of_them = ExternalIdentity.objects.filter(customer=OuterRef("customer_id"))
    if leaf.op == "all":
        return Q(*(Exists(of_them.filter(source=value)) for value in leaf.values))
    among = Exists(of_them.filter(source__in=leaf.values))
    return Q(among) if leaf.op == "any" else Q(~among)


def _reach(leaf: Leaf, context: Context) -> Q:
    """Whether there is a way of this kind that is not retired; what may be told by it is asked where it is told."""
    ways = ContactPoint.objects.filter(customer=OuterRef("customer_id"), retired="")
    if leaf.op == "all":
        return Q(*(Exists(ways.filter(kind=kind)) for kind in leaf.values))
    among = Exists(ways.filter(kind__in=leaf.values))
    return Q(among) if leaf.op == "any" else Q(~among)


def _ways() -> list[tuple[str, Words]]:
    return [(value, label) for value, label in ContactPoint.Kind.choices]


def _known_sources() -> list[tuple[str, Words]]:
    known = ExternalIdentity.objects.order_by("source").values_list("source", flat=True).distinct()
    return [(name, name) for name in known]


def _birthday(leaf: Leaf, context: Context) -> Q:
    if leaf.op == "unknown":
        return Q(birthday__isnull=True)
    value = int(leaf.values[0])
    if leaf.op == "next":
        return Q(birthday__in=sorted(days.within(context.today, value, in_march=life_dates.in_march())))
    # The month by its name, and the lunar ones that fall into it this year.
    first = date(context.today.year, value, 1)
    after = date(context.today.year + value // 12, value % 12 + 1, 1)
    kept = days.within(first, (after - first).days, in_march=life_dates.in_march())
    return Q(birthday__in=sorted(kept | days.months_within(first, after - timedelta(days=1))))


def _text(leaf: Leaf, context: Context) -> Q:
    """A name or part of one, a customer number or a city."""
    text = leaf.values[0]
    meant = Q(customer__number=text.upper()) | Q(city=text)
    if grams := query_grams(text):
        meant |= Q(customer__name_grams__contains=grams)
    return meant


def _reseller(value: str, context: Context) -> bool:
    return value == "yes"


def latest(rows: Any, column: str) -> of.Where:
    """The day of the latest of somebody's rows, which hold instants: one within the days that are meant, none after."""

    def where(leaf: Leaf, context: Context) -> Q:
        of_them = rows().filter(customer=OuterRef("customer_id"))
        if leaf.op == "unknown":
            return Q(~Exists(of_them))
        first, after = of.span(leaf, context.today)
        since = of_them.filter(**{f"{column}__gte": mall_midnight(first)}) if first else of_them
        condition = Q(Exists(since))
        later = of_them.filter(**{f"{column}__gte": mall_midnight(after)}) if after else of_them.none()
        return condition & Q(~Exists(later))

    return where


def _promises(leaf: Leaf, context: Context) -> Q:
    open_ = Promise.objects.filter(customer=OuterRef("customer_id"), state=Promise.State.OPEN)
    late = open_.filter(due_at__lt=mall_midnight(context.today))
    states = {"open": Exists(open_), "overdue": Exists(late)}
    chosen = [states[value] for value in leaf.values]
    if leaf.op == "all":
        return Q(*chosen)
    return Q(*chosen, _connector=Q.OR) if leaf.op == "any" else Q(*(~state for state in chosen))


def _labels(leaf: Leaf, context: Context) -> Q:
    ids = [int(value) for value in leaf.values if value.isdecimal() and len(value) < 10]
    if leaf.op == "all":
        return Q(labels__contains=ids) if len(ids) == len(leaf.values) else Q(pk__in=[])
    overlap = Q(labels__overlap=ids)
    return overlap if leaf.op == "any" else ~overlap


def _labels_in_use() -> list[tuple[str, Words]]:
    return [(str(pk), name) for pk, name in labels.in_use().values_list("pk", "name")]


def _labels_called(values: Sequence[str]) -> dict[str, str]:
    """Of those that are put away too."""
    ids = [int(value) for value in values if value.isdecimal() and len(value) < 10]
    return {str(pk): name for pk, name in Label.objects.filter(pk__in=ids).values_list("pk", "name")}


def _promise_states() -> list[tuple[str, Words]]:
    return [("open", _("open")), ("overdue", _("overdue"))]


def _talks(values: Sequence[str]) -> Any:
    talks = Contact.objects.all()
    return talks.filter(mood__in=values) if values else talks


FIELDS: tuple[Field, ...] = (
    Field(
        "class",
        _("Class"),
        Kind.CHOICE,
        of.choice("customer_class", lambda value, context: CLASSES.get(value)),
        group=GROUP,
        fresh=Fresh.NIGHT,
        path="customer_class",
        options=classes,
    ),
    Field(
        "type",
        _("Type"),
        Kind.CHOICE,
        of.choice("matrix_type", lambda value, context: TYPES.get(value), blank=Standing.Type.NONE),
        group=GROUP,
        fresh=Fresh.NIGHT,
        unknown=True,
        path="matrix_type",
        options=types,
        says={"any": _("type %(value)s"), "none": _("type other than %(value)s"), "unknown": _("not valued yet")},
    ),
    Field(
        "manager",
        _("Manager"),
        Kind.CHOICE,
        of.choice("manager", manager_of),
        group=GROUP,
        unknown=True,
        path="manager",
        options=managers,
        open=True,
        says={"any": _("looked after by %(value)s"), "none": _("looked after by others than %(value)s")}
        | {"unknown": _("without a manager")},
    ),
    Field(
        "manager_since",
        _("Manager since"),
        Kind.DAY,
        of.day("customer__manager_since"),
        group=GROUP,
        unknown=True,
        path="customer__manager_since",
    ),
    Field(
        "province",
        _("Province"),
        Kind.CHOICE,
        of.choice("region", blank=""),
        group=GROUP,
        unknown=True,
        path="region",
        options=provinces,
        open=True,
        says={"any": _("from %(value)s"), "none": _("from elsewhere than %(value)s")}
        | {"unknown": _("province not known")},
    ),
    Field(
        "city",
        _("City"),
        Kind.CHOICE,
        of.choice("city", blank=""),
        group=GROUP,
        unknown=True,
        path="city",
        open=True,
    ),
    Field(
        "registered",
        _("Registered"),
        Kind.DAY,
        of.day("registered_on"),
        group=GROUP,
        unknown=True,
        path="registered_on",
    ),
    Field(
        "birthday",
        _("Birthday"),
        Kind.YEARLY,
        _birthday,
        group=GROUP,
        needs=Personal.BIRTHDAY,
        unknown=True,
        says={"next": _("birthday in the next %(value)s days"), "month": _("birthday in %(value)s")}
        | {"unknown": _("birthday not known")},
        note=_("Lunar birthdays by the lunar calendar; 29 February on the 28th where there is none."),
    ),
    Field(
        "reseller",
        _("Buys to resell"),
        Kind.CHOICE,
        of.choice("customer__is_reseller", _reseller),
        group=GROUP,
        options=lambda: YES_NO,
    ),
    Field(
        "mindset",
        _("Mindset"),
        Kind.CHOICE,
        of.choice("customer__mindset", blank=Customer.Mindset.UNKNOWN),
        group=GROUP,
        unknown=True,
        path="customer__mindset",
        options=_mindsets,
    ),
    Field(
        "channel",
        _("Preferred channel"),
        Kind.CHOICE,
        of.choice("customer__preferred_channel", blank=Customer.Channel.UNKNOWN),
        group=GROUP,
        unknown=True,
        path="customer__preferred_channel",
        options=_channels,
    ),
    Field(
        "interest",
        _("Interests"),
        Kind.SET,
        _interests,
        group=GROUP,
        open=True,
        says={"any": _("interested in %(value)s"), "all": _("interested in %(value)s")}
        | {"none": _("not interested in %(value)s")},
    ),
    Field(
        "label",
        _("Labels"),
        Kind.SET,
        _labels,
        group=GROUP,
        open=True,
        path="labels",
        options=_labels_in_use,
        called=_labels_called,
        says={"any": _("labelled %(value)s"), "all": _("labelled %(value)s"), "none": _("not labelled %(value)s")},
    ),
    Field(
        "reach",
        _("Reached by"),
        Kind.SET,
        _reach,
        group=GROUP,
        cost=Cost.PROBE,
        options=_ways,
        says={
            "any": _("can be reached by %(value)s"),
            "none": _("cannot be reached by %(value)s"),
            "all": _("can be reached by %(value)s"),
        },
    ),
    Field("source", _("Known at"), Kind.SET, _sources, group=GROUP, cost=Cost.PROBE, options=_known_sources, open=True),
    Field(
        "text",
        _("Name, number or city"),
        Kind.TEXT,
        _text,
        group=GROUP,
        cost=Cost.PROBE,
        says={"has": _("“%(value)s” in name, number or city")},
    ),
    Field(
        "next_contact",
        _("Next contact"),
        Kind.DAY,
        of.day("next_contact_on"),
        group=TALKS,
        unknown=True,
        path="next_contact_on",
        says={"unknown": _("no next contact planned")},
    ),
    Field(
        "last_contact",
        _("Last contact"),
        Kind.DAY,
        latest(lambda: Contact.objects.all(), "at"),
        group=TALKS,
        cost=Cost.PROBE,
        unknown=True,
        says={"unknown": _("never talked to")},
    ),
    Field(
        "talked",
        _("Talks"),
        Kind.HAPPENING,
        happening(_talks, at="at"),
        group=TALKS,
        cost=Cost.PROBE,
        options=lambda: MOODS,
        says={"has": _("talked to (mood: %(value)s)"), "never": _("not talked to (mood: %(value)s)")},
    ),
    Field(
        "promise",
        _("Promises to customers"),
        Kind.SET,
        _promises,
        group=TALKS,
        cost=Cost.PROBE,
        options=_promise_states,
        says={"any": _("with a promise that is %(value)s"), "all": _("with a promise that is %(value)s")}
        | {"none": _("without a promise that is %(value)s")},
    ),
)


def fields_of(standing: str, group: Words, *keys: str) -> tuple[Field, ...]:
    """Those of a list whose rows tell of a customer: class, type, manager, province, by the path to the standing."""
    made = {
        "class": Field(
            "class",
            _("Class"),
            Kind.CHOICE,
            of.choice(f"{standing}customer_class", lambda value, _context: CLASSES.get(value)),
            fresh=Fresh.NIGHT,
            options=classes,
        ),
        "type": Field(
            "type",
            _("Type"),
            Kind.CHOICE,
            of.choice(f"{standing}matrix_type", lambda value, _context: TYPES.get(value), blank=Standing.Type.NONE),
            fresh=Fresh.NIGHT,
            unknown=True,
            options=types,
        ),
        "manager": Field(
            "manager",
            _("Manager"),
            Kind.CHOICE,
            of.choice(f"{standing}manager", manager_of),
            unknown=True,
            options=managers,
            says={"unknown": _("nobody's")},
        ),
        "province": Field(
            "province",
            _("Province"),
            Kind.CHOICE,
            of.choice(f"{standing}region", blank=""),
            unknown=True,
            open=True,
            options=provinces,
        ),
    }
    return tuple(replace(made[key], group=group) for key in keys)
