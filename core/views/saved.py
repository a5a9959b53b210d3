"""Saved views: who sees which, and what their owners do with them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib import rows
from core.lib.errors import DomainError, Invalid
from core.views.models import ListPreference, SavedView, ViewPin

Visibility = SavedView.Visibility
MOST_VIEWS = 60
MOST_PINS = 12


@dataclass(frozen=True)
class Look:
    """What a view keeps: the tree of conditions as data, the keys of the columns, and the column it is sorted by."""

    query: Mapping[str, Any]
    columns: Sequence[str] = ()
    sort: str = ""


def visible_to(user: User, *lists: str) -> QuerySet[SavedView]:
    """The views of these lists that this person may use: their own, those of their team, and those of everybody.

    Every door asks this. The views of somebody who has left are nobody's but their own.
    """
    to_them = Q(visibility=Visibility.ALL)
    if user.team_id:
        to_them |= Q(visibility=Visibility.TEAM, team=user.team_id)
    views = SavedView.objects.filter(Q(owner=user) | (to_them & Q(owner__is_active=True)))
    return views.filter(list__in=lists, archived_at__isnull=True).select_related("owner").order_by("name", "pk")


def own(user: User, pk: int) -> SavedView:
    """A view to be changed; Http404 whether it is missing or somebody else's."""
    view = SavedView.objects.select_for_update().filter(pk=pk, owner=user, archived_at__isnull=True).first()
    if view is None:
        raise Http404
    return view


@transaction.atomic
def save(user: User, list_: str, name: str, look: Look, *, at: datetime) -> SavedView:
    """The look is kept under that name, for its owner alone; at hand where there is room. Raises DomainError for a name
    that is taken."""
    name = _name(name)
    if SavedView.objects.filter(owner=user, list=list_, archived_at__isnull=True).count() >= MOST_VIEWS:
        raise DomainError(_("You have %(most)d views already. Remove one first.") % {"most": MOST_VIEWS})
    view = _stored(
        SavedView(
            list=list_,
            owner=user,
            name=name,
            query=dict(look.query),
            columns=list(look.columns),
            sort=look.sort,
            created_at=at,
        )
    )
    _pinned(user, list_, view.pk, "")
    return view


def stamp(view: SavedView) -> str:
    """What says whether a view is still as somebody has seen it: another one as soon as its look is."""
    look = json.dumps([view.query, view.columns, view.sort], sort_keys=True)
    return hashlib.sha256(look.encode()).hexdigest()[:16]


@transaction.atomic
def update(user: User, pk: int, look: Look, *, seen: str) -> SavedView:
    """The view keeps this look instead. Everybody it is shared with sees it so.

    `seen` is its stamp as its owner saw it: raises DomainError where it has been changed since, in another window.
    """
    view = own(user, pk)
    if seen != stamp(view):
        raise DomainError(
            _("“%(name)s” was changed meanwhile, in another window. Look at it, then change it again.")
            % {"name": view.name},
            code="changed_meanwhile",
        )
    view.query, view.columns, view.sort = dict(look.query), list(look.columns), look.sort
    view.save(update_fields=["query", "columns", "sort"])
    return view


@transaction.atomic
def share(user: User, pk: int, visibility: str, *, at: datetime) -> SavedView:
    """The view is seen by that many; only the rows that each of them may see. Raises DomainError where it may not be."""
    view = own(user, pk)
    if visibility not in Visibility.values:
        raise Invalid(_("Choose who sees it."))
    if visibility != Visibility.PRIVATE and not may(user, Permission.SHARE_VIEWS):
        raise DomainError(_("Your role keeps views for yourself. Ask your team lead to share it."), code="not_allowed")
    if visibility == Visibility.TEAM and user.team_id is None:
        raise DomainError(_("You are in no team. Ask an administrator to put you into one."), code="no_team")
    view.visibility = visibility
    view.team_id = user.team_id if visibility == Visibility.TEAM else None
    view.save(update_fields=["visibility", "team"])
    audit.record(user, "view.shared", view, at=at, visibility=visibility)
    return view


@transaction.atomic
def copy(user: User, list_: str, pk: int, *, at: datetime) -> SavedView:
    """A view of one's own that looks like another one."""
    view = visible_to(user, list_).filter(pk=pk).first()
    if view is None:
        raise Http404
    return save(user, list_, _free_name(user, list_, view.name), Look(view.query, view.columns, view.sort), at=at)


@transaction.atomic
def archive(user: User, pk: int, *, at: datetime) -> SavedView:
    """Nobody sees the view any more."""
    return _put_away(own(user, pk), at)


