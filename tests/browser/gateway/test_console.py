"""The console in a real browser: it signs in, draws, stays in step, and works from the keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in

pytestmark = pytest.mark.browser

PANELS = ("#positions", "#factors", "#decisions", "#orders", "#equity-figures", "#last-px")

# How many pixels of the chart are of a colour (the stylesheet's variable), by reading the canvas.
COUNT_PIXELS = """
(name) => {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  const canvas = document.getElementById("price");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4)
    if (data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255) count += 1;
  return count;
}
"""


def wait_live(page: Page) -> None:
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(page.locator("#desk")).to_have_attribute("data-bars", re.compile(r"\d+"))


def shown(page: Page) -> dict[str, str]:
    return {panel: page.inner_text(panel) for panel in PANELS}


def test_wrong_password_is_refused_and_the_right_one_opens_the_overview(open_page, desk):
    page = open_page(None)
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/admin/login/\?next=/"))
    page.fill("#id_username", "viewer")
    page.fill("#id_password", "not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    sign_in(page, "viewer", desk.passwords["viewer"])
    expect(page.locator("#last-px")).not_to_have_text("–")


def test_overview_draws_what_is_recorded(open_page, desk):
    page = open_page()
    wait_live(page)
    assert page.get_attribute("#desk", "data-bars") == str(desk.bars)
    for colour in ("--up", "--down", "--fill", "--accent"):
        assert page.evaluate(COUNT_PIXELS, colour) > 20, colour
    expect(page.locator("#factors")).to_contain_text("unknown")
    expect(page.locator("#decisions tr")).to_have_count(40)
    expect(page.locator("#equity-figures")).to_contain_text("today")


def test_overview_follows_what_happens_and_equals_a_page_loaded_later(open_page, desk):
    page = open_page()
    wait_live(page)
    newest = page.get_attribute("#decisions tr:first-child", "data-key")
    desk.tell("--bars", "12")
    expect(page.locator("#desk")).to_have_attribute("data-bars", str(desk.bars))
    assert page.get_attribute("#decisions tr:first-child", "data-key") != newest
    followed = shown(page)
    page.reload()
    wait_live(page)
    assert shown(page) == followed


def test_page_that_lost_its_socket_catches_up(open_page, desk):
    page = open_page()
    sockets = []

    def through(socket) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket(re.compile("/ws/overview"), through)
    page.goto("/")
    wait_live(page)
    sockets[0].close(code=4503)
    expect(page.locator("#live")).to_have_attribute("data-state", "lost")
    desk.tell("--bars", "3")
    expect(page.locator("#desk")).to_have_attribute("data-bars", str(desk.bars))
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    assert len(sockets) > 1


def test_click_on_a_decision_opens_its_trace(open_page):
    page = open_page()
    wait_live(page)
    page.check("#hide-holds")
    row = page.locator("#decisions tr").filter(has_text="trend_up").first
    row.locator("a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("BUY")
    expect(page.locator(".clauses .decided").first).to_contain_text("decided")
    page.locator(".lineage a", has_text="entry").click()
    expect(page.get_by_role("heading", name="Gates")).to_be_visible()
    expect(page.locator(".history li").first).to_contain_text("SUBMITTED")


def test_chart_opens_a_decision_by_keyboard_and_by_mouse(open_page):
    page = open_page()
    wait_live(page)
    page.focus("#price-box")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#readout")).to_contain_text("UTC")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/decisions/dec"))
    page.go_back()
    wait_live(page)
    box = page.locator("#price").bounding_box()
    marks = page.evaluate("Chart.getChart('price').chartArea")
    page.mouse.click(box["x"] + marks["left"] + marks["width"] / 2, box["y"] + marks["bottom"] - 3)
    expect(page).to_have_url(re.compile(r"/decisions/dec"))


def test_keyboard_alone_reaches_everything(open_page):
    page = open_page()
    wait_live(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("#decisions tr").nth(1).locator("a")
    expect(second).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile("/orders$"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/orders/c-"))


def test_focus_is_visible(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_theme_is_kept(open_page):
    page = open_page()
    expect(page.locator("html")).to_have_class("dark")
    page.click("#theme")
    expect(page.locator("html")).not_to_have_class("dark")
    page.reload()
    expect(page.locator("html")).not_to_have_class("dark")


def test_language_changes_the_page(open_page):
    page = open_page("viewer")
    page.get_by_role("button", name="繁體中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hant")
    expect(page.get_by_role("link", name="決策").first).to_be_visible()
    wait_live(page)


def load_with(page: Page, change) -> None:
    """Load the overview anew, its snapshot's items as `change` returns them."""

    def changed(route) -> None:
        snapshot = route.fetch().json()
        route.fulfill(json={**snapshot, "items": change(snapshot["items"])})

    page.route(re.compile("/api/v1/overview"), changed)
    page.reload()
    wait_live(page)
    page.unroute(re.compile("/api/v1/overview"))


