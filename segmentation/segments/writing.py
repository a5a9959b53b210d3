"""What somebody does with a segment: make it, change what it says, keep its history, share it, put it away."""

from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.text import slugify
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, rights_of
from core.lib.conditions import tree
from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.fields import ME
from core.lib.conditions.tree import Node
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers.identity import pinyin
from segmentation.models import Segment, SegmentDay, SegmentMember, SegmentVersion
from segmentation.segments import inside, membership

MOST_TRACKED = 60
Visibility = Segment.Visibility
Why = SegmentMember.Why


@transaction.atomic
def create(
    name: str, node: Node, *, catalogue: Catalogue, by: User, at: datetime, about: str = "", reason: str = ""
) -> Segment:
    """A segment that only `by` sees, with its first version. Raises DomainError for what they may not ask."""
    name = _named(name)
    _check(node, catalogue, by)
    inside.refuse_size(inside.expanded(node, by.pk))
    segment = Segment(name=name, about=about.strip()[:300], owner=by, created_at=at)
    _store_with_a_code(segment)
    _version(segment, 1, node, catalogue, reason, by, at)
    audit.record(by, "segment.created", segment, at=at, digest=tree.digest(node))
    return segment


@transaction.atomic
def revise(
    segment_id: int, node: Node, *, based_on: int, reason: str, catalogue: Catalogue, by: User, at: datetime
) -> SegmentVersion:
    """What the segment says is a new version; members of it, and of those that name it, move at once.

    Raises DomainError: `changed_meanwhile` when somebody stored a version since the one it is based on, and without a
    reason, for a circle, and for conditions that `by` may not use.
    """
    segment = _own(segment_id, by)
    last = segment.versions.latest("n")
    if last.n != based_on:
        raise DomainError(
            _("%(name)s changed this meanwhile: version %(n)d is the last one now. Look at both before you save.")
            % {"name": last.by, "n": last.n},
            code="changed_meanwhile",
        )
    if not reason.strip():
        raise Invalid(_("Say why it changes, in a few words."), code="reason_missing")
    if tree.digest(node) == tree.digest(tree.parse(last.tree)):
        raise DomainError(_("Nothing has changed: it says the same as before."), code="unchanged")
    _check(node, catalogue, by)
    if segment.visibility != Visibility.PRIVATE:
        _refuse_me(node, catalogue)
    instead = {segment.code: node}
    inside.refuse_size(inside.expanded(tree.Leaf(inside.KEY, "any", (segment.code,)), by.pk, instead=instead))
    outer = inside.using(segment)
    for other in outer:
        stored = tree.parse(other.versions.latest("n").tree)
        inside.refuse_size(inside.expanded(stored, None, instead=instead))
    version = _version(segment, last.n + 1, node, catalogue, reason, by, at)
    for moved in [segment, *outer]:
        membership.evaluate(moved.pk, catalogue, as_of=_day(moved, at), at=at, why=Why.RULE)
    audit.record(by, "segment.revised", segment, at=at, n=version.n, digest=tree.digest(node))
    return version


@transaction.atomic
def rename(segment_id: int, *, name: str, about: str, by: User, at: datetime) -> Segment:
    segment = _own(segment_id, by)
    segment.name, segment.about = _named(name), about.strip()[:300]
    segment.save(update_fields=["name", "about"])
    audit.record(by, "segment.renamed", segment, at=at)
    return segment


@transaction.atomic
def track(segment_id: int, *, catalogue: Catalogue, by: User, at: datetime) -> Segment:
    """From now on it is kept who is in it. Raises DomainError beyond what a night can carry, naming the slowest."""
    segment = _own(segment_id, by)
    if segment.tracked:
        return segment
    # Two who begin at once follow each other.
    tracked = Segment.objects.select_for_update(no_key=True).filter(tracked=True).order_by("pk")
    if len(tracked) >= MOST_TRACKED:
        slow = SegmentDay.objects.filter(segment__in=tracked).order_by("segment", "-on").distinct("segment")
        names = [day.segment.name for day in sorted(slow.select_related("segment"), key=lambda day: -day.seconds)[:3]]
        raise DomainError(
            _("The history of %(most)d segments is kept already. The slowest are: %(names)s. End one of them first.")
            % {"most": MOST_TRACKED, "names": ", ".join(names)},
            code="too_many_tracked",
        )
    segment.tracked = True
    segment.save(update_fields=["tracked"])
    membership.evaluate(segment.pk, catalogue, as_of=_day(segment, at), at=at, why=Why.FIRST)
    audit.record(by, "segment.tracked", segment, at=at)
    return segment


@transaction.atomic
def untrack(segment_id: int, *, by: User, at: datetime) -> Segment:
    """Who is in it is not kept any more; what was kept stays."""
    segment = _own(segment_id, by)
    _stop(segment, at)
    audit.record(by, "segment.untracked", segment, at=at)
    return segment


