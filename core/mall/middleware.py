"""Pages show the mall's clocks, and speak the mall's language to browsers that have not chosen one."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone, translation

from core.lib import mall
from core.lib.periods import mall_zone


class MallMiddleware:
    """Stands behind LocaleMiddleware, which has read the cookie and what the browser asks for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        has_chosen = settings.LANGUAGE_COOKIE_NAME in request.COOKIES
        if not has_chosen and not request.path.startswith("/api/") and mall.is_set_up():
            translation.activate(mall.facts().language)
            request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
        with timezone.override(mall_zone()):
            return self.get_response(request)
