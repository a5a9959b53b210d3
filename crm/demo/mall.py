"""A made-up mall for the demo: the same `today` gives the same people, orders and groups.

`imagine` draws the mall without touching the database; `load` stores it. Nobody in it exists: the phone
numbers lie in blocks that end in four zeros before the last four digits, and the e-mails end in example.com.
"""

import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as clock
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from lunar_python import Lunar
from numpy.typing import NDArray

from core.accounts.models import Delegation, Role, Team, User
from core.lib.money import from_minor
from customers import contact_points, identity, todo
from customers.models import (
    Category,
    Contact,
    ContactPoint,
    Customer,
    ExternalIdentity,
    Product,
    Standing,
    Todo,
)
from customers.orders import CATEGORY_BITS
from loyalty import tier_rules
from loyalty.tiers import membership, simulation

Array = NDArray[Any]
Rng = np.random.Generator
Say = Callable[[str], None]

SEED = 618_1111
DAYS = 3 * 365 + 1
# Long enough that the first levels have come to their review.
LEVELS_FOR = timedelta(days=400)
SOURCE = "shop"
PASSWORD = "laoke-demo-2026"  # noqa: S105


class Group(IntEnum):
    """What somebody was made to be; the CRM is not told."""

    ORDINARY = 0
    NEVER_BOUGHT = 1
    QUIET = 2
    RISING = 3
    WHOLESALER = 4
    LOSS_MAKER = 5


# Of every customer; the rest is ordinary.
SHARES = {
    Group.NEVER_BOUGHT: 0.05,
    Group.QUIET: 0.03,
    Group.RISING: 0.016,
    Group.WHOLESALER: 0.005,
    Group.LOSS_MAKER: 0.008,
}


@dataclass(frozen=True)
class Size:
    """How many people, how fast they buy, and how many customers the four managers look after."""

    customers: int
    pace: float
    books: tuple[int, int, int, int]


FULL = Size(customers=5000, pace=0.79, books=(300, 287, 262, 231))
SMALL = Size(customers=400, pace=0.62, books=(24, 23, 21, 18))

TEAMS = {"east": "华东客户组", "south": "华南客户组", "service": "客户服务组"}
MANAGERS = ("chen", "zhao", "lin", "wu")
# user name, full name, role, team
ACCOUNTS: tuple[tuple[str, str, str, str], ...] = (
    ("admin", "何敏", Role.ADMINISTRATOR, ""),
    ("lead", "周岚", Role.TEAM_LEAD, "east"),
    ("chen", "陈静", Role.ACCOUNT_MANAGER, "east"),
    ("zhao", "赵磊", Role.ACCOUNT_MANAGER, "east"),
    ("lin", "林晓燕", Role.ACCOUNT_MANAGER, "east"),
    ("wu", "吴建国", Role.ACCOUNT_MANAGER, "south"),
    ("aide", "孙悦", Role.ASSISTANT, "east"),
    ("agent", "刘芳", Role.SERVICE_AGENT, "service"),
    ("service", "郑凯", Role.SERVICE_LEAD, "service"),
    ("analyst", "许文", Role.ANALYST, ""),
    ("privacy", "高宁", Role.PRIVACY_OFFICER, ""),
    ("shop", "网店接口", Role.CLIENT, ""),
)

# category: (product, price, cost) in yuan
GOODS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "茶叶": (
        ("明前龙井 250克", "328", "186"),
        ("安溪铁观音 500克", "198", "104"),
        ("云南普洱饼茶 357克", "168", "82"),
        ("祁门红茶 200克", "128", "66"),
        ("茉莉花茶 100克", "39", "19"),
    ),
    "零食": (
        ("每日坚果 30包", "119", "71"),
        ("手工牛轧糖 500克", "45.8", "23"),
        ("新疆红枣夹核桃 400克", "39.9", "21.5"),
        ("芒果干 5袋", "49.9", "26"),
        ("冻干草莓 3罐", "59.9", "33"),
        ("原味瓜子 1千克", "26.8", "14.2"),
    ),
    "粮油": (
        ("五常大米 10千克", "139", "98"),
        ("压榨花生油 5升", "149.9", "112"),
        ("有机小米 2.5千克", "59", "36"),
        ("初榨橄榄油 750毫升", "98", "55"),
        ("手工挂面 2千克", "32.9", "18"),
    ),
    "护肤": (
        ("玻尿酸精华 30毫升", "269", "92"),
        ("保湿面霜 50克", "218", "79"),
        ("氨基酸洁面乳 120克", "79", "28"),
        ("防晒乳 60毫升", "129", "47"),
        ("蚕丝面膜 20片", "99", "34"),
        ("护手霜三支装", "49", "17"),
    ),
    "母婴": (
        ("婴儿配方奶粉三段 900克", "298", "241"),
        ("超薄纸尿裤 大号 80片", "129", "91"),
        ("宝宝湿巾 10包", "69.9", "43"),
        ("婴儿棉柔巾 6包", "54.9", "31"),
        ("儿童积木 200粒", "159", "78"),
    ),
    "家居": (
        ("四件套 全棉 1.8米", "399", "196"),
        ("乳胶枕 一对", "259", "128"),
        ("香薰蜡烛", "68", "24"),
        ("收纳箱 三只", "89.9", "47"),
        ("羊毛毯", "359", "185"),
    ),
    "厨具": (
        ("不粘炒锅 32厘米", "239", "121"),
        ("铸铁珐琅锅 24厘米", "599", "318"),
        ("陶瓷餐具 24件", "299", "141"),
        ("保温杯 500毫升", "118", "52"),
        ("厨房刀具七件套", "369", "177"),
    ),
    "小家电": (
        ("破壁料理机", "499", "331"),
        ("空气炸锅 5升", "359", "238"),
        ("电动牙刷", "199", "96"),
        ("加湿器", "169", "92"),
        ("扫地机器人", "1899", "1388"),
    ),
    "服饰": (
        ("羊绒围巾", "359", "148"),
        ("纯棉短袖 两件", "99", "41"),
        ("轻薄羽绒服", "599", "287"),
        ("真丝睡衣", "429", "196"),
        ("运动长裤", "159", "68"),
    ),
    "运动户外": (
        ("瑜伽垫", "89", "36"),
        ("跑步鞋", "469", "242"),
        ("登山背包 40升", "329", "161"),
        ("露营帐篷 三人", "699", "397"),
        ("可调节哑铃 20千克", "259", "158"),
    ),
    "文具图书": (
        ("钢笔礼盒", "139", "57"),
        ("绘本套装 10册", "128", "74"),
        ("手账本", "45", "16"),
        ("儿童水彩笔 36色", "39.9", "17"),
    ),
    "宠物": (
        ("成猫粮 6千克", "239", "158"),
        ("豆腐猫砂 6包", "109", "71"),
        ("狗狗零食桶", "69", "37"),
        ("自动喂水器", "149", "72"),
    ),
}

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余"
    "于杜叶程魏苏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯"
    "龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
