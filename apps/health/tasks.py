"""Celery entry points of S11."""

from celery import shared_task

from apps.health import services


@shared_task(name="health.beat", ignore_result=True, expires=30, soft_time_limit=8, time_limit=10)  # type: ignore[untyped-decorator]
def beat() -> None:
    services.celery_beat()
