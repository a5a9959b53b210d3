"""The one way a case changes: locked, checked against what the editor saw, stored with its event, clocks and audit.

Every verb is: `lock` the row, refuse, change, `record`. A change without `record` does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from complaints import webhooks
from complaints.cases import notices
from complaints.models import Case, CaseEvent, CaseMessage
from complaints.models.cases import TRANSITIONS
from complaints.promises import sla
from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, SameKey
from customers.models import Customer

Status = Case.Status
Kind = CaseEvent.Kind
Actor = CaseEvent.Actor


@dataclass(frozen=True)
class Change:
    """What a colleague, or the customer, did since the editor opened the case."""

    who: str
    at: datetime
    what: str
    texts: dict[str, str] = field(default_factory=dict)


class Conflict(DomainError):
    """Somebody changed the same thing meanwhile. Carries both texts, so that nothing typed is lost."""

    code = "changed_meanwhile"

    def __init__(self, case: Case, theirs: list[Change], yours: dict[str, str]) -> None:
        self.case, self.theirs, self.yours = case, theirs, yours
        last = theirs[-1]
        super().__init__(
            _("%(who)s changed this case meanwhile (%(what)s). Look at it, then save again.")
            % {"who": last.who, "what": last.what}
        )


class NotNow(DomainError):
    """The status does not allow it."""

    code = "not_now"


def lock(
    case_id: int,
    *,
    version: int | None = None,
    relies_on: Iterable[str] = (),
    yours: dict[str, str] | None = None,
) -> Case:
    """The case, held to the end of the transaction.

    `version` is what the editor saw (None: a caller that saw nothing). Raises Conflict when something in `relies_on`
    was touched since; whatever else happened does not stand in the way.
    """
    case = hold(case_id)
    check(case, version=version, relies_on=relies_on, yours=yours)
    return case


def check(case: Case, *, version: int | None, relies_on: Iterable[str], yours: dict[str, str] | None = None) -> None:
    """Raises Conflict when something in `relies_on` was touched after this version of the held case."""
    if version is None or version == case.version:
        return
    newer = case.events.filter(seq__gt=version, touched__overlap=list(relies_on)).select_related("actor")
    if theirs := [_change(event) for event in newer.order_by("seq")]:
        raise Conflict(case, theirs, yours or {})


def hold(case_id: int) -> Case:
    """The case, held to the end of the transaction.

    Locked first and read afterwards: a statement that joins and waits for the lock would bring the new row together with
    the old owner, or lose the row because its queue has changed.
    """
    Case.objects.select_for_update(no_key=True).values_list("pk").get(pk=case_id)
    return _read(case_id)


def hold_if_free(case_id: int) -> Case | None:
    """The case, held, unless somebody else holds it at this moment."""
    rows = Case.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=case_id)
    return _read(case_id) if rows.values_list("pk").first() else None


def _read(case_id: int) -> Case:
    return Case.objects.select_related("policy", "queue__department", "category", "customer", "owner").get(pk=case_id)


def hold_target(case_id: int) -> Case:
    """The case, or the one it was merged into: what is said about the first belongs to the second."""
    case = hold(case_id)
    while case.merged_into_id is not None:
        case = hold(case.merged_into_id)
    return case


def repeated(case: Case, request_key: str, words: str | None = None) -> bool:
    """This request was carried out already. Raises SameKey when other words were stored under its key."""
    event = case.events.filter(request_key=request_key).first() if request_key else None
    if event is None:
        return False
    if words is not None and (message_id := event.data.get("message")):
        message = CaseMessage.objects.get(pk=message_id)
        if message.redacted_at is None and message.body != words.replace("\x00", "").strip():
            raise SameKey()
    return True


def must_be_open(case: Case) -> None:
    if not case.is_open:
        raise NotNow(
            _("Case %(number)s is not open: %(status)s.") % {"number": case.number, "status": case.get_status_display()}
        )


def customer_of(case: Case) -> Customer:
    """Whose case it is. Raises DomainError for that of an anonymous caller, for what can only be done for somebody."""
    if case.customer is None:
        raise DomainError(
            _("Nobody knows whose case %(number)s is. Link it to a customer first.") % {"number": case.number},
            code="no_customer",
        )
    return case.customer


def record(
    case: Case,
    kind: CaseEvent.Kind,
    *,
    by: User | None,
    at: datetime,
    to: Case.Status | None = None,
    touched: Iterable[str] = (),
    actor: CaseEvent.Actor | None = None,
    request_key: str = "",
    **data: Any,
) -> CaseEvent:
    """Store the changed case with its next event, the earliest due moment of its clocks, and a line in the audit trail.

    The mall's systems that want to know of it are told once this is committed.

    Raises NotNow for a change of status that is not in the table.
    """
    before, to = case.status, to or Status(case.status)
    names = set(touched)
    if before != to:
        if (before, to) not in TRANSITIONS:
            raise NotNow(
                _("A case that is “%(before)s” cannot become “%(after)s”.")
                % {"before": case.get_status_display(), "after": to.label}
            )
        names.add("status")
        case.status = to
    case.version += 1
    due = sla.refresh(case)
    case.save()
    actor = actor or (Actor.USER if by else Actor.SYSTEM)
    event = CaseEvent.objects.create(
        case=case,
        seq=case.version,
        at=at,
        actor=by,
        actor_kind=actor,
        kind=kind,
        from_status=before if case.version > 1 else "",
        to_status=to,
        touched=sorted(names),
        request_key=request_key,
        data=data | {"cycle": case.cycle, "due": due},
    )
    if by is not None:
        notices.acted(case, by, at=at)
    if before != to and not case.is_open:
        notices.ended(case, at=at)
    audit.record(
        by, f"complaint.{kind.value}", case, at=at, customer=case.customer_id, status=to.value, seq=case.version
    )
    webhooks.changed(case, event)
    return event


def changes_since(case: Case, version: int) -> list[Change]:
    """Everything that happened after this version, oldest first."""
    return [_change(e) for e in case.events.filter(seq__gt=version).select_related("actor").order_by("seq")]


def _change(event: CaseEvent) -> Change:
    texts = {name: str(pair[1]) for name, pair in event.data.get("changed", {}).items()}
    if message_id := event.data.get("message"):
        texts["message"] = CaseMessage.objects.values_list("body", flat=True).get(pk=message_id)
    who = str(event.actor) if event.actor else str(event.get_actor_kind_display())
    return Change(who, event.at, str(event.get_kind_display()), texts)
