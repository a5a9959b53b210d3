"""Give the mall's systems their tokens, and take them back."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from core.accounts import audit, tokens
from core.accounts.models import ApiToken, User
from core.accounts.roles import ApiScope
from core.lib.errors import DomainError


class Command(BaseCommand):
    help = (
        "Lists the tokens of the REST API; --issue makes one and shows its secret once, --revoke ends one. "
        "Exit status 1 when there is no such user or token."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--issue", metavar="USER", help="a new token that works with the rights of this user")
        parser.add_argument("--name", default="", help="what the new token is for")
        parser.add_argument(
            "--scope", action="append", choices=[str(scope) for scope in ApiScope], help="what it may do; repeat it"
        )
        parser.add_argument("--days", type=int, help="it ends after so many days; without, it is good until revoked")
        parser.add_argument("--revoke", metavar="PREFIX", help="end the token that begins like this")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["issue"]:
            self._issue(options["issue"], options["name"], options["scope"] or [], options["days"])
        elif options["revoke"]:
            try:
                token = tokens.revoke(options["revoke"], at=timezone.now())
            except DomainError as refusal:
                raise CommandError(str(refusal)) from refusal
            self.stdout.write(f"{token.prefix}… of {token.user.username} is revoked.")
        else:
            self._list()

    def _issue(self, username: str, name: str, scopes: list[str], days: int | None) -> None:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {username}.")
        if not name or not scopes:
            raise CommandError("Say what the token is for (--name) and what it may do (--scope).")
        at = timezone.now()
        ends = at + timedelta(days=days) if days else None
        may = [ApiScope(scope) for scope in scopes]
        with transaction.atomic():
            token, secret = tokens.issue(user, name=name, scopes=may, at=at, expires_at=ends)
            audit.record(None, "token.issued", user, at=at, name=name, prefix=token.prefix, scopes=scopes)
        self.stdout.write(f"Token of {username}, shown only now: {secret}")

    def _list(self) -> None:
        for token in ApiToken.objects.select_related("user").order_by("pk"):
            over = token.expires_at is not None and token.expires_at <= timezone.now()
            state = "revoked" if token.revoked_at else "ended" if over else "good"
            used = f"{token.last_used_at:%Y-%m-%d}" if token.last_used_at else "never used"
            scopes = ", ".join(token.scopes)
            self.stdout.write(f"{token.prefix}…  {token.user.username:12} {state:8} {used:10}  {token.name}: {scopes}")
