"""The people who work here, for scripts: what the pages of *Staff* do."""

from argparse import ArgumentParser
from collections.abc import Callable
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.accounts import staff
from core.accounts.models import Role, Team, User
from core.lib.errors import DomainError
from crm.flows import staff as flows
from customers.books import leaves


class Command(BaseCommand):
    help = (
        "Lists, adds, invites, changes, deactivates and brings back the people who work here. A link is printed once; it "
        "works once, for seven days. Exit status 1 when somebody is not known or a rule refuses."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base", default="http://127.0.0.1:8000", help="the address that links begin with")
        deeds = parser.add_subparsers(dest="deed", required=True, help="what to do")
        deeds.add_parser("list", help="everybody, with roles, team and state")
        add = deeds.add_parser("add", help="a colleague, and their link")
        _person(add)
        add.add_argument("--name", required=True, help="their name")
        add.add_argument("--email", default="", help="their e-mail address")
        _roles(add)
        add.add_argument("--team", help="the team they belong to")
        add.add_argument("--capacity", type=int, help="how many customers at most; else by the rules")
        _person(
            deeds.add_parser("invite", help="a new link to choose a password, for who has not come or has forgotten it")
        )
        roles = deeds.add_parser("roles", help="these roles and no others")
        _person(roles)
        _roles(roles)
        leave = deeds.add_parser("deactivate", help="signed out at once; what is theirs is handed over")
        _person(leave)
        leave.add_argument("--to", action="append", default=[], help="who takes over; repeat it")
        leave.add_argument("--reason", required=True, help="why they leave")
        _person(deeds.add_parser("reactivate", help="back again, with a link for a new password"))
        away = deeds.add_parser("away", help="days on which no cases are handed out to them")
        _person(away)
        _days(away)
        away.add_argument("--cover", help="who works their book meanwhile")
        delegate = deeds.add_parser("delegate", help="somebody works their book on these days")
        _person(delegate)
        delegate.add_argument("assistant", help="who works it")
        _days(delegate)
        team = deeds.add_parser("team", help="a team, below a centre if one is named")
        team.add_argument("name", help="its name")
        team.add_argument("--centre", help="the centre it belongs to")

    def handle(self, *args: Any, **options: Any) -> None:
        deed: Callable[[dict[str, Any]], str] = getattr(self, f"_{options['deed']}")
        try:
            self.stdout.write(deed(options))
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _list(self, options: dict[str, Any]) -> str:
        people = User.objects.select_related("team").order_by("-is_active", "username")
        return "\n".join(
            f"{user.username}\t{user}\t{','.join(user.roles)}\t{user.team or '-'}\t{'here' if user.is_active else 'left'}"
            for user in people
        )

    def _add(self, options: dict[str, Any]) -> str:
        user = staff.add(
            options["user"],
            full_name=options["name"],
            email=options["email"],
            roles=options["role"],
            team=_team(options["team"]),
            capacity=options["capacity"],
            by=None,
            at=timezone.now(),
        )
        return self._link(user, options)

    def _invite(self, options: dict[str, Any]) -> str:
        return self._link(_user(options["user"]), options)

    def _link(self, user: User, options: dict[str, Any]) -> str:
        _row, secret = staff.link(user.pk, by=None, at=timezone.now())
        return f"The link of {user.username}, shown only now: {options['base'].rstrip('/')}/join/{secret}/"

    def _roles(self, options: dict[str, Any]) -> str:
        user = _user(options["user"])
        same = {name: getattr(user, name) for name in ("full_name", "email", "team", "capacity")}
        changed = staff.change(user.pk, **same, roles=options["role"], by=None, at=timezone.now())
        return f"{user.username}: {', '.join(changed.roles)}"

    def _deactivate(self, options: dict[str, Any]) -> str:
        user, to = _user(options["user"]), [_user(name) for name in options["to"]]
        held = flows.deactivate(user.pk, to=to, by=None, reason=options["reason"], at=timezone.now())
        return (
            f"{user.username} is out. Handed over: {held.customers} customers, {held.work} pieces of work, "
            f"{held.cases} cases."
        )

    def _reactivate(self, options: dict[str, Any]) -> str:
        user = staff.reactivate(_user(options["user"]).pk, by=None, at=timezone.now())
        return f"{user.username} is back." if user.holds(Role.CLIENT) else self._link(user, options)

    def _away(self, options: dict[str, Any]) -> str:
        user, cover = _user(options["user"]), _user(options["cover"]) if options["cover"] else None
        days = {"starts_on": options["first"], "ends_on": options["last"]}
        row = leaves.note(user, **days, cover=cover, by=None, at=timezone.now())
        return f"{user.username} is away from {row.starts_on} to {row.ends_on}."

    def _delegate(self, options: dict[str, Any]) -> str:
        manager, assistant = _user(options["user"]), _user(options["assistant"])
        staff.delegate(manager, assistant, options["first"], options["last"], by=None, at=timezone.now())
        return (
            f"{assistant.username} works the book of {manager.username} from {options['first']} to {options['last']}."
        )

    def _team(self, options: dict[str, Any]) -> str:
        known = Team.objects.filter(name=options["name"]).first()
        team = staff.save_team(known, name=options["name"], centre=_team(options["centre"]), by=None, at=timezone.now())
        return f"{team} below {team.centre}." if team.centre else f"{team}."


def _person(parser: ArgumentParser) -> None:
    parser.add_argument("user", help="their user name")


def _roles(parser: ArgumentParser) -> None:
    parser.add_argument("--role", action="append", required=True, choices=Role.values, help="a role; repeat it")


def _days(parser: ArgumentParser) -> None:
    parser.add_argument("first", type=date.fromisoformat, help="the first day: 2026-12-24")
    parser.add_argument("last", type=date.fromisoformat, help="the last day")


def _user(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no “{username}”.")
    return user


def _team(name: str | None) -> Team | None:
    if not name:
        return None
    team = Team.objects.filter(name=name).first()
    if team is None:
        raise CommandError(f"There is no team “{name}”.")
    return team
