"""Where somebody is signed in: a row of allauth for each session, seen again every five minutes, ended from elsewhere."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Unknown

SEEN, USED = "seen_at", "used_at"
SEE_EVERY = timedelta(minutes=5)
# The first that fits: browsers name those they descend from as well.
BROWSERS = (
    ("WeChat", r"MicroMessenger"),
    ("DingTalk", r"DingTalk"),
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser"),
    ("Firefox", r"Firefox/|FxiOS"),
    ("Chrome", r"Chrom(?:e|ium)/|CriOS"),
    ("Safari", r"Safari/"),
)
SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("HarmonyOS", r"HarmonyOS|OpenHarmony"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)


class Device(NamedTuple):
    """One session: what it runs on, since when, when it last asked for a page, and whether it is the one that asks."""

    pk: int
    words: str
    address: str
    since: datetime
    seen_at: datetime
    is_this: bool


def in_words(agent: str) -> str:
    """“Firefox · Windows” of what a browser says of itself; never the whole of it, which tells people apart."""
    known = [next((name for name, pattern in table if re.search(pattern, agent)), "") for table in (BROWSERS, SYSTEMS)]
    return " · ".join(word for word in known if word) or _("Unknown device")


def _open(at: datetime) -> QuerySet[UserSession]:
    alive = Session.objects.filter(expire_date__gt=at).values("session_key")
    rows: QuerySet[UserSession] = UserSession.objects.filter(session_key__in=alive)
    return rows


def devices(user: User, *, this: str | None, at: datetime) -> list[Device]:
    """The sessions of this person that are not over, the one that asks first, then the last seen. `this` is its key."""
    rows = _open(at).filter(user=user).order_by("-last_seen_at", "-pk")
    listed = [
        Device(row.pk, in_words(row.user_agent), row.ip, row.created_at, row.last_seen_at, row.session_key == this)
        for row in rows
    ]
    return sorted(listed, key=lambda device: not device.is_this)


def open_now(*, at: datetime) -> dict[int, int]:
    """Person -> how many sessions are not over."""
    return dict(_open(at).values_list("user").annotate(n=Count("pk")).order_by("user"))


@transaction.atomic
def end(user: User, pk: int, *, by: User, at: datetime) -> str:
    """This session of theirs is over with its next click; returns what it ran on. Raises Unknown for any other's."""
    row = UserSession.objects.select_for_update().filter(user=user, pk=pk).first()
    if row is None:
        raise Unknown(_("This device is signed out already."), code="session_unknown")
    _close(UserSession.objects.filter(pk=row.pk))
    audit.record(by, "session.ended", user, at=at, device=in_words(row.user_agent))
    return in_words(row.user_agent)


@transaction.atomic
def end_all(user: User, *, but: str | None, by: User | None, at: datetime) -> int:
    """Every session of theirs is over but the one with this key; returns how many were."""
    ended = _close(UserSession.objects.filter(user=user).exclude(session_key=but or ""))
    if ended:
        audit.record(by, "sessions.ended", user, at=at, count=ended)
    return ended


def _close(rows: QuerySet[UserSession]) -> int:
    keys = list(rows.values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    return len(keys)


def rename(old: str | None, new: str | None) -> None:
    """The session goes on under another key, as it does after a change of the password."""
    if old and new and old != new:
        UserSession.objects.filter(session_key=old).update(session_key=new)


class DeviceMiddleware:
    """Notes every five minutes at most that a session is in use, and ends one that nobody has used for long.

    What a page asks for by itself, as the bell does, is no use: a screen that was left alone does not stay signed in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            now = timezone.now()
            if self._is_idle(request, now):
                logout(request)
            else:
                self._see(request, now)
        return self.get_response(request)

    def _is_idle(self, request: HttpRequest, now: datetime) -> bool:
        used = request.session.get(USED)
        if used is not None and now - datetime.fromisoformat(used) > timedelta(minutes=settings.SESSION_IDLE_MINUTES):
            return True
        by_itself = request.method == "GET" and "HX-Request" in request.headers
        if not by_itself and (used is None or now - datetime.fromisoformat(used) >= SEE_EVERY):
            request.session[USED] = now.isoformat()
        return False

    def _see(self, request: HttpRequest, now: datetime) -> None:
        seen = request.session.get(SEEN)
        if seen is not None and now - datetime.fromisoformat(seen) < SEE_EVERY:
            return
        request.session[SEEN] = now.isoformat()
        key = request.session.session_key
        if not UserSession.objects.filter(session_key=key).update(last_seen_at=now):
            UserSession.objects.create_from_request(request)
