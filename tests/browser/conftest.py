"""A page in a real, headless Chromium that tolerates no error and no request to another host.

    def test_something(page, tmp_path):
        page.goto((tmp_path / "saved.html").as_uri())

A test that uses `page` or `open_page` fails, when it ends, on any error on the console, any
uncaught exception, any dialog, and any request outside file:, data:, blob: and about: (which is
refused as well). Where Chromium or Playwright is missing these tests are skipped and say what to
install; with MINITRANSFORMER_BROWSER_TESTS=1 they fail instead.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ELSEWHERE = re.compile(r"^(?!file:|data:|blob:|about:)")


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


def _missing(reason):
    if os.environ.get("MINITRANSFORMER_BROWSER_TESTS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


# One browser a module, not one a session: while Playwright runs, no other test could use asyncio.
@pytest.fixture(scope="module")
def browser():
    """The Chromium on the path, or else Chrome where its installer puts it, with Playwright."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _missing("Playwright is not installed: pip install playwright")
    executable = next(filter(None, map(shutil.which, CHROMIUM)), None)
    where = {"executable_path": executable} if executable else {"channel": "chrome"}
    with sync_playwright() as playwright:
        try:
            # --no-sandbox: the tests open their own files only, and may run as root.
            chromium = playwright.chromium.launch(args=["--no-sandbox"], **where)
        except Error:
            chromium = None
        if chromium is None:
            _missing("there is no Chromium that starts: apt-get install chromium, or install "
                     "Google Chrome")
        yield chromium
        chromium.close()


@pytest.fixture
def complaints():
    """What the test's pages did wrong so far, as lines of text; must be empty when a test ends."""
    return []


@pytest.fixture
def open_page(browser, complaints):
    """open_page(width=1000, height=800, dark=False) -> a new watched page; a test may open many."""
    contexts = []

    def open_one(*, width=1000, height=800, dark=False):
        context = browser.new_context(viewport={"width": width, "height": height},
                                      color_scheme="dark" if dark else "light",
                                      reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        watch(page, complaints)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == [], "\n".join(["the page misbehaved:", *complaints])


@pytest.fixture
def page(open_page):
    """One watched page, 1000 x 800 pixels, light."""
    return open_page()


@pytest.fixture
def opened(open_page, tmp_path):
    """opened(explorer, width=..., dark=...) -> a watched page that shows its saved file."""
    def open_it(explorer, **options):
        page = open_page(**options)
        page.goto(explorer.save(tmp_path / "saved.html").as_uri())
        return page
    return open_it


def watch(page, complaints):
    """Write down whatever a page does that no page of ours may do, and refuse its requests."""
    def refuse(route):
        complaints.append(f"request to {route.request.url}")
        route.abort()

    def dismiss(dialog):
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def console(message):
        if message.type == "error":
            complaints.append(f"console: {message.text}")

    page.route(ELSEWHERE, refuse)
    page.on("console", console)
    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
