"""Business time: eleven deadlines worked out by hand, the laws it obeys, and a walk along every minute that agrees."""

import os
import random
import time as process_clock
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from complaints.promises.clock import Calendar, NeverOpen, Pause, counted, due_at, elapsed, unconfirmed_years

SHANGHAI = ZoneInfo("Asia/Shanghai")
# Two zones whose clocks change at night, one where they change by half an hour, one where midnight itself is skipped.
ZONES = [SHANGHAI] + [
    ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana")
]
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DAY_SHIFTS = ((540, 720), (780, 1080))
WEEK = {weekday: DAY_SHIFTS for weekday in range(1, 6)}
OFFICE = Calendar(
    zone=SHANGHAI,
    weekly=WEEK,
    closed=frozenset(
        date(2026, month, day)
        for month, days in {
            1: [1, 2],
            2: [16, 17, 18, 19, 20, 23],
            4: [6],
            5: [1, 4, 5],
            6: [19],
            9: [25],
            10: [1, 2, 5, 6, 7],
        }.items()
        for day in days
    ),
    opened={
        date(2026, *day): DAY_SHIFTS for day in [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)]
    },  # the days worked instead
    confirmed_years=frozenset({2026}),
)
ALWAYS = Calendar(zone=SHANGHAI, day_and_night=True)


def moment(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def in_2026(text: str) -> datetime:
    return moment(f"2026-{text}")


@pytest.mark.parametrize(
    ("calendar", "start", "minutes", "pauses", "due"),
    [
        pytest.param(OFFICE, "06-03 11:30", 60, [], "06-03 13:30", id="over lunch"),
        pytest.param(OFFICE, "06-03 18:00", 30, [], "06-04 09:30", id="after hours"),
        pytest.param(OFFICE, "06-03 17:00", 60, [], "06-03 18:00", id="exactly at the end of a shift"),
        pytest.param(OFFICE, "09-30 17:30", 240, [], "10-08 13:30", id="over National Day"),
        pytest.param(OFFICE, "10-09 17:30", 120, [], "10-10 10:30", id="into a worked Saturday"),
        pytest.param(OFFICE, "09-18 17:00", 120, [], "09-20 10:00", id="into a worked Sunday"),
        pytest.param(
            OFFICE, "06-03 16:00", 480, [("06-03 18:00", "06-04 09:00")], "06-04 16:00", id="paused only overnight"
        ),
        pytest.param(
            OFFICE, "06-05 14:00", 480, [("06-05 15:00", "06-08 10:00")], "06-08 18:00", id="paused over a weekend"
        ),
        pytest.param(
            OFFICE,
            "06-03 09:00",
            480,
            [("06-03 10:00", "06-03 11:00"), ("06-03 10:30", "06-03 11:30")],
            "06-04 10:30",
            id="overlapping pauses",
        ),
        pytest.param(ALWAYS, "10-02 23:50", 30, [], "10-03 00:20", id="day and night"),
        pytest.param(OFFICE, "02-13 17:45", 60, [], "02-14 09:45", id="before the Spring Festival"),
    ],
)
def test_deadlines_worked_out_by_hand(calendar, start, minutes, pauses, due):
    pauses = [(in_2026(begins), in_2026(ends)) for begins, ends in pauses]

    assert due_at(calendar, in_2026(start), minutes * MINUTE, pauses) == in_2026(due)


def test_no_budget_is_due_at_once_even_at_night():
    assert due_at(OFFICE, in_2026("06-03 23:00"), timedelta(0)) == in_2026("06-03 23:00")


def test_a_paused_clock_has_no_deadline_unless_it_fell_before_the_pause():
    pause: Pause = (in_2026("06-03 10:00"), None)

    assert due_at(OFFICE, in_2026("06-03 09:00"), 90 * MINUTE, [pause]) is None
    assert due_at(OFFICE, in_2026("06-03 09:00"), 60 * MINUTE, [pause]) == in_2026("06-03 10:00")
    assert elapsed(OFFICE, in_2026("06-03 09:00"), in_2026("06-30 09:00"), [pause]) == timedelta(hours=1)


def test_a_calendar_which_never_opens_again_says_so():
    one_saturday = Calendar(zone=SHANGHAI, opened={date(2026, 10, 10): DAY_SHIFTS})

    assert due_at(one_saturday, in_2026("06-03 09:00"), 480 * MINUTE) == in_2026("10-10 18:00")
    with pytest.raises(NeverOpen):
        due_at(one_saturday, in_2026("06-03 09:00"), 481 * MINUTE)
    with pytest.raises(NeverOpen):
        due_at(Calendar(zone=SHANGHAI), in_2026("06-03 09:00"), MINUTE)


def test_a_time_without_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        due_at(OFFICE, datetime(2026, 6, 3), MINUTE)


def test_a_closed_date_wins_over_an_opened_one():
    day = date(2026, 10, 10)
    both = Calendar(zone=SHANGHAI, closed=frozenset({day}), opened={day: DAY_SHIFTS})

    assert both.shifts_on(day) == []


def test_the_stretches_that_count_explain_a_deadline():
    pause: Pause = (in_2026("06-03 11:00"), in_2026("06-03 14:00"))

    stretches = counted(OFFICE, in_2026("06-03 10:00"), in_2026("06-04 09:30"), [pause])

    assert stretches == [
        (in_2026("06-03 10:00"), in_2026("06-03 11:00")),
        (in_2026("06-03 14:00"), in_2026("06-03 18:00")),
        (in_2026("06-04 09:00"), in_2026("06-04 09:30")),
    ]


def test_a_deadline_in_a_year_nobody_confirmed_is_known_as_a_guess():
    assert unconfirmed_years(OFFICE, in_2026("12-31 17:00"), in_2026("12-31 18:00")) == []
    assert unconfirmed_years(OFFICE, in_2026("12-31 17:00"), moment("2027-01-04 10:00")) == [2027]
    assert unconfirmed_years(ALWAYS, in_2026("12-31 17:00"), moment("2027-01-04 10:00")) == []


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 7), ("2026-10-25", 9), ("2026-06-03", 8)])
def test_a_night_shift_lasts_as_long_as_the_clocks_make_it(day, hours):
    berlin = ZoneInfo("Europe/Berlin")
    nights = Calendar(zone=berlin, weekly={weekday: ((0, 480),) for weekday in range(1, 8)})

    assert elapsed(nights, moment(f"{day} 00:00", berlin), moment(f"{day} 23:59", berlin)) == timedelta(hours=hours)


