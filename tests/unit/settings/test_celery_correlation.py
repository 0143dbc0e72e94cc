"""A task's log lines carry the id of the request that asked for it, else the task's own."""

import contextvars

import pytest
from celery import current_app
from celery.signals import before_task_publish, task_prerun

from chimera.celery import app
from chimera.correlation import bind_correlation_id, correlation_id


@pytest.mark.parametrize(("asked_in", "carried"), [("request-1", "request-1"), ("", "task-1")])
def test_task_carries_the_id_it_was_asked_for_in(asked_in: str, carried: str) -> None:
    assert current_app.main == app.main
    app.loader.import_default_modules()

    def send_and_run() -> str:
        bind_correlation_id(asked_in)
        headers: dict[str, str] = {}
        before_task_publish.send(sender="health.beat", headers=headers)
        bind_correlation_id("of another task")
        task = app.tasks["health.beat"]
        task.push_request(**headers)
        task_prerun.send(sender=task, task_id="task-1", task=task)
        task.pop_request()
        return correlation_id()

    assert contextvars.copy_context().run(send_and_run) == carried
