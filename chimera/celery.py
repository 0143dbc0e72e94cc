"""The Celery application. Tasks live in each app's `tasks.py` and are named ``<app>.<verb>_<noun>``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings.local")

app = Celery("chimera")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
