"""What every page shows around its content: the pages a user may open, and how fresh the figures are."""

from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import Role, User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.jobs.models import JobRun
from core.lib.periods import mall_day
from core.outbox import bell
from crm.demo.tables.staff import ACCOUNTS, PASSWORD
from crm.desk.acting import refused_words
from crm.desk.admin.settings import ROOM
from crm.operating.models import Trouble

# Whoever may open one of its pages finds the room in the menu.
SETTING_RIGHTS = frozenset(page.permission for _title, pages in ROOM for page in pages)


class MenuPage(NamedTuple):
    """A page of the menu: after `g` its `key` opens it, if it has one."""

    route: str
    label: Any
    icon: str
    key: str
    needed: Permission | frozenset[Permission]


P = Permission
MENU: tuple[tuple[Any, tuple[MenuPage, ...]], ...] = (
    (
        "",
        (
            MenuPage("desk:my_day", gettext_lazy("My day"), "home", "d", P.MY_DAY),
            MenuPage("desk:week", gettext_lazy("Week plan"), "calendar-event", "", P.WORK_PLAN),
            MenuPage("desk:visits", gettext_lazy("I am here"), "map-pin", "", P.WORK_PLAN),
            MenuPage("desk:promises", gettext_lazy("Promises to customers"), "clock", "", P.MY_DAY),
            MenuPage("desk:overview", gettext_lazy("My team"), "users", "", P.ASSIGN_MANAGER),
            MenuPage("desk:hand_overs", gettext_lazy("Proposed hand-overs"), "users-group", "", P.WORK_ALERTS),
            MenuPage("desk:leaves", gettext_lazy("Days away"), "calendar", "", P.READ_MESSAGES),
            MenuPage("desk:approvals", gettext_lazy("Approvals"), "checks", "y", P.READ_MESSAGES),
            MenuPage("desk:privacy", gettext_lazy("Privacy"), "shield-lock", "", P.KEEP_PRIVACY),
        ),
    ),
    (
        gettext_lazy("Customers"),
        (
            MenuPage("desk:customers", gettext_lazy("Customers"), "users", "c", P.LIST_CUSTOMERS),
            MenuPage("desk:segments", gettext_lazy("Segments"), "filter", "", P.USE_SEGMENTS),
            MenuPage("desk:complaints", gettext_lazy("Complaints"), "flag", "p", P.WORK_COMPLAINTS),
            MenuPage("desk:questions", gettext_lazy("Questions"), "help", "", P.ANSWER_QUESTIONS),
            MenuPage("desk:outgoing", gettext_lazy("Outgoing letters"), "mail", "", P.VIEW_LETTERS),
            MenuPage("desk:alerts", gettext_lazy("Alerts"), "alert-triangle", "a", P.WORK_ALERTS),
            MenuPage("desk:lost", gettext_lazy("The lost"), "trending-down", "", P.WORK_ALERTS),
            MenuPage("desk:long_absent", gettext_lazy("Long absent"), "zzz", "l", P.WORK_ALERTS),
            MenuPage("desk:rising", gettext_lazy("Buy more often"), "trending-up", "", P.WORK_CARE),
            MenuPage("desk:matrix", gettext_lazy("Value matrix"), "chart-dots", "m", P.VIEW_MATRIX),
            MenuPage("desk:contact_plans", gettext_lazy("Contact plans"), "refresh", "", P.WORK_PLAN),
            MenuPage("desk:doubtful_days", gettext_lazy("Doubtful birthdays"), "calendar", "", P.WORK_CARE),
            MenuPage("desk:duplicates", gettext_lazy("Possible duplicates"), "copy", "x", P.MERGE_CUSTOMERS),
        ),
    ),
    (
        gettext_lazy("Orders"),
        (
            MenuPage("desk:orders", gettext_lazy("Orders"), "shopping-cart", "s", P.VIEW_ORDERS),
            MenuPage("desk:guest_orders", gettext_lazy("Orders of nobody"), "question-mark", "q", P.MERGE_CUSTOMERS),
            MenuPage("desk:unusual_orders", gettext_lazy("Unusual orders"), "alert-circle", "z", P.MERGE_CUSTOMERS),
            MenuPage("desk:products", gettext_lazy("Products"), "package", "f", P.VIEW_PRODUCTS),
        ),
    ),
    (
        gettext_lazy("Membership"),
        (
            MenuPage("desk:tiers_members", gettext_lazy("Levels"), "chart-bar", "v", P.VIEW_TIERS),
            MenuPage("desk:point_programme", gettext_lazy("Points"), "coins", "e", P.VIEW_POINT_REPORTS),
            MenuPage("desk:coupons_list", gettext_lazy("Coupons"), "receipt", "o", P.VIEW_CAMPAIGNS),
            MenuPage("desk:draws", gettext_lazy("Draws"), "gift", "w", P.VIEW_CAMPAIGNS),
            MenuPage("desk:clubs", gettext_lazy("Clubs and partners"), "users-group", "u", P.VIEW_CAMPAIGNS),
            MenuPage("desk:credit", gettext_lazy("Credit accounts"), "wallet", "k", P.VIEW_CREDIT),
        ),
    ),
    (
        gettext_lazy("Data"),
        (
            MenuPage("desk:imports", gettext_lazy("Imports"), "file-import", "i", P.IMPORT),
            MenuPage("desk:nights", gettext_lazy("Nights"), "moon", "n", P.VIEW_NIGHTS),
            MenuPage("desk:backtest", gettext_lazy("Backtest"), "history", "", P.VIEW_NIGHTS),
            MenuPage("desk:audit", gettext_lazy("Audit trail"), "list", "", P.VIEW_AUDIT),
        ),
    ),
    (
        gettext_lazy("Setting up"),
        (
            MenuPage("desk:rulebook", gettext_lazy("Rules"), "adjustments", "r", P.VIEW_RULES),
            MenuPage("desk:tiers", gettext_lazy("Rules of the levels"), "scale", "t", P.VIEW_RULES),
            MenuPage("desk:staff", gettext_lazy("Staff"), "user-check", "h", P.MANAGE_STAFF),
            MenuPage("desk:settings", gettext_lazy("Settings"), "settings", "j", SETTING_RIGHTS),
        ),
    ),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        logins = [
            {"username": name, "label": f"{full} · {Role(role).label}", "password": PASSWORD}
            for name, full, role, _team in ACCOUNTS
            if role != Role.CLIENT
        ]
        return {"demo_logins": logins} if settings.DEMO else {}
    as_of = _as_of()
    return {
        "nav": _menu(user, request.path),
        "finds_customers": may(user, Permission.FIND_CUSTOMER),
        "search_url": reverse("desk:find" if may(user, Permission.FIND_CUSTOMER) else "desk:palette"),
        "palette_url": reverse("desk:palette"),
        "log_url": reverse("desk:complaint_new") if may(user, Permission.LOG_COMPLAINT) else "",
        "as_of": as_of,
        # Until the first night an empty page says what it waits for.
        "waits_for": _waits_for(user) if as_of and as_of["first"] else None,
        "burning_count": _burning_count(user),
        "refused_words": partial(refused_words, request),
        "bell_count": bell.count(user) if may(user, Permission.READ_MESSAGES) else None,
    }


def _burning_count(user: User) -> int:
    """What the watch has told and is not over, for whoever can do something about it."""
    if not may(user, Permission.RUN_NIGHT):
        return 0
    return Trouble.objects.filter(ended_at=None, told_at__isnull=False).count()


def _menu(user: User, path: str) -> list[dict[str, Any]]:
    """The groups of the menu with the pages this person may open."""
    shown = [(title, [page for page in pages if opens(user, page.needed)]) for title, pages in MENU]
    here = _standing_on(path, [reverse(page.route) for _title, pages in shown for page in pages])
    return [
        {
            "title": title,
            "pages": [
                {"url": url, "label": page.label, "icon": page.icon, "key": page.key, "active": url == here}
                for page in pages
                for url in [reverse(page.route)]
            ],
        }
        for title, pages in shown
        if pages
    ]


def opens(user: User, needed: Permission | frozenset[Permission]) -> bool:
    """Whether the person has the right, or one of several."""
    rights = needed if isinstance(needed, frozenset) else {needed}
    return any(may(user, right) for right in rights)


def _waits_for(user: User) -> dict[str, str]:
    """Where whoever may brings what a new mall lacks before there is anything to see."""
    link = ""
    if may(user, Permission.MANAGE_STAFF):
        link = reverse("desk:first_steps")
    elif may(user, Permission.IMPORT):
        link = reverse("desk:imports")
    return {"link": link}


def _standing_on(path: str, addresses: list[str]) -> str:
    """The page of the menu on which somebody stands, or the nearest above; the start has none below."""
    above = [page for page in addresses if path == page or (page != "/" and path.startswith(page))]
    return max(above, key=len, default="")


def _as_of() -> dict[str, Any] | None:
    today = mall_day(timezone.now())
    done = JobRun.objects.filter(job="nightly", state=JobRun.State.DONE, business_date__lte=today)
    run = done.order_by("-business_date").first()
    if run is None:
        return {"text": _("No night has run yet"), "stale": True, "first": True}
    age = (today - run.business_date).days
    # A night of before the first import has found nobody.
    is_empty = not run.counts.get("customers")
    return {
        "text": _("Figures of %(day)s") % {"day": run.business_date.isoformat()},
        "stale": age > 1,
        "first": is_empty,
    }
