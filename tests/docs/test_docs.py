"""The site is built, with every broken link an error; what it quotes from the library is what the library says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
import yaml
from shapely.geometry import Point
from sphinx.cmd.build import main as sphinx

from lobate.engine import registry
from lobate.io.vector import read_layer, write_layers
from lobate.settings import Region

DOCS = Path(__file__).resolve().parents[2] / "docs"
CODE = DOCS.parent / "workflow"


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Build a folder as `make docs` does; return the exit status and the site."""

    def run(source: Path) -> tuple[int, Path]:
        site = tmp_path_factory.mktemp("site")
        return sphinx(["-b", "html", "-n", "-W", "--keep-going", "-q", str(source), str(site)]), site

    return run


def test_make_docs_builds_just_so():
    assert "sphinx -b html -n -W --keep-going -q docs site" in (DOCS.parent / "Makefile").read_text()


def test_the_site_is_whole(build):
    status, site = build(DOCS)
    assert status == 0
    pages = {page.stem for page in DOCS.glob("*.md")}
    assert pages <= {page.stem for page in site.glob("*.html")}
    settings = (site / "configuration.html").read_text()
    assert all(f">{name}<" in settings for name in _keys(Region))
    listed = (site / "verbs.html").read_text()
    assert all(verb.replace("_", "-") in listed for verb in registry.ROOM_OF)
    # nothing on a page is fetched from anywhere
    for page in site.glob("*.html"):
        assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"(https?:)?//", page.read_text()), page.name


@pytest.mark.parametrize(
    ("target", "broken"), [("no_such.md", True), ("two.md#there", False), ("two.md#not-there", True)]
)
def test_a_broken_link_is_an_error(build, tmp_path, target, broken):
    (tmp_path / "conf.py").write_text('extensions = ["myst_parser"]\nmyst_heading_anchors = 3\n')
    (tmp_path / "index.md").write_text(f"# One\n\nSee [another]({target}).\n\n```{{toctree}}\ntwo\n```\n")
    (tmp_path / "two.md").write_text("# Two\n\n## There\n")
    assert (build(tmp_path)[0] != 0) == broken


def _keys(model) -> set[str]:
    return {*model.model_fields, "iterations", "min_area_km2", "ring_m", "velocity_unit", "where", "symmetries"}


def _said() -> str:
    """Return every text in the code, the names in it as ...; two parts written one after the other are one."""
    texts = []
    for file in [*CODE.rglob("*.py"), *CODE.rglob("*.smk")]:
        if file.suffix == ".smk":
            texts.append(re.sub(r"\"\s*\n\s*f?\"", "", re.sub(r"\{[^{}]*\}", "...", file.read_text())))
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                texts.append("".join(one.value if isinstance(one, ast.Constant) else "..." for one in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def test_messages_are_quoted_as_the_library_gives_them():
    text = (DOCS / "troubleshooting.md").read_text()
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    quoted = [row for row in rows if row not in ("message", "---")]
    assert len(quoted) >= 25
    said = _said()
    for message in quoted:
        for part in message.split("..."):
            # brackets and full stops round a name may belong to it
            assert part.strip(" .,;()") in said, message


def test_the_verb_of_the_architecture_page_works(tmp_path):
    text = (DOCS / "architecture.md").read_text()
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "thin_detections" in block)
    names = {}
    exec("\n".join(line[3:] for line in code.splitlines()), names)
    round_one = gpd.GeoDataFrame(
        {"id": ["a"]},
        geometry=gpd.GeoSeries([Point(500_000, 4e6).buffer(300, 64)], crs=32644).to_crs(4326).values,
        crs=4326,
    )
    write_layers(tmp_path / "in.gpkg", {"kept": round_one})
    names["thin_detections"](tmp_path / "in.gpkg", tmp_path / "out.gpkg", tolerance_m=10.0)
    before, after = (read_layer(tmp_path / f"{name}.gpkg", "kept").to_crs(32644).geometry[0] for name in ("in", "out"))
    assert shapely.get_num_coordinates(after) < shapely.get_num_coordinates(before)
    assert shapely.hausdorff_distance(before, after) < 10.1


def test_the_citation_names_the_paper():
    said = yaml.safe_load((DOCS.parent / "CITATION.cff").read_text())
    assert (said["cff-version"], said["type"], said["license"]) == ("1.2.0", "software", "MIT")
    assert said["authors"] == [{"name": "the lobate authors"}]
    assert [author["family-names"] for author in said["references"][0]["authors"]] == [
        "Hu",
        "Liu",
        "Huang",
        "Zhao",
        "Wang",
    ]


def test_the_catalogues_file_is_as_it_must_be():
    said = yaml.safe_load((DOCS.parent / ".snakemake-workflow-catalog.yml").read_text())
    assert set(said["usage"]) == {"software-stack-deployment", "report"}
    assert (DOCS.parent / "config/README.md").is_file()
