"""The particulars of an audit entry in words: what each is called, and what its value means."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_lazy as _

from complaints.models import Case
from core.accounts.models import Role, User
from crm.desk.admin.tokens.words import SCOPES
from crm.desk.oversight.words import purpose
from crm.flows.rulebook.kinds import KINDS as RULES
from customers.identity import number_of
from customers.models import Contact, ContactPoint, PrivacyRequest, Promise, Todo
from customers.record import changes
from segmentation.models import Alert

NAMES: dict[str, Any] = {
    "active": _("In use"),
    "adjustment": _("Points by hand"),
    "after": _("Afterwards"),
    "alone_because": _("Why alone"),
    "amount": _("Amount"),
    "asked": _("Asked for"),
    "assistant": _("Assistant"),
    "because": _("Why"),
    "before": _("Before"),
    "calendar": _("Calendar"),
    "came": _("Came"),
    "campaign": _("Coupon campaign"),
    "capacity": _("Capacity"),
    "case": _("Complaint"),
    "cases": _("Complaints"),
    "cause": _("Cause"),
    "channel": _("Channel"),
    "club": _("Club"),
    "code": _("Code"),
    "count": _("Count"),
    "customer": _("Customer"),
    "day": _("Day"),
    "days": _("Days"),
    "decision": _("Decision"),
    "departments": _("Departments"),
    "device": _("Device"),
    "drafted_by": _("Drafted by"),
    "due_at": _("Due on"),
    "due_on": _("Due on"),
    "ends_on": _("Until"),
    "event": _("Club meeting"),
    "falls": _("Members who fall"),
    "fields": _("Fields"),
    "kind": _("Kind"),
    "level": _("Level"),
    "limit": _("Limit"),
    "loser": _("The other record"),
    "manager": _("Manager"),
    "name": _("Name"),
    "narrowed_by": _("Narrowed by"),
    "number": _("Number"),
    "of": _("From whom"),
    "on": _("From"),
    "order": _("Order"),
    "orders": _("Orders"),
    "other": _("The other record"),
    "outcome": _("Outcome"),
    "owner": _("Owner"),
    "page": _("Page"),
    "points": _("Points"),
    "products": _("Products"),
    "prizes": _("Prizes"),
    "proposed_by": _("Proposed by"),
    "purpose": _("Purpose"),
    "reason": _("Reason"),
    "redemption": _("Redemption"),
    "referrer": _("Referred by"),
    "request": _("Request"),
    "roles": _("Roles"),
    "rows": _("Rows"),
    "scopes": _("What it may do"),
    "source": _("Source"),
    "sources": _("Sources"),
    "starts_on": _("From"),
    "state": _("State"),
    "status": _("State"),
    "team": _("Team"),
    "to": _("To"),
    "until": _("Until"),
    "user": _("Person"),
    "version": _("Version"),
    "visits": _("Visits"),
    "year": _("Year"),
}
# What only the machine reads.
HIDDEN = ("seq", "task", "commitment", "prefix")
CUSTOMERS = ("customer", "loser", "other", "referrer")
PEOPLE = ("manager", "assistant", "owner", "to", "user", "proposed_by", "drafted_by")
WORDS: dict[str, Mapping[str, Any]] = {
    "roles": dict(Role.choices),
    "scopes": {str(scope): words for scope, words in SCOPES.items()},
    "status": dict(Case.Status.choices),
    "state": {**dict(PrivacyRequest.State.choices), **dict(Promise.State.choices)},
    "decision": dict(Alert.Decision.choices),
    "cause": dict(Alert.Cause.choices),
    "channel": dict(Contact.Channel.choices),
    "outcome": dict(Contact.Outcome.choices),
    "reason": dict(Todo.Reason.choices),
    "kind": {
        **dict(ContactPoint.Kind.choices),
        **dict(PrivacyRequest.Kind.choices),
        **{name: kind.label for name, kind in RULES.items()},
    },
    "fields": changes.LABELS,
}
ANSWERS = {"True": gettext_lazy("yes"), "False": gettext_lazy("no")}


def staff_names() -> dict[int, str]:
    """Everybody of the staff by id."""
    return {user.pk: str(user) for user in User.objects.all()}


def particulars(action: str, detail: Mapping[str, Any], staff: Mapping[int, str]) -> str:
    """All that an entry says beside who did what about what."""
    told = ((name, value) for name, value in detail.items() if name not in HIDDEN and value not in ("", None, [], {}))
    return " · ".join(
        f"{NAMES.get(name, name.replace('_', ' '))}: {_value(action, name, value, staff)}" for name, value in told
    )


def _value(action: str, name: str, value: Any, staff: Mapping[int, str]) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_value(action, name, item, staff) for item in value)
    if isinstance(value, bool):
        return str(ANSWERS[str(value)])
    if isinstance(value, int) and (name in CUSTOMERS or (name, action) == ("of", "customer.took_number")):
        return number_of(value)
    if isinstance(value, int) and (name in PEOPLE or (name, action) == ("before", "customer.assigned")):
        return staff.get(value) or gettext("number %(n)d") % {"n": value}
    if name == "case":
        return f"C-{value}"
    if name == "purpose":
        return purpose(str(value))
    return str(WORDS.get(name, {}).get(str(value), value))
