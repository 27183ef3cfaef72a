"""The page in a browser without a window."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from gan_jax.explorer import show
from gan_jax.explorer.answers import Choice

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = [
    *(n for n in ("nicegui", "selenium") if importlib.util.find_spec(n) is None),
    *([] if BROWSER else ["chromium"]),
    *([] if DRIVER else ["chromedriver"]),
]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")
SERVE = "import sys; from gan_jax.explorer import explore; sys.exit(explore({!r}, port=0))"
WITHIN = 30.0


@pytest.fixture(scope="module")
def server(workdir):
    """The page of the tiny run, served by another process."""
    words = [sys.executable, "-c", SERVE.format(str(workdir))]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def address(server):
    """Where it is."""
    line = server.stdout.readline()
    assert " at http://127.0.0.1:" in line, server.stderr.read()
    return line.split(" at ")[1].split()[0]


@pytest.fixture(scope="module")
def browser(address):
    """A browser of 1200 pixels' width on the page."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{flag}")
    options.add_argument("--window-size=1200,900")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        driver.get(address)
        yield driver
    finally:
        driver.quit()


def until(true, what):
    """Waits for `true()` and returns its value."""
    end = time.monotonic() + WITHIN
    while time.monotonic() < end:
        if value := true():
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {WITHIN} s for {what}")


def one(browser, css):
    """The first element there is, or None."""
    found = browser.find_elements("css selector", css)
    return found[0] if found else None


def decoded(element):
    """The picture that an element shows, int (H, W)."""
    source = element.get_attribute("src") or ""
    if not source.startswith("data:image/png;base64,"):
        return None
    file = io.BytesIO(base64.b64decode(source.partition(",")[2]))
    return np.asarray(Image.open(file)).astype(int)


def shows(browser, picture):
    """Waits until the samples are these, but for rounding."""

    def alike():
        element = one(browser, ".samples img")
        seen = None if element is None else decoded(element)
        return (
            seen is not None
            and seen.shape == picture.shape
            and np.abs(seen - picture).max() <= 1
        )

    until(alike, "the samples")


def grid(explorer, choice, step=12):
    """What the page should show of samples, int (H, W)."""
    columns = show.columns_of(choice.n, explorer.classes, choice.label)
    examples = explorer.samples(step, choice).examples
    return show.picture_of(examples, columns, np.zeros((0, 2)))[..., 0].astype(int)


def write_into(browser, label, text):
    """Writes a number into a field."""
    from selenium.webdriver.common.keys import Keys

    field = browser.find_element("css selector", f'input[aria-label="{label}"]')
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text if text else Keys.DELETE)
    field.send_keys(Keys.TAB)


def open_panel(browser, name):
    """Clicks the name of a panel."""
    tabs = browser.find_elements("css selector", ".q-tab")
    next(tab for tab in tabs if tab.text == name).click()


def test_another_seed_is_another_picture(browser, explorer):
    before, after = (grid(explorer, Choice(seed, 40)) for seed in (0, 5))
    assert np.abs(before - after).max() > 8
    shows(browser, before)
    write_into(browser, "Seed", "5")
    shows(browser, after)


def test_two_tabs_have_seeds_of_their_own(browser, address, explorer):
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    browser.get(address)
    shows(browser, grid(explorer, Choice(0, 40)))
    browser.close()
    browser.switch_to.window(first)
    shows(browser, grid(explorer, Choice(5, 40)))


def test_a_mistake_is_said_on_the_page(browser, explorer):
    write_into(browser, "Seed", "")
    notice = until(lambda: one(browser, ".q-notification"), "a notice")
    assert "the seed must be a whole number from 0 to 2147483647" in notice.text
    write_into(browser, "Seed", "5")
    shows(browser, grid(explorer, Choice(5, 40)))


def test_a_click_on_a_sample_finds_its_neighbours(browser, explorer):
    from selenium.webdriver import ActionChains

    choice = Choice(5, 40)
    left, top, width, height = show.frame_of(22, (8, 8, 1), 4)
    shown = one(browser, ".samples img")
    scale = shown.size["width"] / grid(explorer, choice).shape[1]
    # Places are counted from the middle of the element.
    x = scale * (left + width / 2) - shown.size["width"] / 2
    y = scale * (top + height / 2) - shown.size["height"] / 2
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", shown)
    ActionChains(browser).move_to_element_with_offset(
        shown, int(x), int(y)
    ).click().perform()
    found = explorer.neighbours(12, choice, 22, count=9)
    cards = until(
        lambda: browser.find_elements("css selector", ".neighbours .q-img img"),
        "neighbours",
    )
    assert len(cards) == 10
    number = browser.find_element(
        "css selector", 'input[aria-label="Sample, counted from 0"]'
    )
    assert number.get_attribute("value") == "22"
    for card, image in zip(cards, [found.sample, *found.images], strict=True):
        np.testing.assert_allclose(decoded(card)[2:-2, 2:-2], image[..., 0], atol=1)
    text = one(browser, ".neighbours").text
    for name, distance in zip(found.names, found.distances, strict=True):
        assert name in text
        assert f"{distance:.4g}" in text


def test_another_checkpoint_is_another_picture(browser, explorer):
    open_panel(browser, "Samples")
    shows(browser, grid(explorer, Choice(5, 40)))
    for step in (4, 12):
        one(browser, 'label:has(input[aria-label="Checkpoint"])').click()
        name = f"step {step} ({8 * step} images)"
        option = until(
            lambda name=name: [
                o
                for o in browser.find_elements("css selector", ".q-menu .q-item")
                if o.text == name
            ],
            name,
        )
        option[0].click()
        shows(browser, grid(explorer, Choice(5, 40), step))


def test_every_panel_shows_what_it_is_for(browser):
    open_panel(browser, "Walk")
    moving = until(lambda: one(browser, ".walk img"), "the animation")
    until(lambda: (moving.get_attribute("src") or "").startswith("data:image/gif"), "a GIF")
    assert one(browser, ".walk-strip img")
    open_panel(browser, "Styles")
    until(lambda: "no styles to mix" in browser.page_source, "a sentence on styles")
    open_panel(browser, "Curves")
    until(lambda: "Up to 96 images seen." in browser.page_source, "the curves")
    assert len(browser.find_elements("css selector", ".losses canvas, .others canvas")) == 2
    open_panel(browser, "Run")
    until(
        lambda: "Newest sample grid of the run: step 12." in browser.page_source, "a grid"
    )
    assert one(browser, ".newest-grid img")
    assert browser.execute_script(
        "return document.documentElement.scrollWidth <= window.innerWidth"
    )


def test_the_page_asks_no_other_host(browser, address):
    hosts = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        params = message["params"]
        if message["method"] == "Network.requestWillBeSent":
            hosts.add(urlsplit(params["request"]["url"])[:2])
        elif message["method"] == "Network.webSocketCreated":
            hosts.add(urlsplit(params["url"])[:2])
    place = urlsplit(address).netloc
    known = {("http", place), ("ws", place), ("data", ""), ("blob", "")}
    assert {("http", place), ("ws", place)} <= hosts <= known
    severe = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert severe == []


def test_it_ends_when_interrupted(browser, server):
    browser.get("about:blank")
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=WITHIN) == 0
    assert "Traceback" not in server.stderr.read()
