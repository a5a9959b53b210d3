"""The people who work here: invited by a link, with roles and a team, away for some days, and gone one day.

What goes along when somebody leaves (customers, work, cases) is the business of `crm.flows.staff`.
"""

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import Absence, ApiToken, Delegation, Invitation, Role, Team, User
from core.accounts.roles import Scope, union
from core.accounts.tokens import digest
from core.lib.errors import DomainError, Invalid, Unknown

LINK_LASTS = timedelta(days=7)
# Changing who may administer holds the rows of all who may, so that two cannot each take away the other one.
ADMINISTRATORS = User.objects.filter(is_active=True, roles__contains=[Role.ADMINISTRATOR])
LONGEST_DELEGATION = timedelta(days=366)


def nobody_yet() -> bool:
    """Whether there is nobody who could sign in, so that the first administrator is to be made."""
    return not User.objects.exclude(roles__contains=[Role.CLIENT]).exists()


@transaction.atomic
def add(
    username: str,
    *,
    full_name: str,
    roles: Sequence[str],
    by: User | None,
    at: datetime,
    email: str = "",
    team: Team | None = None,
    capacity: int | None = None,
) -> User:
    """A colleague without a password, who signs in once they have followed their link. Raises Invalid by the field."""
    user = User(
        username=username.strip(),
        full_name=full_name.strip(),
        email=email.strip(),
        roles=checked_roles(roles),
        team=team,
        capacity=capacity,
    )
    user.set_unusable_password()
    try:
        user.full_clean()
    except ValidationError as refusal:
        name, texts = next(iter(refusal.message_dict.items()))
        raise Invalid(" ".join(texts), code=name) from refusal
    user.save()
    audit.record(by, "person.added", user, at=at, roles=user.roles, team=team.pk if team else None, capacity=capacity)
    return user


@transaction.atomic
def change(
    user_id: int,
    *,
    full_name: str,
    email: str,
    roles: Sequence[str],
    team: Team | None,
    capacity: int,
    by: User | None,
    at: datetime,
) -> User:
    """The colleague is this from now on, also where they are signed in. The last administrator stays one."""
    _hold_administrators()
    user = User.objects.select_for_update().get(pk=user_id)
    before = _words(user)
    wanted = checked_roles(roles)
    if Role.CLIENT in (*user.roles, *wanted) and set(user.roles) != set(wanted):
        raise Invalid(_("A program stays a program, a person a person: add the other one anew."), code="roles")
    if Role.ADMINISTRATOR in user.roles and Role.ADMINISTRATOR not in wanted:
        refuse_last_administrator(user)
    user.full_name, user.email, user.roles = full_name.strip(), email.strip(), wanted
    user.team, user.capacity = team, capacity
    try:
        user.full_clean()
    except ValidationError as refusal:
        name, texts = next(iter(refusal.message_dict.items()))
        raise Invalid(" ".join(texts), code=name) from refusal
    user.save(update_fields=["full_name", "email", "roles", "team", "capacity"])
    after = _words(user)
    if different := {name: [before[name], after[name]] for name in before if before[name] != after[name]}:
        audit.record(by, "person.changed", user, at=at, **different)
    return user


def checked_roles(roles: Sequence[str]) -> list[str]:
    """The roles in the order of the table, each once. Raises Invalid."""
    known = [str(role) for role in Role if role in roles]
    if not known or set(roles) - set(known):
        raise Invalid(_("Choose at least one role."), code="roles")
    if Role.CLIENT in known and len(known) > 1:
        raise Invalid(_("A program that calls the API has no other role."), code="roles")
    return known


def refuse_last_administrator(user: User) -> None:
    """Raises DomainError when nobody else could administer: others who may have a password and are here."""
    others = [row for row in ADMINISTRATORS.exclude(pk=user.pk) if row.has_usable_password()]
    if user.holds(Role.ADMINISTRATOR) and user.is_active and not others:
        raise DomainError(
            _("%(name)s is the last administrator: make somebody else one first.") % {"name": user},
            code="last_administrator",
        )


def _hold_administrators() -> None:
    list(ADMINISTRATORS.select_for_update().order_by("pk").values_list("pk", flat=True))


def _words(user: User) -> dict[str, object]:
    """What a change of it puts on record: no personal data, so of the name and address only whether they are others."""
    return {"roles": list(user.roles), "team": user.team_id, "capacity": user.capacity}


