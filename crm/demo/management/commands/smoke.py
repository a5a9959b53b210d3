"""Walk through a running Laoke over real HTTP as every role, and say in one line whether all is well.

For the demo mall: it signs in with the demo accounts. What it writes, it takes away again.
"""

import json
import re
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.cookiejar import CookieJar
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import resolve, reverse
from django.utils import timezone

from core.accounts import tokens
from core.accounts.models import ApiToken, Role, User
from core.accounts.permissions import may
from core.accounts.roles import ApiScope, Permission
from core.jobs.models import JobRun
from core.lib.periods import mall_day
from crm.demo.tables.staff import ACCOUNTS, PASSWORD
from customers import orders, todo
from customers.access import visible_to
from customers.models import Customer, Letter, Lookup, Order, Product
from segmentation.models import Alert

PAGES = (
    "my_day",
    "customers",
    "matrix",
    "alerts",
    "long_absent",
    "imports",
    "nights",
    "backtest",
    "rules",
    "find",
    "complaints",
    "complaint_board",
    "complaint_new",
    "complaint_silent",
    "complaint_reports",
    "complaint_actions",
    "complaint_calendars",
    "tiers_members",
    "tiers_at_risk",
    "tiers",
    "point_programme",
    "rewards",
    "coupons_list",
    "draws",
    "clubs",
    "credit",
    "outgoing",
)
SECONDS = 30
# Letters leave every half minute, and the gateway takes its time to say what became of them.
LETTERS_SECONDS = 150


class Answer(NamedTuple):
    status: int
    text: str
    url: str

    def path(self) -> str:
        return urlsplit(self.url).path