GIVEN_ONE = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚玲桂丹萍鑫波斌莉辉琳宇浩凯颖欣悦倩婷雪慧建峰"
GIVEN_TWO = (
    "秀英 秀兰 建华 建国 志强 志明 海燕 海涛 晓东 晓燕 晓明 丽华 丽娟 国强 国庆 文静 "
    "文博 玉兰 玉梅 春梅 春生 子轩 子涵 梓萱 浩然 浩宇 欣怡 欣悦 雨桐 雨欣 思远 思琪 "
    "佳琪 佳怡 俊杰 俊豪 诗涵 若曦 天佑 一诺 一鸣 嘉豪 嘉欣 明哲 明月 雅婷 雅琴 梦瑶 "
    "梦洁 家明 家辉 永康 永福 淑珍 淑华 凤英 桂芳 少华 宏伟 宏志 立群 立新 学文 学军 "
    "振华 振宇 彩霞 小红 小龙 金凤 "
)
WESTERN_GIVEN = (
    "James Mary Robert Anna Michael Laura David Emma Thomas Julia Daniel Sophie Peter Olivia Lucas Claire Martin Nora "
    "Oliver Helen Paul Irene Simon Alice Victor Grace Hugo Ingrid Leon Maria"
)
WESTERN_FAMILY = (
    "Smith Brown Miller Wilson Taylor Martin Bauer Weber Dubois Moreau Rossi Romano Garcia Lopez Silva Costa Jansen "
    "Larsen Novak Kowalski Walker Young King Evans Clarke Hughes Foster Murphy Kelly Becker"
)

PLACES: dict[str, tuple[str, ...]] = {
    "广东": ("广州", "深圳", "佛山", "东莞"),
    "浙江": ("杭州", "宁波", "温州", "金华"),
    "江苏": ("南京", "苏州", "无锡", "南通"),
    "上海": ("上海",),
    "北京": ("北京",),
    "四川": ("成都", "绵阳"),
    "山东": ("青岛", "济南", "烟台"),
    "湖北": ("武汉", "宜昌"),
    "福建": ("厦门", "福州", "泉州"),
    "湖南": ("长沙", "岳阳"),
    "河南": ("郑州", "洛阳"),
    "重庆": ("重庆",),
    "陕西": ("西安", "咸阳"),
    "安徽": ("合肥", "芜湖"),
    "辽宁": ("沈阳", "大连"),
    "天津": ("天津",),
    "河北": ("石家庄", "保定"),
    "江西": ("南昌", "赣州"),
    "云南": ("昆明", "大理"),
    "广西": ("南宁", "桂林"),
    "黑龙江": ("哈尔滨",),
    "吉林": ("长春",),
    "贵州": ("贵阳",),
    "山西": ("太原",),
    "海南": ("海口", "三亚"),
    "香港": ("香港",),
}
PLACE_WEIGHTS = (14, 12, 11, 9, 8, 6, 6, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1)
CITY_STATES = {"上海", "北京", "重庆", "天津", "香港"}
INTERESTS = (
    "茶道",
    "烘焙",
    "亲子",
    "健身",
    "露营",
    "阅读",
    "养猫",
    "养狗",
    "摄影",
    "美妆",
    "收藏",
    "园艺",
    "旅行",
    "书法",
)
STREETS = ("示范路", "样板街", "测试大道", "演示巷", "范例路")
BLOCKS = ("190", "195", "199", "166")

