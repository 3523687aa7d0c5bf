"""Behind the inventory: every step down to the raw data, as a tree to unfold, and the libraries they ran with."""

from __future__ import annotations

from typing import Any

from lobate import __version__
from lobate.figures.report.markup import Markup, Section, facts, folded, joined, paragraph, shown, table

Steps = dict[str, dict[str, Any]]


def lineage_section(traced: dict[str, Any]) -> Section:
    """Return the section of figures/lineage.json."""
    steps: Steps = {one["key"]: one for one in traced["steps"]}
    first = next(iter(steps))
    words = Markup(
        f"The inventory came out of {len(steps)} steps. Each is named by its key, the digest of its code, inputs, settings and "
        "libraries; a file by the sha256 of its bytes. <code>lobate explain</code> says the same, and when, where and how long."
    )
    own = {"path": traced["file"], "digest": traced["digest"], "step": first}
    return Section(
        "lineage", "Lineage of the inventory", joined(paragraph(words), _node(own, steps, set(), opened=True))
    )


def _node(one: dict[str, Any], steps: Steps, seen: set[str], *, opened: bool = False) -> Markup:
    key = one["step"]
    title = f"{one['path']}  sha256 {one['digest'][:12]}"
    if key is None:
        return Markup(f'<p class="leaf">{shown(title)} (raw data)</p>\n')
    step = steps[key]
    if key in seen:
        return Markup(
            f'<p class="leaf">{shown(title)}, by {shown(step["stage"])}, <a href="#s-{shown(key[:16])}">see above</a></p>\n'
        )
    seen.add(key)
    said = {**step["settings"], **step["scalars"]}
    about = facts({"by": step["stage"], "key": key[:16], "code": step["code"][:16], **said})
    inputs = [
        joined(f'<p class="input">from {shown(name)}</p>', *(_node(source, steps, seen) for source in listed))
        for name, listed in sorted(step["inputs"].items())
    ]
    body = joined(about, f'<div class="inputs">{joined(*inputs)}</div>')
    return joined(
        f'<div id="s-{shown(key[:16])}">', folded(f"{title}, by {step['stage']}", body, opened=opened), "</div>"
    )


def versions_section(traced: dict[str, Any]) -> Section:
    """Return the section on the versions of all libraries that shaped the inventory."""
    found: dict[str, dict[str, list[str]]] = {}
    for step in traced["steps"]:
        for name, version in step["libraries"].items():
            used = found.setdefault(name, {}).setdefault(version, [])
            if step["stage"] not in used:
                used.append(step["stage"])
    rows = [
        [name, version, ", ".join(sorted(stages))]
        for name, one in sorted(found.items())
        for version, stages in sorted(one.items())
    ]
    words = (
        f"This report was made by lobate {__version__}. The libraries with which each step of the inventory was made:"
    )
    return Section("versions", "Versions", joined(paragraph(words), table(("library", "version", "steps"), rows)))
