"""Whatever is done to cases, in whatever order and at whatever moment, these promises hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from complaints import queries
from complaints.afterwards import follow_up
from complaints.cases import escalation, handover, lifecycle, remedies, routing, surveys
from complaints.models import (
    Case,
    CaseEvent,
    CaseMessage,
    Clock,
    Department,
    Handover,
    Metric,
    Queue,
    QueueMember,
    Remedy,
    Survey,
)
from complaints.models.cases import OPEN, TRANSITIONS
from complaints.models.clocks import LIVE
from complaints.promises import clock as business_time
from complaints.promises.calendars import working_time
from core.accounts.models import User
from core.lib.errors import DomainError
from customers.models import Customer, Standing
from tests.complaints.conftest import WEDNESDAY, LogCase, category_of, join, queue_of, solved

Status = Case.Status
CATEGORIES = ("delivery-late", "delivery-lost", "quality-unsafe", "points-missing", "other-other")
# Mostly the same few cases, so that much happens to each.
PICK = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 4, 5])
STEPS_OF_TIME = (1, 7, 45, 300, 1_500, 9_000)


class Desk(RuleBasedStateMachine):
    """Cases, people and time; every rule goes through a verb, and a refusal leaves everything as it was."""

    log_case: LogCase
    customers: tuple[Customer, ...]
    agents: tuple[User, ...]
    lead: User

    @initialize()
    def begin(self) -> None:
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = WEDNESDAY
        self.numbers = count(1)
        self.first_answers: dict[int, datetime] = {}
        self.breaches: dict[int, datetime] = {}
        self.results: dict[int, tuple[Any, ...]] = {}
        self.placed: set[int] = set()
        self.secrets: list[str] = []
        self.versions: dict[int, int] = {}
        self.changed: list[Case] = []
        for customer in (*self.customers, self.customers[0]):
            self.log_case(customer, at=self.now)

    def teardown(self) -> None:
        if not hasattr(self, "example"):
            return
        try:
            self.changed = list(Case.objects.select_related("category", "merged_into"))
            self.look_at_changes()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    @contextmanager
    def asking(self) -> Iterator[None]:
        before = list(Case.objects.order_by("pk").values_list("pk", "version"))
        try:
            with transaction.atomic():
                yield
        except DomainError:
            assert list(Case.objects.order_by("pk").values_list("pk", "version")) == before

    def one(self, pick: int) -> Case:
        cases = list(Case.objects.order_by("pk"))
        return cases[pick % len(cases)]

    # Time

    @rule(minutes=st.sampled_from(STEPS_OF_TIME))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(seconds=st.sampled_from([-1, 0, 1]))
    def it_is_nearly_due(self, seconds: int) -> None:
        ahead = Clock.objects.filter(look_at__isnull=False, state="running").order_by("look_at").first()
        if ahead and ahead.look_at:
            self.now = max(self.now, ahead.look_at + timedelta(seconds=seconds))

    @rule()
    def somebody_looks(self) -> None:
        escalation.tick(now=self.now)
        assert not Clock.objects.filter(state="running", look_at__lt=self.now).exists()
        for queue in Queue.objects.all():
            if Case.objects.filter(queue=queue, owner__isnull=True, status__in=OPEN).exists():
                assert not routing._free(queue, 1, self.now), "a case waits although somebody has room"

    @rule()
    def solved_cases_close(self) -> None:
        lifecycle.close_due(now=self.now)

    # Intake and people

    @rule(
        who=st.integers(0, 2),
        what=st.sampled_from(CATEGORIES),
        ago=st.sampled_from([0, 0, 30, 900]),
        kind=st.sampled_from(["complaint", "complaint", "grumble"]),
        answered=st.booleans(),
    )
    def a_complaint_comes_in(self, who: int, what: str, ago: int, kind: str, answered: bool) -> None:
        with self.asking():
            self.log_case(
                self.customers[who],
                category=what,
                kind=kind,
                at=self.now,
                by=self.agents[0] if answered else None,
                received_at=self.now - timedelta(minutes=ago),
                answered="好的" if answered else "",
            )

    @rule(who=st.integers(0, 1), available=st.booleans(), capacity=st.integers(1, 4))
    def an_agent_comes_or_goes(self, who: int, available: bool, capacity: int) -> None:
        queue = queue_of("logistics")
        routing.set_member(
            queue.pk, self.agents[who], capacity=capacity, available=available, by=self.lead, at=self.now
        )

    @rule(who=st.integers(0, 2), customer_class=st.sampled_from([0, 1, 2]))
    def a_customer_rises_or_falls(self, who: int, customer_class: int) -> None:
        Standing.objects.filter(customer=self.customers[who]).update(customer_class=customer_class)
        lifecycle.follow_classes(at=self.now)

    # One case

    @rule(pick=PICK, verb=st.integers(0, 4), who=st.integers(0, 1))
    def it_changes_hands(self, pick: int, verb: int, who: int) -> None:
        pk, by, at = self.one(pick).pk, self.agents[who], self.now
        verbs: list[Callable[[], Any]] = [
            lambda: lifecycle.acknowledge(pk, by=by, at=at),
            lambda: lifecycle.claim(pk, by=by, at=at),
            lambda: lifecycle.assign(pk, by, by=self.lead, at=at),
            lambda: lifecycle.release(pk, by=by, at=at, reason="换人"),
            lambda: lifecycle.transfer(pk, queue_of("quality" if who else "logistics"), by=by, at=at, reason="转"),
        ]
        with self.asking():
            verbs[verb]()

    @rule(pick=PICK, verb=st.integers(0, 4))
    def somebody_works(self, pick: int, verb: int) -> None:
        pk, by, at = self.one(pick).pk, self.agents[0], self.now
        verbs: list[Callable[[], Any]] = [
            lambda: lifecycle.note(pk, by=by, at=at, body="备注"),
            lambda: lifecycle.resume(pk, by=by, at=at),
            lambda: lifecycle.keep_resolved(pk, by=by, at=at),
            lambda: lifecycle.take_up(pk, by=by, at=at),
            lambda: lifecycle.prioritise(pk, 1 + pick % 4, by=self.lead, at=at, reason="手工"),
        ]
        with self.asking():
            verbs[verb]()

    @rule(pick=PICK, wait=st.sampled_from(["", "", "answer", "return"]))
    def we_answer(self, pick: int, wait: str) -> None:
        case = self.one(pick)
        with self.asking():
            lifecycle.reply(case.pk, by=self.agents[0], at=self.now, body="您好", channel="phone", then_wait=wait)

    @rule(pick=PICK)
    def the_customer_writes(self, pick: int) -> None:
        case = self.one(pick)
        with self.asking():
            lifecycle.customer_replied(
                case.pk, at=self.now, body="在吗", channel="wechat", external_ref=f"m{next(self.numbers)}"
            )

    @rule(pick=PICK, what=st.sampled_from(CATEGORIES), severity=st.integers(1, 4), leading=st.booleans())
    def it_is_something_else(self, pick: int, what: str, severity: int, leading: bool) -> None:
        case = self.one(pick)
        with self.asking():
            by = self.lead if leading else self.agents[0]
            lifecycle.classify(case.pk, category=category_of(what), severity=severity, by=by, at=self.now)

    @rule(pick=PICK, told=st.sampled_from([True, True, False]), cause=st.sampled_from([True, True, False]))
    def it_is_solved(self, pick: int, told: bool, cause: bool) -> None:
        case = self.one(pick)
        with self.asking():
            fields = solved(reply="好了" if told else "") | ({} if cause else {"root_cause": None})
            lifecycle.resolve(case.pk, by=self.agents[0], at=self.now, **fields)

    @rule(pick=PICK, ours=st.booleans())
    def it_is_reopened(self, pick: int, ours: bool) -> None:
        case = self.one(pick)
        with self.asking():
            lifecycle.reopen(case.pk, by=self.agents[1] if ours else None, at=self.now, reason="没好")

    @rule(pick=PICK)
    def two_are_one(self, pick: int) -> None:
        case = self.one(pick)
        others = Case.objects.filter(customer=case.customer_id, status__in=OPEN).exclude(pk=case.pk)
        if target := others.order_by("pk").last():
            with self.asking():
                lifecycle.merge(case.pk, target.pk, by=self.agents[0], at=self.now)

    @rule(pick=PICK, withdrawn=st.booleans())
    def it_was_nothing(self, pick: int, withdrawn: bool) -> None:
        case = self.one(pick)
        with self.asking():
            verb = lifecycle.withdraw if withdrawn else lifecycle.invalidate
            verb(case.pk, by=self.lead, at=self.now, reason="没事")

    # Departments, remedies, surveys

    @rule(pick=PICK, blocking=st.booleans())
    def a_department_is_asked(self, pick: int, blocking: bool) -> None:
        case = self.one(pick)
        with self.asking():
            department = Department.objects.get(code="logistics")
            handover.ask(case.pk, department, question="在哪？", by=self.agents[0], at=self.now, blocking=blocking)

    @rule(pick=PICK, how=st.integers(0, 3))
    def a_department_answers(self, pick: int, how: int) -> None:
        asked = list(Handover.objects.order_by("pk"))
        if not asked:
            return
        pk, by, at = asked[pick % len(asked)].pk, self.agents[1], self.now
        with self.asking():
            [
                lambda: handover.accept(pk, by=by, at=at),
                lambda: handover.answer(pk, by=by, at=at, text="杭州"),
                lambda: handover.reject(pk, by=by, at=at, reason="不归我们"),
                lambda: handover.cancel(pk, by=by, at=at, reason="不用了"),
            ][how]()

    @rule(
        pick=PICK,
        amount=st.sampled_from([20, 80, 1_900, 3_000]),
        kind=st.sampled_from(["refund", "coupon"]),
    )
    def a_remedy_is_proposed(self, pick: int, amount: int, kind: str) -> None:
        case = self.one(pick)
        with self.asking():
            remedies.propose(
                case.pk,
                kind=kind,
                amount=amount,
                reason="补偿",
                by=self.agents[0],
                at=self.now,
                client_key=f"r{next(self.numbers)}",
            )

    @rule(pick=PICK, how=st.integers(0, 3))
    def a_remedy_goes_on(self, pick: int, how: int) -> None:
        known = list(Remedy.objects.order_by("pk"))
        if not known:
            return
        pk, at = known[pick % len(known)].pk, self.now
        with self.asking():
            [
                lambda: remedies.approve(pk, by=self.lead, at=at),
                lambda: remedies.issue(pk, by=self.lead, at=at),
                lambda: remedies.refuse(pk, by=self.lead, at=at, reason="过高"),
                lambda: remedies.take_back(pk, by=self.lead, at=at, reason="弄错"),
            ][how]()

    @rule()
    def questions_are_sent(self) -> None:
        self.secrets += [surveys.send(pk, at=self.now) for pk in surveys.due(now=self.now)]

    @precondition(lambda self: self.secrets)
    @rule(pick=PICK, score=st.integers(1, 5))
    def the_customer_is_asked(self, pick: int, score: int) -> None:
        with self.asking():
            follow_up.record_answer(self.secrets[pick % len(self.secrets)], score=score, solved=score > 2, at=self.now)

    # The promises

    @invariant()
    def the_promises_hold(self) -> None:
        """For what changed since the last step; at the end for everything, in case something changed unsaid."""
        cases = list(Case.objects.select_related("category", "merged_into"))
        self.changed = [case for case in cases if self.versions.get(case.pk) != case.version]
        self.versions = {case.pk: case.version for case in cases}
        self.look_at_changes()

    def look_at_changes(self) -> None:
        self.history_is_whole()
        self.clocks_are_right()
        self.the_first_answer_is_a_persons_and_stays()
        self.what_was_missed_stays_missed()
        self.solved_means_solved()
        self.nobody_gives_more_than_the_head_may()
        self.a_merged_case_is_quiet()
        self.nobody_is_handed_more_than_fits()

    def history_is_whole(self) -> None:
        """C1, C2: the table of changes, no gap in the history, and the history says how the case stands."""
        for case in self.cases():
            events = list(case.events.order_by("seq"))
            assert [e.seq for e in events] == list(range(1, case.version + 1))
            status = Status.NEW.value
            for event in events[1:]:
                assert event.from_status == status
                assert event.to_status == status or (status, event.to_status) in TRANSITIONS
                status = event.to_status
            last = events[-1]
            due = {c.metric: c.due_at.isoformat() if c.due_at else None for c in self.live(case)}
            assert (status, last.data["cycle"], last.data["due"]) == (case.status, case.cycle, due)

    def clocks_are_right(self) -> None:
        """C3, C4, C5: who runs, who is paused, and what is due first. Deadlines follow from the facts alone."""
        for case in self.cases():
            live = self.live(case)
            assert case.status in OPEN or not live
            assert len({c.metric for c in live}) == len(live)
            for clock in live:
                open_pauses = clock.pauses.filter(period__upper_inf=True).count()
                waits = case.status == Status.WAITING_CUSTOMER and clock.metric != Metric.FIRST_RESPONSE
                assert (open_pauses, clock.state) == ((1, "paused") if waits else (0, "running"))
                pauses = [(p.period.lower, p.period.upper) for p in clock.pauses.all()]
                budget = timedelta(minutes=clock.budget_minutes)
                due = business_time.due_at(working_time(clock.target.calendar), clock.started_at, budget, pauses)
                assert clock.due_at == (None if waits else due)
            assert case.next_due_at == min((c.due_at for c in live if c.due_at), default=None)
        for clock in Clock.objects.filter(case__in=self.cases()).exclude(state__in=LIVE):
            assert clock.state != "met" or clock.breached_at is None
            assert clock.state != "missed" or clock.breached_at < clock.stopped_at

    def the_first_answer_is_a_persons_and_stays(self) -> None:
        """C6."""
        for case in self.cases():
            told = case.messages.filter(direction="out", counts_as_response=True).order_by("id").first()
            assert case.first_response_at == (told.sent_at if told else None)
            if case.first_response_at:
                assert self.first_answers.setdefault(case.pk, case.first_response_at) == case.first_response_at

    def what_was_missed_stays_missed(self) -> None:
        """C7."""
        for clock in Clock.objects.filter(case__in=self.cases()).select_related("case"):
            if clock.pk in self.breaches:
                assert clock.breached_at == self.breaches[clock.pk]
            if clock.breached_at:
                self.breaches[clock.pk] = clock.breached_at
            if clock.cycle < clock.case.cycle:
                result = (clock.state, clock.stopped_at, clock.elapsed_seconds, clock.due_at)
                assert self.results.setdefault(clock.pk, result) == result

    def solved_means_solved(self) -> None:
        """C9, and C14 by its unique key."""
        for case in self.cases():
            if case.status in (Status.RESOLVED, Status.CLOSED):
                assert not case.handovers.filter(status__in=["pending", "accepted"], blocking=True).exists()
                assert "" not in (case.resolution, case.outcome)
                assert case.root_cause_id or not case.category.needs_root_cause

    def nobody_gives_more_than_the_head_may(self) -> None:
        """C10: what is given or promised stays within the limits of who agreed to it."""
        for case in self.cases():
            for kind in ("refund", "coupon"):
                agreed = case.remedies.filter(kind=kind, status__in=["approved", "issued"])
                [limit] = remedies.limits_for(self.lead, case.served_as, kind)
                assert all(remedy.amount <= limit.at_once for remedy in agreed)
                assert sum((r.amount for r in agreed), Decimal(0)) <= limit.per_case
                assert not agreed.filter(needs_approval=True, decided_by=F("proposed_by")).exists()

    def a_merged_case_is_quiet(self) -> None:
        """C11: nothing is said in it afterwards, and its target is not merged itself."""
        for case in self.cases():
            if case.status == Status.MERGED and case.merged_into:
                merged = case.events.get(kind=CaseEvent.Kind.MERGED)
                assert merged.seq == case.version
                assert not CaseMessage.objects.filter(case=case, sent_at__gt=merged.at).exists()
                assert case.merged_into.status != Status.MERGED

    def nobody_is_handed_more_than_fits(self) -> None:
        """C12: what was handed out by itself fitted when it was."""
        handed = CaseEvent.objects.filter(kind__in=[CaseEvent.Kind.ROUTED, CaseEvent.Kind.LOGGED]).exclude(
            pk__in=self.placed
        )
        for event in handed.select_related("case"):
            self.placed.add(event.pk)
            member = QueueMember.objects.filter(queue=event.case.queue, user=event.case.owner_id).first()
            if event.case.owner_id and member and event.case.version == event.seq:
                assert routing.load_of(event.case.queue).get(member.user_id, 0) <= member.capacity

    def cases(self) -> list[Case]:
        return self.changed

    @staticmethod
    def live(case: Case) -> list[Clock]:
        return list(Clock.objects.filter(case=case, state__in=LIVE).select_related("target__calendar"))


@pytest.mark.django_db
@pytest.mark.timeout(600)
def test_whatever_happens_the_promises_hold(
    log_case: LogCase,
    li_lei: Customer,
    madam_gao: Customer,
    make_customer: Callable[..., Customer],
    wang: User,
    sun: User,
    lead: User,
) -> None:
    active = make_customer("韩梅梅")
    Standing.objects.update_or_create(customer=active, defaults={"customer_class": Standing.Class.ACTIVE})
    Department.objects.update(head=lead)
    join(wang, "logistics", capacity=3)
    join(sun, "big-customers", capacity=2)
    story = type(
        "Story",
        (Desk,),
        {
            "log_case": staticmethod(log_case),
            "customers": (li_lei, active, madam_gao),
            "agents": (wang, sun),
            "lead": lead,
        },
    )

    run_state_machine_as_test(
        story,
        settings=settings(
            max_examples=20,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )


@pytest.mark.django_db
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(severity=st.integers(1, 4), minutes=st.integers(0, 7 * 24 * 60), random_first=st.booleans())
def test_of_two_fresh_cases_alike_the_big_customers_is_not_listed_second(
    log_case: LogCase,
    li_lei: Customer,
    madam_gao: Customer,
    lead: User,
    severity: int,
    minutes: int,
    random_first: bool,
) -> None:
    """C13."""
    at = WEDNESDAY + timedelta(minutes=minutes)
    with transaction.atomic():
        people = [li_lei, madam_gao] if random_first else [madam_gao, li_lei]
        for customer in people:
            log_case(customer, severity=severity, at=at)

        listed = list(queries.in_order(queries.cases_for(lead, at)))

        assert [case.customer for case in listed] == [madam_gao, li_lei]
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_one_question_per_cycle_and_a_link_is_good_for_one_answer(
    log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    """C14."""
    case = log_case(li_lei)
    lifecycle.resolve(case.pk, by=wang, at=WEDNESDAY, **solved())
    day_after = WEDNESDAY + timedelta(days=1)
    (planned,) = surveys.due(now=day_after)
    secret = surveys.send(planned, at=day_after)

    follow_up.record_answer(secret, score=5, solved=True, at=day_after)
    follow_up.record_answer(secret, score=4, solved=True, at=day_after + timedelta(hours=23))
    with pytest.raises(DomainError) as refusal:
        follow_up.record_answer(secret, score=1, solved=False, at=day_after + timedelta(hours=25))

    assert refusal.value.code == "survey_answered"
    assert (Survey.objects.get().score, secret in str(Survey.objects.values())) == (4, False)
