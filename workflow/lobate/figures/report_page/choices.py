"""Which settings a region was run with, each beside its default.

Behind the inventory: every step down to the raw data, as a tree to unfold, and the libraries they ran with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from lobate import __version__
from lobate.figures.report_page.markup import Markup, Section, concat, details, facts, paragraph, table, to_html

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
        "lineage", "Lineage of the inventory", concat(paragraph(words), _node(own, steps, set(), opened=True))
    )


def _node(one: dict[str, Any], steps: Steps, seen: set[str], *, opened: bool = False) -> Markup:
    key = one["step"]
    title = f"{one['path']}  sha256 {one['digest'][:12]}"
    if key is None:
        return Markup(f'<p class="leaf">{to_html(title)} (raw data)</p>\n')
    step = steps[key]
    if key in seen:
        return Markup(
            f'<p class="leaf">{to_html(title)}, by {to_html(step["stage"])}, <a href="#s-{to_html(key[:16])}">see above</a></p>\n'
        )
    seen.add(key)
    said = {**step["settings"], **step["scalars"]}
    about = facts({"by": step["stage"], "key": key[:16], "code": step["code"][:16], **said})
    inputs = [
        concat(f'<p class="input">from {to_html(name)}</p>', *(_node(source, steps, seen) for source in listed))
        for name, listed in sorted(step["inputs"].items())
    ]
    body = concat(about, f'<div class="inputs">{concat(*inputs)}</div>')
    return concat(
        f'<div id="s-{to_html(key[:16])}">', details(f"{title}, by {step['stage']}", body, opened=opened), "</div>"
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
    return Section("versions", "Versions", concat(paragraph(words), table(("library", "version", "steps"), rows)))


UNSET = "none: must be given"


def choices(region: BaseModel) -> list[dict[str, Any]]:
    """Return name, value and default of every setting, in the order of the configuration."""
    return [{"name": name, "value": value, "default": default} for name, value, default in _walk(region, None, "")]


def _walk(value: BaseModel, default: BaseModel | None, before: str) -> Iterator[tuple[str, Any, Any]]:
    for name, field in type(value).model_fields.items():
        given = getattr(value, name)
        usual = getattr(default, name) if default is not None else _default(field)
        if isinstance(given, BaseModel):
            yield from _walk(given, usual if type(usual) is type(given) else None, f"{before}{name}.")
        else:
            yield f"{before}{name}", _plain(given), _plain(usual)


def _default(field: Any) -> Any:
    return UNSET if field.is_required() else field.get_default(call_default_factory=True)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else value


def value_of(listed: list[dict[str, Any]], name: str) -> Any:
    """Return one setting by its dotted name."""
    return next(one["value"] for one in listed if one["name"] == name)


def settings_section(listed: list[dict[str, Any]]) -> Section:
    """Return the section: settings that are not the defaults, and folded all of them."""
    changed = [one for one in listed if one["value"] != one["default"]]
    head = ("setting", "this run", "default")
    rows = [[_row(one) for one in part] for part in (changed, listed)]
    body = concat(
        paragraph(f"{len(changed)} of {len(listed)} settings differ from the defaults."),
        table(head, rows[0]),
        details(f"All {len(listed)} settings", table(head, rows[1])),
    )
    return Section("settings", "Settings", body)


def _row(one: dict[str, Any]) -> list[Any]:
    return [one["name"], _text(one["value"]), _text(one["default"])]


def _text(value: Any) -> str:
    """Return a setting's value as a configuration file would say it."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
