"""Every result in Snakemake's own report has a category, a label and a caption that stands where the rule says."""

from __future__ import annotations

import re

MARKED = re.compile(
    r'=report\(\s*made\("([^"]+)"\),\s*caption="([^"]+)",\s*category="\w+",\s*labels=\{"\w+": "[^"]+"\}'
)
PICTURE = re.compile(r'=picture\("(\w+)", "[^"]+"\)')


def test_what_goes_into_the_report_of_snakemake_has_a_caption(project):
    rules = project / "workflow/rules"
    texts = [file.read_text() for file in sorted(rules.glob("*.smk"))]
    found = {name: rules / caption for text in texts for name, caption in MARKED.findall(text)}
    assert sum(text.count("=report(") for text in texts) == len(found)
    assert 'caption=f"../report/{name}.rst"' in (rules / "common.smk").read_text()
    pictures = [name for text in texts for name in PICTURE.findall(text)]
    listed = re.search(r"^NAMES = \((.*?)^\)", (rules / "figures.smk").read_text(), re.M | re.S)
    assert sorted(pictures) == sorted(re.findall(r'"(\w+)"', listed[1])), "every figure, each once"
    found |= {f"figures/{name}.png": rules / f"../report/{name}.rst" for name in pictures}
    assert {"report.html", "figures/map.png", "inventory/inventory.csv"} <= set(found)
    for name, caption in found.items():
        assert caption.read_text().strip(), name
