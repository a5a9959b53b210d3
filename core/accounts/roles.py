"""One table: what each role may do, which customers it sees, and which fields it sees masked or not at all.

Who holds several roles may do what one of them may, sees whom one of them sees, and a field is hidden only if each of
them hides it. Unknown is denied. Pages, API, exports and tests read this table and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import QuerySet

from core.accounts.models import Role, User


class Permission(StrEnum):
    READ_MESSAGES = "read_messages"
    MY_DAY = "my_day"
    LIST_CUSTOMERS = "list_customers"
    FIND_CUSTOMER = "find_customer"
    VIEW_CUSTOMER = "view_customer"
    EDIT_CUSTOMER = "edit_customer"
    LOG_CONTACT = "log_contact"
    UNDO_STOP = "undo_stop"
    WORK_CARE = "work_care"
    WORK_PLAN = "work_plan"
    REVEAL_CONTACT = "reveal_contact"
    ASSIGN_MANAGER = "assign_manager"
    HAND_OVER_BOOKS = "hand_over_books"
    CHANGE_MANY = "change_many"
    APPROVE_EXPORTS = "approve_exports"
    SHARE_VIEWS = "share_views"
    MERGE_CUSTOMERS = "merge_customers"
    VIEW_MATRIX = "view_matrix"
    USE_SEGMENTS = "use_segments"
    SHARE_SEGMENTS = "share_segments"
    WORK_ALERTS = "work_alerts"
    DECIDE_ALERTS = "decide_alerts"
    SUSPECT_LOSS = "suspect_loss"
    IMPORT = "import"
    VIEW_NIGHTS = "view_nights"
    RUN_NIGHT = "run_night"
    VIEW_RULES = "view_rules"
    EDIT_RULES = "edit_rules"
    VIEW_AUDIT = "view_audit"
    LOG_COMPLAINT = "log_complaint"
    WORK_COMPLAINTS = "work_complaints"
    LEAD_COMPLAINTS = "lead_complaints"
    ANSWER_QUESTIONS = "answer_questions"
    VIEW_COMPLAINT_REPORTS = "view_complaint_reports"
    EDIT_COMPLAINT_SETTINGS = "edit_complaint_settings"
    VIEW_TIERS = "view_tiers"
    PROMISE_LEVEL = "promise_level"
    PUBLISH_TIERS = "publish_tiers"
    USE_POINTS = "use_points"
    APPROVE_POINTS = "approve_points"
    VIEW_POINT_REPORTS = "view_point_reports"
    EDIT_POINTS = "edit_points"
    VIEW_CAMPAIGNS = "view_campaigns"
    RUN_CAMPAIGNS = "run_campaigns"
    VIEW_CREDIT = "view_credit"
    PROPOSE_CREDIT = "propose_credit"
    DECIDE_CREDIT = "decide_credit"
    EDIT_WEBHOOKS = "edit_webhooks"
    EDIT_FIELDS = "edit_fields"
    VIEW_PRODUCTS = "view_products"
    EDIT_PRODUCTS = "edit_products"
    VIEW_ORDERS = "view_orders"
    REMOVE_TESTS = "remove_tests"
    MANAGE_STAFF = "manage_staff"
    EDIT_MALL = "edit_mall"
    EDIT_TOKENS = "edit_tokens"
    VIEW_WHO_SAW = "view_who_saw"
    KEEP_PRIVACY = "keep_privacy"
    AGREE_ERASURE = "agree_erasure"
    VIEW_LETTERS = "view_letters"
    STOP_LETTERS = "stop_letters"
    RECORD_CONSENT = "record_consent"
    EDIT_LETTER_RULES = "edit_letter_rules"


class Scope(StrEnum):
    OWN = "own"
    DELEGATED = "delegated"
    TEAM = "team"
    LOOKED_UP = "looked_up"
    ALL = "all"
    NONE = "none"


class Field(StrEnum):
    """Personal or sensitive fields that not every role sees."""

    CONTACT = "contact"
    BIRTHDAY = "birthday"
    MARGIN = "margin"
    VALUE = "value"


@dataclass(frozen=True)
class Rights:
    scopes: frozenset[Scope]
    permissions: frozenset[Permission]
    hidden: frozenset[Field] = frozenset()
    takes: int = 0
    """The most rows of a list that names customers they may take away as a file or on paper."""

    @property
    def sees_customers(self) -> bool:
        """Whether there is anybody whose name they may read; others see figures of all together."""
        return self.scopes != {Scope.NONE}

    @property
    def looks_up(self) -> bool:
        """Whether a whole number, and only that, opens the record of somebody out of reach until midnight."""
        return Scope.LOOKED_UP in self.scopes and Scope.ALL not in self.scopes


def _only(scope: Scope) -> frozenset[Scope]:
    return frozenset({scope})


P = Permission
_BOOK = {
    P.READ_MESSAGES,
    P.MY_DAY,
    P.LIST_CUSTOMERS,
    P.FIND_CUSTOMER,
    P.VIEW_CUSTOMER,
    P.EDIT_CUSTOMER,
    P.LOG_CONTACT,
    P.CHANGE_MANY,
    P.WORK_CARE,
    P.WORK_PLAN,
    P.VIEW_MATRIX,
    P.WORK_ALERTS,
    P.SUSPECT_LOSS,
    P.LOG_COMPLAINT,
    P.WORK_COMPLAINTS,
    P.ANSWER_QUESTIONS,
    P.VIEW_TIERS,
    P.USE_POINTS,
    P.VIEW_CAMPAIGNS,
    P.VIEW_CREDIT,
    P.VIEW_PRODUCTS,
    P.VIEW_ORDERS,
    P.VIEW_LETTERS,
    P.STOP_LETTERS,
    P.RECORD_CONSENT,
}

RIGHTS: dict[str, Rights] = {
    Role.ACCOUNT_MANAGER: Rights(
        _only(Scope.OWN),
        frozenset(
            _BOOK | {P.DECIDE_ALERTS, P.REVEAL_CONTACT, P.USE_SEGMENTS, P.VIEW_NIGHTS, P.VIEW_RULES, P.PROPOSE_CREDIT}
        ),
        takes=300,
    ),
    Role.ASSISTANT: Rights(_only(Scope.DELEGATED), frozenset(_BOOK), frozenset({Field.MARGIN})),
    Role.TEAM_LEAD: Rights(
        _only(Scope.TEAM),
        frozenset(
            _BOOK
            | {
                P.DECIDE_ALERTS,
                P.REVEAL_CONTACT,
                P.USE_SEGMENTS,
                P.SHARE_SEGMENTS,
                P.ASSIGN_MANAGER,
                P.HAND_OVER_BOOKS,
                P.APPROVE_EXPORTS,
                P.SHARE_VIEWS,
                P.MERGE_CUSTOMERS,
                P.UNDO_STOP,
                P.IMPORT,
                P.VIEW_NIGHTS,
                P.VIEW_RULES,
                P.VIEW_COMPLAINT_REPORTS,
                P.PROMISE_LEVEL,
                P.PUBLISH_TIERS,
                P.RUN_CAMPAIGNS,
                P.PROPOSE_CREDIT,
                P.DECIDE_CREDIT,
                P.VIEW_WHO_SAW,
                P.APPROVE_POINTS,
                P.VIEW_POINT_REPORTS,
                P.EDIT_PRODUCTS,
                P.REMOVE_TESTS,
            }
        ),
        takes=2000,
    ),
    Role.SERVICE_AGENT: Rights(
        _only(Scope.LOOKED_UP),
        frozenset(
            {
                P.READ_MESSAGES,
                P.MY_DAY,
                P.FIND_CUSTOMER,
                P.VIEW_CUSTOMER,
                P.EDIT_CUSTOMER,
                P.LOG_CONTACT,
                P.REVEAL_CONTACT,
                P.SUSPECT_LOSS,
                P.LOG_COMPLAINT,
                P.WORK_COMPLAINTS,
                P.ANSWER_QUESTIONS,
                P.USE_POINTS,
                P.VIEW_LETTERS,
                P.RECORD_CONSENT,
            }
        ),
        frozenset({Field.MARGIN, Field.VALUE, Field.BIRTHDAY}),
    ),
    Role.SERVICE_LEAD: Rights(
        _only(Scope.ALL),
        frozenset(
            {
                P.READ_MESSAGES,
                P.MY_DAY,
                P.LIST_CUSTOMERS,
                P.FIND_CUSTOMER,
                P.VIEW_CUSTOMER,
                P.EDIT_CUSTOMER,
                P.LOG_CONTACT,
                P.REVEAL_CONTACT,
                P.APPROVE_EXPORTS,
                P.SHARE_VIEWS,
                P.MERGE_CUSTOMERS,
                P.UNDO_STOP,
                P.WORK_ALERTS,
                P.SUSPECT_LOSS,
                P.VIEW_NIGHTS,
                P.LOG_COMPLAINT,
                P.WORK_COMPLAINTS,
                P.LEAD_COMPLAINTS,
                P.ANSWER_QUESTIONS,
                P.VIEW_WHO_SAW,
                P.VIEW_COMPLAINT_REPORTS,
                P.VIEW_RULES,
                P.EDIT_COMPLAINT_SETTINGS,
                P.VIEW_TIERS,
                P.USE_POINTS,
                P.APPROVE_POINTS,
                P.VIEW_POINT_REPORTS,
                P.VIEW_CAMPAIGNS,
                P.VIEW_PRODUCTS,
                P.VIEW_ORDERS,
                P.REMOVE_TESTS,
                P.VIEW_LETTERS,
                P.STOP_LETTERS,
                P.RECORD_CONSENT,
            }
        ),
        frozenset({Field.MARGIN, Field.VALUE, Field.BIRTHDAY}),
        takes=500,
    ),
    Role.ANALYST: Rights(
        _only(Scope.NONE),
        frozenset(
            {
                P.READ_MESSAGES,
                P.VIEW_NIGHTS,
                P.VIEW_RULES,
                P.VIEW_MATRIX,
                P.USE_SEGMENTS,
                P.SHARE_SEGMENTS,
                P.VIEW_TIERS,
                P.VIEW_POINT_REPORTS,
                P.VIEW_CAMPAIGNS,
                P.VIEW_LETTERS,
                P.STOP_LETTERS,
            }
        ),
        frozenset({Field.CONTACT, Field.BIRTHDAY}),
    ),
    Role.PRIVACY_OFFICER: Rights(
        _only(Scope.NONE),
        frozenset(
            {
                P.READ_MESSAGES,
                P.VIEW_AUDIT,
                P.KEEP_PRIVACY,
                P.APPROVE_EXPORTS,
                P.AGREE_ERASURE,
                P.VIEW_NIGHTS,
                P.VIEW_LETTERS,
                P.STOP_LETTERS,
            }
        ),
        frozenset(Field),
    ),
    Role.DEPARTMENT: Rights(
        _only(Scope.NONE),
        frozenset({P.READ_MESSAGES, P.ANSWER_QUESTIONS}),
        frozenset(Field),
    ),
    Role.ADMINISTRATOR: Rights(
        _only(Scope.NONE),
        frozenset(
            {
                P.READ_MESSAGES,
                P.IMPORT,
                P.VIEW_NIGHTS,
                P.RUN_NIGHT,
                P.VIEW_RULES,
                P.EDIT_RULES,
                P.VIEW_AUDIT,
                P.VIEW_MATRIX,
                P.EDIT_COMPLAINT_SETTINGS,
                P.VIEW_TIERS,
                P.PUBLISH_TIERS,
                P.VIEW_POINT_REPORTS,
                P.EDIT_POINTS,
                P.VIEW_CAMPAIGNS,
                P.RUN_CAMPAIGNS,
                P.EDIT_WEBHOOKS,
                P.EDIT_FIELDS,
                P.VIEW_PRODUCTS,
                P.EDIT_PRODUCTS,
                P.REMOVE_TESTS,
                P.MANAGE_STAFF,
                P.HAND_OVER_BOOKS,
                P.EDIT_MALL,
                P.EDIT_TOKENS,
                P.AGREE_ERASURE,
                P.VIEW_LETTERS,
                P.STOP_LETTERS,
                P.EDIT_LETTER_RULES,
            }
        ),
        frozenset(Field),
    ),
    Role.CLIENT: Rights(_only(Scope.ALL), frozenset(), frozenset({Field.MARGIN, Field.BIRTHDAY})),
}
NOBODY = Rights(_only(Scope.NONE), frozenset(), frozenset(Field))


def union(roles: Iterable[str]) -> Rights:
    """What somebody with all these roles may do and see: no role takes away what another gives."""
    held = [RIGHTS.get(role, NOBODY) for role in roles] or [NOBODY]
    scopes = frozenset[Scope]().union(*(rights.scopes for rights in held))
    return Rights(
        scopes - {Scope.NONE} or scopes,
        frozenset[Permission]().union(*(rights.permissions for rights in held)),
        frozenset(Field).intersection(*(rights.hidden for rights in held)),
        max(rights.takes for rights in held),
    )


def rights_of(user: User) -> Rights:
    return union(user.roles)


def holders(*roles: Role) -> QuerySet[User]:
    """The active people who hold at least one of these roles."""
    return User.objects.filter(is_active=True, roles__overlap=roles)


def who_may(permission: Permission) -> QuerySet[User]:
    """The active people of whom at least one role has this right."""
    return holders(*(Role(role) for role, rights in RIGHTS.items() if permission in rights.permissions))


def decides_alone(user: User, permission: Permission) -> bool:
    """Whether this person has the right, and nobody else: then they decide about their own, with a typed reason."""
    return set(who_may(permission).values_list("pk", flat=True)) == {user.pk}


class ApiScope(StrEnum):
    ORDERS_WRITE = "orders:write"
    ORDERS_READ = "orders:read"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    COMPLAINTS_READ = "complaints:read"
    COMPLAINTS_WRITE = "complaints:write"
    POINTS_READ = "points:read"
    POINTS_WRITE = "points:write"
    COUPONS_READ = "coupons:read"
    COUPONS_WRITE = "coupons:write"
    DRAWS_READ = "draws:read"
    DRAWS_WRITE = "draws:write"
    TIERS_READ = "tiers:read"
    TIERS_WRITE = "tiers:write"
    RULES_READ = "rules:read"
    RULES_WRITE = "rules:write"
    CREDIT_READ = "credit:read"
    CREDIT_WRITE = "credit:write"
    LETTERS_WRITE = "letters:write"
    CONSENTS_READ = "consents:read"
    CONSENTS_WRITE = "consents:write"
    WORK_READ = "work:read"
    WORK_WRITE = "work:write"
    SEGMENTS_READ = "segments:read"
