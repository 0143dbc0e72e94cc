"""The Celery application. Tasks live in each app's `tasks.py` and are named ``<app>.<verb>_<noun>``."""

import os
from typing import Any

from celery import Celery
from celery.signals import before_task_publish, task_prerun

from chimera.correlation import bind_correlation_id, correlation_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera.settings.local")

_HEADER = "chimera_correlation_id"

app = Celery("chimera")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@before_task_publish.connect  # type: ignore[untyped-decorator]
def _hand_on_correlation_id(headers: dict[str, Any], **_: Any) -> None:
    """Let a task carry the id of what it was asked for in."""
    headers[_HEADER] = correlation_id()


@task_prerun.connect  # type: ignore[untyped-decorator]
def _take_up_correlation_id(task_id: str, task: Any, **_: Any) -> None:
    bind_correlation_id(task.request.get(_HEADER) or task_id)
