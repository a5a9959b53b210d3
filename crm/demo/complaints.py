"""A complaint desk that has been at work for six weeks: every case is made by the verbs, at the times it happened."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from complaints.afterwards import follow_up, root_causes, silent
from complaints.cases import escalation, handover, intake, lifecycle, remedies, surveys
from complaints.models import BusinessCalendar, Case, Category, Department, Queue, QueueMember, RootCause
from complaints.models.remedies import RemedyKind
from complaints.promises import calendars
from complaints.setup import defaults
from core.accounts.models import Role, User
from core.accounts.roles import holders
from core.lib.errors import DomainError
from core.lib.periods import mall_day, mall_moment
from crm.demo import letters, life, plans
from crm.demo.tables.complaints import SCRIPTS, WORDS
from customers.models import Customer, Order, Standing

SEED = 315
WEEKS = 6
# Whose questions the colleague with nothing but a department answers.
DEPOT = ("logistics", "warehouse")
SMALL = 1000
Step = tuple[datetime, Callable[[], Any]]


@dataclass
class Desk:
    """Who works there, and the cases on their way."""

    rng: random.Random
    now: datetime
    agents: list[User]
    lead: User
    people: dict[int, list[Customer]]
    steps: list[Step] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def at(self, days_ago: int, hour: int, minute: int = 0) -> datetime:
        """A moment of the mall's clock, never in the future."""
        day = mall_day(self.now) - timedelta(days=days_ago)
        return min(mall_moment(day, hour, minute), self.now - timedelta(minutes=2))

    def somebody(self, customer_class: int) -> Customer:
        """A customer of this class who has not complained yet, while there are any."""
        rows = self.people[customer_class] or self.people[Standing.Class.ACTIVE] or self.people[Standing.Class.RANDOM]
        fresh = [person for person in rows if person.pk not in self.used] or rows
        customer = self.rng.choice(fresh[:60])
        self.used.add(customer.pk)
        return customer

    def plan(self, at: datetime, do: Callable[[], Any]) -> None:
        if at < self.now:
            self.steps.append((at, do))


class Story:
    """One case from the first word on; what has not happened yet by now has not happened."""

    def __init__(self, desk: Desk, customer_class: int, code: str, start: datetime, **more: Any) -> None:
        self.desk, self.code, self.start, self.case_id = desk, code, start, 0
        self.customer = desk.somebody(customer_class)
        self.at = start
        desk.plan(start, lambda: self._log(**more))

    def _log(self, **more: Any) -> None:
        script = SCRIPTS[self.code]
        order = self.customer.orders.filter(status=Order.Status.PAID, ordered_at__lt=self.start).order_by("-ordered_at")
        bought = order.prefetch_related("lines__product").first()
        case: dict[str, Any] = {
            "category": Category.objects.get(code=self.code),
            "channel": self.desk.rng.choice(["phone", "wechat", "shop"]),
            "by": self.desk.agents[0],
            "at": self.start,
            "description": f"{script.says}{self.desk.rng.choice(WORDS)}。",
            "remedy_sought": script.wants,
        }
        if bought:
            line = next(iter(bought.lines.all()), None)
            case |= {"order_ref": bought.external_id, "product_ref": line.product.external_id if line else ""}
        self.case_id = intake.log(self.customer, **case | more).case.pk

    def then(self, hours: float, do: Callable[[datetime], Any]) -> "Story":
        """This many hours later. A step the desk refuses is left out, as it would have been."""
        self.at += timedelta(hours=hours)
        at = self.at

        def attempt() -> None:
            try:
                do(at)
            except DomainError:
                return

        self.desk.plan(at, attempt)
        return self

    @property
    def who(self) -> User:
        owner = Case.objects.select_related("owner").get(pk=self.case_id).owner
        return owner or self.desk.agents[0]

    def take(self, hours: float = 0.1) -> "Story":
        return self.then(hours, lambda at: lifecycle.claim(self.case_id, by=self.who, at=at))

    def reply(self, hours: float, words: str, wait: str = "") -> "Story":
        def do(at: datetime) -> None:
            lifecycle.reply(self.case_id, by=self.who, at=at, body=words, channel="phone", then_wait=wait)

        return self.then(hours, do)

    def hears(self, hours: float, words: str) -> "Story":
        return self.then(
            hours, lambda at: lifecycle.customer_replied(self.case_id, at=at, body=words, channel="wechat")
        )

    def note(self, hours: float, words: str) -> "Story":
        return self.then(hours, lambda at: lifecycle.note(self.case_id, by=self.who, at=at, body=words))

    def ask(self, hours: float, department: str, question: str) -> "Story":
        def do(at: datetime) -> None:
            handover.ask(self.case_id, Department.objects.get(code=department), question=question, by=self.who, at=at)

        return self.then(hours, do)

    def answered(self, hours: float, words: str) -> "Story":
        def do(at: datetime) -> None:
            question = Case.objects.get(pk=self.case_id).handovers.latest("asked_at")
            handover.answer(question.pk, by=self.desk.lead, at=at, text=words)

        return self.then(hours, do)

    def remedy(self, hours: float, kind: str, amount: str, *, given: bool = True) -> "Story":
        def do(at: datetime) -> None:
            remedy = remedies.propose(
                self.case_id,
                kind=kind,
                amount=Decimal(amount),
                reason="补偿客户损失",
                by=self.who,
                at=at,
                client_key=f"demo:{self.case_id}:{kind}",
            )
            if given:
                remedies.issue(remedy.pk, by=self.who, at=at, reference=f"D{remedy.pk:06d}")

        return self.then(hours, do)

    def solve(self, hours: float, outcome: str = "fixed") -> "Story":
        def do(at: datetime) -> None:
            script = SCRIPTS[self.code]
            lifecycle.resolve(
                self.case_id,
                by=self.who,
                at=at,
                outcome=outcome,
                resolution=script.solution,
                justified="justified",
                root_cause=RootCause.objects.get(code=script.cause),
                reply=f"您反映的问题已处理：{script.solution}。",
            )

        return self.then(hours, do)

    def withdraw(self, hours: float, reason: str) -> "Story":
        return self.then(hours, lambda at: lifecycle.withdraw(self.case_id, by=self.who, at=at, reason=reason))

    def survey(self, hours: float, score: int, comment: str = "") -> "Story":
        def do(at: datetime) -> None:
            planned = Case.objects.get(pk=self.case_id).surveys.filter(state="planned").first()
            if planned:
                secret = surveys.send(planned.pk, at=at)
                follow_up.record_answer(
                    secret, score=score, solved=score > 2, comment=comment, at=at + timedelta(minutes=20)
                )

        return self.then(hours, do)


