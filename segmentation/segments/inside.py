"""Segments within segments: a condition that names a segment is short for what that segment says now."""

from collections.abc import Mapping, Sequence

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.lib.conditions import tree
from core.lib.conditions.catalogue import NotYours
from core.lib.conditions.fields import Context, Cost, Field
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import All, Any_, BadCondition, Leaf, Node, Not
from core.lib.errors import DomainError
from customers.lists.happenings import happening
from segmentation.models import Segment, SegmentMember, SegmentVersion
from segmentation.segments.reach import seen_by

KEY = "segment"
GROUP = gettext_lazy("Segments")


class Circle(DomainError):
    """A segment would be part of itself."""

    code = "segment_circle"


def expanded(node: Node, reader: int | None, *, instead: Mapping[str, Node] | None = None) -> Node:
    """The tree with every named segment replaced by what it says, however deep they lie in each other.

    `reader` may use all of them, unless None asks. `instead` are trees that are not stored yet, by code. Raises Circle
    with the way round; NotYours for a segment that there is not, or not for this reader.
    """
    return _Expansion(reader, instead or {}).of(node, ())


def uses(node: Node) -> list[str]:
    """The codes of the segments that a tree names itself."""
    return list(dict.fromkeys(value for _path, leaf in tree.leaves(node) if leaf.field == KEY for value in leaf.values))


def used_by(segment: Segment) -> list[Segment]:
    """The segments in use that name this one, directly."""
    rows = (
        SegmentVersion.objects.filter(segment__archived_at__isnull=True)
        .order_by("segment", "-n")
        .distinct("segment")
        .select_related("segment")
    )
    return [row.segment for row in rows if segment.code in uses(tree.parse(row.tree))]


def using(segment: Segment) -> list[Segment]:
    """The segments in use that change when this one does: what names it, what names those, and so on."""
    reached: dict[int, Segment] = {}
    waiting = [segment]
    while waiting:
        for outer in used_by(waiting.pop()):
            if outer.pk not in reached and outer.pk != segment.pk:
                reached[outer.pk] = outer
                waiting.append(outer)
    return list(reached.values())


def refuse_size(node: Node) -> None:
    """Raises BadCondition where a tree, its segments written out, is longer than anybody can read."""
    if sum(1 for _leaf in tree.leaves(node)) > tree.MOST_LEAVES:
        raise BadCondition(
            "",
            _("With the segments it names, this has more than %(most)d conditions. Take some away.")
            % {"most": tree.MOST_LEAVES},
        )


class _Expansion:
    """Writes out the segments of one tree; each is read once."""

    def __init__(self, reader: int | None, instead: Mapping[str, Node]) -> None:
        self.known: dict[str, Node] = dict(instead)
        self.reader = User.objects.filter(pk=reader).first() if reader is not None else None

    def of(self, node: Node, way: tuple[str, ...]) -> Node:
        match node:
            case Leaf():
                return self._leaf(node, way) if node.field == KEY else node
            case Not(part):
                return Not(self.of(part, way))
            case All(parts):
                return All(tuple(self.of(part, way) for part in parts))
            case Any_(parts):
                return Any_(tuple(self.of(part, way) for part in parts))

    def _leaf(self, leaf: Leaf, way: tuple[str, ...]) -> Node:
        self._read([code for code in leaf.values if code not in self.known])
        parts = []
        for code in leaf.values:
            if code in way:
                path = " → ".join(_names([*way[way.index(code) :], code]))
                raise Circle(_("A segment cannot be part of itself: %(path)s.") % {"path": path})
            parts.append(self.of(self.known[code], (*way, code)))
        if leaf.op == "all":
            return All(tuple(parts))
        return Any_(tuple(parts)) if leaf.op == "any" else Not(Any_(tuple(parts)))

    def _read(self, codes: Sequence[str]) -> None:
        segments = Segment.objects.filter(archived_at__isnull=True) if self.reader is None else seen_by(self.reader)
        rows = SegmentVersion.objects.filter(segment__in=segments.filter(code__in=codes)).select_related("segment")
        for row in rows.order_by("segment", "-n").distinct("segment"):
            self.known[row.segment.code] = tree.parse(row.tree)
        for code in codes:
            if code not in self.known:
                raise NotYours(_("You may not use “%(name)s” here.") % {"name": code})


def _names(codes: Sequence[str]) -> list[str]:
    known = dict(Segment.objects.filter(code__in=codes).values_list("code", "name"))
    return [known.get(code, code) for code in codes]


def _stands_for(leaf: Leaf, reader: int | None) -> Node:
    return expanded(leaf, reader)


def _written_out(leaf: Leaf, context: Context) -> None:
    raise AssertionError("a segment is written out before it is asked for")


def _shared() -> list[tuple[str, Words]]:
    rows = Segment.objects.filter(archived_at__isnull=True, visibility=Segment.Visibility.ALL).order_by("name", "pk")
    return list(rows.values_list("code", "name"))


def _called(codes: Sequence[str]) -> Mapping[str, str]:
    """The names of those that are somebody's own are nobody else's to read."""
    rows = Segment.objects.filter(code__in=codes).exclude(visibility=Segment.Visibility.PRIVATE)
    return dict(rows.values_list("code", "name"))


FIELD = Field(
    KEY,
    gettext_lazy("Segment"),
    Kind.SET,
    _written_out,  # type: ignore[arg-type]
    group=GROUP,
    options=_shared,
    open=True,
    called=_called,
    says={
        "any": gettext_lazy("in the segment %(value)s"),
        "all": gettext_lazy("in the segments %(value)s"),
        "none": gettext_lazy("not in the segment %(value)s"),
    },
    stands_for=_stands_for,
)


# Entered ------------------------------------------------------------------------------------------------------------------

Why = SegmentMember.Why


def _spoken_of(leaf: Leaf, reader: int | None) -> Node:
    """What the segments say: who may not use them may not ask either who came into them."""
    return expanded(Leaf(KEY, "any", leaf.values), reader)


def _entries(codes: Sequence[str]) -> QuerySet[SegmentMember]:
    """Who came by themselves: a history that begins, a new rule and a merged record make nobody enter."""
    return SegmentMember.objects.filter(segment__code__in=codes, why__in=[Why.NIGHT, Why.ASKED])


_HAPPENED = happening(_entries, on="entered_on")


def _entered(leaf: Leaf, context: Context) -> Q:
    _spoken_of(leaf, context.reader)
    return _HAPPENED(leaf, context)


ENTERED = Field(
    "entered",
    gettext_lazy("Entered a segment"),
    Kind.HAPPENING,
    _entered,
    group=GROUP,
    cost=Cost.PROBE,
    options=_shared,
    open=True,
    called=_called,
    says={
        "has": gettext_lazy("entered the segment %(value)s"),
        "never": gettext_lazy("did not enter the segment %(value)s"),
    },
    note=gettext_lazy("Of segments whose history is kept"),
    speaks_of=_spoken_of,
)
