"""Coupons, draws, clubs and credit of the demo mall. Days count from today."""

from decimal import Decimal
from typing import Any, NamedTuple

from loyalty.campaigns.draws import PrizeFact
from loyalty.models import LotteryPrize

Kind = LotteryPrize.Kind


class CouponRow(NamedTuple):
    code: str
    name: str
    first: int
    last: int
    terms: dict[str, Any]


class LotteryRow(NamedTuple):
    code: str
    name: str
    first: int
    last: int
    by: str
    rules: str
    prizes: tuple[PrizeFact, ...]
    terms: dict[str, Any]


class CreditRow(NamedTuple):
    limit: str
    term_days: int
    reason: str


BACK = CouponRow(
    "BACK30",
    "老客回馈 满200减30",
    -24,
    20,
    {
        "amount": Decimal(30),
        "min_spend": Decimal(200),
        "total_limit": 200,
        "budget": Decimal(5000),
        "valid_days": 40,
    },
)
MEMBERS = CouponRow(
    "GOLD85",
    "金卡会员日 全场85折",
    -9,
    5,
    {
        "kind": "percent",
        "percent": 15,
        "most_off": Decimal(100),
        "total_limit": 150,
        "needs_code": False,
        "stack_group": "会员日",
    },
)
SHIPPING = CouponRow("SHIP0", "夏末包邮", -80, -50, {"kind": "shipping", "amount": Decimal(12), "total_limit": 200})
DRAFT = CouponRow(
    "TEA-GIFT",
    "新茶上市 满500送茶杯",
    10,
    30,
    {
        "kind": "gift",
        "gift": "手作茶杯",
        "amount": Decimal(39),
        "min_spend": Decimal(500),
        "categories": ["茶叶"],
        "total_limit": 100,
        "budget": Decimal(3900),
    },
)

AUTUMN = LotteryRow(
    "AUTUMN",
    "金秋大转盘",
    -45,
    -12,
    "admin",
    "一、活动期间，每笔实付满 800 元的订单可获一次抽奖机会，订单取消或全额退款的，未使用的机会作废。\n"
    "二、奖品、数量和中奖概率见奖品表，活动期间不作变更；某一奖品发完后抽中该奖品的，按“谢谢参与”处理。\n"
    "三、实物奖品请在中奖后 30 天内领取，由本店承担邮费；优惠券即时到账。\n"
    "四、每次抽奖的号码由事先公布指纹的密钥与抽奖机会编号算出，活动结束后公布密钥，任何人都可以验算。",
    (
        PrizeFact("紫砂壶套装", Kind.GOODS, 3_000, 2, Decimal(1280)),
        PrizeFact("明前龙井礼盒", Kind.GOODS, 20_000, 12, Decimal(328)),
        PrizeFact("200 积分", Kind.POINTS, 80_000, 60, Decimal(2), points=200),
        PrizeFact("保温杯", Kind.GOODS, 60_000, 25, Decimal(59)),
        PrizeFact("谢谢参与", Kind.THANKS, 837_000),
    ),
    {"min_order": Decimal(800)},
)
DAILY = LotteryRow(
    "DAILY",
    "每日一抽",
    -5,
    25,
    "admin",
    "每位会员每天可免费抽一次，奖品和概率见奖品表。",
    (
        PrizeFact("50 元红包券", Kind.GOODS, 10_000, 100, Decimal(50)),
        PrizeFact("茉莉花茶 100克", Kind.GOODS, 50_000, 200, Decimal(39)),
        PrizeFact("谢谢参与", Kind.THANKS, 940_000),
    ),
    {"entry": "daily", "draws_per_day": 1},
)
WHEEL = LotteryRow(
    "POINTS",
    "积分转盘",
    -3,
    40,
    "admin",
    "每 200 积分换一次抽奖机会，奖品和概率见奖品表，中奖后 30 天内领取。",
    (
        PrizeFact("手冲咖啡壶", Kind.GOODS, 5_000, 10, Decimal(168)),
        PrizeFact("500 积分", Kind.POINTS, 100_000, 500, Decimal(5), points=500),
        PrizeFact("谢谢参与", Kind.THANKS, 895_000),
    ),
    {"entry": "points", "points_cost": 200},
)
NEW_YEAR = LotteryRow(
    "NEWYEAR",
    "新年福袋",
    30,
    45,
    "lead",
    "",
    (
        PrizeFact("平板电脑", Kind.GOODS, 1_000, 1, Decimal(2999)),
        PrizeFact("谢谢参与", Kind.THANKS, 989_000),
    ),
    {"min_level": "gold"},
)

# name, what it offers, from which level on
PARTNERS = (
    ("悦美美容", "首次护理五折", "silver"),
    ("动力健身", "体验月卡一张", "gold"),
    ("城市书房", "借阅免押金", ""),
)
# Of the key customers on account, in the order of their value; the last one waits for the lead.
CREDIT = (CreditRow("50000", 30, "每月稳定采购，付款一向及时"), CreditRow("15000", 15, "企业团购，要求月结"))
CREDIT_ASKED = CreditRow("80000", 45, "年度框架合同")
