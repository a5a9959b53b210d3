"""What every page shows around its content: the pages a user may open, and how fresh the figures are."""

from typing import Any

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
from crm.desk.admin.settings import ROOM

# Whoever may open one of its pages finds the room in the menu.
SETTING_RIGHTS = frozenset(page.permission for _title, pages in ROOM for page in pages)
PAGES: tuple[tuple[str, Any, str, str, Permission | frozenset[Permission]], ...] = (
    ("desk:my_day", gettext_lazy("My day"), "home", "d", Permission.MY_DAY),
    ("desk:approvals", gettext_lazy("Approvals"), "checks", "y", Permission.READ_MESSAGES),
    ("desk:customers", gettext_lazy("Customers"), "users", "c", Permission.LIST_CUSTOMERS),
    ("desk:duplicates", gettext_lazy("Possible duplicates"), "copy", "x", Permission.MERGE_CUSTOMERS),
    ("desk:orders", gettext_lazy("Orders"), "shopping-cart", "s", Permission.VIEW_ORDERS),
    ("desk:products", gettext_lazy("Products"), "package", "f", Permission.VIEW_PRODUCTS),
    ("desk:guest_orders", gettext_lazy("Orders of nobody"), "question-mark", "q", Permission.MERGE_CUSTOMERS),
    ("desk:unusual_orders", gettext_lazy("Unusual orders"), "alert-circle", "z", Permission.MERGE_CUSTOMERS),
    ("desk:matrix", gettext_lazy("Value matrix"), "chart-dots", "m", Permission.VIEW_MATRIX),
    ("desk:complaints", gettext_lazy("Complaints"), "flag", "p", Permission.WORK_COMPLAINTS),
    ("desk:alerts", gettext_lazy("Alerts"), "alert-triangle", "a", Permission.WORK_ALERTS),
    ("desk:long_absent", gettext_lazy("Long absent"), "zzz", "l", Permission.WORK_ALERTS),
    ("desk:tiers_members", gettext_lazy("Levels"), "chart-bar", "v", Permission.VIEW_TIERS),
    ("desk:point_programme", gettext_lazy("Points"), "coins", "e", Permission.VIEW_POINT_REPORTS),
    ("desk:coupons_list", gettext_lazy("Coupons"), "receipt", "o", Permission.VIEW_CAMPAIGNS),
    ("desk:draws", gettext_lazy("Draws"), "gift", "w", Permission.VIEW_CAMPAIGNS),
    ("desk:clubs", gettext_lazy("Clubs and partners"), "users-group", "u", Permission.VIEW_CAMPAIGNS),
    ("desk:credit", gettext_lazy("Credit accounts"), "wallet", "k", Permission.VIEW_CREDIT),
    ("desk:imports", gettext_lazy("Imports"), "file-import", "i", Permission.IMPORT),
    ("desk:nights", gettext_lazy("Nights"), "moon", "n", Permission.VIEW_NIGHTS),
    ("desk:backtest", gettext_lazy("Backtest"), "history", "f", Permission.VIEW_NIGHTS),
    ("desk:rules", gettext_lazy("Rules"), "adjustments", "r", Permission.VIEW_RULES),
    ("desk:tiers", gettext_lazy("Rules of the levels"), "scale", "t", Permission.VIEW_RULES),
    ("desk:staff", gettext_lazy("Staff"), "user-check", "h", Permission.MANAGE_STAFF),
    ("desk:privacy", gettext_lazy("Privacy"), "shield-lock", "", Permission.KEEP_PRIVACY),
    ("desk:audit", gettext_lazy("Audit trail"), "list", "", Permission.VIEW_AUDIT),
    ("desk:settings", gettext_lazy("Settings"), "settings", "j", SETTING_RIGHTS),
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
    shown = [page for page in PAGES if _opens(user, page[-1])]
    addresses = [reverse(page[0]) for page in shown]
    here = _standing_on(request.path, addresses)
    nav = [
        {"url": address, "label": label, "icon": icon, "key": key, "active": address == here}
        for address, (_name, label, icon, key, _permission) in zip(addresses, shown, strict=True)
    ]
    return {
        "nav": nav,
        "search_url": reverse("desk:find") if may(user, Permission.FIND_CUSTOMER) else "",
        "log_url": reverse("desk:complaint_new") if may(user, Permission.LOG_COMPLAINT) else "",
        "as_of": as_of,
        # Until the first night an empty page says what it waits for.
        "waits_for": _waits_for(user) if as_of and as_of["first"] else None,
        "bell_count": bell.count(user) if may(user, Permission.READ_MESSAGES) else None,
    }


def _opens(user: User, needed: Permission | frozenset[Permission]) -> bool:
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
    run = JobRun.objects.filter(job="nightly", state=JobRun.State.DONE).order_by("-business_date").first()
    if run is None:
        return {"text": _("No night has run yet"), "stale": True, "first": True}
    age = (mall_day(timezone.now()) - run.business_date).days
    return {"text": _("Figures of %(day)s") % {"day": run.business_date.isoformat()}, "stale": age > 1, "first": False}
