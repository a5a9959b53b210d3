"""Nothing that somebody typed and sent is lost, doubled or put into the wrong place, whatever happens meanwhile.

`LAOKE_WALKS=500` walks that many, from the number in `LAOKE_FIRST_WALK` on; without it a few.
"""

import os
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Route

from complaints.cases import intake, transitions
from core.accounts import idempotency, login
from tests.browser.story import machine
from tests.browser.story.conftest import World
from tests.browser.story.machine import Lost, Walk

WALKS, FIRST, STEPS = int(os.environ.get("LAOKE_WALKS", "4")), int(os.environ.get("LAOKE_FIRST_WALK", "0")), 3
FULL = "LAOKE_WALKS" in os.environ


@pytest.mark.timeout(0)
def test_every_word_that_is_sent_is_found_once_where_it_belongs(world: World) -> None:
    words = 0
    for number in range(FIRST, FIRST + WALKS):
        walk = world.walk(number)
        walk.go(STEPS)
        words += len(walk.sent)

    assert words >= WALKS


# The machine finds what is lost when a guard is off -------------------------------------------------------------------

Off = Callable[[pytest.MonkeyPatch], None]


def _without_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(idempotency, "once", lambda key, verb, content="": verb())


def _same_whatever_it_says(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(intake, "_told", lambda category, channel, complaint: "")


def _whatever_the_author_saw(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transitions, "check", lambda case, **seen: None)


def _no_way_back_to_the_form(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(login, "_form_of", lambda request: "/")


def _script(change: Callable[[str], str]) -> Off:
    """Browsers are given another drafts.js."""

    def answer(route: Route) -> None:
        sent = route.fetch()
        route.fulfill(response=sent, body=change(sent.text()))

    def off(patch: pytest.MonkeyPatch) -> None:
        sit_down = Walk.prepare

        def prepare(walk: Walk, context: BrowserContext) -> None:
            sit_down(walk, context)
            context.route("**/drafts*.js", answer)

        patch.setattr(Walk, "prepare", prepare)

    return off


def _together(*offs: Off) -> Off:
    def off(patch: pytest.MonkeyPatch) -> None:
        for one in offs:
            one(patch)

    return off


def _without_drafts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(machine, "LOOKS", (*machine.LOOKS, "*drafts*"))


# What is off, and the deeds in which that is felt.
OFF: dict[str, tuple[Off, tuple[str, ...]]] = {
    "keys of forms": (_together(_without_keys, _without_drafts), ("back",)),
    "other words under one key": (_same_whatever_it_says, ("back",)),
    "what the author saw": (_whatever_the_author_saw, ("two_editors",)),
    "drafts": (_without_drafts, ("session_ends",)),
    "the way back": (_no_way_back_to_the_form, ("session_ends",)),
    "whose drafts": (_script(lambda script: script.replace("${person}", "anybody")), ("colleague_between",)),
    "an end at signing out": (
        _script(lambda script: script.replace("/accounts/logout/", "/no/")),
        ("sign_out_unsent",),
    ),
    "asking what is stored": (
        _script(lambda script: script.replace("!has.includes(draft.sent)", "true")),
        ("lost_answer",),
    ),
}
IN_CI = ("what the author saw", "the way back", "an end at signing out")
TRIES = 40


@pytest.mark.timeout(0)
@pytest.mark.parametrize("guard", OFF if FULL else IN_CI)
def test_control_without_a_guard_the_machine_finds_the_loss(
    world: World, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    off, kinds = OFF[guard]
    off(monkeypatch)

    def walk_on() -> None:
        for number in range(9_000, 9_000 + TRIES):
            world.walk(number).go(1, kinds)

    with pytest.raises(Lost) as loss:
        walk_on()
    assert "Timeout" not in str(loss.value)
