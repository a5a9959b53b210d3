"""Books of the demo mall: a leave that is over, one that runs with a cover, a hand-over that was done and one proposed."""

from datetime import date, timedelta

from core.accounts.models import Absence, Role, User
from core.accounts.roles import holders
from core.lib.periods import mall_moment
from customers.books import handing, leaves, moving
from customers.models import BookHandOver, Customer

DAY = timedelta(days=1)
HOUR = 9
DONE, PROPOSED = 6, 5
NOTE = "喜欢微信联系，不要打电话；儿子今年高考"


def fill(today: date) -> None:
    """Of a mall with its people, once; without three managers of one team nobody covers for anybody."""
    people = {person.username: person for person in holders(Role.ACCOUNT_MANAGER, Role.TEAM_LEAD)}
    if Absence.objects.exists() or not {"chen", "zhao", "lin", "lead"} <= set(people):
        return
    chen, zhao, lin, lead = (people[name] for name in ("chen", "zhao", "lin", "lead"))
    over = mall_moment(today - 12 * DAY, HOUR)
    leaves.note(chen, starts_on=today - 10 * DAY, ends_on=today - 8 * DAY, cover=zhao, by=lead, at=over)
    running = mall_moment(today - 3 * DAY, HOUR)
    leaves.note(lin, starts_on=today - DAY, ends_on=today + 3 * DAY, cover=zhao, by=lead, at=running)
    leaves.ask(chen, starts_on=today + 14 * DAY, ends_on=today + 18 * DAY, cover=zhao, words="年假", at=running)
    leaves.align(at=mall_moment(today, HOUR))
    _hand_over(chen, zhao, lead, today)


def _hand_over(giver: User, receiver: User, lead: User, today: date) -> None:
    at = mall_moment(today - 2 * DAY, HOUR)
    rows = Customer.objects.filter(manager=giver, merged_into=None).order_by("standing__value", "pk")
    ids = list(rows.values_list("pk", flat=True)[: DONE + PROPOSED])
    for part, is_done in ((ids[:DONE], True), (ids[DONE:], False)):
        among = Customer.objects.filter(pk__in=part)
        shares = moving.shares(giver, to=[receiver], at=at, among=among)
        handing.propose(giver, parts=shares, by=lead, reason="调整分工", seen=None, at=at)
        proposal = BookHandOver.objects.latest("pk")
        if is_done:
            handing.accept(proposal.pk, only=None, by=receiver, on=today - DAY, at=at + DAY)
        elif line := proposal.lines.order_by("pk").first():
            handing.say(line.pk, NOTE, by=giver, at=at)
