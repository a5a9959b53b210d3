"""Whom the mall asks for a second factor, and taking away one whose telephone is lost."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.accounts.models import Role, User
from core.accounts.own import second_factor
from core.lib.errors import DomainError

ROLES = [role.value for role in Role if role != Role.CLIENT]


class Command(BaseCommand):
    help = (
        "Says which roles come in with a second factor only; --require sets them, --take-away lets somebody who has lost "
        "the telephone sign in with the password again. Exit status 1 when there is no such person or factor."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--require", nargs="*", choices=ROLES, help="these roles and no other; none without a role")
        parser.add_argument("--take-away", metavar="USER", help="the second factor of this person is gone")

    def handle(self, *args: Any, **options: Any) -> None:
        if name := options["take_away"]:
            user = User.objects.filter(username=name).first()
            if user is None:
                raise CommandError(f"There is no user {name}.")
            try:
                second_factor.take_away(user, by=None, at=timezone.now())
            except DomainError as refusal:
                raise CommandError(str(refusal)) from refusal
            self.stdout.write(f"{name} signs in with the password alone.")
        if options["require"] is not None:
            second_factor.require_of(options["require"], by=None, at=timezone.now())
        roles = sorted(second_factor.required_roles())
        self.stdout.write(f"A second factor is asked of: {', '.join(roles) or 'nobody'}.")