# The laws. Moments lie around clock changes as well as between them, and to the second.

FIRST_DAY = date(2026, 1, 1)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=0)
)
days = st.integers(0, 400).map(lambda number: FIRST_DAY + timedelta(days=number))
budgets = st.integers(1, 5 * 86400).map(lambda seconds: timedelta(seconds=seconds))
shifts = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda shift: shift[0] < shift[1])
shift_lists = st.lists(shifts, min_size=1, max_size=2).map(tuple)


@st.composite
def calendars(draw):
    weekly = draw(st.dictionaries(st.integers(1, 7), shift_lists, min_size=1, max_size=7))
    return Calendar(
        zone=draw(st.sampled_from(ZONES)),
        weekly=weekly,
        closed=draw(st.frozensets(days, max_size=5)),
        opened=draw(st.dictionaries(days, shift_lists, max_size=5)),
    )


@st.composite
def pause_lists(draw, start):
    """Up to four pauses somewhere in the ten days after `start`."""
    edges = st.integers(0, 10 * 86400).map(lambda seconds: start + timedelta(seconds=seconds))
    return [tuple(sorted(pair)) for pair in draw(st.lists(st.tuples(edges, edges), max_size=4))]


laws = settings(max_examples=120, deadline=None)


@laws
@given(calendars(), st.lists(moments, min_size=3, max_size=3).map(sorted))
def test_time_adds_up_and_is_never_more_than_the_wall_clock(calendar, three):
    first, middle, last = three

    assert elapsed(calendar, first, last) == elapsed(calendar, first, middle) + elapsed(calendar, middle, last)
    assert timedelta(0) <= elapsed(calendar, first, last) <= last - first


@laws
@given(calendars(), moments, budgets, st.data())
def test_the_deadline_is_the_first_moment_with_the_budget_used_up(calendar, start, budget, data):
    pauses = data.draw(pause_lists(start))

    due = due_at(calendar, start, budget, pauses)

    assert elapsed(calendar, start, due, pauses) == budget
    assert elapsed(calendar, start, due - SECOND, pauses) == budget - SECOND


@laws
@given(calendars(), moments, budgets, budgets)
def test_more_budget_or_a_later_start_is_never_due_earlier(calendar, start, budget, more):
    due = due_at(calendar, start, budget)

    assert due < due_at(calendar, start, budget + more)
    assert due <= due_at(calendar, start + more, budget)


@laws
@given(calendars(), moments, budgets, st.data())
def test_a_pause_moves_the_deadline_by_the_open_time_it_covers(calendar, start, budget, data):
    begins, ends = data.draw(st.lists(st.integers(0, 10 * 86400), min_size=2, max_size=2).map(sorted))
    pause = (start + timedelta(seconds=begins), start + timedelta(seconds=ends))

    due = due_at(calendar, start, budget, [pause])

    covered = elapsed(calendar, pause[0], min(pause[1], due))
    assert elapsed(calendar, start, due) == budget + covered
    if covered == timedelta(0):
        assert due == due_at(calendar, start, budget)


@laws
@given(calendars(), moments, budgets, st.data())
def test_pauses_may_be_cut_up_overlap_or_come_in_any_order(calendar, start, budget, data):
    pauses = data.draw(pause_lists(start))
    pieces = [
        piece
        for begins, ends in pauses
        for piece in ((begins, begins + (ends - begins) / 3), (begins + (ends - begins) / 4, ends))
    ]

    mixed = data.draw(st.permutations(pieces + pauses))

    assert due_at(calendar, start, budget, mixed) == due_at(calendar, start, budget, pauses)


