"""The pictures and the keys of the review page, from a real browser: `python docs/review_pictures.py CONFIG`.

The region must have run. Decisions of the pictures go to a file that is thrown away. `tests/review/test_page.py` compares
the committed table of keys with the page.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WIDTH, HEIGHT = 1280, 720
SETTLE_MS = 900
HEAD = """# The keys of `lobate review`

The page shows them with `?`. A held key acts once; keys of the map never reach what is being typed.
"""
READ_KEYS = """
[...document.querySelectorAll('#help section')].map((section) => [
  section.querySelector('h3').textContent,
  [...section.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) => cell.textContent)),
])
"""
PICTURES = {
    "review": ["a", "r", "a"],
    "review_mend": ["e", "]", "]"],
    "review_layers": ["y", "s"],
    "review_grid": ["g"],
}
"""Picture -> the keys that lead to it, each from a page opened anew."""
SQUARES = "sample_squares"
"""List of the squares of the sample."""


def main(config: str) -> None:
    """Take the pictures and write the table of keys."""
    with review(config) as address, chromium() as browser:
        for name, keys in PICTURES.items():
            tab = opened(browser, address)
            press(tab, keys)
            tab.wait_for_timeout(SETTLE_MS)
            tab.wait_for_selector("html[data-whole]")
            wait_for_thumbnails(tab)
            tab.screenshot(path=DOCS / "images" / f"{name}.png")
            tab.close()
        if picture_of_sample(browser, address):
            print("The picture of the sample is taken.")
        else:
            print("The picture of the sample stays as it is: draw one with `lobate sample` first.")
        tab = opened(browser, address)
        (DOCS / "review_keys.md").write_text(keys_table(tab), encoding="utf-8")


@contextmanager
def review(config: str) -> Iterator[str]:
    """Start a review with a file of decisions that is thrown away; give its address."""
    with tempfile.TemporaryDirectory() as folder:
        file, named = Path(folder, "decisions.gpkg"), Path(folder, "decisions.yaml")
        named.write_text(f"inventory: {{decisions: {file}}}\n", encoding="utf-8")
        words = ["review", config, str(named), "--no-browser", "--reviewer", "you", "--decisions", str(file)]
        with subprocess.Popen([sys.executable, "-m", "lobate", *words], stdout=subprocess.PIPE, text=True) as server:
            try:
                yield next(found.group() for line in server.stdout or () if (found := re.search(r"http://\S+", line)))
            finally:
                server.kill()


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)


def opened(browser: Any, address: str) -> Any:
    """Return a tab with the review, painted."""
    tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    tab.goto(address)
    tab.wait_for_selector("html[data-painted]")
    return tab


def press(tab: Any, keys: list[str]) -> None:
    """Press keys, each when the map stands."""
    for key in keys:
        tab.wait_for_selector("html[data-painted]")
        tab.keyboard.press(key)
        tab.wait_for_timeout(SETTLE_MS // 3)


def picture_of_sample(browser: Any, address: str) -> bool:
    """Take the picture of a square of the sample, if there is one; nothing is answered."""
    tab = opened(browser, address)
    if not tab.locator(f"#which option[value={SQUARES}]").count():
        return False
    tab.select_option("#which", SQUARES)
    tab.wait_for_timeout(SETTLE_MS)
    tab.focus("#canvas")
    press(tab, ["n", " ", "Shift+ArrowRight", " ", "Shift+ArrowDown", "Shift+ArrowDown", " ", "Shift+ArrowLeft"])
    tab.wait_for_timeout(SETTLE_MS)
    tab.screenshot(path=DOCS / "images" / "review_sample.png")
    tab.close()
    return True


def wait_for_thumbnails(tab: Any) -> None:
    """Wait until all thumbnails in sight have come."""
    while not tab.evaluate("[...document.querySelectorAll('.cell img')].every((one) => one.complete)"):
        tab.wait_for_timeout(SETTLE_MS // 3)


def keys_table(tab: Any) -> str:
    """Return the page of the keys, as the page's own help has them."""
    tab.keyboard.press("?")
    tab.wait_for_selector("#help section")
    parts = [HEAD]
    for title, rows in tab.evaluate(READ_KEYS):
        lines = [f"| `{key}` | {words.replace('|', chr(92) + '|')} |" for key, words in rows]
        parts += [f"\n## {title}\n\n| key | does |\n| --- | --- |\n" + "\n".join(lines) + "\n"]
    return "".join(parts)


if __name__ == "__main__":
    main(sys.argv[1])