# Links --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def link(user_id: int, *, by: User | None, at: datetime) -> tuple[Invitation, str]:
    """A link for this colleague and its secret, which cannot be read again; an earlier link is void.

    It opens a page where they choose a password, once, within seven days. Their password until then stays good.
    """
    user = User.objects.select_for_update().get(pk=user_id)
    if not user.is_active:
        raise DomainError(_("%(name)s does not work here any more.") % {"name": user}, code="gone")
    if user.holds(Role.CLIENT):
        raise DomainError(_("A program has no password: give it a token."), code="client")
    user.invitations.filter(used_at__isnull=True).delete()
    secret = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        user=user, digest=digest(secret), made_by=by, made_at=at, expires_at=at + LINK_LASTS
    )
    audit.record(by, "person.link_made", user, at=at, until=invitation.expires_at.isoformat())
    return invitation, secret


def invitation_for(secret: str, *, at: datetime) -> Invitation:
    """The open invitation of this link. Raises Unknown when it was used, replaced, is over or was never made."""
    row = (
        Invitation.objects.select_related("user")
        .filter(digest=digest(secret), used_at__isnull=True, expires_at__gt=at, user__is_active=True)
        .first()
    )
    if row is None:
        raise Unknown(
            _("This link has been used, replaced by a newer one, or is older than seven days. Ask for a new one."),
            code="link_void",
        )
    return row


@transaction.atomic
def join(secret: str, password: str, *, language: str, at: datetime) -> User:
    """The colleague signs in with this password from now on, and is spoken to in this language. The link is used up."""
    row = invitation_for(secret, at=at)
    # Two who follow one link at once: the second finds it used.
    user = User.objects.select_for_update().get(pk=row.user_id)
    row = invitation_for(secret, at=at)
    try:
        validate_password(password, user)
    except ValidationError as refusal:
        raise Invalid(" ".join(refusal.messages), code="password") from refusal
    is_first = not user.has_usable_password()
    user.set_password(password)  # sessions that were opened with the old one end with it
    user.language = language
    user.save(update_fields=["password", "language"])
    row.used_at = at
    row.save(update_fields=["used_at"])
    audit.record(user, "person.joined" if is_first else "person.password_chosen", user, at=at)
    return user


# Coming and going -----------------------------------------------------------------------------------------------------


@transaction.atomic
def deactivate(user_id: int, *, by: User | None, reason: str, at: datetime) -> User:
    """The person is signed out everywhere, their tokens and links are void, and they stand in for nobody."""
    _hold_administrators()
    user = User.objects.select_for_update().get(pk=user_id)
    if not reason.strip():
        raise Invalid(_("Say why the person leaves."), code="reason")
    if not user.is_active:
        raise DomainError(_("%(name)s does not work here any more.") % {"name": user}, code="gone")
    refuse_last_administrator(user)
    user.is_active = False
    user.save(update_fields=["is_active"])
    user.invitations.filter(used_at__isnull=True).delete()
    tokens = ApiToken.objects.filter(user=user, revoked_at__isnull=True).update(revoked_at=at)
    Delegation.objects.filter(assistant=user).delete()
    Delegation.objects.filter(manager=user).delete()
    audit.record(by, "person.deactivated", user, at=at, reason=reason.strip()[:200], tokens=tokens)
    return user


@transaction.atomic
def reactivate(user_id: int, *, by: User | None, at: datetime) -> User:
    """The person works here again, with the roles of before and a password to be chosen by a new link."""
    user = User.objects.select_for_update().get(pk=user_id)
    if user.is_active:
        raise DomainError(_("%(name)s works here already.") % {"name": user}, code="here")
    user.is_active = True
    user.set_unusable_password()
    user.save(update_fields=["is_active", "password"])
    audit.record(by, "person.reactivated", user, at=at, roles=user.roles)
    return user


def away(day: date) -> QuerySet[Absence, int]:
    """The ids of those who are away on that day."""
    return Absence.objects.filter(starts_on__lte=day, ends_on__gte=day).values_list("user", flat=True)


@transaction.atomic
def set_away(
    user: User, starts_on: date, ends_on: date, *, by: User | None, at: datetime, cover: User | None = None
) -> Absence:
    """The person is away on these days, and `cover` works their book meanwhile."""
    refuse_order(starts_on, ends_on)
    row = Absence.objects.create(user=user, starts_on=starts_on, ends_on=ends_on)
    audit.record(by, "person.away", user, at=at, starts_on=starts_on.isoformat(), ends_on=ends_on.isoformat())
    if cover:
        delegate(user, cover, starts_on, ends_on, by=by, at=at, absence=row)
    return row