@laws
@given(calendars(), moments, budgets, days)
def test_a_closed_day_never_brings_a_deadline_forward_nor_an_opened_day_back(calendar, start, budget, day):
    due = due_at(calendar, start, budget)
    closed = Calendar(calendar.zone, calendar.weekly, calendar.closed | {day}, calendar.opened)

    assert due <= due_at(closed, start, budget)
    # A day opened from nine to ten would shorten a working day, for it replaces its shifts: open it all day.
    opened = Calendar(calendar.zone, calendar.weekly, calendar.closed, {**calendar.opened, day: ((0, 1440),)})
    assert due_at(opened, start, budget) <= due


@laws
@given(st.sampled_from(ZONES), moments, budgets)
def test_open_day_and_night_means_plain_time(zone, start, budget):
    assert due_at(Calendar(zone=zone, day_and_night=True), start, budget) == start + budget
    every_minute = Calendar(zone=zone, weekly={weekday: ((0, 1440),) for weekday in range(1, 8)})
    assert due_at(every_minute, start, budget) == start + budget


@settings(max_examples=40, deadline=None)
@given(calendars(), moments, budgets)
def test_neither_the_zone_of_the_process_nor_of_the_caller_matters(calendar, start, budget):
    due = due_at(calendar, start, budget)
    before = os.environ.get("TZ")
    try:
        for zone in ZONES:
            os.environ["TZ"] = zone.key
            process_clock.tzset()
            assert due_at(calendar, start.astimezone(zone), budget) == due
    finally:
        os.environ.pop("TZ", None)
        if before is not None:
            os.environ["TZ"] = before
        process_clock.tzset()


@laws
@given(calendars(), moments, st.data())
def test_the_stretches_come_in_order_and_never_touch(calendar, start, data):
    stretches = counted(calendar, start, start + timedelta(days=30), data.draw(pause_lists(start)))

    assert all(opens < closes for opens, closes in stretches)
    assert all(one[1] < other[0] for one, other in pairwise(stretches))
    assume(stretches)
    assert stretches[0][0] >= start


# The walk: look at the wall clock of every single minute.

SPAN = 45 * 1440
CHANGES = [(3, 1), (3, 20), (4, 1), (9, 25), (10, 15), (10, 25), (6, 1), (1, 25)]
"""Month and day from which a span covers clock changes, north and south, or none."""


def open_minutes(calendar: Calendar, first: datetime) -> np.ndarray:
    """For each minute from `first` on: does the wall clock then read a minute inside a shift?"""
    minutes = np.zeros(SPAN, dtype=bool)
    for number in range(SPAN):
        wall = (first + timedelta(minutes=number)).astimezone(calendar.zone)
        reading = wall.hour * 60 + wall.minute
        minutes[number] = any(begins <= reading < ends for begins, ends in calendar.shifts_on(wall.date()))
    return minutes


def a_calendar(rng: random.Random, zone: ZoneInfo, first: datetime) -> Calendar:
    def some_shifts():
        edges = sorted(rng.sample(range(0, 1441, rng.choice([1, 15, 30])), 4))
        return tuple(rng.sample([(edges[0], edges[1]), (edges[2], edges[3])], rng.choice([1, 2])))

    near = [first.date() + timedelta(days=rng.randrange(45)) for _ in range(8)]
    return Calendar(
        zone=zone,
        weekly={weekday: some_shifts() for weekday in rng.sample(range(1, 8), rng.randint(3, 7))},
        closed=frozenset(near[:4]),
        opened={day: some_shifts() for day in near[3:]},
    )


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone.key)
def test_ten_thousand_deadlines_agree_with_a_walk_along_every_minute(zone):
    rng = random.Random(zone.key)
    agreed = 0
    while agreed < 2000:
        first = datetime(2026, *rng.choice(CHANGES), rng.randrange(24), rng.randrange(60), tzinfo=UTC)
        calendar = a_calendar(rng, zone, first)
        is_open = open_minutes(calendar, first)
        for _ in range(125):
            start, *edges = sorted(rng.sample(range(20 * 1440), 5))
            rng.shuffle(edges)
            pauses = [tuple(sorted(edges[:2])), tuple(sorted(edges[2:]))]
            counts = is_open.copy()
            counts[:start] = False
            for begins, ends in pauses:
                counts[begins:ends] = False
            used = np.cumsum(counts)
            budget = rng.randint(1, 4000)
            if used[-1] < budget:
                continue
            due = first + timedelta(minutes=int(np.searchsorted(used, budget)) + 1)

            found = due_at(
                calendar,
                first + start * MINUTE,
                budget * MINUTE,
                [(first + begins * MINUTE, first + ends * MINUTE) for begins, ends in pauses],
            )

            assert found == due, (calendar, first, start, budget, pauses)
            agreed += 1
    assert agreed >= 2000
