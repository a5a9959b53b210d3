"""What ends is started again, after longer and longer waits, and says so; its log does not grow for ever."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from crm.demo import server
from crm.demo.embedded import Embedded, EmbeddedError, children
from crm.demo.embedded.children import Child
from tests.faults.processes import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "FIRST_WAIT", 0.01)


@pytest.fixture
def said() -> list[str]:
    return []


def child(command: str, folder: Path, said: list[str]) -> Child:
    log = folder / "part.log"

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(["/bin/sh", "-c", command], stdout=output, start_new_session=True)

    return Child("part", start, log, said.append, wait=0.01).begin()


def looked_at(part: Child, lines: int) -> None:
    until(lambda: part.look() or len(part_said(part)) >= lines, f"{lines} lines", seconds=20)


def part_said(part: Child) -> list[str]:
    told: list[str] = part.say.__self__  # type: ignore[attr-defined]
    return told


def test_what_ends_is_started_again_after_longer_and_longer_waits(tmp_path: Path, said: list[str]) -> None:
    part = child("echo broken; exit 3", tmp_path, said)

    looked_at(part, 6)

    assert [line for line in said if "ended" in line] == [
        f"laoke: part ended with 3, again in 0 s; see {tmp_path}/part.log"
    ] * 3
    assert said.count("laoke: part is started again") == 3
    assert part.wait == pytest.approx(0.08)
    children.stop([part])


def test_what_has_stayed_up_begins_with_the_shortest_wait(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "STAYED_UP", 0.0)
    part = child("exit 1", tmp_path, said)
    part.wait = 60

    looked_at(part, 1)

    assert part.wait == 0.02


def test_what_cannot_be_started_is_tried_again(tmp_path: Path, said: list[str]) -> None:
    part = child("exit 1", tmp_path, said)
    working, part.start = part.start, lambda: (_ for _ in ()).throw(EmbeddedError("no room"))
    looked_at(part, 2)
    part.start = working
    looked_at(part, 3)

    assert "does not start (no room)" in said[1]
    assert said[2] == "laoke: part is started again"


def test_a_log_that_is_too_long_is_put_aside_and_goes_on(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "LONGEST_LOG", 10)
    part = child("echo a long line of a log; sleep 60; echo end", tmp_path, said)
    until(lambda: part.log.stat().st_size > 10, "it has written")

    part.look()

    assert part.log.read_text() == ""
    assert (tmp_path / "part.log.1").read_text() == "a long line of a log\n"
    children.stop([part])
    assert said == []


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Embedded]:
    started = Embedded(tmp_path / "servers", durable=False)
    yield started
    started.stop()


def test_a_redis_that_was_killed_is_there_again_at_its_address(servers: Embedded) -> None:
    url = servers.start_redis()
    [part] = children.servers_of(servers)
    assert part.process is not None
    part.process.send_signal(signal.SIGKILL)
    part.process.wait()
    until(lambda: part.look() or (part.ended() is None and part.process), "it is started again")

    assert servers.start_redis() == url
    assert Redis.from_url(url).ping()


@pytest.mark.parametrize(
    ("port", "sentence"),
    [("99999", "99999 is no port: they go from 1 to 65535"), ("0", "0 is no port"), ("-1", "-1 is no port")],
)
def test_a_port_that_is_none_is_a_sentence(port: str, sentence: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "crm.demo.server", f"--port={port}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(f"laoke: {sentence}")
    assert len(answer.stderr.splitlines()) == 1


def test_a_port_of_the_system_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(server.socket.socket, "bind", refuse)

    assert server.why_not(80) == "port 80 needs rights that you have not: ports below 1024 are the system's"