@transaction.atomic
def drop_absence(absence_id: int, *, by: User | None, at: datetime) -> None:
    """The person is here after all, and nobody covers for them."""
    row = Absence.objects.select_related("user").filter(pk=absence_id).first()
    if row is not None:
        audit.record(by, "person.back", row.user, at=at, starts_on=row.starts_on.isoformat())
        row.delete()


@transaction.atomic
def delegate(
    manager: User,
    assistant: User,
    starts_on: date,
    ends_on: date,
    *,
    by: User | None,
    at: datetime,
    absence: Absence | None = None,
) -> Delegation:
    """On these days the assistant works the manager's book, as their cover where it is for an absence.

    Raises Invalid for somebody whose roles work no book.
    """
    refuse_order(starts_on, ends_on)
    if manager.pk == assistant.pk:
        raise Invalid(_("Nobody stands in for themselves."), code="assistant")
    if not union(manager.roles).scopes & {Scope.OWN, Scope.TEAM} or not manager.is_active:
        raise Invalid(_("%(name)s does not look after customers.") % {"name": manager}, code="manager")
    if not union(assistant.roles).scopes & {Scope.OWN, Scope.TEAM, Scope.DELEGATED} or not assistant.is_active:
        raise Invalid(_("%(name)s does not work with the books of managers.") % {"name": assistant}, code="assistant")
    row = Delegation.objects.create(
        manager=manager, assistant=assistant, starts_on=starts_on, ends_on=ends_on, absence=absence
    )
    stands_in_until(assistant, ends_on)
    audit.record(
        by,
        "delegation.made",
        manager,
        at=at,
        assistant=assistant.pk,
        starts_on=starts_on.isoformat(),
        ends_on=ends_on.isoformat(),
    )
    return row


def stands_in_until(assistant: User, ends_on: date) -> None:
    """The assistant stands in for somebody to that day at least."""
    assistant.stands_in_until = max(ends_on, assistant.stands_in_until or ends_on)
    assistant.save(update_fields=["stands_in_until"])


@transaction.atomic
def end_delegation(delegation_id: int, *, by: User | None, at: datetime) -> None:
    """The assistant sees nothing of the book from now on."""
    row = Delegation.objects.select_related("manager").filter(pk=delegation_id).first()
    if row is not None:
        audit.record(by, "delegation.ended", row.manager, at=at, assistant=row.assistant_id)
        row.delete()


def refuse_order(starts_on: date, ends_on: date) -> None:
    """Raises Invalid for a last day before the first, and for more than a year."""
    if ends_on < starts_on:
        raise Invalid(_("The last day comes before the first."), code="ends_on")
    if ends_on - starts_on > LONGEST_DELEGATION:
        raise Invalid(_("That is longer than a year: a year at most, then again."), code="ends_on")


# Teams --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def save_team(team: Team | None, *, name: str, centre: Team | None, by: User | None, at: datetime) -> Team:
    """The team, new when `team` is None, has this name and belongs to this centre. A centre belongs to none."""
    list(Team.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
    row = team or Team()
    row.name, row.centre = name.strip(), centre
    if centre and (centre.centre_id or centre.pk == row.pk or (row.pk and row.teams.exists())):
        raise Invalid(_("A centre has teams below it, and stands below nothing itself."), code="centre")
    try:
        row.full_clean()
    except ValidationError as refusal:
        name, texts = next(iter(refusal.message_dict.items()))
        raise Invalid(" ".join(texts), code=name) from refusal
    row.save()
    audit.record(by, "team.saved", row, at=at, name=row.name, centre=centre.pk if centre else None)
    return row


@transaction.atomic
def drop_team(team: Team, *, by: User | None, at: datetime) -> None:
    """The team is gone. Raises DomainError while somebody is in it or it has teams below it."""
    if User.objects.filter(team=team).exists() or Team.objects.filter(centre=team).exists():
        raise DomainError(_("There are people or teams in %(team)s: move them first.") % {"team": team}, code="in_use")
    audit.record(by, "team.dropped", team, at=at, name=team.name)
    team.delete()
