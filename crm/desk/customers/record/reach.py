"""How a customer is reached: the card of the customer page, and what is done there."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import ContactPoint
from customers.record import reach as verbs


class PointRow(NamedTuple):
    """One way to reach somebody; `value` in clear on the page that was asked to show it."""

    point: ContactPoint
    value: str = ""

    @property
    def link(self) -> str:
        """What a click on the value opens."""
        schemes = {ContactPoint.Kind.PHONE: "tel:", ContactPoint.Kind.EMAIL: "mailto:"}
        scheme = schemes.get(ContactPoint.Kind(self.point.kind), "")
        return scheme + self.value if scheme and self.value and not self.point.retired else ""


def rows(points: Sequence[ContactPoint], revealed: Iterable[tuple[str, str]] = ()) -> list[PointRow]:
    """Of `points_of`, those in use first; `revealed` is what `contact_points.reveal` has answered."""
    shown = sorted(points, key=lambda point: (point.kind, point.pk))
    clear = {point.pk: value for point, (_kind, value) in zip(shown, revealed, strict=False)}
    return [PointRow(point, clear.get(point.pk, "")) for point in points]


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def confirm(request: StaffRequest, pk: int, point: int) -> HttpResponse:
    return _do(request, pk, point, lambda: verbs.confirm(point, by=request.user, at=now()), _("Confirmed"))


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def prefer(request: StaffRequest, pk: int, point: int) -> HttpResponse:
    return _do(request, pk, point, lambda: verbs.prefer(point, by=request.user, at=now()), _("Used first from now on"))


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def retire(request: StaffRequest, pk: int, point: int) -> HttpResponse:
    why = request.POST.get("why", "")[:5]
    return _do(
        request,
        pk,
        point,
        lambda: verbs.retire(point, why=why, by=request.user, at=now()),
        _("Retired: nobody is recognised by it any more"),
    )


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def restore(request: StaffRequest, pk: int, point: int) -> HttpResponse:
    return _do(request, pk, point, lambda: verbs.restore(point, by=request.user, at=now()), _("In use again"))


def _do(request: StaffRequest, pk: int, point: int, verb: Callable[[], object], thanks: str) -> HttpResponse:
    person = customer_for(request.user, pk, today())
    if not person.contact_points.filter(pk=point).exists():
        raise Http404
    press(request, verb, thanks)
    return redirect("desk:customer", pk)
