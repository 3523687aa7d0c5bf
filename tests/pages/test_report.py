"""The report as a reader uses it, in a real browser: it loads alone, sorts, filters, moves, and shows hostile text as text."""

from __future__ import annotations

import pytest
from tests.figures.made import made_report, make_results

from lobate.io.vector import read_layer, write_layers

pytestmark = pytest.mark.xdist_group("pages")

EVIL = "<script>document.title='gone'</script><img src=x onerror=\"document.title='gone'\"> \"quoted\" & 'so'"


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """A report of thirty landforms, one of them hostile."""
    folder = tmp_path_factory.mktemp("report")
    results = make_results(folder, 30)
    landforms = read_layer(results["inventory"], "inventory")
    landforms.loc[7, ["remark", "method"]] = [EVIL, '"><script>alert(1)</script>']
    write_layers(results["inventory"], {"inventory": landforms})
    return made_report(folder, results).as_uri()


@pytest.fixture
def report(chromium, address):
    """The page, open; a test fails on any request to anywhere, and on any complaint of the browser."""
    page, events = chromium.new_page(viewport={"width": 1280, "height": 900}), []
    page.on("console", lambda message: events.append(message.text))
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("request", lambda request: events.append(request.url))
    page.goto(address)
    yield page
    assert [event for event in events if event != address and not event.startswith("data:")] == []
    page.close()


def column(page, name: str) -> list[str]:
    return page.evaluate(
        "(name) => { const at = names.indexOf(name); return [...body.rows].filter((r) => r.offsetParent).map((r) => r.cells[at].textContent); }",
        name,
    )


def test_hostile_text_is_text(report):
    assert report.title() == "Rock glacier inventory: made"
    assert EVIL in column(report, "remark")
    assert report.locator("script").count() == 1
    assert report.locator("img:not(.chart > img[src^='data:image/svg+xml;base64,'])").count() == 0


def test_a_click_and_a_key_sort_the_table_and_unknown_values_stand_last(report):
    heading = report.get_by_role("button", name="velocity", exact=True)
    heading.click()
    up = column(report, "velocity")
    known = [float(value) for value in up if value]
    assert len(known) < len(up) == 30
    assert known == sorted(known)
    assert up[len(known) :] == [""] * (30 - len(known))
    heading.press("Enter")
    down = column(report, "velocity")
    assert [float(value) for value in down if value] == known[::-1]
    assert down[-1] == ""
    assert report.locator("th[aria-sort=descending]").inner_text().startswith("velocity")


def test_words_and_comparisons_filter_table_and_map(report):
    box = report.get_by_label("Filter")
    box.fill("area_km2 > 0.5")
    areas = [float(value) for value in column(report, "area_km2")]
    assert 0 < len(areas) < 30
    assert min(areas) > 0.5
    assert report.locator("#matches").inner_text() == f"{len(areas)} of 30"
    assert report.locator(".landform:not(.gone)").count() == len(areas)
    box.fill("l004 insar")
    assert column(report, "id") in ([], ["l004"])
    box.fill("")
    assert len(column(report, "id")) == 30


def view(page) -> list[float]:
    return [float(value) for value in page.locator("#view").get_attribute("viewBox").split()]


def test_the_map_moves_by_mouse_and_keys(report):
    canvas = report.locator("#view")
    whole = view(report)
    canvas.focus()
    report.keyboard.press("+")
    closer = view(report)
    assert closer[2] < whole[2]
    report.keyboard.press("ArrowRight")
    assert view(report)[0] > closer[0]
    box = canvas.bounding_box()
    before, middle = view(report), (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    report.mouse.move(*middle)
    report.mouse.down()
    report.mouse.move(middle[0] - 80, middle[1] + 40, steps=3)
    report.mouse.up()
    moved = view(report)
    assert moved[0] > before[0]
    assert moved[1] < before[1]
    report.keyboard.press("0")
    assert view(report) == whole


def test_the_map_shows_the_attributes_of_a_landform(report):
    report.get_by_role("button", name="l003", exact=True).click()
    about = report.locator("#about").inner_text()
    assert about.startswith("l003")
    assert "area_km2: " in about
    report.mouse.move(2, 2)
    outline = report.locator('.landform[data-row="3"]').bounding_box()
    report.keyboard.press("Escape")
    report.mouse.move(outline["x"] + outline["width"] / 2, outline["y"] + outline["height"] / 2)
    assert report.locator("#about b").inner_text()


@pytest.mark.parametrize(("width", "height", "scale"), [(1280, 800, 1.0), (1024, 640, 1.25), (400, 800, 3.0)])
def test_nothing_is_wider_than_the_window(chromium, address, width, height, scale):
    page = chromium.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
