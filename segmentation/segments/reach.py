"""Which segments somebody sees, and whom a segment can hold."""

from datetime import date

from django.db.models import Q, QuerySet
from django.http import Http404

from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, rights_of
from customers.access import erased, standings_of
from customers.models import Standing
from segmentation.models import Segment


def seen_by(user: User) -> QuerySet[Segment]:
    """One's own, and what is shared with one's team or with everybody; of those in use."""
    if not user.is_active:
        return Segment.objects.none()
    seen = Q(owner=user) | Q(visibility=Segment.Visibility.ALL)
    if user.team_id is not None:
        seen |= Q(visibility=Segment.Visibility.TEAM, team=user.team_id)
        seen |= Q(visibility=Segment.Visibility.TEAM, team__centre=user.team_id)
    return Segment.objects.filter(seen, archived_at__isnull=True)


def segment_for(user: User, code: str) -> Segment:
    """The segment, an archived one too for its owner; Http404 where it is missing or not theirs to see, untold which."""
    own = Segment.objects.filter(owner=user)
    segment = (seen_by(user) | own).filter(code=code).select_related("owner", "team").first()
    if segment is None:
        raise Http404
    return segment


def countable(user: User, today: date) -> QuerySet[Standing]:
    """Whom somebody counts: those they see; and everybody, unseen, for whoever reads figures of all together."""
    if not rights_of(user).sees_customers and may(user, Permission.USE_SEGMENTS):
        return Standing.objects.exclude(customer_id__in=erased())
    return standings_of(user, today)


def within(segment: Segment, today: date) -> QuerySet[Standing]:
    """Whom a segment can hold: of a private one those its owner counts, of a shared one everybody."""
    if segment.visibility == Segment.Visibility.PRIVATE:
        return countable(segment.owner, today)
    return Standing.objects.exclude(customer_id__in=erased())
