"""Staff, their teams and roles, API tokens, and the audit trail."""

import pgtrigger
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    ADMINISTRATOR = "administrator", _("Administrator")
    TEAM_LEAD = "team_lead", _("Team lead")
    ACCOUNT_MANAGER = "account_manager", _("Account manager")
    ASSISTANT = "assistant", _("Assistant")
    SERVICE_AGENT = "service_agent", _("Service agent")
    SERVICE_LEAD = "service_lead", _("Service lead")
    ANALYST = "analyst", _("Analyst")
    PRIVACY_OFFICER = "privacy_officer", _("Privacy officer")
    DEPARTMENT = "department", _("Department colleague")
    CLIENT = "client", _("API client")


class Team(models.Model):
    """A team of managers, or with teams below it a centre."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    centre = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="teams", verbose_name=_("centre")
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(centre=models.F("id")), name="no_team_is_its_own_centre")
        ]

    def __str__(self) -> str:
        return self.name


def one_role() -> list[str]:
    return [Role.SERVICE_AGENT]


class User(AbstractUser):
    """A member of staff with one role or several, or a service account that only holds API tokens."""

    full_name = models.CharField(_("full name"), max_length=80, blank=True)
    roles = ArrayField(models.CharField(max_length=20, choices=Role), verbose_name=_("roles"), default=one_role)
    team = models.ForeignKey(Team, models.PROTECT, null=True, blank=True, related_name="members")
    capacity = models.PositiveIntegerField(
        _("customers at most"), null=True, blank=True, help_text=_("Empty: as the rules of the books say")
    )
    is_leader = models.BooleanField(
        _("leads the house"), default=False, db_default=False, help_text=_("Goes along to visits of the best customers")
    )
    # No delegation to this person ends later: who stands in for nobody need not be asked for on every page.
    stands_in_until = models.DateField(null=True, blank=True, editable=False)
    language = models.CharField(_("language"), max_length=10, blank=True, help_text="Empty: as the browser says")

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(roles__len__gte=1) & models.Q(roles__contained_by=Role.values), name="user_has_roles"
            ),
            # What calls the API sees all customers: nobody who signs in gets that along with a role.
            models.CheckConstraint(
                condition=~models.Q(roles__contains=[Role.CLIENT]) | models.Q(roles__len=1),
                name="client_is_nobody_else",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.username

    def holds(self, *roles: Role) -> bool:
        """Whether one of these is among the person's roles."""
        return any(role in self.roles for role in roles)

    @cached_property
    def teams_led(self) -> list[int]:
        """The numbers of the team this person leads and of those below it, asked once: a page asks for them often."""
        teams = Team.objects.filter(models.Q(pk=self.team_id) | models.Q(centre=self.team_id))
        return list(teams.values_list("pk", flat=True)) if self.team_id else []

    def get_roles_display(self) -> str:
        """The roles in the reader's language, in the order of the table."""
        return str(_(", ")).join(str(role.label) for role in Role if role in self.roles)


class Delegation(models.Model):
    """Somebody works one manager's book between two dates, both included: their assistant, or with an `absence` the
    colleague who covers for them on days when they are away.
    """

    manager = models.ForeignKey(User, models.CASCADE, related_name="delegations_given")
    assistant = models.ForeignKey(User, models.CASCADE, related_name="delegations_held")
    starts_on = models.DateField()
    ends_on = models.DateField()
    absence = models.ForeignKey("Absence", models.CASCADE, null=True, blank=True, related_name="covers")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_on__gte=models.F("starts_on")), name="delegation_in_order"),
            models.CheckConstraint(condition=~models.Q(manager=models.F("assistant")), name="delegation_to_another"),
        ]

    def __str__(self) -> str:
        return f"{self.manager} → {self.assistant}"


class RequiredFactor(models.Model):
    """Whoever holds this role comes in with a second factor only."""

    role = models.CharField(primary_key=True, max_length=20, choices=Role)

    def __str__(self) -> str:
        return self.role


