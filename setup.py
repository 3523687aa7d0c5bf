"""What pyproject.toml cannot say: the wheel carries the rules, the report, the schema, a profile and conda's environment."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CARRIED = (
    "workflow/Snakefile",
    "workflow/rules/*.smk",
    "workflow/report/*.rst",
    "workflow/schemas/*.json",
    "profiles/default/*.yaml",
    "envs/environment.yaml",
)


class BuildWithWorkflow(build_py):
    """Copies the workflow's files into the package, as `lobate/project`; an editable installation has the clone's own."""

    def run(self) -> None:
        """Build as ever, and copy."""
        super().run()
        if self.editable_mode:
            return
        for source in (path for pattern in CARRIED for path in sorted(Path().glob(pattern))):
            target = Path(self.build_lib, "lobate/project", source)
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))


setup(cmdclass={"build_py": BuildWithWorkflow})