@transaction.atomic
def load(*, at: datetime, say: Callable[[str], None] = lambda line: None) -> int:
    """The desk stands and has its history up to `at`, or, where that is interrupted, nothing of it.

    Returns the number of cases; 0 when there are cases already.
    """
    if Case.objects.exists():
        return 0
    defaults.install(at=at - timedelta(weeks=WEEKS + 1))
    desk = _desk(at)
    _past(desk)
    _present(desk)
    for moment, do in _in_time(desk):
        do() if do else _tick(moment)
    _tick(at)
    _week(at)
    letters.load(at=at)
    life.load(at=at)
    plans.load(at=at)
    cases = Case.objects.count()
    say(f"  {cases:>7,} complaints, {Case.objects.filter(status__in=['resolved', 'closed']).count()} of them solved")
    return cases


def _desk(at: datetime) -> Desk:
    """Heads, members and confirmed holidays."""
    users = {user.username: user for user in User.objects.all()}
    lead = users.get("service") or holders(Role.SERVICE_LEAD).first()
    agents = list(holders(Role.SERVICE_AGENT).order_by("pk"))
    if lead is None or not agents:
        raise DomainError("The demo needs its staff first.")
    Department.objects.update(head=lead)
    for department in Department.objects.filter(code__in=DEPOT):
        department.members.set(holders(Role.DEPARTMENT))
    managers = list(holders(Role.ACCOUNT_MANAGER))
    for queue in Queue.objects.all():
        for user in [*agents, *(managers if queue.is_vip else [lead])]:
            QueueMember.objects.get_or_create(
                queue=queue, user=user, defaults={"capacity": 12 if user in agents else 8}
            )
    for calendar in BusinessCalendar.objects.filter(day_and_night=False):
        for year in {at.year, (at - timedelta(weeks=WEEKS)).year}:
            calendars.confirm_year(calendar.pk, year, by=lead, at=at)
    by_class: dict[int, list[Customer]] = {
        customer_class: list(
            Customer.objects.filter(standing__customer_class=customer_class).order_by("-standing__value", "pk")[:60]
        )
        for customer_class in (Standing.Class.BIG, Standing.Class.ACTIVE, Standing.Class.RANDOM)
    }
    return Desk(random.Random(SEED), at, agents, lead, by_class)  # noqa: S311 (a play, not a secret)


