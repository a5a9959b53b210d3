"""What time does to coupons, draws and credit. Verbs never wait for it: each compares the time itself."""

from datetime import datetime

from loyalty.campaigns import coupon_campaigns, coupons, credit, draws


def sweep(*, at: datetime) -> dict[str, int]:
    """Reservations that have run out, of coupons and of credit, are free again; won points that waited are credited."""
    return {
        "coupons_released": coupons.release_overdue(at=at),
        "credit_released": credit.expire_due(at=at),
        "points_credited": draws.credit_points(at=at),
    }


def run(*, at: datetime) -> dict[str, int]:
    """Orders that came by file are followed, what is over is marked so. Twice is once."""
    return {
        "coupons_followed": coupons.follow_orders(at=at),
        "tickets_followed": draws.follow_orders(at=at),
        "credit_followed": credit.follow_orders(at=at),
        **sweep(at=at),
        "coupons_expired": coupons.expire_due(at=at),
        "campaigns_ended": coupon_campaigns.end_due(at=at),
        "draws_ended": draws.end_due(at=at),
    }
