"""Builds the wheel: beside the package, the files of the pipeline that `semdim init` writes.

All else about the package stands in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
#: Lists what a folder of the pipeline holds; one list for the wheel, a clone and the tests.
PIPELINE_FILES = ROOT / "src" / "semdim" / "pipeline_files.txt"


class BuildWithPipeline(build_py):
    """Copies the pipeline's files into the package that is being built."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # a clone has them where they are
            return
        target = Path(self.build_lib) / "semdim" / "pipeline"
        shutil.rmtree(target, ignore_errors=True)
        for name in PIPELINE_FILES.read_text(encoding="utf-8").split():
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*_quick")
                )
            else:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target / name)


setup(cmdclass={"build_py": BuildWithPipeline})
