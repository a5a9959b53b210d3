"""The mall moves in, from the machine itself: asked in the terminal, or told by options and the environment."""

import os
import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from complaints.setup.defaults import Week
from core.accounts import staff
from core.lib import mall as facts_of_mall
from core.lib.errors import DomainError
from core.lib.mall import Facts
from crm.flows import mall
from crm.flows.mall import FirstPerson

PASSWORD = "LAOKE_ADMIN_PASSWORD"  # noqa: S105
DAYS = {"mon-fri": range(1, 6), "mon-sat": range(1, 7), "mon-sun": range(1, 8)}


class Command(BaseCommand):
    help = (
        "Sets up an empty Laoke: the mall's name, currency, time zone and hours, and the first administrator. What no "
        f"option says is asked in the terminal; the password may come from {PASSWORD}. Nothing made up is loaded. Exit "
        "status 0 also when it was set up before."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        known = facts_of_mall.of_environment()
        parser.add_argument("--code", action="store_true", help="only make a new code for the setup page")
        parser.add_argument("--name", help="what the mall is called")
        parser.add_argument("--currency", default=known.currency, help="what it counts in: CNY, HKD, USD, …")
        parser.add_argument("--time-zone", default=known.time_zone, help="where its midnight is: Asia/Shanghai, …")
        parser.add_argument("--language", default=known.language, help="what it speaks: zh-hans, zh-hant or en")
        parser.add_argument("--region", default=known.phone_region, help="its country, in two letters: CN, …")
        parser.add_argument("--days", choices=DAYS, default="mon-fri", help="when customer service works")
        parser.add_argument("--hours", default="09:00-18:00", help="from when until when")
        parser.add_argument("--user", help="the administrator's user name")
        parser.add_argument("--full-name", default="", help="the administrator's name")
        parser.add_argument("--email", default="", help="the administrator's e-mail address")
        parser.add_argument("--alone", action="store_true", help="the administrator works alone and holds every role")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        if not staff.nobody_yet():
            self.stdout.write("Laoke is set up already: nothing was changed.")
            return
        if options["code"]:
            self.stdout.write(mall.new_code(at=at))
            return
        asks = sys.stdin.isatty()
        name = options["name"] or _ask("Name of the mall", asks, "--name")
        user = options["user"] or _ask("User name of the administrator", asks, "--user")
        password = os.environ.get(PASSWORD) or _ask_password(asks)
        facts = Facts(name, options["currency"], options["time_zone"], options["language"], options["region"])
        person = FirstPerson(user, password, options["full_name"], options["email"], options["alone"])
        try:
            mall.set_up(
                facts,
                person,
                at=at,
                country=mall.holidays_of(options["region"]),
                week=_week(options["days"], options["hours"]),
            )
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{name} is set up. {user} signs in and invites colleagues: /staff/")


def _week(days: str, hours: str) -> Week:
    try:
        moments = [moment.split(":") for moment in hours.split("-")]
        start, end = (int(hour) * 60 + int(minute) for hour, minute in moments)
    except ValueError:
        raise CommandError(f"“{hours}” are no hours. Write them like 09:00-18:00.") from None
    return [(day, start, end) for day in DAYS[days]]


def _ask(what: str, asks: bool, option: str) -> str:
    if not asks:
        raise CommandError(f"{what}: say it with {option}.")
    return input(f"{what}: ").strip()


def _ask_password(asks: bool) -> str:
    if not asks:
        raise CommandError(f"The administrator's password: put it into {PASSWORD}.")
    password = getpass("Password (at least 12 characters): ")
    if getpass("The password again: ") != password:
        raise CommandError("The two are not the same.")
    return password
