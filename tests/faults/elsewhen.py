"""Run a module as if its clock were so far ahead: python -m tests.faults.elsewhen SECONDS MODULE [OPTION...]."""

import runpy
import sys
import time
from datetime import timedelta

from django.utils import timezone


def main() -> None:
    seconds, clock, now = float(sys.argv[1]), time.time, timezone.now
    time.time = lambda: clock() + seconds
    timezone.now = lambda: now() + timedelta(seconds=seconds)
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
