"""Running Laoke for a mall: what is wrong with the address is said before anything starts, and so is the help."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from crm import serving
from crm.demo.server import DemoError

ROOT = Path(__file__).resolve().parents[1]


def laoke(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LAOKE_HOME": str(home)}
    line = [sys.executable, "-m", "crm.serving", *options]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_port_in_use_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        answer = laoke(tmp_path / "mall", "serve", "--bind", f"127.0.0.1:{port}")

    assert answer.returncode == 1
    assert f"cannot listen at 127.0.0.1:{port}" in answer.stderr
    assert f"--bind 127.0.0.1:{port + 1}" in answer.stderr
    assert not (tmp_path / "mall").exists()


@pytest.mark.parametrize(("verb", "option"), [("init", "--alone"), ("serve", "--bind")])
def test_help_is_printed_and_nothing_is_made(tmp_path: Path, verb: str, option: str) -> None:
    answer = laoke(tmp_path / "mall", verb, "--help")

    assert answer.returncode == 0, answer.stderr
    assert option in answer.stdout
    assert not (tmp_path / "mall").exists()


def test_keys_that_were_cut_short_are_made_anew_only_before_they_were_used(tmp_path: Path) -> None:
    """Half a file of keys would let the mall run on those of the repository."""
    (tmp_path / "keys.new").write_text("SECRET_KEY=ha")  # killed while it was written

    keys = serving.keys_of(tmp_path)

    assert set(keys) == {"SECRET_KEY", "VAULT_KEY"}
    assert serving.keys_of(tmp_path) == keys
    (tmp_path / "keys.env").write_text(f"SECRET_KEY={keys['SECRET_KEY']}\n")
    with pytest.raises(DemoError, match="lacks VAULT_KEY"):
        serving.keys_of(tmp_path)
