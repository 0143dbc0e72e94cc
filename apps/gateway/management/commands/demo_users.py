"""``manage.py demo_users``: make one user a role for a demo and print their passwords."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.gateway.services import demo_users_create
from chimera.errors import Forbidden


class Command(BaseCommand):
    help = "Create the demo users viewer, operator, approver and admin. Refused outside demo mode."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            users = demo_users_create()
        except Forbidden as error:
            raise CommandError(error.message) from error
        if options["json"]:
            self.stdout.write(json.dumps({user.username: user.password for user in users}))
            return
        for user in users:
            self.stdout.write(f"{user.username:<10} {user.password}")
