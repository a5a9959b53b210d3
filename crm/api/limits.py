"""What one client may take of the house: a budget of items a minute for each token.

The counts of a minute lie in Redis. While that is away nobody is refused: a shop's orders matter more than its manners.
"""

import time
from functools import cache
from typing import Any, NamedTuple

import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.accounts.models import ApiToken

WINDOW = 60
# Seconds that Redis may take for an answer, and for which it is not asked again after it has not given one.
PATIENCE, PAUSE = 0.1, 10.0
_SPEND = """
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local cost, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local allowed = used + cost <= limit
if allowed then
    if redis.call('INCRBY', KEYS[1], cost) == cost then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
    used = used + cost
end
return {allowed and 1 or 0, used, redis.call('TTL', KEYS[1])}
"""


class Budget(NamedTuple):
    """What a token has of its budget, and in how many seconds all of it is there again."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class _Counts:
    """The counts of a minute in Redis, left alone for a while when it does not answer."""

    def __init__(self) -> None:
        self.asked_again_at = 0.0

    def spend(self, name: str, cost: int, limit: int) -> Budget | None:
        """The budget after so many items, which are not counted where they are not allowed; None while Redis is away."""
        if time.monotonic() < self.asked_again_at:
            return None
        try:
            allowed, used, left = _redis().eval(_SPEND, 1, f"laoke:budget:{name}", cost, limit, WINDOW)
        except redis.RedisError:
            self.asked_again_at = time.monotonic() + PAUSE
            return None
        return Budget(bool(allowed), limit, max(0, limit - used), max(1, left))


COUNTS = _Counts()


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)


class TokenBudget(BaseThrottle):
    """So many items a minute of each token (API_BUDGET, 0 is without limit): an order of a batch costs as one alone."""

    budget: Budget | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        token, limit = request.auth, settings.API_BUDGET
        if not isinstance(token, ApiToken) or not limit:
            return True
        # More than a whole budget could never be sent.
        cost = min(limit, view.cost(request) if hasattr(view, "cost") else 1)
        self.budget = view.budget = COUNTS.spend(token.digest[:24], cost, limit)
        return self.budget is None or self.budget.allowed

    def wait(self) -> float | None:
        return float(self.budget.reset) if self.budget else None
