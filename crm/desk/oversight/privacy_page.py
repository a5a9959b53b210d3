"""What stands on the privacy officer's desk, and on the page of who saw a customer."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Q

from complaints.models import Case
from core.accounts import trail
from core.accounts.models import ApiToken, AuditEntry, Role, User
from core.accounts.own import devices, second_factor
from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import RIGHTS, Permission
from core.accounts.trail import Search
from core.jobs.models import JobRun
from crm.desk.oversight.audit import lines
from crm.desk.oversight.words import PERMISSIONS, purpose
from crm.desk.paging import page_of
from crm.desk.today import now, today
from crm.operating import for_ever, retention
from customers.access import visible_to
from customers.contact_points import REVEALED
from customers.models import Customer, Erasure, PrivacyRequest
from customers.privacy import opened

DAYS_SHOWN = 14
ENDED_SHOWN, EXPORTS_SHOWN, SEEN_SHOWN = 20, 20, 200
EXPORTED = ("trail.exported", "page.taken_away", "coupons.codes_downloaded", "draw.archived")
# A look is usual up to three times what this person does on a day with any, and always up to ten.
USUAL_TIMES, ALWAYS_USUAL = 3, 10


class Looked(NamedTuple):
    """What one person looked at on one day: contacts in clear, customers' pages; and whether that is unusual."""

    on: date
    who: str
    reveals: int
    opened: int
    unusual: bool


class Revealed(NamedTuple):
    """Who saw the contact data in clear, and what for."""

    at: datetime
    actor: str
    purpose: str


class KeptRow(NamedTuple):
    """A line of the table of retention; `days` 0 is for ever. `gone`: how many the last run deleted."""

    what: Any
    days: int
    then: Any
    gone: int


class PersonAccess(NamedTuple):
    """One person who can get in: roles, second factor, open sessions, tokens."""

    person: User
    has_factor: bool
    must_have: bool
    sessions: int
    tokens: int


def context(request: StaffRequest) -> dict[str, Any]:
    asked = PrivacyRequest.objects.select_related("customer", "registered_by", "ended_by")
    waiting = list(asked.filter(state=PrivacyRequest.State.OPEN).order_by("due_on", "pk"))
    return {
        "today": today(),
        "waiting": waiting,
        "proposed": set(
            Erasure.objects.filter(request__in=waiting, state=Erasure.State.WAITING).values_list("request", flat=True)
        ),
        "reached": set(
            visible_to(request.user, today())
            .filter(pk__in={row.customer_id for row in waiting})
            .values_list("pk", flat=True)
        )
        if may(request.user, Permission.VIEW_CUSTOMER)
        else set(),
        "ended": page_of(
            request, asked.exclude(state=PrivacyRequest.State.OPEN).order_by("-ended_at", "-pk"), ENDED_SHOWN
        ),
        "looked": looked(today()),
        "days": DAYS_SHOWN,
        "exports": list(lines(trail.entries(Search(actions=EXPORTED))[:EXPORTS_SHOWN])),
        "people": people(),
    }


def looked(on: date) -> list[Looked]:
    """Who looked at how many in the last fourteen days, the newest day first and the unusual above the rest of it."""
    since = on - timedelta(days=DAYS_SHOWN - 1)
    reveals = {(row.on, row.person_id): row.often for row in trail.per_day([REVEALED], since=since)}
    pages = opened.customers_a_day(since=since)
    names = {user.pk: str(user) for user in User.objects.filter(pk__in={person for _on, person in reveals | pages})}
    usual = {"reveals": _usual(reveals), "pages": _usual(pages)}
    rows = [
        Looked(
            day,
            names[person],
            reveals.get((day, person), 0),
            pages.get((day, person), 0),
            reveals.get((day, person), 0) > usual["reveals"][person]
            or pages.get((day, person), 0) > usual["pages"][person],
        )
        for day, person in reveals | pages
    ]
    return sorted(rows, key=lambda row: (-row.on.toordinal(), not row.unusual, -row.reveals, -row.opened, row.who))


def _usual(counted: dict[tuple[date, int], int]) -> dict[int, float]:
    """Person -> up to how many on a day are nothing to ask about, from the other days of the same fortnight."""
    by_person: dict[int, list[int]] = defaultdict(list)
    for (_on, person), count in counted.items():
        by_person[person].append(count)
    most = {person: max(ALWAYS_USUAL, USUAL_TIMES * median(counts)) for person, counts in by_person.items()}
    return defaultdict(lambda: float(ALWAYS_USUAL), most)


def people() -> list[PersonAccess]:
    """Everybody whose account is open, those first who could do most."""
    at = now()
    sessions, factors, required = devices.open_now(at=at), second_factor.holders(), second_factor.required_roles()
    tokens: dict[int, int] = defaultdict(int)
    working = ApiToken.objects.filter(revoked_at__isnull=True).exclude(expires_at__lte=at)
    for user_id in working.values_list("user", flat=True):
        tokens[user_id] += 1
    rows = [
        PersonAccess(
            user,
            user.pk in factors,
            bool(required.intersection(user.roles)),
            sessions.get(user.pk, 0),
            tokens[user.pk],
        )
        for user in User.objects.filter(is_active=True).order_by("full_name", "username")
    ]
    return sorted(rows, key=lambda row: row.person.holds(Role.CLIENT))


def who_saw(customer: Customer) -> dict[str, Any]:
    """Who opened the page on which day, and who saw the contact data in clear for which purpose."""
    search = Search(actions=[REVEALED], subject_type="customer", subject_id=customer.pk)
    return {
        "customer": customer,
        "opened": list(opened.of(customer)[:SEEN_SHOWN]),
        "reveals": [
            Revealed(entry.at, str(entry.actor), purpose(str(entry.detail.get("purpose", ""))))
            for entry in trail.entries(search)[:SEEN_SHOWN]
        ],
        "changes": list(
            lines(
                AuditEntry.objects.filter(_about(customer))
                .exclude(action=REVEALED)
                .select_related("actor")
                .order_by("-at", "-pk")[:SEEN_SHOWN]
            )
        ),
    }


def _about(customer: Customer) -> Q:
    """What was done with the record, and with the complaints of this customer."""
    cases = list(Case.objects.filter(customer=customer).order_by("-pk").values_list("pk", flat=True)[:SEEN_SHOWN])
    return Q(subject_type="customer", subject_id=customer.pk) | Q(subject_type="case", subject_id__in=cases)


def kept() -> dict[str, Any]:
    """The table of retention as it is in force, with what the last run deleted; and what is kept, with its reason."""
    last = JobRun.objects.filter(job=retention.JOB).order_by("-business_date").first()
    return {
        "rows": [
            KeptRow(row.what, row.days, row.then, last.counts.get(row.name, 0) if last else 0)
            for row in retention.TABLE
        ],
        "audit_days": int(settings.KEEP_DAYS["audit"]),
        "reasons": [reason for reason, _models in for_ever.FOR_EVER.values()],
        "last": last,
    }


def rights_table() -> dict[str, Any]:
    """A row for each right, a column for each role that signs in."""
    roles = [role for role in Role if role != Role.CLIENT]
    return {
        "roles": [role.label for role in roles],
        "rows": [
            (PERMISSIONS[permission], [(role.label, permission in RIGHTS[role].permissions) for role in roles])
            for permission in Permission
        ],
    }