NOTES: dict[str, tuple[str, ...]] = {
    Contact.Outcome.REACHED: (
        "聊了最近一次购买，满意，说会再来。",
        "介绍了新到的茶叶，客户想先看图片。",
        "问了送货时间，客户希望周末送。",
        "客户说最近在外地，下个月再买。",
        "回访使用情况，炒锅很好用。",
        "确认了收件地址没有变。",
        "客户觉得包装比以前好。",
        "Talked about the last order; happy with it.",
    ),
    Contact.Outcome.NO_ANSWER: ("没有人接，晚上再试。", "电话占线。", "留言后没有回复。"),
    Contact.Outcome.CALL_BACK: ("正在开会，请明天下午再打。", "客户请周五以后再联系。"),
    Contact.Outcome.PROMISED: ("答应查清发票后回电。", "答应预留两盒明前茶。", "答应发新品价目表。"),
}
BAD_NOTES = ("抱怨上次送货晚了三天。", "觉得价格比别家高。", "说收到的杯子有划痕，已安排换货。")
PROMISES = (
    "查清发票后回电",
    "预留两盒明前龙井",
    "发新品价目表",
    "确认补发的餐具已寄出",
    "把积分规则用邮件发给客户",
    "约好时间上门看样品",
)


# The mall on paper --------------------------------------------------------------------------------------------------


@dataclass
class Person:
    group: Group
    name: str
    region: str
    city: str
    registered_on: date
    birthday: date | None
    birthday_is_lunar: bool
    interests: list[str]
    mindset: str
    channel: str
    phone: str
    email: str
    address: str
    manager: str = ""
    manager_since: date | None = None
    next_contact_on: date | None = None


@dataclass
class Talk:
    person: int
    by: str
    day: date
    second: int
    channel: str
    direction: str
    outcome: str
    mood: str
    note: str


@dataclass
class Promise:
    person: int
    text: str
    made_on: date
    due_on: date
    at_stake: int


@dataclass
class Mall:
    """Everything that will be stored; days are offsets from `first_day`, money is in fen."""

    today: date
    people: list[Person]
    orders: dict[str, Array]
    lines: dict[str, Array]
    refunds: dict[str, Array]
    talks: list[Talk] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)

    @property
    def first_day(self) -> date:
        return self.today - timedelta(days=DAYS)

    def digest(self) -> str:
        """Equal for equal malls, on every machine."""
        sha = hashlib.sha256(repr((self.today, self.people, self.talks, self.promises)).encode())
        for table in (self.orders, self.lines, self.refunds):
            for name, values in table.items():
                sha.update(name.encode() + np.ascontiguousarray(values, dtype="<i8").tobytes())
        return sha.hexdigest()

    def members(self, group: Group) -> list[int]:
        return [i for i, person in enumerate(self.people) if person.group == group]


PAID, PENDING, CANCELLED = 0, 1, 2
STATUS = ("paid", "pending", "cancelled")


def imagine(today: date, size: Size = FULL) -> Mall:
    """Draw the mall whose last orders are of yesterday."""
    rng = np.random.default_rng(SEED)
    first_day = today - timedelta(days=DAYS)
    groups = _groups(rng, size)
    registered = _registrations(rng, groups)
    people = _people(rng, today, groups, registered)
    owner, day = _purchase_days(rng, first_day, groups, registered, size.pace)
    orders, lines = _baskets(rng, first_day, people, owner, day)
    refunds = _refunds(rng, people, orders, lines)
    mall = Mall(today, people, orders, lines, refunds)
    _books(rng, mall, size)
    _talks(rng, mall)
    return mall


def _groups(rng: Rng, size: Size) -> Array:
    groups = np.full(size.customers, Group.ORDINARY, dtype=np.int64)
    special = np.concatenate([np.full(round(size.customers * share), group) for group, share in SHARES.items()])
    groups[: len(special)] = special
    return rng.permutation(groups)


def _registrations(rng: Rng, groups: Array) -> Array:
    """Days from `first_day`, in ascending order; a third had registered before the three years began."""
    count = len(groups)
    days = np.where(rng.random(count) < 0.34, -rng.integers(1, 700, count), (DAYS - 1) * rng.random(count) ** 0.9)
    days = np.sort(days.astype(np.int64))
    # The planted habits need a past.
    latest = {
        Group.QUIET: 500,
        Group.RISING: 650,
        Group.WHOLESALER: 600,
        Group.LOSS_MAKER: 700,
        Group.NEVER_BOUGHT: DAYS - 3,
    }
    for group, limit in latest.items():
        late = (groups == group) & (days > limit)
        for place in np.flatnonzero(late):
            # Somebody ordinary who registered in time changes places.
            swap = rng.choice(np.flatnonzero((groups == Group.ORDINARY) & (days <= limit)))
            groups[place], groups[swap] = groups[swap], groups[place]
    return days


def _pick(rng: Rng, options: Sequence[str], count: int, weights: Sequence[float] | None = None) -> list[str]:
    p = None if weights is None else np.asarray(weights, dtype=float) / np.sum(weights)
    return [options[i] for i in rng.choice(len(options), count, p=p)]


