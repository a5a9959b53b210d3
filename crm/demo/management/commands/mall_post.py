"""What stands outside of the demo mall's Laoke: mail server, gateway and shop. `bin/demo` starts it."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.accounts import tokens
from core.accounts.models import ApiToken, Role, User
from core.accounts.roles import ApiScope
from crm.demo.outside.post import Post

NAME = "mail server, gateway and shop of the demo"
SCOPES = [ApiScope.LETTERS_WRITE, ApiScope.COMPLAINTS_WRITE]


class Command(BaseCommand):
    help = "Runs the demo mall's mail server, gateway and shop until it is ended: what Laoke sends arrives there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base", required=True, metavar="URL", help="where Laoke answers")
        parser.add_argument("--mail-port", type=int, required=True, help="where mails are taken")
        parser.add_argument("--gateway-port", type=int, required=True, help="where messages are taken")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO or not settings.DEMO_ARRIVED:
            raise CommandError("This is a part of the demo: bin/demo starts it.")
        at = timezone.now()
        client, _made = User.objects.get_or_create(username="post", defaults={"roles": [Role.CLIENT]})
        ApiToken.objects.filter(user=client, name=NAME).delete()
        _row, token = tokens.issue(client, name=NAME, scopes=SCOPES, at=at, expires_at=at + timedelta(days=365))
        post = Post(base=options["base"], token=token, file=Path(settings.DEMO_ARRIVED))
        post.run(
            mail_port=options["mail_port"],
            gateway_port=options["gateway_port"],
            secret=settings.LETTER_GATEWAY_SECRET,
        )
