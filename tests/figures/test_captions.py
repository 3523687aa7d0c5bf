"""Every result in Snakemake's own report has a category, a label and a caption that stands where the rule says."""

from __future__ import annotations

import re

MARKED = re.compile(r'report\(\s*made\("([^"]+)"\),\s*caption="([^"]+)",\s*category="\w+",\s*labels=\{"\w+": "[^"]+"\}')


def test_what_goes_into_the_report_of_snakemake_has_a_caption(project):
    rules = sorted((project / "workflow/rules").glob("*.smk"))
    found = {
        name: (file.parent / caption).resolve() for file in rules for name, caption in MARKED.findall(file.read_text())
    }
    assert {"report.html", "figures/map.png", "inventory/inventory.csv"} <= set(found)
    assert sum(file.read_text().count("=report(") for file in rules) == len(found)
    for name, caption in found.items():
        assert caption.read_text().strip(), name
