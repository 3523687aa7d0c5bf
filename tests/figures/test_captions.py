"""Every result in Snakemake's own report has a category, a label and a caption that stands where the rule says."""

from __future__ import annotations

import re

MARKED = re.compile(
    r'=report\(\s*results\("([^"]+)"\),\s*caption="([^"]+)",\s*category="\w+",\s*labels=\{"\w+": "[^"]+"\}'
)
FIGURE = re.compile(r'=figure\("(\w+)", "[^"]+"\)')


def test_what_goes_into_the_report_of_snakemake_has_a_caption(project):
    rules = project / "workflow/rules"
    texts = [file.read_text() for file in sorted(rules.glob("*.smk"))]
    captions = {name: rules / caption for text in texts for name, caption in MARKED.findall(text)}
    assert sum(text.count("=report(") for text in texts) == len(captions)
    assert 'caption=f"../report/{name}.rst"' in (rules / "common.smk").read_text()
    figures = [name for text in texts for name in FIGURE.findall(text)]
    names = re.search(r"^FIGURE_NAMES = \((.*?)^\)", (rules / "common.smk").read_text(), re.M | re.S)
    assert sorted(figures) == sorted(re.findall(r'"(\w+)"', names[1])), "every figure, each once"
    captions |= {f"figures/{name}.png": rules / f"../report/{name}.rst" for name in figures}
    assert {"report.html", "figures/map.png", "inventory/inventory.csv"} <= set(captions)
    for name, caption in captions.items():
        assert caption.read_text().strip(), name
