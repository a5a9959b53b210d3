"""The page of the customer's own choices, by the link in a letter: no login, no cookie, no script; looking writes nothing."""

from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from core.lib import mall
from core.lib.errors import DomainError
from crm.desk.today import now
from customers.letters import asking, choices
from customers.letters.choices import UnknownLink
from customers.letters.consent import Kind, Recorded
from customers.models.consent import ASKED_FOR, Channel

# Links that lead nowhere an address of the net may try in a minute.
TRIES, A_MINUTE = 60, 60
# What the forms of the page send. A post with none of it comes from a mail service that is careless about its body.
OURS = {"opened", "want", "no_profiling", "confirm", "stop"}


class Box(NamedTuple):
    name: str
    channel: str | Promise
    ticked: bool


class Line(NamedTuple):
    label: str | Promise
    boxes: list[Box]


@login_not_required
@csrf_exempt  # the link is the right to choose, whatever cookies a browser keeps (RFC 8058)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def own_choices(request: HttpRequest, token: str) -> HttpResponse:
    try:
        done = _chosen(request, token) if request.method == "POST" else None
        if done is not None and request.POST.get("List-Unsubscribe") == "One-Click":
            return HttpResponse(status=200)
        return _page(request, _context(token) | {"done": done})
    except UnknownLink as refusal:
        # Who has a link is never refused, however many come from one address: mail services do, and proxies in front.
        if _is_too_many(request):
            return _page(request, {"refusal": _("Too many tries. Come back in a minute.")}, status=429)
        return _page(request, {"refusal": str(refusal)}, status=410)
    except DomainError as refusal:
        return _page(request, {"refusal": str(refusal)}, status=410)


def _chosen(request: HttpRequest, token: str) -> Recorded:
    if request.POST.get("List-Unsubscribe") == "One-Click" or not OURS & request.POST.keys():
        return choices.one_click(token, at=now())
    if "confirm" in request.POST:
        return asking.confirm(token, at=now())
    if "stop" in request.POST:
        return choices.stop_everything(token, at=now())
    opened = "opened" in request.POST
    return choices.choose(
        token,
        _kinds(request, "want"),
        no_profiling="no_profiling" in request.POST,
        at=now(),
        shown=_kinds(request, "shown") if opened else None,
        shown_no_profiling="shown_no_profiling" in request.POST if opened else None,
    )


def _kinds(request: HttpRequest, field: str) -> set[Kind]:
    return {
        (channel, purpose) for name in request.POST.getlist(field) for channel, _dot, purpose in [name.partition(".")]
    }


def _context(token: str) -> dict[str, Any]:
    held = choices.by_token(token)
    lines = [
        Line(
            purpose.label,
            [
                Box(f"{channel}.{purpose}", Channel(channel).label, (channel, purpose) in held.granted)
                for channel in held.channels
            ],
        )
        for purpose in ASKED_FOR
    ]
    is_asked = asking.is_asked_by(held.letter, at=now()) and asking.KIND not in held.granted
    return {"is_asked": is_asked, "masks": held.masks, "lines": lines, "no_profiling": held.no_profiling, "at": now()}


def _is_too_many(request: HttpRequest) -> bool:
    key = f"choices:{request.META.get('REMOTE_ADDR', '')}:{now():%H%M}"
    cache.add(key, 0, A_MINUTE)
    try:
        return cache.incr(key) > TRIES
    except ValueError:
        return False  # it ran out between the two


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    language = request.GET.get("l", "")
    with override(language if language in dict(settings.LANGUAGES) else get_language()):
        answer = render(request, "desk/letters/choices.html", context | {"mall": mall.facts().name}, status=status)
        answer.headers["Content-Language"] = get_language() or ""
    answer["X-Robots-Tag"] = "noindex"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