@transaction.atomic
def archive_shared(user: User, pk: int, *, at: datetime) -> SavedView:
    """The same for one that somebody shares, whoever it is: that it was put away is on record."""
    view = SavedView.objects.select_for_update(of=("self",)).filter(pk__in=shared().values("pk"), pk=pk).first()
    if view is None:
        raise Http404
    audit.record(user, "view.archived", view, at=at, owner=view.owner_id)
    return _put_away(view, at)


def shared() -> QuerySet[SavedView]:
    """What is shared of all lists, for who keeps order among it: names and owners, never rows."""
    views = SavedView.objects.filter(archived_at__isnull=True).exclude(visibility=Visibility.PRIVATE)
    return views.select_related("owner", "team").order_by("list", "name", "pk")


@transaction.atomic
def pass_on(leaver: User, to: User | None, *, by: User | None, at: datetime) -> int:
    """Somebody left: the views that others see are `to`'s, who shares them on; returns how many."""
    if to is None:
        return 0
    count = 0
    theirs = SavedView.objects.select_for_update().filter(owner=leaver, archived_at__isnull=True)
    for view in theirs.exclude(visibility=Visibility.PRIVATE).order_by("pk"):
        view.owner, view.name = to, _free_name(to, view.list, view.name)
        view.save(update_fields=["owner", "name"])
        audit.record(by, "view.passed_on", view, at=at, to=to.pk)
        count += 1
    return count


@transaction.atomic
def pin(user: User, list_: str, *, view: int | None = None, system: str = "") -> None:
    """The view stands above the list for this person. Twice is once; raises DomainError where there are too many."""
    if view is not None and not visible_to(user, list_).filter(pk=view).exists():
        raise Http404
    if not _pinned(user, list_, view, system):
        raise DomainError(_("There are %(most)d views at hand already. Take one away first.") % {"most": MOST_PINS})


def _pinned(user: User, list_: str, view: int | None, system: str) -> bool:
    """Whether it is at hand now. What others do not share any more is seen nowhere, and takes no room."""
    pins = ViewPin.objects.filter(user=user, list=list_)
    if pins.filter(view_id=view, system=system).exists():
        return True
    usable = pins.filter(Q(view__isnull=True) | Q(view__in=visible_to(user, list_).order_by().values("pk")))
    if usable.count() >= MOST_PINS:
        return False
    last = pins.aggregate(last=Max("position"))["last"] or 0
    ViewPin.objects.get_or_create(user=user, list=list_, view_id=view, system=system, defaults={"position": last + 1})
    return True


def unpin(user: User, list_: str, *, view: int | None = None, system: str = "") -> None:
    """The view does not stand above the list any more; it is still there."""
    ViewPin.objects.filter(user=user, list=list_, view_id=view, system=system).delete()


class Kept(NamedTuple):
    """What somebody has of a list: the views they may use, the keys of those at hand, columns and height of the rows."""

    views: list[SavedView]
    pinned: list[str]
    columns: list[str]
    density: str = ""


def kept_for(user: User, list_: str) -> Kept:
    """All of it in one statement. A pin is the key of a view that comes with the list, or `v` and a saved one's number."""
    views = visible_to(user, list_)
    pins = ViewPin.objects.filter(user=user, list=list_).order_by("position", "pk")
    preferences = ListPreference.objects.filter(user=user, list=list_)
    rows.together(views, pins, preferences)
    pinned = [pin.system or f"v{pin.view_id}" for pin in pins]
    chosen = next(iter(preferences), None)
    return Kept(list(views), pinned, chosen.columns if chosen else [], chosen.density if chosen else "")


def choose_columns(user: User, list_: str, columns: Sequence[str], density: str = "") -> None:
    """This person sees these columns in this order from now on; none at all: those that come with the list."""
    density = density if density in ListPreference.Density.values else ListPreference.Density.COMPACT
    ListPreference.objects.update_or_create(
        user=user, list=list_, defaults={"columns": list(columns), "density": density}
    )


def _free_name(user: User, list_: str, wanted: str) -> str:
    """The name, with a number behind it where this person has a view of that name."""
    taken = set(SavedView.objects.filter(owner=user, list=list_, archived_at=None).values_list("name", flat=True))
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted[:55]} {number}", number + 1
    return name


def _put_away(view: SavedView, at: datetime) -> SavedView:
    view.archived_at = at
    view.save(update_fields=["archived_at"])
    ViewPin.objects.filter(view=view).delete()
    return view


def _name(name: str) -> str:
    name = " ".join("".join(sign for sign in name if sign.isprintable() or sign.isspace()).split())
    if not name or len(name) > 60:
        raise Invalid(_("Give it a name of at most 60 characters."), code="name")
    return name


def _stored(view: SavedView) -> SavedView:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        raise DomainError(
            _("You have a view “%(name)s” already. Choose another name, or save into that one.") % {"name": view.name},
            code="name",
        ) from None
    return view
