"""The points programme of the demo mall."""

from decimal import Decimal
from typing import Any, NamedTuple


class RewardRow(NamedTuple):
    name: str
    description: str
    points: int
    stock: int | None


class ByHand(NamedTuple):
    points: int
    reason: str


PROGRAMME: dict[str, Any] = {
    "rate": Decimal(1),
    "pending_days": 15,
    "life_months": 6,
    "most_per_order": 20_000,
    "bonus_from": Decimal(2000),
    "bonus_points": 200,
    "referrer_points": 500,
    "referred_points": 200,
    "referral_least": Decimal(100),
}
REWARDS = (
    RewardRow("5元无门槛券", "下次购物直接抵扣", 500, None),
    RewardRow("定制帆布袋", "老客专属，印有姓名", 1200, 300),
    RewardRow("会员日早场资格", "提前两小时选购", 800, None),
    RewardRow("保温杯", "316不锈钢，500毫升", 3000, 120),
    RewardRow("生鲜礼盒", "当季水果，顺丰冷链", 6000, 40),
    RewardRow("上门养护一次", "限本市，需预约", 9000, 20),
)
# visits of a year: points
VISITS = ((12, 300), (24, 800))
BY_HAND = (ByHand(100, "快递晚到两天，补偿积分"), ByHand(2000, "生日关怀"), ByHand(-50, "活动积分发重了"))