@dataclass
class Browser:
    """Cookies, redirects, and a status instead of an exception."""

    base: str
    opener: OpenerDirector = field(default_factory=lambda: build_opener(HTTPCookieProcessor(CookieJar())))

    def ask(self, path: str, *, method: str = "GET", data: bytes | None = None, **headers: str) -> Answer:
        request = Request(urljoin(self.base, path), data=data, method=method)  # noqa: S310 (checked in handle)
        for name, value in {"Accept-Language": "en", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with self.opener.open(request, timeout=SECONDS) as reply:
                return Answer(reply.status, reply.read().decode("utf-8", "replace"), reply.url)
        except HTTPError as error:
            return Answer(error.code, error.read().decode("utf-8", "replace"), error.url or path)
        except (URLError, TimeoutError, ConnectionError) as error:
            return Answer(0, str(error), path)

    def sign_in(self, username: str, password: str) -> Answer:
        page = self.ask("/accounts/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {"login": username, "password": password, "csrfmiddlewaretoken": token[1] if token else ""}
        return self.ask("/accounts/login/", method="POST", data=urlencode(form).encode(), Referer=page.url)


@dataclass
class Report:
    checks: int = 0
    failed: list[str] = field(default_factory=list)

    def check(self, what: str, holds: object, seen: object = "") -> bool:
        self.checks += 1
        if not holds:
            self.failed.append(f"{what}: {seen}" if seen != "" else what)
        return bool(holds)


class Command(BaseCommand):
    help = "Opens the pages of every role and calls the API of a running demo; exit status 1 if something is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base", default="http://127.0.0.1:8000", metavar="URL", help="where Laoke answers")

    def handle(self, *args: Any, **options: Any) -> None:
        base = options["base"].rstrip("/") + "/"
        if urlsplit(base).scheme not in ("http", "https"):
            raise CommandError("--base starts with http:// or https://")
        began = time.perf_counter()
        report = Report()
        today = mall_day(timezone.now())
        _strangers(base, report)
        for role in Role.values:
            if role != Role.CLIENT:
                _role(base, role, today, report)
        _api(base, today, report)
        _letters(base, report)
        for line in report.failed:
            self.stdout.write(f"  failed: {line}")
        self.stdout.write(
            f"smoke: {report.checks} checks, {len(report.failed)} failed ({time.perf_counter() - began:.1f} s)"
        )
        if report.failed:
            raise SystemExit(1)


# Pages --------------------------------------------------------------------------------------------------------------


def _strangers(base: str, report: Report) -> None:
    for name in PAGES:
        answer = Browser(base).ask(reverse(f"desk:{name}"))
        report.check(f"stranger, {name}: is sent to sign in", "/accounts/login/" in answer.url, answer.status)
    refused = Browser(base).sign_in("chen", "not the password")
    report.check("a wrong password is refused", "/accounts/login/" in refused.url, refused.status)


def _role(base: str, role: str, today: date, report: Report) -> None:
    names = [account.username for account in ACCOUNTS if account.role == role]
    user = User.objects.filter(username__in=names, is_active=True).order_by("id").first()
    if not report.check(f"{role}: has a demo account", user) or user is None:
        return
    browser = Browser(base)
    landed = browser.sign_in(user.username, PASSWORD)
    if not report.check(f"{role}: signs in", "/accounts/login/" not in landed.url, f"{landed.status} {landed.url}"):
        return
    for name in PAGES:
        _page(browser, user, name, today, report)
    _customer_page(browser, user, today, report)


def permission_of(path: str) -> Permission | None:
    """What the view behind this address asks for."""
    return getattr(resolve(path).func, "permission", None)


def _page(browser: Browser, user: User, name: str, today: date, report: Report) -> None:
    path = reverse(f"desk:{name}")
    what = f"{user.get_roles_display()}, {name}"
    permission = permission_of(path)
    answer = browser.ask(path)
    if permission is None or not may(user, permission):
        # The home page may send roles without a day of their own to the page they work on.
        elsewhere = name == "my_day" and answer.status == 200 and answer.path() != path
        report.check(f"{what}: is forbidden", answer.status == 403 or elsewhere, answer.status)
        return
    if not report.check(f"{what}: answers", answer.status == 200, f"{answer.status} {_hint(answer)}"):
        return
    report.check(f"{what}: has a title", _title(answer.text))
    if name in EXPECTED:
        link, some = EXPECTED[name]
        if some(user, today):
            report.check(f"{what}: shows rows", len(set(re.findall(link, answer.text))), "none")


def _title(html: str) -> str:
    title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
    return title[1].strip() if title else ""


def _hint(answer: Answer) -> str:
    exception = re.search(r'<pre class="exception_value">(.*?)</pre>', answer.text, re.DOTALL)
    return (exception[1] if exception else _title(answer.text) or answer.text[:80]).strip()


def _has_alerts(user: User, today: date) -> bool:
    return Alert.objects.filter(state=Alert.State.OPEN, customer__in=visible_to(user, today)).exists()


_CUSTOMER_LINK = r"/customers/\d+/"
# page: (what a row holds, whether there must be one)
EXPECTED: dict[str, tuple[str, Callable[[User, date], bool]]] = {
    "my_day": (_CUSTOMER_LINK, lambda user, today: todo.queue(user, today).exists()),
    "customers": (_CUSTOMER_LINK, lambda user, today: visible_to(user, today).exists()),
    "alerts": (r"/alerts/\d+/", _has_alerts),
    "nights": (r"\d{4}-\d\d-\d\d|<td", lambda user, today: JobRun.objects.exists()),
}


def _customer_page(browser: Browser, user: User, today: date, report: Report) -> None:
    """A customer within reach shows its name, one out of reach is not there, and without the right it is forbidden."""
    seen = visible_to(user, today)
    foreign = Customer.objects.exclude(pk__in=seen.values("pk")).order_by("pk").first()
    if not may(user, Permission.VIEW_CUSTOMER):
        anybody = Customer.objects.order_by("pk").first()
        if anybody:
            answer = browser.ask(reverse("desk:customer", args=[anybody.pk]))
            report.check(f"{user.get_roles_display()}: a customer is forbidden", answer.status == 403, answer.status)
        return
    if foreign:
        answer = browser.ask(reverse("desk:customer", args=[foreign.pk]))
        report.check(
            f"{user.get_roles_display()}: a foreign customer is not there", answer.status == 404, answer.status
        )
    answer = browser.ask(reverse("desk:customer", args=[2**31]))
    report.check(f"{user.get_roles_display()}: a missing customer is not there", answer.status == 404, answer.status)

    wanted = seen.filter(orders__isnull=False).order_by("pk").first()
    looked_up = None
    if wanted is None and foreign and user.holds(Role.SERVICE_AGENT):
        # The number opens the door until midnight.
        wanted = foreign
        looked_up = Lookup.objects.create(user=user, customer=foreign, on=today)
    if not report.check(f"{user.get_roles_display()}: sees a customer who bought", wanted) or wanted is None:
        return
    answer = browser.ask(reverse("desk:customer", args=[wanted.pk]))
    report.check(
        f"{user.get_roles_display()}: a customer page answers", answer.status == 200, f"{answer.status} {_hint(answer)}"
    )
    report.check(
        f"{user.get_roles_display()}: a customer page shows name and number",
        wanted.name in answer.text and wanted.number in answer.text,
    )
    in_clear = re.search(r"(?<!\d)1\d\d0000\d{4}(?!\d)", answer.text)
    report.check(f"{user.get_roles_display()}: a customer page masks the phone", not in_clear)
    if looked_up:
        looked_up.delete()


# Letters ------------------------------------------------------------------------------------------------------------


def _letters(base: str, report: Report) -> None:
    """What the demo writes arrives outside, on the page that shows it, and its receipts come back."""
    if not settings.DEMO_ARRIVED:
        return
    lead = Browser(base)
    lead.sign_in(next(account.username for account in ACCOUNTS if account.role == Role.TEAM_LEAD), PASSWORD)
    news = Letter.objects.filter(occasion="order", by_hand=False)
    deadline = time.monotonic() + LETTERS_SECONDS
    missing = {"email", "wechat", "shop"}
    while missing and time.monotonic() < deadline:
        missing -= set(news.filter(state=Letter.State.DELIVERED).values_list("channel", flat=True))
        time.sleep(1)
    report.check("letters: by mail, WeChat and the shop's chat they are delivered", not missing, sorted(missing))
    page = lead.ask(reverse("desk:letters_arrived"))
    report.check("letters: the page of what arrived answers", page.status == 200, page.status)
    shown = len(set(re.findall(r"/letters/[0-9a-f-]{36}/", page.text)))
    report.check("letters: it shows what arrived", shown, shown)
    report.check("letters: it masks whom they went to", not re.search(r"(?<!\d)1\d\d0000\d{4}(?!\d)", page.text))


# API ----------------------------------------------------------------------------------------------------------------


def _api(base: str, today: date, report: Report) -> None:
    now = timezone.now()
    client, _made = User.objects.get_or_create(username="shop", defaults={"roles": [Role.CLIENT]})
    writer, write = tokens.issue(
        client, name="smoke", scopes=[ApiScope.ORDERS_WRITE], at=now, expires_at=now + timedelta(minutes=5)
    )
    reader, read = tokens.issue(
        client, name="smoke", scopes=[ApiScope.CUSTOMERS_READ], at=now, expires_at=now + timedelta(minutes=5)
    )
    customer = Customer.objects.order_by("pk").first()
    external_id = f"smoke-{now.timestamp():.0f}"
    try:
        if report.check("api: there is a customer", customer) and customer is not None:
            _put_orders(base, customer, external_id, write, read, report)
        for what, path in (("docs", reverse("api-docs")), ("schema", "/api/v1/schema/")):
            answer = Browser(base).ask(path)
            report.check(f"api: {what} answers", answer.status == 200 and len(answer.text) > 500, answer.status)
    finally:
        ApiToken.objects.filter(pk__in=[writer.pk, reader.pk]).delete()
        if customer:
            Order.objects.filter(source="smoke", external_id=external_id).delete()
            Product.objects.filter(source="smoke").delete()
            orders.refresh([customer.pk], today=today)


def _put_orders(base: str, customer: Customer, external_id: str, write: str, read: str, report: Report) -> None:
    browser = Browser(base)
    path = f"/api/v1/sources/smoke/orders/{quote(external_id)}"
    order = {
        "version": 2,
        "customer": {"number": customer.number},
        "ordered_at": timezone.now().isoformat(),
        # Not paid yet: it earns nobody points, which could not be taken out of the ledger again.
        "status": "pending",
        "paid": "128.00",
        "cost": "66.00",
        "lines": [{"product": "smoke", "quantity": 1, "amount": "128.00"}],
    }

    def put(body: dict[str, Any], secret: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Token {secret}"} if secret else {}
        answer = browser.ask(
            path, method="PUT", data=json.dumps(body).encode(), **{"Content_Type": "application/json", **headers}
        )
        try:
            answered = json.loads(answer.text)
        except ValueError:
            answered = {"text": answer.text[:80]}
        return answer.status, answered if isinstance(answered, dict) else {"text": answered}

    for what, body, secret, status, outcome in (
        ("without token", order, "", 401, None),
        ("with an unknown token", order, "lk_unknown", 401, None),
        ("with the wrong scope", order, read, 403, None),
        ("a new order", order, write, 201, "created"),
        ("the same order again", order, write, 200, "unchanged"),
        ("an older version", order | {"version": 1, "paid": "1.00"}, write, 200, "stale"),
        ("a newer version", order | {"version": 3, "paid": "130.00"}, write, 200, "updated"),
        ("an unknown field", order | {"colour": "red"}, write, 400, None),
    ):
        got, answered = put(body, secret)
        report.check(f"api, {what}: {status}", got == status, f"{got} {answered}")
        if outcome:
            report.check(f"api, {what}: {outcome}", answered.get("outcome") == outcome, answered)
    answer = browser.ask(f"/api/v1/customers/{customer.number}", Authorization=f"Token {read}")
    report.check("api, a customer is readable", answer.status == 200 and customer.number in answer.text, answer.status)
