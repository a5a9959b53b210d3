"""Give the mall's systems their tokens, renew them, and take them back."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.accounts import tokens
from core.accounts.models import ApiToken, User
from core.accounts.roles import ApiScope
from core.lib.errors import DomainError


class Command(BaseCommand):
    help = (
        "Lists the tokens of the REST API; --issue makes one and shows its secret once, --rotate puts a new one in the "
        "place of an old one, --revoke ends one, --service-account makes an account that only holds tokens. "
        "Exit status 1 when there is no such user or token."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--service-account", metavar="NAME", help="make an account that only holds tokens")
        parser.add_argument("--issue", metavar="USER", help="a new token that works with the rights of this user")
        parser.add_argument("--name", default="", help="what the new token is for")
        parser.add_argument(
            "--scope", action="append", choices=[str(scope) for scope in ApiScope], help="what it may do; repeat it"
        )
        parser.add_argument(
            "--source", action="append", help="the shop or till it is bound to; repeat it; without, all sources"
        )
        parser.add_argument("--days", type=int, help="it ends after so many days; without, it is good until revoked")
        parser.add_argument("--rotate", metavar="PREFIX", help="a new token in the place of the one that begins so")
        parser.add_argument("--grace-hours", type=int, default=24, help="how long the old one works beside the new one")
        parser.add_argument("--revoke", metavar="PREFIX", help="end the token that begins like this")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._do(options)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _do(self, options: dict[str, Any]) -> None:
        at = timezone.now()
        if name := options["service_account"]:
            user = tokens.make_service_account(name, by=None, at=at)
            self.stdout.write(f"Service account {user.username} is made: --issue {user.username} gives it a token.")
        elif options["issue"]:
            self._issue(options)
        elif prefix := options["rotate"]:
            if options["grace_hours"] < 0:
                raise CommandError("--grace-hours cannot be less than 0.")
            grace = timedelta(hours=options["grace_hours"])
            old = tokens.by_prefix(prefix)
            _token, secret = tokens.rotate(old.pk, by=None, at=at, grace=grace)
            self.stdout.write(f"{old.prefix}… works for {options['grace_hours']} hours more.")
            self.stdout.write(f"Token of {old.user.username}, shown only now: {secret}")
        elif prefix := options["revoke"]:
            token = tokens.revoke(tokens.by_prefix(prefix).pk, by=None, at=at)
            self.stdout.write(f"{token.prefix}… of {token.user.username} is revoked.")
        else:
            self._list()

    def _issue(self, options: dict[str, Any]) -> None:
        username, days, at = options["issue"], options["days"], timezone.now()
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {username}.")
        if not options["name"] or not options["scope"]:
            raise CommandError("Say what the token is for (--name) and what it may do (--scope).")
        _token, secret = tokens.issue(
            user,
            name=options["name"],
            scopes=[ApiScope(scope) for scope in options["scope"]],
            sources=options["source"] or [],
            at=at,
            expires_at=at + timedelta(days=days) if days is not None else None,
        )
        self.stdout.write(f"Token of {username}, shown only now: {secret}")

    def _list(self) -> None:
        now = timezone.now()
        for token in ApiToken.objects.select_related("user").order_by("pk"):
            state = tokens.state_of(token, at=now)
            used = f"{token.last_used_at:%Y-%m-%d}" if token.last_used_at else "never used"
            sources = f" for {', '.join(token.sources)}" if token.sources else ""
            scopes = ", ".join(token.scopes) + sources
            self.stdout.write(f"{token.prefix}…  {token.user.username:12} {state:8} {used:10}  {token.name}: {scopes}")
