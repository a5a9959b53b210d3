"""What time does to coupons, draws and credit. Verbs never wait for it: each compares the time itself."""

import logging
from datetime import datetime

from loyalty import campaign_laws, coupon_campaigns, coupons, credit, draws

log = logging.getLogger(__name__)


def sweep(*, at: datetime) -> dict[str, int]:
    """Reservations that have run out, of coupons and of credit, are free again."""
    return {"coupons_released": coupons.release_overdue(at=at), "credit_released": credit.expire_due(at=at)}


def run(*, at: datetime) -> dict[str, int]:
    """Orders that came by file are followed, what is over is marked so, and the laws are asked. Twice is once."""
    counts = {
        "coupons_followed": coupons.follow_orders(at=at),
        "tickets_followed": draws.follow_orders(at=at),
        "credit_followed": credit.follow_orders(at=at),
        **sweep(at=at),
        "coupons_expired": coupons.expire_due(at=at),
        "campaigns_ended": coupon_campaigns.end_due(at=at),
        "draws_ended": draws.end_due(at=at),
    }
    broken = campaign_laws.broken()
    for line in broken:
        log.error("campaigns: %s", line)
    return {**counts, "campaign_laws_broken": len(broken)}