class Absence(models.Model):
    """Somebody is away from the first to the last of these days: cases are handed out to others."""

    user = models.ForeignKey(User, models.CASCADE, related_name="absences")
    starts_on = models.DateField()
    ends_on = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_on__gte=models.F("starts_on")), name="absence_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.starts_on}–{self.ends_on}"


class LeaveRequest(models.Model):
    """Somebody asks to be away; granted it is an absence with a colleague who covers."""

    class State(models.TextChoices):
        ASKED = "asked", _("Asked for")
        GRANTED = "granted", _("Granted")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    user = models.ForeignKey(User, models.CASCADE, related_name="leave_requests")
    starts_on = models.DateField()
    ends_on = models.DateField()
    cover = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    words = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State, default=State.ASKED)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=200, blank=True)
    absence = models.OneToOneField(Absence, models.SET_NULL, null=True, blank=True, related_name="request")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_on__gte=models.F("starts_on")), name="leave_in_order"),
            models.CheckConstraint(
                condition=models.Q(state="asked", decided_at__isnull=True)
                | (~models.Q(state="asked") & models.Q(decided_at__isnull=False)),
                name="leave_decided_says_when",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="refused") | ~models.Q(why=""), name="leave_refused_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.starts_on}–{self.ends_on}"


class Invitation(models.Model):
    """A link with which somebody chooses their password, once: a new colleague, or one who has forgotten it.

    Only the SHA-256 of its secret is stored.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # A new link ends the one before.
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(used_at__isnull=True), name="one_open_invitation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.made_at:%Y-%m-%d}"


class ApiToken(models.Model):
    """A key of a REST client. Only its SHA-256 is stored; the prefix tells tokens apart.

    `sources` are the shops and tills whose orders and words it may tell and see; empty for all of them.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=30))
    sources = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    replaced_by = models.OneToOneField("self", models.SET_NULL, null=True, blank=True, related_name="replaces")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SentForm(models.Model):
    """A form of a page that has had its effect; kept as long as somebody may go back to it.

    `content` is a digest of what was sent, by which the same words are told from others.
    """

    key = models.CharField(max_length=32, primary_key=True)
    content = models.CharField(max_length=32, blank=True, default="")
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class AuditEntry(models.Model):
    """One line per human action, readable by a human; the database refuses to change or delete it.

    The table has a partition for each month: see `core.accounts.archive`.
    """

    at = models.DateTimeField()
    actor = models.ForeignKey(User, models.PROTECT, null=True, blank=True, db_index=False)
    action = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=40, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "-at"], name="audit_subject"),
            models.Index(fields=["actor", "-at", "-id"], name="audit_actor"),
            models.Index(fields=["action", "-at", "-id"], name="audit_action"),
            models.Index(fields=["-at", "-id"], name="audit_newest"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="never_emptied",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Truncate,
                func="RAISE EXCEPTION 'the audit trail cannot be emptied';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action}"


class AuditSeal(models.Model):
    """What the lines of the trail up to `last_id` said, after those of the seal before.

    `chain` is the SHA-256 of the chain before and of all this; `signature` binds it to the vault key, which no dump has.
    """

    number = models.BigIntegerField(primary_key=True)
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    count = models.IntegerField()
    digest = models.CharField(max_length=64)
    chain = models.CharField(max_length=64)
    signature = models.CharField(max_length=64)
    key = models.CharField(max_length=16, help_text="Fingerprint of the vault key")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first_id"], name="audit_sealed_once"),
            models.CheckConstraint(condition=models.Q(last_id__gte=models.F("first_id")), name="seal_is_a_range"),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.number}: {self.first_id} to {self.last_id}"


class AuditArchive(models.Model):
    """A partition of the trail that stands in a file now: which, how many lines, and what the file's SHA-256 is."""

    name = models.CharField(max_length=40, unique=True)
    since = models.DateTimeField(null=True, help_text="The first moment of the partition; empty: all before")
    until = models.DateTimeField()
    count = models.BigIntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    file = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.name