@transaction.atomic
def share(segment_id: int, visibility: str, *, catalogue: Catalogue, by: User, at: datetime) -> Segment:
    """Others see and use it, or nobody else does any more; kept members follow whom it can hold.

    Raises DomainError for people who keep segments only for themselves, and while somebody else's segment names it.
    """
    segment = _own(segment_id, by)
    if visibility not in Visibility.values:
        raise Invalid(_("Choose who sees it."), code="visibility")
    if visibility != Visibility.PRIVATE and not may(by, Permission.SHARE_SEGMENTS):
        raise DomainError(_("You keep segments for yourself: ask your team lead to share one."), code="not_yours")
    if visibility == Visibility.TEAM and by.team_id is None:
        raise DomainError(_("You are in no team: share it with everybody, or with nobody."), code="no_team")
    if visibility != Visibility.PRIVATE:
        _refuse_me(tree.parse(segment.versions.latest("n").tree), catalogue)
    if visibility != Visibility.ALL:
        _refuse_in_use([other for other in inside.used_by(segment) if other.owner_id != by.pk])
    if visibility != segment.visibility:
        segment.visibility = visibility
        segment.team_id = by.team_id if visibility == Visibility.TEAM else None
        segment.save(update_fields=["visibility", "team"])
        for moved in [segment, *inside.using(segment)]:
            membership.evaluate(moved.pk, catalogue, as_of=_day(moved, at), at=at, why=Why.RULE)
        audit.record(by, "segment.shared", segment, at=at, visibility=visibility)
    return segment


@transaction.atomic
def archive(segment_id: int, *, by: User, at: datetime) -> Segment:
    """It is on no list any more, and its history ends. Raises DomainError while something uses it, with the names."""
    segment = _own(segment_id, by)
    _refuse_in_use(inside.used_by(segment))
    _put_away(segment, at)
    audit.record(by, "segment.archived", segment, at=at)
    return segment


@transaction.atomic
def pass_on(leaver: User, to: User | None, *, by: User | None, at: datetime) -> int:
    """Somebody left: their segments that others see or use are `to`'s, the others are put away; returns how many."""
    segments = Segment.objects.select_for_update(of=("self",)).filter(owner=leaver, archived_at__isnull=True)
    count = 0
    for segment in segments.order_by("pk"):
        kept = segment.visibility != Visibility.PRIVATE or inside.used_by(segment)
        if kept and to is not None:
            segment.owner = to
            segment.save(update_fields=["owner"])
            audit.record(by, "segment.passed_on", segment, at=at, to=to.pk)
        elif not kept:
            _put_away(segment, at)
            audit.record(by, "segment.archived", segment, at=at)
        count += 1
    return count


def _own(segment_id: int, by: User) -> Segment:
    """The segment, held. Raises DomainError for everybody but its owner, and for one that is put away."""
    segment = Segment.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(pk=segment_id)
    if segment.owner_id != by.pk:
        raise DomainError(
            _("This is the segment of %(name)s. Make one of your own from it.") % {"name": segment.owner},
            code="not_yours",
        )
    if segment.archived_at is not None:
        raise DomainError(_("This segment has been put away."), code="archived")
    return segment


def _named(name: str) -> str:
    if not name.strip():
        raise Invalid(_("Give it a name."), code="name_missing")
    return name.strip()[:80]


def _check(node: Node, catalogue: Catalogue, by: User) -> None:
    tree.check_size(node)
    catalogue.checked(node)
    catalogue.refuse_hidden(node, rights_of(by).hidden, by.pk)


def _refuse_me(node: Node, catalogue: Catalogue) -> None:
    """Shared, “me” would be somebody else for every reader."""
    for _path, leaf in tree.leaves(node):
        options = catalogue.by_key[leaf.field].options if leaf.field in catalogue.by_key else None
        if ME in leaf.values and options and ME in {key for key, _label in options()}:
            raise DomainError(
                _("“Me” is somebody else for every reader: name the manager before you share it."), code="says_me"
            )


def _refuse_in_use(others: list[Segment]) -> None:
    if others:
        names = ", ".join(other.name for other in others)
        raise DomainError(_("It is in use by: %(names)s. Change those first.") % {"names": names}, code="in_use")


def _put_away(segment: Segment, at: datetime) -> None:
    _stop(segment, at)
    segment.archived_at = at
    segment.save(update_fields=["archived_at"])


def _stop(segment: Segment, at: datetime) -> None:
    segment.tracked = False
    segment.save(update_fields=["tracked"])
    membership.close(segment, on=_day(segment, at), at=at)


def _day(segment: Segment, at: datetime) -> date:
    """Today, or the last day that a night has worked out, should that be later."""
    last = SegmentDay.objects.filter(segment=segment).order_by("-on").values_list("on", flat=True).first()
    return max(mall_day(at), last) if last else mall_day(at)


def _version(
    segment: Segment, n: int, node: Node, catalogue: Catalogue, reason: str, by: User, at: datetime
) -> SegmentVersion:
    with translation.override("en"):
        sentence = catalogue.sentence(node)
    return SegmentVersion.objects.create(
        segment=segment, n=n, tree=tree.dump(node), sentence=sentence, reason=reason.strip()[:300], by=by, at=at
    )


def _store_with_a_code(segment: Segment) -> None:
    """The code is the name in letters, with a number where another has it already."""
    stem = slugify(pinyin(segment.name) or segment.name)[:32].strip("-") or "segment"
    taken = set(Segment.objects.filter(code__startswith=stem).values_list("code", flat=True))
    number = 1
    while True:
        segment.code = stem if number == 1 else f"{stem}-{number}"
        number += 1
        if segment.code in taken:
            continue
        try:
            with transaction.atomic():
                segment.save()
            return
        except IntegrityError:  # somebody made one of this name at this moment
            taken.add(segment.code)