def _people(rng: Rng, today: date, groups: Array, registered: Array) -> list[Person]:
    count = len(groups)
    first_day = today - timedelta(days=DAYS)
    surnames = _pick(rng, SURNAMES, count, [1 / (i + 6) for i in range(len(SURNAMES))])
    one, two = _pick(rng, GIVEN_ONE, count), _pick(rng, GIVEN_TWO.split(), count)
    given, family = _pick(rng, WESTERN_GIVEN.split(), count), _pick(rng, WESTERN_FAMILY.split(), count)
    western, short = rng.random(count) < 0.08, rng.random(count) < 0.3
    regions = _pick(rng, tuple(PLACES), count, PLACE_WEIGHTS)
    phones, chance = rng.permutation(len(BLOCKS) * 10_000)[:count], rng.random((count, 6))
    years, days = rng.integers(20, 68, count), rng.integers(0, 365, count)
    mindsets = _pick(rng, ("unknown", "discount", "status"), count, (55, 30, 15))
    channels = _pick(rng, ("unknown", "phone", "sms", "email", "wechat"), count, (25, 17, 10, 8, 40))
    people = []
    for i in range(count):
        name = f"{given[i]} {family[i]}" if western[i] else surnames[i] + (one[i] if short[i] else two[i])
        region = regions[i]
        city = PLACES[region][int(rng.integers(len(PLACES[region])))]
        lunar = bool(chance[i, 0] < 0.13 + (years[i] > 45) * 0.3)
        birthday = None
        if chance[i, 1] < 0.62:
            year = today.year - int(years[i])
            # A lunar birthday keeps its lunar month and day; day 29 and 30 do not exist every month.
            birthday = (
                date(year, days[i] // 31 + 1, days[i] % 28 + 1) if lunar else date(year, 1, 1) + timedelta(int(days[i]))
            )
        province = "" if region in CITY_STATES else region if region == "广西" else f"{region}省"
        street = STREETS[int(rng.integers(len(STREETS)))]
        house, block, flat = int(rng.integers(1, 400)), int(rng.integers(1, 30)), int(rng.integers(101, 2605))
        address = f"{province}{city}市{street}{house}号{block}幢{flat}室"
        people.append(
            Person(
                group=Group(int(groups[i])),
                name=name,
                region=region,
                city=city,
                registered_on=first_day + timedelta(int(registered[i])),
                birthday=birthday,
                birthday_is_lunar=lunar and birthday is not None,
                interests=[str(x) for x in rng.choice(INTERESTS, int(rng.integers(1, 4)), replace=False)]
                if chance[i, 2] < 0.4
                else [],
                mindset=mindsets[i],
                channel=channels[i],
                phone=f"{BLOCKS[phones[i] // 10_000]}0000{phones[i] % 10_000:04d}" if chance[i, 3] < 0.97 else "",
                email=f"buyer{i + 1:05d}@example.com" if chance[i, 4] < 0.6 else "",
                address=address if chance[i, 5] < 0.35 else "",
            )
        )
    return people


def season(first_day: date) -> Array:
    """How much is bought on each day, one on average: peaks at 618 and Double 11, a dip at Chinese New Year."""
    weights = np.ones(DAYS)
    new_years = {
        year: date.fromisoformat(Lunar.fromYmd(year, 1, 1).getSolar().toYmd())
        for year in range(first_day.year, (first_day + timedelta(DAYS)).year + 1)
    }
    for i in range(DAYS):
        day = first_day + timedelta(i)
        weights[i] = 1.15 if day.weekday() >= 5 else 1.0
        if (day.month, day.day) in ((6, 17), (6, 18), (11, 10), (11, 11)):
            weights[i] *= 4.0
        elif (day.month == 6 and 10 <= day.day <= 20) or (day.month == 11 and day.day <= 12):
            weights[i] *= 1.7
        elif (day.month, day.day) == (12, 12):
            weights[i] *= 2.0
        distance = (day - new_years[day.year]).days
        if -2 <= distance <= 7:
            weights[i] *= 0.35
        elif -20 <= distance < -6:
            weights[i] *= 1.35
    return weights / weights.mean()


def _purchase_days(rng: Rng, first_day: date, groups: Array, registered: Array, pace: float) -> tuple[Array, Array]:
    """(customer, day) of every order: renewal processes on the shop's own clock, which runs faster in the season.

    Ordinary customers follow the assumptions of BG/NBD: gamma rates, and a chance to leave for good after each
    purchase; the regularity of the gaps differs from customer to customer.
    """
    ticks = np.concatenate([[0.0], np.cumsum(season(first_day))])
    owners: list[Array] = []
    days: list[Array] = []
    for i, group in enumerate(groups):
        if group == Group.NEVER_BOUGHT:
            continue
        start = ticks[max(0, int(registered[i]))]
        if group == Group.ORDINARY:
            gap = 1 / (rng.gamma(0.8, 1 / 20) * pace + 1 / 700)
            times = _renewals(rng, start, gap, float(rng.choice((1, 2, 4, 9))), DAYS)
            times = times[: rng.geometric(rng.beta(0.5, 4.6))]
            if not len(times):
                # Everybody but those who never bought has one first order.
                times = start + (DAYS - start) * rng.random(1)
        elif group == Group.QUIET:
            gap = rng.uniform(14, 40)
            silence = min(gap * rng.uniform(2.6, 5.0), 170)
            times = _renewals(rng, start, gap, 14.0, DAYS - silence)
        elif group == Group.RISING:
            turn = DAYS - rng.uniform(72, 88)
            slow = _renewals(rng, start, rng.uniform(130, 210), 3.0, turn - 20)
            times = np.concatenate([slow, _renewals(rng, turn, rng.uniform(7, 11), 8.0, DAYS)])
        elif group == Group.WHOLESALER:
            times = _renewals(rng, start, rng.uniform(9, 21), 8.0, DAYS)
        else:
            times = _renewals(rng, start, rng.uniform(18, 40), 3.0, DAYS)
        day = np.searchsorted(ticks, times, side="right") - 1
        day = day[day >= max(0, int(registered[i]))]
        owners.append(np.full(len(day), i))
        days.append(day)
    owner, day = np.concatenate(owners), np.minimum(np.concatenate(days), DAYS - 1)
    # Some come back the same day for what they forgot.
    again = rng.random(len(day)) < 0.02
    return np.concatenate([owner, owner[again]]), np.concatenate([day, day[again]])


def _renewals(rng: Rng, start: float, gap: float, regularity: float, end: float) -> Array:
    if end <= start:
        return np.empty(0)
    draws = int((end - start) / gap * 1.6) + 12
    gaps = rng.gamma(regularity, gap / regularity, draws)
    gaps[0] *= rng.random()
    times = start + np.cumsum(gaps)
    return times[times < end]


def _baskets(
    rng: Rng, first_day: date, people: list[Person], owner: Array, day: Array
) -> tuple[dict[str, Array], dict[str, Array]]:
    count = len(owner)
    hours = np.array(
        [1, 1, 1, 1, 1, 2, 3, 5, 8, 11, 12, 12, 13, 11, 10, 10, 10, 10, 11, 14, 17, 17, 12, 5], dtype=float
    )
    second = rng.choice(24, count, p=hours / hours.sum()) * 3600 + rng.integers(0, 3600, count)
    order = np.lexsort((owner, second, day))
    owner, day, second = owner[order], day[order], second[order]

    group = np.array([p.group for p in people])[owner]
    mindset = np.array([p.mindset for p in people])[owner]
    big = group == Group.WHOLESALER
    loss = group == Group.LOSS_MAKER
    in_season = season(first_day)[day] > 1.6

    discount = np.where(rng.random(count) < 0.35, rng.uniform(0.04, 0.16, count), 0.0)
    discount += np.where(in_season, rng.uniform(0.04, 0.12, count), 0.0)
    discount += np.where(mindset == "discount", 0.04, 0.0)
    discount = np.where(mindset == "status", discount * 0.4, discount)
    discount = np.where(big, rng.uniform(0.12, 0.2, count), discount)
    discount = np.where(loss, rng.uniform(0.5, 0.64, count), discount)

    line_count = 1 + np.minimum(rng.poisson(0.8, count), 4)
    line_count[big] = rng.integers(3, 7, int(big.sum()))
    line_order = np.repeat(np.arange(count), line_count)
    total = len(line_order)

    categories = list(GOODS.values())
    sizes = np.array([len(c) for c in categories])
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    favourites = np.array([rng.choice(len(categories), 3, replace=False) for _ in people])
    liked = favourites[owner[line_order], rng.choice(3, total, p=(0.55, 0.3, 0.15))]
    category = np.where(rng.random(total) < 0.8, liked, rng.integers(0, len(categories), total))
    # The first goods of a category sell best.
    product = offsets[category] + (sizes[category] * rng.random(total) ** 1.4).astype(np.int64)

    prices = np.array([_fen(price) for goods in categories for _, price, _ in goods])
    costs = np.array([_fen(cost) for goods in categories for _, _, cost in goods])
    quantity = np.where(prices[product] < 12_000, 1 + rng.geometric(0.62, total) - 1, 1)
    quantity = np.where(prices[product] < 6_000, quantity + (rng.random(total) < 0.3), quantity)
    quantity = np.where(big[line_order], rng.integers(3, 15, total), quantity)
    # What is paid for a line is rounded to ten fen, as shops do.
    amount = np.rint(prices[product] * quantity * (1 - discount[line_order]) / 10).astype(np.int64) * 10
    cost = costs[product] * quantity

    status = np.where(rng.random(count) < 0.025, CANCELLED, PAID)
    status = np.where((day >= DAYS - 2) & (rng.random(count) < 0.12), PENDING, status)
    # Whoever was made to buy has bought.
    status[group != Group.ORDINARY] = PAID
    orders = {
        "owner": owner,
        "day": day,
        "second": second,
        "status": status,
        "paid": np.bincount(line_order, amount, count).astype(np.int64),
        "cost": np.bincount(line_order, cost, count).astype(np.int64),
        "fully_refunded_day": np.full(count, -1),
        "changes": np.where(status == CANCELLED, 2, 1),
    }
    lines = {"order": line_order, "product": product, "quantity": quantity, "amount": amount, "cost": cost}
    return orders, lines


def _fen(yuan: str) -> int:
    whole, _, part = yuan.partition(".")
    return int(whole) * 100 + int((part + "00")[:2])


def _refunds(rng: Rng, people: list[Person], orders: dict[str, Array], lines: dict[str, Array]) -> dict[str, Array]:
    """Money back: all of it, the first line, or a part for goodwill; mostly within a fortnight, some late."""
    count = len(orders["day"])
    group = np.array([p.group for p in people])[orders["owner"]]
    chance = np.select(
        [group == Group.LOSS_MAKER, group == Group.WHOLESALER, group == Group.ORDINARY], [0.2, 0.02, 0.055], 0.02
    )
    chosen = np.flatnonzero((orders["status"] == PAID) & (rng.random(count) < chance))
    kind = rng.choice(3, len(chosen), p=(0.45, 0.3, 0.25))
    # A planted habit must not lose its purchase days.
    kind = np.where((kind == 0) & np.isin(group[chosen], (Group.QUIET, Group.RISING)), 2, kind)
    late = rng.random(len(chosen)) < 0.12
    day = orders["day"][chosen] + np.where(late, rng.integers(31, 120, len(chosen)), rng.integers(2, 15, len(chosen)))
    spoilt = rng.random(len(chosen)) < 0.25
    share = rng.uniform(0.1, 0.4, len(chosen))
    second = rng.integers(9 * 3600, 20 * 3600, len(chosen))

    starts = np.searchsorted(lines["order"], chosen)
    first_amount, first_cost = lines["amount"][starts], lines["cost"][starts]
    paid, cost = orders["paid"][chosen], orders["cost"][chosen]
    # An order of one line that comes back comes back as a whole.
    kind = np.where((kind == 1) & (first_amount == paid), 0, kind)
    amount = np.select([kind == 0, kind == 1], [paid, first_amount], np.rint(paid * share / 10).astype(np.int64) * 10)
    back = np.select([kind == 0, kind == 1], [cost, first_cost], 0)
    effect = np.where(spoilt, 0, back) - amount

    keep = (day < DAYS) & (amount > 0)
    chosen, kind, day = chosen[keep], kind[keep], day[keep]
    orders["changes"][chosen] += 1
    orders["fully_refunded_day"][chosen[kind == 0]] = day[kind == 0]
    return {"order": chosen, "day": day, "second": second[keep], "amount": amount[keep], "effect": effect[keep]}


def _books(rng: Rng, mall: Mall, size: Size) -> None:
    """The four managers look after those who brought most profit within two years and bought within one."""
    orders, refunds = mall.orders, mall.refunds
    count = len(mall.people)
    paid = orders["status"] == PAID
    recent = paid & (orders["day"] >= DAYS - 730)
    profit = np.bincount(orders["owner"][recent], (orders["paid"] - orders["cost"])[recent], count)
    profit += np.bincount(orders["owner"][refunds["order"]], refunds["effect"], count)
    last = np.full(count, -1)
    np.maximum.at(last, orders["owner"][paid], orders["day"][paid])
    first = np.full(count, DAYS)
    np.minimum.at(first, orders["owner"][paid], orders["day"][paid])
    candidates = np.flatnonzero((profit > 0) & (last >= DAYS - 365) & (first < DAYS - 90))
    ranked = candidates[np.argsort(-profit[candidates], kind="stable")][: sum(size.books)]
    seats = np.concatenate([np.full(places, i) for i, places in enumerate(size.books)])
    rng.shuffle(seats)
    for person, seat in zip(ranked, seats, strict=False):
        row = mall.people[person]
        known = int(DAYS - first[person])
        row.manager = MANAGERS[seat]
        row.manager_since = mall.today - timedelta(int(rng.integers(min(60, known - 1), known)))
        if rng.random() < 0.15:
            row.next_contact_on = mall.today + timedelta(int(rng.integers(-4, 22)))
    _promises(rng, mall, ranked, profit)


def _promises(rng: Rng, mall: Mall, ranked: Array, profit: Array) -> None:
    for manager in MANAGERS:
        book = [int(i) for i in ranked if mall.people[i].manager == manager]
        for person in rng.choice(book, min(7, len(book)), replace=False):
            due = int(rng.integers(-9, 10))
            made_on = mall.today + timedelta(min(due - int(rng.integers(2, 9)), -1))
            at_stake = int(profit[person] / 2 // 100 * 100)
            text = PROMISES[int(rng.integers(len(PROMISES)))]
            mall.promises.append(Promise(int(person), text, made_on, mall.today + timedelta(due), at_stake))


def _talks(rng: Rng, mall: Mall) -> None:
    for i, person in enumerate(mall.people):
        if person.manager and person.manager_since:
            days = min((mall.today - person.manager_since).days, 540)
            for ago in rng.integers(1, days + 1, rng.poisson(days / 75)) if days > 0 else ():
                mall.talks.append(_talk(rng, mall, i, person.manager, int(ago), incoming=bool(rng.random() < 0.12)))
        elif person.group != Group.NEVER_BOUGHT and rng.random() < 0.1:
            known = (mall.today - person.registered_on).days
            if known > 1:
                mall.talks.append(
                    _talk(rng, mall, i, "agent", int(rng.integers(1, min(known, 540) + 1)), incoming=True)
                )
    for promise in mall.promises:
        by = mall.people[promise.person].manager
        mall.talks.append(
            Talk(
                promise.person,
                by,
                promise.made_on,
                10 * 3600,
                "phone",
                "out",
                "promised",
                "neutral",
                f"答应{promise.text}。",
            )
        )
    mall.talks.sort(key=lambda talk: (talk.day, talk.second, talk.person))


def _talk(rng: Rng, mall: Mall, person: int, by: str, ago: int, *, incoming: bool) -> Talk:
    outcomes = tuple(NOTES)
    outcome = "reached" if incoming else outcomes[int(rng.choice(len(outcomes), p=(0.6, 0.22, 0.13, 0.05)))]
    mood = ("good", "neutral", "bad")[int(rng.choice(3, p=(0.35, 0.53, 0.12)))]
    notes = BAD_NOTES if mood == "bad" and outcome == "reached" else NOTES[outcome]
    channel = ("phone", "wechat", "visit", "email", "sms")[int(rng.choice(5, p=(0.5, 0.3, 0.06, 0.06, 0.08)))]
    return Talk(
        person,
        by,
        mall.today - timedelta(ago),
        int(rng.integers(9 * 3600, 20 * 3600)),
        channel,
        "in" if incoming else "out",
        outcome,
        mood if outcome == "reached" else "neutral",
        notes[int(rng.integers(len(notes)))],
    )


# The mall in the database -------------------------------------------------------------------------------------------


@transaction.atomic
def load(mall: Mall, *, at: datetime, say: Say = lambda line: None) -> dict[str, int]:
    """Store the mall in a database without customers. Returns how many rows of what; `say` hears each step."""
    zone = ZoneInfo(settings.MALL_TIME_ZONE)
    midnights = [datetime.combine(mall.first_day + timedelta(i), clock(), zone) for i in range(DAYS)]
    users = _accounts(mall.today)
    ids = identity.next_ids(len(mall.people))
    counts = {"accounts": len(users)}

    steps: list[tuple[str, Callable[[], int]]] = [
        ("products", lambda: len(_goods())),
        ("customers", lambda: _store_people(mall, ids, users)),
        ("contact points", lambda: _store_contact_points(mall, ids)),
        ("orders", lambda: _store_orders(mall, ids, midnights)),
        ("contacts", lambda: _store_talks(mall, ids, users, zone)),
        ("tasks", lambda: _store_tasks(mall, ids, zone)),
        ("levels", lambda: _levels(users, at - LEVELS_FOR)),
        ("moves between levels", lambda: _moves(mall.today, at)),
    ]
    for name, step in steps:
        began = time.perf_counter()
        counts[name] = step()
        say(f"  {counts[name]:>7,} {name} ({time.perf_counter() - began:.1f} s)")
    counts["order lines"] = len(mall.lines["order"])
    counts["refunds"] = len(mall.refunds["order"])
    return counts


def _accounts(today: date) -> dict[str, User]:
    """Staff, teams and the dated delegation. Accounts that exist are left as they are."""
    teams = {key: Team.objects.get_or_create(name=name)[0] for key, name in TEAMS.items()}
    password = make_password(PASSWORD)  # the same for all: making one takes a tenth of a second
    for username, full_name, role, team in ACCOUNTS:
        User.objects.get_or_create(
            username=username,
            defaults={
                "full_name": full_name,
                "role": role,
                "team": teams.get(team),
                "password": make_password(None) if role == Role.CLIENT else password,
                "email": f"{username}@example.com",
            },
        )
    users = {user.username: user for user in User.objects.filter(username__in=[row[0] for row in ACCOUNTS])}
    Delegation.objects.get_or_create(
        manager=users["chen"],
        assistant=users["aide"],
        defaults={"starts_on": today - timedelta(days=30), "ends_on": today + timedelta(days=335)},
    )
    return users


def _levels(users: dict[str, User], at: datetime) -> int:
    """The first rules, drafted by the administrator and published by the team lead the day before `at`."""
    yesterday = at - timedelta(days=1)
    names = {"member": "会员", "silver": "银卡", "gold": "金卡", "platinum": "白金卡"}
    bars = {"member": "0", "silver": "1500", "gold": "6000", "platinum": "20000"}
    content = tier_rules.starting_point()
    content["levels"] = [
        {
            **level,
            "name": names[level["code"]],
            "qualify": bars[level["code"]],
            "retain": str(int(bars[level["code"]]) * 4 // 5),
        }
        for level in content["levels"]
    ]
    draft = simulation.new_draft(by=users["admin"], at=yesterday)
    simulation.save_draft(draft.pk, content=content, reason="首版会员等级规则", by=users["admin"], at=yesterday)
    told = simulation.simulate(draft.pk, by=users["admin"], at=yesterday).figures
    simulation.publish(draft.pk, by=users["lead"], falls=told["falls"], at=yesterday)
    return len(content["levels"])


def _moves(today: date, at: datetime) -> int:
    """Every night since the first rules, so that there are people who rose, fell and are about to fall."""
    counts = membership.review_due(today - timedelta(days=1), at=at)
    return counts["tiers_up"] + counts["tiers_down"]


def _goods() -> list[Product]:
    categories = {name: Category.objects.get_or_create(name=name)[0] for name in GOODS}
    products = [
        Product(source=SOURCE, external_id=f"P{i + 1:03d}", name=name, category=categories[category])
        for i, (category, name) in enumerate((c, n) for c, goods in GOODS.items() for n, _, _ in goods)
    ]
    return Product.objects.bulk_create(products)


def _store_people(mall: Mall, ids: list[int], users: dict[str, User]) -> int:
    def manager(person: Person) -> int | None:
        return users[person.manager].pk if person.manager else None

    Customer.objects.bulk_create(
        [
            Customer(
                id=pk,
                number=identity.number_of(pk),
                name=person.name,
                name_pinyin=identity.pinyin(person.name),
                name_grams=identity.name_grams(person.name),
                region=person.region,
                city=person.city,
                registered_on=person.registered_on,
                birthday=person.birthday,
                birthday_is_lunar=person.birthday_is_lunar,
                interests=person.interests,
                mindset=person.mindset,
                preferred_channel=person.channel,
                is_reseller=person.group == Group.WHOLESALER,
                manager_id=manager(person),
                manager_since=person.manager_since,
                next_contact_on=person.next_contact_on,
            )
            for pk, person in zip(ids, mall.people, strict=True)
        ],
        batch_size=1000,
    )
    last = _last_purchases(mall)
    Standing.objects.bulk_create(
        [
            Standing(customer_id=pk, manager_id=manager(person), last_on=last.get(i))
            for i, (pk, person) in enumerate(zip(ids, mall.people, strict=True))
        ],
        batch_size=2000,
    )
    ExternalIdentity.objects.bulk_create(
        [ExternalIdentity(customer_id=pk, source=SOURCE, external_id=f"U{i + 1:06d}") for i, pk in enumerate(ids)],
        batch_size=2000,
    )
    return len(ids)


def _last_purchases(mall: Mall) -> dict[int, date]:
    counted = (mall.orders["status"] == PAID) & (mall.orders["fully_refunded_day"] < 0)
    last = np.full(len(mall.people), -1)
    np.maximum.at(last, mall.orders["owner"][counted], mall.orders["day"][counted])
    return {i: mall.first_day + timedelta(int(day)) for i, day in enumerate(last) if day >= 0}


def _store_contact_points(mall: Mall, ids: list[int]) -> int:
    kinds = ContactPoint.Kind
    points = [
        (pk, str(kind), value)
        for pk, person in zip(ids, mall.people, strict=True)
        for kind, value in ((kinds.PHONE, person.phone), (kinds.EMAIL, person.email), (kinds.ADDRESS, person.address))
        if value
    ]
    contact_points.add_many(points)
    return len(points)


def _store_orders(mall: Mall, ids: list[int], midnights: list[datetime]) -> int:
    orders, lines, refunds = mall.orders, mall.lines, mall.refunds
    count = len(orders["day"])
    days = [midnight.date() for midnight in midnights]
    product_ids, category_bits = _stored_goods()
    masks = np.zeros(count, dtype=np.int64)
    np.bitwise_or.at(masks, lines["order"], category_bits[lines["product"]])
    first = _set_aside("customers_order", count)
    number_of_day = np.arange(count) - np.searchsorted(orders["day"], orders["day"]) + 1
    owner, day, second, changes = (orders[k].tolist() for k in ("owner", "day", "second", "changes"))
    paid, cost, gone, status = (orders[k].tolist() for k in ("paid", "cost", "fully_refunded_day", "status"))

    def moment(day: int, second: int) -> datetime:
        return midnights[day] + timedelta(seconds=second)

    _copy(
        "customers_order",
        "id source external_id version customer_id status ordered_at ordered_on paid cost profit category_mask "
        "fully_refunded_on received_at",
        (
            (
                first + i,
                SOURCE,
                f"S{days[day[i]]:%y%m%d}{nth:04d}",
                changes[i],
                ids[owner[i]],
                STATUS[status[i]],
                moment(day[i], second[i]),
                days[day[i]],
                paid[i],
                cost[i],
                paid[i] - cost[i],
                mask,
                days[gone[i]] if gone[i] >= 0 else None,
                moment(day[i], second[i]) + timedelta(seconds=40),
            )
            for i, (nth, mask) in enumerate(zip(number_of_day.tolist(), masks.tolist(), strict=True))
        ),
    )
    _copy(
        "customers_orderline",
        "order_id product_id quantity amount",
        zip(
            (lines["order"] + first).tolist(),
            product_ids[lines["product"]].tolist(),
            lines["quantity"].tolist(),
            lines["amount"].tolist(),
            strict=True,
        ),
    )
    _copy(
        "customers_refund",
        "order_id external_id customer_id purchased_on refunded_at refunded_on amount profit_effect",
        (
            (first + o, "R1", ids[owner[o]], days[day[o]], moment(d, s), days[d], amount, effect)
            for o, d, s, amount, effect in zip(*(refunds[k].tolist() for k in refunds), strict=True)
        ),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_customer, customers_order, customers_orderline, customers_refund")
    return count


def _stored_goods() -> tuple[Array, Array]:
    """Ids of the products in the order of GOODS, and the category bit of each."""
    rows = Product.objects.filter(source=SOURCE).order_by("external_id").values_list("id", "category_id")
    return np.array([pk for pk, _ in rows]), np.array([1 << ((category or 0) % CATEGORY_BITS) for _, category in rows])


def _store_talks(mall: Mall, ids: list[int], users: dict[str, User], zone: ZoneInfo) -> int:
    _copy(
        "customers_contact",
        "customer_id by_id at channel direction outcome mood note",
        (
            (
                ids[t.person],
                users[t.by].pk,
                datetime.combine(t.day, clock(), zone) + timedelta(seconds=t.second),
                t.channel,
                t.direction,
                t.outcome,
                t.mood,
                t.note,
            )
            for t in mall.talks
        ),
    )
    return len(mall.talks)


def _store_tasks(mall: Mall, ids: list[int], zone: ZoneInfo) -> int:
    """Promises and planned contacts, as the contact log leaves them: without owner, so that they follow the manager."""
    promises = [
        Todo(
            customer_id=ids[promise.person],
            reason=Todo.Reason.PROMISE,
            text={"promise": promise.text},
            due_on=promise.due_on,
            at_stake=from_minor(promise.at_stake),
            dedupe_key=f"promise:demo:{i}",
            opened_at=datetime.combine(promise.made_on, clock(10), zone),
        )
        for i, promise in enumerate(mall.promises)
    ]
    agreed_on = mall.today - timedelta(days=14)
    planned = [
        Todo(
            customer_id=pk,
            reason=Todo.Reason.CONTACT,
            text={"agreed_on": agreed_on.isoformat()},
            due_on=person.next_contact_on,
            dedupe_key=f"contact:demo:{pk}",
            opened_at=datetime.combine(agreed_on, clock(10), zone),
        )
        for pk, person in zip(ids, mall.people, strict=True)
        if person.next_contact_on
    ]
    return todo.open_many(promises + planned)


def _set_aside(table: str, count: int) -> int:
    """The first of `count` ids that nobody else will get."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(s, nextval(s) + %s - 1) - %s + 1 FROM pg_get_serial_sequence(%s, 'id') AS s",
            [count, count, table],
        )
        return int(cursor.fetchone()[0])


def _copy(table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)  # None becomes an empty field, which COPY reads as NULL
    buffer.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns.split())}) FROM STDIN (FORMAT csv)", buffer)
