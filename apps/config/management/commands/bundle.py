"""``manage.py bundle check|activate|show``: bundles from the command line."""

import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.config.core.findings import BundleInvalid
from apps.config.core.loading import MAX_BYTES
from apps.config.selectors import bundle_active, release_active
from apps.config.services import CheckedBundle, bundle_activate, bundle_check
from chimera.bundles import bundle_bytes
from chimera.errors import ChimeraError


class Command(BaseCommand):
    help = "Check a bundle file, make it the active generation, or show what is active."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        check = actions.add_parser("check", help="say what is wrong or odd about a bundle file")
        check.add_argument("file", type=Path)
        activate = actions.add_parser("activate", help="make a bundle file the active generation")
        activate.add_argument("file", type=Path)
        activate.add_argument("--reason", required=True, help="why, for the record")
        activate.add_argument(
            "--actor", default=None, help="who; by default, who is logged in here"
        )
        actions.add_parser("show", help="print the active release and its bundle")

    def handle(self, *args: object, **options: object) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except BundleInvalid as e:
            for finding in e.findings:
                self.stderr.write(str(finding))
            raise CommandError("the bundle was refused") from e
        except ChimeraError as e:
            raise CommandError(e.message) from e

    def _check(self, options: dict[str, object]) -> None:
        self._print_checked(bundle_check(_read(options["file"])))

    def _activate(self, options: dict[str, object]) -> None:
        text = _read(options["file"])
        self._print_checked(bundle_check(text))
        actor = str(options["actor"] or getpass.getuser())
        release = bundle_activate(text=text, actor=actor, reason=str(options["reason"]))
        told = "announced" if release.announced_at else "not announced yet: the bus is unreachable"
        self.stdout.write(f"generation {release.generation} is active ({told})")

    def _show(self, options: dict[str, object]) -> None:
        release, bundle = release_active(), bundle_active()
        if release is None or bundle is None:
            raise CommandError("no bundle is active")
        self.stdout.write(
            f"generation {release.generation}: {release.name}, by {release.actor}, "
            f"{release.created_at:%Y-%m-%d %H:%M:%S} UTC: {release.reason}"
        )
        self.stdout.write(f"sha256 {release.bundle_hash}")
        self.stdout.write(bundle_bytes(bundle).decode())

    def _print_checked(self, checked: CheckedBundle) -> None:
        for finding in checked.findings:
            self.stdout.write(str(finding))
        self.stdout.write(
            f"{checked.bundle.name} is valid: {len(checked.bundle.rules)} rules, "
            f"{len(checked.bundle.factors)} factors, {checked.warm_up_bars} bars of warm-up"
        )
        self.stdout.write(f"sha256 {checked.bundle_hash}")


def _read(path: object) -> str:
    if not isinstance(path, Path):
        raise CommandError("no file was named")
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1).decode()
    except OSError as e:
        raise CommandError(f"{path} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise CommandError(f"{path} is not UTF-8 text") from e
