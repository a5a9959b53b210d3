#!/usr/bin/env python3
"""Django's command line for Laoke."""

import os
import sys

from django.core.management import execute_from_command_line

from core.lib.database.base import WrongClock, WrongKeys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    try:
        execute_from_command_line(sys.argv)
    except (WrongClock, WrongKeys) as refusal:
        sys.exit(f"laoke: {refusal}")