def _past(desk: Desk) -> None:
    """Six weeks, two or three cases a day, most of them well ended."""
    rng, codes = desk.rng, list(SCRIPTS)
    small = Customer.objects.count() < SMALL
    # Something keeps coming back: parcels come late, and one supplier sends faulty goods.
    codes += ["delivery-late"] * 5 + ["quality-broken"] * 3
    classes = [Standing.Class.RANDOM] * 5 + [Standing.Class.ACTIVE] * 4 + [Standing.Class.BIG] * 2
    for days_ago in range(WEEKS * 7, 3, -1):
        for _number in range(rng.choice([0, 1, 1, 1, 2] if small else [1, 2, 2, 3, 4])):
            start = desk.at(days_ago, rng.randint(9, 19), rng.randint(0, 59))
            story = Story(desk, rng.choice(classes), rng.choice(codes), start)
            kind = rng.random()
            if kind < 0.5:
                story.take().reply(rng.uniform(0.2, 2), "您好，已收到您的反映，正在为您查询。").solve(
                    rng.uniform(2, 22)
                )
                if rng.random() < 0.5:
                    story.survey(30, rng.choice([5, 5, 4, 4, 3]), rng.choice(["", "处理得很快", "谢谢"]))
            elif kind < 0.75:
                story.take().reply(0.5, "非常抱歉，我们马上与相关部门核实。").ask(
                    0.4, "logistics", "请核实这单的物流情况并回复"
                )
                story.answered(rng.uniform(2, 9), "已核实，今天安排补发。")
                story.remedy(0.5, RemedyKind.COUPON, rng.choice(["20", "30", "50"])).solve(1.5, "compensated")
            elif kind < 0.88:
                # Nobody answered in time.
                story.reply(rng.uniform(26, 50), "抱歉让您久等了。").solve(rng.uniform(30, 70)).survey(30, 2, "太慢了")
                story.reply(4, "主管致电客户致歉。").solve(3)
            elif kind < 0.95:
                story.take().reply(1, "麻烦您发一下商品和外包装的照片。", wait="answer")
                story.hears(rng.uniform(4, 30), "照片发过去了。").reply(1, "收到，马上处理。").solve(5, "replaced")
                story.hears(40, "还是没有解决，又坏了。").reply(1, "抱歉，我们换一台新的。").solve(20, "replaced")
            else:
                story.take().withdraw(3, "客户已收到货")


def _present(desk: Desk) -> None:
    """What lies on the desk this minute: new, waiting, asked of a department, overdue, reopened."""

    def ago(minutes: int) -> datetime:
        return desk.now - timedelta(minutes=minutes)

    big, active, random_ = Standing.Class.BIG, Standing.Class.ACTIVE, Standing.Class.RANDOM
    Story(desk, big, "quality-broken", ago(25))
    Story(desk, active, "delivery-late", ago(40))
    Story(desk, random_, "price-drop", ago(12))
    Story(desk, random_, "points-missing", ago(70), kind=Case.Kind.GRUMBLE)
    Story(desk, active, "refund-slow", ago(170)).take().reply(0.6, "您好，正在与财务核实退款进度。")
    Story(desk, big, "payment-double", ago(260)).take().reply(0.2, "已核实重复扣款，正在申请退回。").ask(
        0.3, "finance", "请确认这笔重复扣款的退款时间"
    ).remedy(0.5, RemedyKind.CREDIT, "800", given=False)
    Story(desk, active, "delivery-damaged", ago(60 * 27)).take().reply(1, "麻烦您发一下破损照片。", wait="answer")
    Story(desk, random_, "description-differs", ago(60 * 50)).take().reply(
        2, "请您把商品寄回，我们承担运费。", wait="return"
    )
    # Overdue: the first answer, and a solution.
    Story(desk, random_, "attitude-promise", ago(60 * 75))
    Story(desk, active, "delivery-wrong", ago(60 * 98)).take().reply(1, "已登记，仓库正在核对。").ask(
        1, "warehouse", "请核对出库记录和称重"
    ).note(20, "仓库还没有回复，已电话催办。")
    Story(desk, big, "quality-expired", ago(60 * 30)).take().reply(0.1, "万分抱歉，已安排全额退款并排查同批次。").note(
        1, "同批次共 40 件，已通知下架。"
    ).remedy(0.4, RemedyKind.REFUND, "168").remedy(0.1, RemedyKind.VISIT, "0", given=False)
    # Solved a day ago and open again.
    Story(desk, active, "refund-amount", ago(60 * 52)).take().reply(1, "差额马上补退。").solve(5).hears(
        36, "钱到了，可是少了两块。"
    )
    Story(desk, random_, "delivery-lost", ago(60 * 40)).take().reply(1, "已报丢件。").solve(20).hears(
        8, "收到了，谢谢！"
    )
    Story(desk, active, "attitude-rude", ago(60 * 30)).take().reply(1, "主管会给您回电。").solve(6)


def _in_time(desk: Desk) -> Iterator[tuple[datetime, Callable[[], Any] | None]]:
    """All steps in the order of their times, and between them the desk's own look twice a day."""
    steps: list[tuple[datetime, int, Callable[[], Any] | None]] = [
        (at, number, do) for number, (at, do) in enumerate(desk.steps)
    ]
    look = min(at for at, _do in desk.steps)
    while look < desk.now:
        steps.append((look, -1, None))
        look += timedelta(hours=12)
    for at, _number, do in sorted(steps, key=lambda step: step[:2]):
        yield at, do


def _tick(at: datetime) -> None:
    escalation.tick(now=at)
    lifecycle.close_due(now=at)


def _week(at: datetime) -> None:
    """What the week finds: causes that keep coming back, and who is unhappy in silence."""
    today = mall_day(at)
    root_causes.open_actions(as_of=today, at=at)
    silent.find(as_of=today, at=at)
