"""The room that leads to every rule and setting: what it is, and how it stands, for what one may open."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from complaints.models import (
    BusinessCalendar,
    Category,
    Department,
    Queue,
    QueueMember,
    RemedyLimit,
    ReplyTemplate,
    RootCause,
    SlaPolicy,
)
from core.accounts.models import ApiToken, RequiredFactor, Role, Team, User
from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import Permission
from core.lib.mall import facts
from core.lib.periods import mall_day
from core.outbox.models import WebhookEndpoint
from crm.desk.admin import health as health_page
from crm.desk.today import now, today
from crm.operating import health
from customers.models import CustomField, Import, ImportProfile
from loyalty.models import Reward
from loyalty.points import rules as point_rules
from loyalty.tiers import membership
from segmentation import rules

P = Permission


class Setting(NamedTuple):
    """One page of the room: where it is, what it sets, who may open it, and how it stands, in words or not at all."""

    route: str
    title: Any
    text: Any
    permission: Permission
    state: Callable[[], str] = str
    args: tuple[str, ...] = ()


class Entry(NamedTuple):
    """A setting as it is shown to somebody."""

    url: str
    title: Any
    text: Any
    state: str


def _mall() -> str:
    mall = facts()
    return f"{mall.name} · {mall.currency} · {mall.time_zone}"


def _second_factor() -> str:
    roles = RequiredFactor.objects.order_by("role").values_list("role", flat=True)
    return ", ".join(str(Role(role).label) for role in roles) or _("asked of nobody")


def _version(number: int | None) -> str:
    return _("version %(n)d in force") % {"n": number} if number else _("none in force yet")


def _tiers() -> str:
    current = membership.in_force(today())
    return _version(current.version if current else None)


def _points() -> str:
    current = point_rules.in_force(now())
    return _("in force since %(day)s") % {"day": mall_day(current.starts_at).isoformat()} if current else _version(None)


def _promises() -> str:
    current = SlaPolicy.objects.filter(status=SlaPolicy.Status.PUBLISHED).order_by("-version").first()
    return _version(current.version if current else None)


def _counted(rows: Callable[[], int]) -> Callable[[], str]:
    def state() -> str:
        count = rows()
        return ngettext("%(n)d entry", "%(n)d entries", count) % {"n": count} if count else _("nothing yet")

    return state


def _tokens() -> str:
    count = ApiToken.objects.filter(revoked_at__isnull=True).exclude(expires_at__lte=now()).count()
    return ngettext("%(n)d in use", "%(n)d in use", count) % {"n": count}


def _webhooks() -> str:
    used = WebhookEndpoint.objects.filter(active=True)
    failing = used.filter(failing_since__isnull=False).count()
    words = ngettext("%(n)d in use", "%(n)d in use", used.count()) % {"n": used.count()}
    return f"{words} · {_('%(n)d do not answer') % {'n': failing}}" if failing else words


def _imports() -> str:
    last = Import.objects.order_by("-pk").values_list("at", flat=True).first()
    return _("the last one on %(day)s") % {"day": last.date().isoformat()} if last else _("nothing yet")


def _desk(part: str, title: Any, text: Any, rows: Callable[[], int]) -> Setting:
    return Setting("desk:complaint_settings", title, text, P.EDIT_COMPLAINT_SETTINGS, _counted(rows), (part,))


ROOM: tuple[tuple[Any, tuple[Setting, ...]], ...] = (
    (
        gettext_lazy("The mall and its people"),
        (
            Setting(
                "desk:mall",
                gettext_lazy("The mall"),
                gettext_lazy("Name, currency, time zone, language."),
                P.EDIT_MALL,
                _mall,
            ),
            Setting(
                "desk:mall_second_factor",
                gettext_lazy("Second factor"),
                gettext_lazy("Which roles come in with a code of their telephone only."),
                P.EDIT_MALL,
                _second_factor,
            ),
            Setting(
                "desk:staff",
                gettext_lazy("Staff"),
                gettext_lazy("Who works here: roles, leave, who stands in, links to come in."),
                P.MANAGE_STAFF,
                _counted(lambda: User.objects.filter(is_active=True).exclude(roles__contains=[Role.CLIENT]).count()),
            ),
            Setting(
                "desk:teams",
                gettext_lazy("Teams"),
                gettext_lazy("Whose customers a team lead sees."),
                P.MANAGE_STAFF,
                _counted(lambda: Team.objects.count()),
            ),
            Setting(
                "desk:first_steps",
                gettext_lazy("First steps"),
                gettext_lazy("What a new mall does first, and what of it is done."),
                P.MANAGE_STAFF,
            ),
            Setting(
                "desk:rights",
                gettext_lazy("Who may do what"),
                gettext_lazy("The rights of each role, in words."),
                P.VIEW_AUDIT,
            ),
        ),
    ),
    (
        gettext_lazy("Value and levels"),
        (
            Setting(
                "desk:rules",
                gettext_lazy("Classes and value"),
                gettext_lazy("Who is big, who is quiet, what counts as value."),
                P.VIEW_RULES,
                lambda: _version(rules.current(today()).version),
            ),
            Setting(
                "desk:tiers",
                gettext_lazy("Levels"),
                gettext_lazy("What a customer reaches, keeps and gets for it."),
                P.VIEW_RULES,
                _tiers,
            ),
            Setting(
                "desk:point_programme",
                gettext_lazy("Points"),
                gettext_lazy("What is earned for an order, when it can be used, when it ends."),
                P.VIEW_POINT_REPORTS,
                _points,
            ),
            Setting(
                "desk:rewards",
                gettext_lazy("Rewards"),
                gettext_lazy("What points buy."),
                P.VIEW_POINT_REPORTS,
                _counted(lambda: Reward.objects.filter(active=True).count()),
            ),
        ),
    ),
    (
        gettext_lazy("Complaints desk"),
        (
            Setting(
                "desk:complaint_settings",
                gettext_lazy("Promises"),
                gettext_lazy("How fast is answered and solved, and who hears of it when time runs out."),
                P.EDIT_COMPLAINT_SETTINGS,
                _promises,
                ("promises",),
            ),
            Setting(
                "desk:complaint_settings",
                gettext_lazy("Priorities"),
                gettext_lazy("Whose case is how urgent."),
                P.EDIT_COMPLAINT_SETTINGS,
                args=("priorities",),
            ),
            Setting(
                "desk:complaint_calendars",
                gettext_lazy("Working hours"),
                gettext_lazy("When the clocks of the promises run, and the holidays."),
                P.EDIT_COMPLAINT_SETTINGS,
                _counted(lambda: BusinessCalendar.objects.count()),
            ),
            _desk(
                "queues",
                gettext_lazy("Queues"),
                gettext_lazy("Where cases lie until somebody has them, and how they are handed out."),
                lambda: Queue.objects.count(),
            ),
            _desk(
                "members",
                gettext_lazy("Members of the queues"),
                gettext_lazy("Who works on which queue, how much at once, and who is away."),
                lambda: QueueMember.objects.count(),
            ),
            _desk(
                "departments",
                gettext_lazy("Departments"),
                gettext_lazy("Who is asked, and how long they have to answer."),
                lambda: Department.objects.filter(active=True).count(),
            ),
            _desk(
                "categories",
                gettext_lazy("Categories"),
                gettext_lazy("What customers complain about, in two levels."),
                lambda: Category.objects.filter(active=True).count(),
            ),
            _desk(
                "causes",
                gettext_lazy("Root causes"),
                gettext_lazy("Why it happened, and who can change it."),
                lambda: RootCause.objects.filter(active=True).count(),
            ),
            _desk(
                "templates",
                gettext_lazy("Ready words"),
                gettext_lazy("Answers that are written once."),
                lambda: ReplyTemplate.objects.filter(active=True).count(),
            ),
            _desk(
                "limits",
                gettext_lazy("Limits of remedies"),
                gettext_lazy("What each role may give without asking."),
                lambda: RemedyLimit.objects.count(),
            ),
        ),
    ),
    (
        gettext_lazy("Data and connections"),
        (
            Setting(
                "desk:imports",
                gettext_lazy("Imports"),
                gettext_lazy("Files of orders and customers, and what came of them."),
                P.IMPORT,
                _imports,
            ),
            Setting(
                "desk:import_profiles",
                gettext_lazy("Profiles of imports"),
                gettext_lazy("How the files of each source are read."),
                P.IMPORT,
                _counted(lambda: ImportProfile.objects.count()),
            ),
            Setting(
                "desk:products",
                gettext_lazy("Products"),
                gettext_lazy("Category, cost and picture of what is sold."),
                P.EDIT_PRODUCTS,
            ),
            Setting(
                "desk:custom_fields",
                gettext_lazy("Own fields"),
                gettext_lazy("What this mall keeps of its customers beside the usual."),
                P.EDIT_FIELDS,
                _counted(lambda: CustomField.objects.count()),
            ),
            Setting(
                "desk:remove_test",
                gettext_lazy("Delete a test customer"),
                gettext_lazy("What was only tried goes, with all it has."),
                P.REMOVE_TESTS,
            ),
            Setting(
                "desk:tokens",
                gettext_lazy("API tokens"),
                gettext_lazy("Which systems of the mall work with whose rights."),
                P.EDIT_TOKENS,
                _tokens,
            ),
            Setting(
                "desk:webhooks",
                gettext_lazy("Webhooks"),
                gettext_lazy("Which systems are told at once what happens."),
                P.EDIT_WEBHOOKS,
                _webhooks,
            ),
            Setting(
                "desk:health",
                gettext_lazy("Health"),
                gettext_lazy("What is not as it should be, and what to do."),
                P.RUN_NIGHT,
                health_page.in_words,
            ),
            Setting(
                "desk:audit",
                gettext_lazy("Audit trail"),
                gettext_lazy("Who did what, and when."),
                P.VIEW_AUDIT,
            ),
        ),
    ),
)


def settings(request: StaffRequest) -> HttpResponse:
    """What of the room this person may open; with nothing in it, the page says whom to ask."""
    groups = []
    for title, pages in ROOM:
        entries = [
            Entry(reverse(page.route, args=page.args), page.title, page.text, page.state())
            for page in pages
            if may(request.user, page.permission)
        ]
        if entries:
            groups.append((title, entries))
    backup = health.backup_notice(at=now()) if may(request.user, Permission.RUN_NIGHT) else ""
    return render(request, "desk/admin/settings/room.html", {"groups": groups, "backup": backup})
