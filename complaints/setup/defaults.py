"""A desk that works on the first day: calendars, departments, queues, categories, causes, promises and limits.

Names of complaint types are those a Chinese mall uses; every row can be changed afterwards.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from complaints.cases import priority
from complaints.models import (
    BusinessCalendar,
    CalendarShift,
    Category,
    Department,
    EscalationStep,
    Metric,
    Pause,
    Queue,
    RemedyLimit,
    ReplyTemplate,
    RootCause,
    SlaPolicy,
    SlaTarget,
)
from complaints.models.remedies import RemedyKind
from complaints.promises import calendars
from core.accounts.models import Role
from core.lib import mall
from customers.models import Standing

ALWAYS = datetime.fromisoformat("2000-01-01T00:00Z")
BIG, ACTIVE, RANDOM = Standing.Class.BIG, Standing.Class.ACTIVE, Standing.Class.RANDOM

DEPARTMENTS = (
    ("service", "客服部", 240),
    ("quality", "品质部", 480),
    ("logistics", "物流部", 240),
    ("warehouse", "仓储部", 240),
    ("product", "商品部", 480),
    ("marketing", "营销部", 480),
    ("finance", "财务部", 480),
    ("it", "技术部", 480),
)

# code, name, severity, prompt at, department of the prompt, prompt; then the second level in the same form.
CATEGORIES = (
    (
        "delivery",
        "物流配送",
        3,
        "delivery",
        "logistics",
        "上次配送被投诉：请送货前先打电话",
        (
            ("delivery-late", "配送延误", 3),
            ("delivery-lost", "丢件", 2),
            ("delivery-damaged", "运输破损", 2),
            ("delivery-wrong", "错发漏发", 2),
            ("delivery-attitude", "配送员态度", 3),
        ),
    ),
    (
        "description",
        "与描述不符",
        3,
        "order",
        "warehouse",
        "上次商品与描述不符：请出库前核对商品",
        (
            ("description-differs", "实物与描述不符", 3),
            ("description-false", "虚假宣传", 2),
            ("description-fake", "疑似售假", 1),
        ),
    ),
    (
        "quality",
        "商品质量",
        2,
        "order",
        "quality",
        "上次商品有质量问题：请出库前加检",
        (
            ("quality-defect", "质量瑕疵", 3),
            ("quality-broken", "使用故障", 2),
            ("quality-expired", "过期变质", 1),
            ("quality-unsafe", "人身安全隐患", 1),
        ),
    ),
    (
        "refund",
        "退换货退款",
        3,
        "contact",
        "service",
        "",
        (
            ("refund-slow", "退款太慢", 3),
            ("refund-refused", "拒绝退换", 2),
            ("refund-amount", "退款金额有误", 2),
        ),
    ),
    (
        "price",
        "价格优惠",
        3,
        "contact",
        "service",
        "",
        (
            ("price-drop", "买后降价", 4),
            ("price-wrong", "价格标错", 3),
            ("price-coupon", "优惠未兑现", 3),
        ),
    ),
    (
        "attitude",
        "服务态度",
        3,
        "contact",
        "service",
        "上次对服务态度不满：请特别留意",
        (
            ("attitude-rude", "态度恶劣", 2),
            ("attitude-slow", "响应迟缓", 3),
            ("attitude-promise", "承诺未兑现", 2),
        ),
    ),
    (
        "payment",
        "支付账单",
        2,
        "contact",
        "finance",
        "",
        (
            ("payment-double", "重复扣款", 2),
            ("payment-invoice", "发票问题", 3),
            ("payment-credit", "赊账结算", 3),
        ),
    ),
    (
        "points",
        "积分会员",
        4,
        "contact",
        "service",
        "",
        (
            ("points-missing", "积分未到账", 4),
            ("points-level", "等级权益", 4),
        ),
    ),
    ("privacy", "信息安全", 1, "contact", "service", "", (("privacy-leak", "个人信息泄露", 1),)),
    ("other", "其他", 4, "contact", "service", "", (("other-other", "其他", 4),)),
)

ROOT_CAUSES = (
    ("carrier-late", "承运商延误", "logistics", False),
    ("carrier-rough", "承运商野蛮装卸", "logistics", True),
    ("packing", "包装不足", "warehouse", True),
    ("picking", "拣货出错", "warehouse", True),
    ("stock", "库存不准", "warehouse", True),
    ("supplier-quality", "供应商质量", "quality", True),
    ("inspection", "检验疏漏", "quality", True),
    ("page-wrong", "页面描述有误", "product", True),
    ("advert", "宣传夸大", "marketing", True),
    ("price-setup", "价格设置错误", "marketing", True),
    ("agent-knowledge", "客服业务不熟", "service", True),
    ("agent-attitude", "客服态度", "service", True),
    ("promise-forgotten", "承诺没有跟进", "service", True),
    ("refund-process", "退款流程过长", "finance", True),
    ("system", "系统故障", "it", True),
    ("customer-use", "客户使用不当", "service", False),
    ("unknown", "原因不明", "service", False),
)

# class (None: everybody else), calendar, minutes of the first answer and of the solution by severity 1–4.
TARGETS = (
    (BIG, "day-and-night", (15, 30, 60, 120), (240, 480, 1440, 2880)),
    (ACTIVE, "office", (60, 120, 240, 480), (480, 960, 1440, 2400)),
    (None, "office", (120, 240, 480, 960), (960, 1440, 2400, 3600)),
)
STEPS = (
    (80, ["owner"], True),
    (100, ["owner", "head", "manager"], False),
    (200, ["head"], True),
)

TEMPLATES = (
    ("received", "已受理", "{name}您好，您反映的问题我们已登记，编号 {number}。{agent} 会尽快给您答复。"),
    ("apology", "致歉", "{name}您好，这次给您带来不便，我们非常抱歉。关于 {number}，处理结果如下："),
    ("ask-photo", "请提供照片", "{name}您好，为尽快处理 {number}，麻烦您发来商品和外包装的照片，谢谢。"),
    ("solved", "处理完毕", "{name}您好，您的投诉 {number} 已处理完毕。如有不满意，请直接回复，我们会继续跟进。{mall}"),
)

# role, class (None: any), at once, per case, per customer in 30 days, per person and day, for each kind of remedy
MONEY = (RemedyKind.REFUND, RemedyKind.COUPON, RemedyKind.CREDIT, RemedyKind.GIFT, RemedyKind.REPLACEMENT)
LIMITS = (
    (Role.SERVICE_AGENT, None, "50", "100", "200", "1000"),
    (Role.SERVICE_AGENT, BIG, "200", "400", "800", "2000"),
    (Role.ACCOUNT_MANAGER, None, "100", "200", "400", "2000"),
    (Role.ACCOUNT_MANAGER, BIG, "500", "1000", "2000", "4000"),
    (Role.SERVICE_LEAD, None, "2000", "5000", "10000", "50000"),
    (Role.TEAM_LEAD, None, "2000", "5000", "10000", "50000"),
)
POINTS_PER_YUAN = 10
FREE = (RemedyKind.VISIT, RemedyKind.APOLOGY)


# Weekday (1 is Monday), from, until: minutes of the day.
Week = Sequence[tuple[int, int, int]]
WEEK: Week = [(weekday, start * 60, end * 60) for weekday in range(1, 6) for start, end in ((9, 12), (13, 18))]


@transaction.atomic
def install(*, at: datetime, country: str = "CN", week: Week = WEEK) -> bool:
    """Every default exists; what somebody changed or added meanwhile stays. False when the desk was set up before.

    The office keeps the hours of `week` and the holidays of `country` (two letters; empty for none).
    """
    if SlaPolicy.objects.filter(status=SlaPolicy.Status.PUBLISHED).exists():
        return False
    hours = _calendars(at, country, week)
    departments = {
        code: Department.objects.get_or_create(
            code=code, defaults={"name": name, "calendar": hours["office"], "answer_minutes": minutes}
        )[0]
        for code, name, minutes in DEPARTMENTS
    }
    queues = _queues(departments)
    _categories(departments, queues)
    for code, name, department, controllable in ROOT_CAUSES:
        RootCause.objects.get_or_create(
            code=code, defaults={"name": name, "department": departments[department], "controllable": controllable}
        )
    for code, name, body in TEMPLATES:
        ReplyTemplate.objects.get_or_create(code=code, defaults={"name": name, "body": body})
    _limits()
    priority.matrix()
    _policy(hours, at)
    return True


def _calendars(at: datetime, country: str, week: Week) -> dict[str, BusinessCalendar]:
    zone = mall.facts().time_zone
    always, _ = BusinessCalendar.objects.get_or_create(
        code="day-and-night", defaults={"name": "全天候", "zone": zone, "day_and_night": True}
    )
    office, created = BusinessCalendar.objects.get_or_create(
        code="office", defaults={"name": "工作时间", "zone": zone, "country": country}
    )
    if created:
        CalendarShift.objects.bulk_create(
            CalendarShift(calendar=office, weekday=weekday, start_minute=start, end_minute=end)
            for weekday, start, end in week
        )
        for year in (at.year, at.year + 1) if country else ():
            calendars.import_holidays(office.pk, year, by=None, at=at)
    return {"day-and-night": always, "office": office}


def _queues(departments: dict[str, Department]) -> dict[str, Queue]:
    service = departments["service"]
    wanted: tuple[tuple[str, str, dict[str, bool]], ...] = (
        ("big-customers", "大客户专线", {"is_vip": True}),
        ("general", "综合投诉", {"is_default": True}),
        ("logistics", "物流投诉", {}),
        ("quality", "质量投诉", {}),
    )
    return {
        code: Queue.objects.get_or_create(code=code, defaults={"name": name, "department": service, **more})[0]
        for code, name, more in wanted
    }


def _categories(departments: dict[str, Department], queues: dict[str, Queue]) -> None:
    own = {"delivery": queues["logistics"], "quality": queues["quality"]}
    for position, (code, name, severity, trigger, department, text, children) in enumerate(CATEGORIES):
        prompt = {"prompt_trigger": trigger, "prompt_department": departments[department], "prompt_text": text}
        fields = {"position": position, "queue": own.get(code), **prompt}
        parent, _ = Category.objects.get_or_create(
            code=code, defaults={"name": name, "default_severity": severity, **fields}
        )
        for place, (child, child_name, child_severity) in enumerate(children):
            Category.objects.get_or_create(
                code=child,
                defaults={"name": child_name, "default_severity": child_severity, "parent": parent}
                | fields
                | {"position": place, "needs_root_cause": code not in ("other", "points")},
            )


def _limits() -> None:
    rows = []
    for role, customer_class, *amounts in LIMITS:
        once, case, customer, day = (Decimal(a) for a in amounts)
        for kind in RemedyKind:
            times = 0 if kind in FREE else 1 if kind in MONEY else POINTS_PER_YUAN
            rows.append(
                RemedyLimit(
                    role=role,
                    customer_class=customer_class,
                    kind=kind,
                    at_once=once * times,
                    per_case=case * times,
                    per_customer=customer * times,
                    per_day=day * times,
                )
            )
    RemedyLimit.objects.bulk_create(rows, ignore_conflicts=True)


def _policy(hours: dict[str, BusinessCalendar], at: datetime) -> None:
    policy = SlaPolicy.objects.create(
        version=1,
        status=SlaPolicy.Status.PUBLISHED,
        effective=DateTimeTZRange(ALWAYS, None),
        at=at,
        reason="Defaults",
        pause_reasons=[Pause.Reason.ANSWER, Pause.Reason.RETURN, Pause.Reason.AUTHORITY],
    )
    for customer_class, calendar, first, solution in TARGETS:
        for metric, minutes in (
            (Metric.FIRST_RESPONSE, first),
            (Metric.NEXT_RESPONSE, first),
            (Metric.RESOLUTION, solution),
        ):
            SlaTarget.objects.bulk_create(
                SlaTarget(
                    policy=policy,
                    customer_class=customer_class,
                    severity=severity,
                    metric=metric,
                    minutes=minutes[severity - 1],
                    calendar=hours[calendar],
                )
                for severity in (1, 2, 3, 4)
            )
        # The promise for a severity nobody thought of.
        SlaTarget.objects.bulk_create(
            SlaTarget(
                policy=policy, customer_class=customer_class, metric=metric, minutes=minutes, calendar=hours[calendar]
            )
            for metric, minutes in (
                (Metric.FIRST_RESPONSE, first[2]),
                (Metric.NEXT_RESPONSE, first[2]),
                (Metric.RESOLUTION, solution[2]),
            )
        )
    EscalationStep.objects.bulk_create(
        EscalationStep(policy=policy, metric=metric, at_percent=percent, notify=notify, raise_priority=raises)
        for metric in Metric
        for percent, notify, raises in STEPS
    )
