"""What time does to coupons, draws and credit. Verbs never wait for it: each compares the time itself."""

from collections.abc import Callable
from datetime import datetime

from loyalty.campaigns import coupon_campaigns, coupons, credit, draws, versions


def sweep(*, at: datetime) -> dict[str, int]:
    """Reservations that have run out are free again, won points that waited are credited; terms of coupons begin."""
    return {
        "coupon_terms_begun": versions.begin_due(at=at),
        "coupons_released": coupons.release_overdue(at=at),
        "credit_released": credit.expire_due(at=at),
        "points_credited": draws.credit_points(at=at),
    }


# Orders that came by file are followed, what is over is marked so. Each is a transaction of its own; twice is once.
PIECES: tuple[Callable[[datetime], dict[str, int]], ...] = (
    lambda at: {"coupons_followed": coupons.follow_orders(at=at)},
    lambda at: {"tickets_followed": draws.follow_orders(at=at)},
    lambda at: {"credit_followed": credit.follow_orders(at=at)},
    lambda at: sweep(at=at),
    lambda at: {"coupons_expired": coupons.expire_due(at=at)},
    lambda at: {"campaigns_ended": coupon_campaigns.end_due(at=at)},
    lambda at: {"draws_ended": draws.end_due(at=at)},
)
