"""Which Python the commands of the README take, and what they say before anything is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).resolve().parents[1] / "bin" / "_bootstrap.sh"
OF_VERSION = """#!/bin/sh
exec {python} -c 'import platform, sys
sys.version_info, sys.platform, platform.machine = ({version}, 0), "linux", lambda: "x86_64"
platform.python_version = lambda: "{version}"
exec(sys.argv[1])' "$2"
"""


def chosen(path: Path, programs: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    """What is taken where these programs are on the path: pythons of a version, and others."""
    for name, version in programs.items():
        written = OF_VERSION.format(python=sys.executable, version=version) if version else "#!/bin/sh\n"
        written = written.replace(f"({version}, 0)", f"({version.replace('.', ', ')}, 0)")
        (path / name).write_text(written)
        (path / name).chmod(0o755)
    line = f'root=/nowhere; . "{BOOTSTRAP}"; find_python; echo "$python"'
    told = {"PATH": str(path), **environment}
    return subprocess.run(["/bin/sh", "-c", line], env=told, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("programs", "environment", "python"),
    [
        ({"python3": "3.11"}, {}, "python3"),
        ({"python3": "3.13", "python3.11": "3.11"}, {}, "python3.11"),
        ({"python3": "3.9", "python3.13": "3.13", "python3.12": "3.12"}, {}, "python3.12"),
        ({"python3": "3.13", "python3.11": "3.11", "redis-server": ""}, {}, "python3"),
        ({"python3": "3.13", "valkey-server": ""}, {}, "python3"),
        ({"python3": "3.13"}, {"REDIS_URL": "redis://elsewhere"}, "python3"),
        ({"python3": "3.11", "python3.12": "3.12"}, {"LAOKE_PYTHON": "python3.12"}, "python3.12"),
    ],
)
def test_of_several_pythons_the_first_that_works_is_taken(
    tmp_path: Path, programs: dict[str, str], environment: dict[str, str], python: str
) -> None:
    answer = chosen(tmp_path, programs, **environment)

    assert (answer.stdout.strip(), answer.stderr) == (python, "")


@pytest.mark.parametrize(
    ("programs", "sentence"),
    [
        ({"python3": "3.13"}, "laoke: no Redis comes along for Python 3.13 on x86_64. Install one"),
        ({"python3": "3.9"}, "laoke: Python 3.11 or later is needed."),
        ({}, "laoke: Python 3.11 or later is needed."),
    ],
)
def test_what_will_not_work_is_a_sentence_before_the_installation(
    tmp_path: Path, programs: dict[str, str], sentence: str
) -> None:
    answer = chosen(tmp_path, programs)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(sentence)
    assert len(answer.stderr.splitlines()) == 1
    assert os.listdir(tmp_path) == sorted(programs)
