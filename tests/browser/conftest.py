"""A running web process with a story in its store, and a real browser that watches for complaints."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from chimera.bus.server import free_port

ROOT = Path(__file__).resolve().parents[2]
BARS = 120
NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@dataclass
class Desk:
    """Where the console is, how to sign in, and how to let time pass there."""

    url: str
    passwords: dict[str, str]
    environment: dict[str, str]
    bars: int = 0

    def tell(self, *switches: str) -> None:
        """Record and publish more of the story; the switches are those of `desk_seed`."""
        command = [sys.executable, "-m", "tests.support.desk_seed", "--publish"]
        command += ["--from-bar", str(self.bars), *switches]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True
        )
        self.bars = int(done.stdout)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, else Playwright's own.

    Its event loop must end with the module: asyncio tests that come later bring their own.
    """
    program = os.environ.get("CHIMERA_CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), None
    )
    with sync_playwright() as playwright:
        if program is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium on this machine: install one or name it in CHIMERA_CHROMIUM")
        running = playwright.chromium.launch(executable_path=program, args=list(SWITCHES))
        yield running
        running.close()


@pytest.fixture(scope="module")
def desk(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A web process on its own database, with a story of `BARS` bars."""
    state = tmp_path_factory.mktemp("desk")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "chimera.settings.local",
        "CHIMERA_STATE_DIR": str(state),
        "CHIMERA_REDIS_URL": redis_url,
        "CHIMERA_EXCHANGE_URL": "http://127.0.0.1:9",
        "CHIMERA_STORE_URL": "embedded://",
        "CHIMERA_DEMO": "1",
    }

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        return done.stdout.decode()

    manage("migrate", "--verbosity", "0")
    passwords = json.loads(manage("demo_users", "--json"))
    port = free_port()
    web = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "chimera.asgi:application", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=(state / "web.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_serving(url, web)
        found = Desk(url, passwords, environment)
        found.tell("--bars", str(BARS))
        yield found
    finally:
        web.terminate()
        web.wait(10)


@pytest.fixture
def open_page(browser: Browser, desk: Desk) -> Iterator[Callable[..., Page]]:
    """Open pages; at the end none may have complained, of errors or of the security policy."""
    complaints: list[str] = []
    contexts = []

    def make(role: str | None = "operator", *, width: int = 1440, scheme: str = "dark") -> Page:
        context = browser.new_context(
            base_url=desk.url,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            timezone_id="Asia/Taipei",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda message: _note(complaints, page, message))
        if role is not None:
            sign_in(page, role, desk.passwords[role])
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


def sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/")
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.keyboard.press("Enter")
    page.wait_for_url("/")


def _note(complaints: list[str], page: Page, message) -> None:
    # A health probe that finds something down answers 503, which browsers write to their console.
    if message.type == "error" and "/health" not in message.location.get("url", ""):
        complaints.append(f"{page.url}: {message.text}")


def _wait_until_serving(url: str, web: subprocess.Popen) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if web.poll() is not None:
            raise RuntimeError("the web process ended at its start")
        try:
            urllib.request.urlopen(f"{url}/admin/login/", timeout=1)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the web process did not serve in time")