def test_equity_of_one_moment_is_drawn_on_a_plain_axis(open_page):
    page = open_page()

    def one_mark(items: list[dict]) -> list[dict]:
        marks = [item for item in items if item["kind"] == "equity"]
        return [item for item in items if item["kind"] != "equity"] + marks[-1:]

    load_with(page, one_mark)
    assert page.evaluate("Chart.getChart('equity').scales.x.ticks.length") <= 3


def test_ribbon_is_amber_only_where_a_rule_matched(open_page):
    page = open_page()

    def all_held(rule: str | None):
        held = {"action": "HOLD", "reason": "learned_late", "rule": rule}
        return lambda items: [
            {**item, **held} if item["kind"] == "decision" else item
            for item in items
            if item["kind"] in ("bar", "decision")
        ]

    load_with(page, all_held(None))
    assert page.evaluate(COUNT_PIXELS, "--warn") == 0
    load_with(page, all_held("trend_up"))
    assert page.evaluate(COUNT_PIXELS, "--warn") > 20


def test_alert_appears_by_itself_and_opens(open_page, desk):
    page = open_page("viewer")
    expect(page.locator("#alerts")).to_contain_text("No alert")
    desk.tell("--alert", "an event was <i>given up</i>")
    expect(page.locator("#alerts .tag")).to_have_text("ERROR")
    expect(page.locator("#alerts")).to_contain_text("an event was <i>given up</i>")
    page.locator("#alerts a").click()
    expect(page.get_by_role("heading", name="As stored")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page).to_have_url(re.compile("/alerts$"))


@pytest.mark.parametrize("width", [400, 768, 1440])
def test_no_page_is_wider_than_its_window(open_page, width):
    page = open_page("viewer", width=width)
    wait_live(page)
    decision = page.locator("#decisions tr a").first.get_attribute("href")
    order = page.locator("#orders tr a").first.get_attribute("href")
    for path in ("/", "/decisions", "/orders", "/positions", "/alerts", decision, order):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} wide"


def test_every_page_opens_without_complaint(open_page):
    page = open_page("admin")
    wait_live(page)
    for path in (
        "/decisions",
        "/orders?state=FILLED",
        "/positions",
        "/admin/",
        "/admin/auth/user/",
    ):
        assert page.goto(path).status == 200
    page.goto("/positions")
    page.locator("a.key").first.click()
    expect(page.get_by_role("heading", name="As stored")).to_be_visible()


def test_position_without_stop_raises_an_alarm_in_words(open_page, desk):
    desk.tell("--until", "flat")
    page = open_page()
    wait_live(page)
    expect(page.locator("#positions")).to_contain_text("No open position")
    desk.tell("--until", "open", "--without-stops")
    expect(page.locator("#positions [role=alert]")).to_contain_text("UNPROTECTED")
    expect(page.locator("#health-colour")).to_contain_text("RED")
    expect(page.locator("#health-troubles")).to_contain_text("protection: no acknowledged stop")
    page.goto("/positions")
    expect(page.locator(".tag-alarm")).to_contain_text("UNPROTECTED")
