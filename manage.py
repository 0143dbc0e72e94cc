#!/usr/bin/env python
"""Django's command line; `manage.py help` lists what Chimera can do."""

import os
import sys

from django.core.management import execute_from_command_line

from chimera.errors import ConfigInvalid

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings.local")
    try:
        execute_from_command_line(sys.argv)
    except ConfigInvalid as error:  # settings are read before any command could say so
        sys.exit(f"{error.code}: {error.message}")
