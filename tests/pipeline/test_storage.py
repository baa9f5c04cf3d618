"""What is large lies in a remote, what people look at lies in git: docs/storage.md, for real."""

import shlex
import subprocess
from pathlib import Path

import pytest

from semdim.paths import Paths
from tests.doc_commands import ROOT, lines
from tests.pipeline.conftest import Clone, contents, stages_run

pytestmark = pytest.mark.slow


def done(clone: Clone, *command: str, env: dict[str, str] | None = None) -> str:
    finished = clone.run(*command, env=env)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def pushed(clone: Clone, first_run: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a remote, with everything of an experiment that became the branch `shipped`."""
    clone.experiment("--name", "shipped-run")
    remote = tmp_path_factory.mktemp("remote")
    done(clone, "dvc", "remote", "add", "--local", "--force", "--default", "store", str(remote))
    done(clone, "dvc", "push")
    # It failed where nobody had trained an SAE: training's record was expected in the cache.
    done(clone, "dvc", "exp", "apply", "shipped-run")
    done(clone, "dvc", "exp", "branch", "shipped-run", "shipped")
    return remote


@pytest.fixture(scope="module")
def elsewhere(clone: Clone, pushed: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A colleague's clone of that branch, without any data."""
    folder = tmp_path_factory.mktemp("elsewhere") / "semdim"
    source = ["git", "clone", "-q", "--branch", "shipped", str(clone.root), str(folder)]
    subprocess.run(source, check=True, capture_output=True)
    assert not (folder / "outputs").exists()
    return Clone(folder, clone.forking)


@pytest.fixture(scope="module")
def before(elsewhere: Clone) -> dict[str, str]:
    """Its results, as git has them."""
    return contents(elsewhere.root / "results")


@pytest.fixture(scope="module")
def pulled(elsewhere: Clone, before: dict[str, str], pushed: Path) -> Clone:
    """That clone, with the data."""
    done(elsewhere, "dvc", "remote", "add", "--local", "--default", "store", str(pushed))
    done(elsewhere, "dvc", "pull")
    return elsewhere


def test_a_clone_without_data_shows_every_result(clone: Clone, elsewhere: Clone) -> None:
    results = contents(elsewhere.root / "results")
    assert results == contents(clone.root / "results")
    assert {"report.html", "probes/tiny/bounds.csv", "figures/bound_vs_n.png"} <= set(results)
    assert "log2 V" in done(elsewhere, "semdim", "summary")
    assert "as_published" in done(elsewhere, "semdim", "bound", "--from", "results/probes/tiny")
    same = done(elsewhere, "semdim", "compare", "HEAD", "results", "--only-changed", "--no-figure")
    assert "No number differs." in same
    assert "metrics.json" in done(elsewhere, "dvc", "metrics", "show")


def test_what_is_pulled_is_what_was_pushed_and_nothing_is_left_to_do(
    clone: Clone, pulled: Clone, before: dict[str, str]
) -> None:
    elsewhere = pulled
    assert "missing" not in done(clone, "dvc", "status", "--cloud", "dvc.yaml")
    for folder in ("models/tiny", "probes/tiny"):
        ours, theirs = (contents(Paths(c.root).outputs / folder) for c in (clone, elsewhere))
        assert theirs == ours and len(theirs) > 30, folder
    # The parameters are those of an experiment, which DVC is told by its name.
    ran = done(elsewhere, "dvc", "repro", env={"DVC_EXP_NAME": "shipped-run"})
    assert stages_run(ran) == ["check_params"]
    status = done(elsewhere, "dvc", "status", "dvc.yaml").strip().splitlines()
    assert [line.strip() for line in status] == ["check_params:", "always changed"]
    assert contents(elsewhere.root / "results") == before
    assert elsewhere.run("git", "status", "--porcelain").stdout == ""


def test_settings_of_an_s3_remote_are_accepted(elsewhere: Clone) -> None:
    """The commands of docs/storage.md; a transfer would need the extra dvc[s3] and a bucket."""
    page = ROOT / "docs/storage.md"
    commands = [line.text for line in lines(page) if "dvc remote" in line.text]
    shared = [text for text in commands if "s3://" in text or "modify" in text]
    assert len(shared) >= 5
    for text in shared:
        done(
            elsewhere,
            *shlex.split(text.replace("--default store", "bucket").replace(" store ", " bucket ")),
        )
    done(elsewhere, "dvc", "config", "--list")
    config = (elsewhere.root / ".dvc/config").read_text()
    assert "url = s3://BUCKET/semdim" in config and "endpointurl" in config
    assert "SECRET" not in config  # it went where git does not look
    # Without the remote, the keys of it in config.local are an error of configuration.
    done(elsewhere, "git", "checkout", ".dvc/config")
    (elsewhere.root / ".dvc/config.local").unlink()


def test_a_pull_without_the_remote_says_so_and_harms_nothing(
    pulled: Clone, before: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = pulled
    done(elsewhere, "dvc", "remote", "add", "--local", "--force", "gone", str(tmp_path / "gone"))
    (elsewhere.root / "outputs/probes/tiny/hook.json").unlink(missing_ok=True)
    cache = elsewhere.root / ".dvc/cache"
    cache.rename(tmp_path / "cache")
    failed = elsewhere.run("dvc", "pull", "--remote", "gone", "dvc.yaml")
    (tmp_path / "cache").rename(cache)
    assert failed.returncode != 0 and "Traceback" not in failed.stderr
    assert contents(elsewhere.root / "results") == before
