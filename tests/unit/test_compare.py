"""`semdim compare`: what differs and by how much, for folders, revisions and experiments."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from results_factory import PROBES, write_probe
from typer.testing import CliRunner

from semdim.commands.app import app
from semdim.compare.configuration import NOT_SET, differences
from semdim.compare.figure import overlay
from semdim.compare.numbers import common_size, compared
from semdim.compare.side import Pair, paired, read_side

GOLDEN = Path(__file__).parent / "golden" / "compare.csv"
BOUNDS = """family,is_certificate,unit,method,proxy,n_tokens,k,smoothing,failure_prob,total,baseline
holdout,True,document,betting,model,100,,0.5,{delta},12.5,10.0
holdout,True,document,betting,model,{largest},,0.5,{delta},{holdout},10.0
as_published,False,token,,sae,100,20.0,0.5,{delta},30.0,10.0
as_published,False,token,,sae,{largest},20.0,0.5,{delta},9.25,10.0
srm_topk,True,document,hoeffding,topk_8,100,8,0.5,{delta},14.0,10.0
faithfulness,True,document,betting,sae,100,,0.5,{delta},{faithful},
risk_by_sparsity,True,document,betting,model,{largest},,0.5,{delta},9.0,10.0
"""
PROXIES = """proxy,splice,k,n_sequences,risk,signed_gap,abs_gap,nll
model,,,30,5.0,0,0,4.5
sae,no_bos,,30,5.25,-0.25,{gap},4.75
topk_8,no_bos,8,30,6.0,-1.0,1.0,5.5
random_decoder,no_bos,,10,9.0,-4.0,4.0,8.5
"""
SPARSITY = """corpus,positions,n_tokens,mean,std,min,q05,q25,q50,q75,q95,q99,max
english,all,100,25.0,2.0,1,2,10,20,30,40,50,900
english,without_bos,99,{mean},2.0,1,2,10,20,30,40,50,60
"""
HISTOGRAM = """corpus,positions,left,right,count
english,without_bos,0,20,60
english,without_bos,20,60,39
"""
UNCERTAINTY = """score,shift,level,auroc,auroc_low,auroc_high
n_active,python,sequence_mean,{auroc},0.5,0.75
entropy,python,sequence_mean,0.9,0.8,1.0
"""
A = {"delta": 0.05, "largest": 1000, "holdout": 6.0, "faithful": 0.5, "gap": 0.25, "mean": 20.5,
     "auroc": 0.625}  # fmt: skip
B = A | {"delta": 0.01, "holdout": 6.5, "faithful": 0.75, "mean": 22.0, "auroc": 0.5}
PARAMS = {
    "models": {"tiny": {"kind": "random"}},
    "probes": {
        "tiny": {"model": "tiny", "hook": "blocks.1.hook_resid_post", "sae": {"kind": "random"}}
    },
    "bound": {"failure_prob": 0.05, "n_tokens": [100, 1000]},
    "seed": 0,
}


def write(folder: Path, values: dict[str, float], params: dict | None = None) -> Path:
    folder.mkdir(parents=True)
    tables = {
        "bounds": BOUNDS, "proxies": PROXIES, "sparsity": SPARSITY,
        "sparsity_histogram": HISTOGRAM, "uncertainty": UNCERTAINTY,
    }  # fmt: skip
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text.format(**values))
    setup = {
        "model": {"name": "tiny", "fingerprint": "0" * 64},
        "sae": {"name": "s", "dict_size": 128},
        "splice": "no_bos",
        "corpora": {"english": {"role": "id", "n_tokens": 1000, "mean_n_active": values["mean"]}},
        "packages": {"torch": "2.13.0"},
    }
    (folder / "setup.json").write_text(json.dumps(setup))
    headline = {"as_published_crossing_n_tokens": 900.0, "mean_n_active": values["mean"]}
    (folder / "bound.json").write_text(json.dumps(headline))
    if params is not None:
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return folder


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["compare", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders a and b, which differ in δ and what follows from it; the current folder."""
    write(tmp_path / "a" / "probes" / "tiny", A, PARAMS)
    changed = PARAMS | {"bound": PARAMS["bound"] | {"failure_prob": 0.01}}  # type: ignore[dict-item]
    write(tmp_path / "b" / "probes" / "tiny", B, changed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_folders_as_a_table_of_numbers(two: Path) -> None:
    code, output, _ = run("a", "b", "--csv")
    assert code == 0 and output == GOLDEN.read_text(encoding="utf-8")


def test_what_changed_and_nothing_else(two: Path) -> None:
    code, output, _ = run("a", "b", "--only-changed", "--json")
    assert code == 0
    (compared_,) = json.loads(output)["compared"]
    assert compared_["settings"] == [{"setting": "bound.failure_prob", "a": 0.05, "b": 0.01}]
    changed = {row["quantity"]: row["difference"] for row in compared_["numbers"]}
    assert changed == {
        "k of the published bound": 1.5,
        "holdout (betting)": 0.5,
        "english: mean": 1.5,
        "python, mean of a sequence": -0.125,
    }


def test_the_terminal_shows_settings_first_then_numbers_with_signs(two: Path) -> None:
    code, output, _ = run("a", "b", "--no-figure")
    assert code == 0
    assert output.index("bound.failure_prob") < output.index("holdout (betting)")
    assert "certificates, bits, at N = 1,000, the largest that both have" in output
    (holdout,) = [line.split() for line in output.splitlines() if "holdout" in line]
    assert holdout[-3:] == ["6.000", "6.500", "+0.500"]
    (gap,) = [line.split() for line in output.splitlines() if "SAE reconstruction" in line]
    assert gap[-3:] == ["0.250", "0.250", "same"]
    assert max(map(len, output.splitlines())) <= 80
    assert not list(two.glob("compare_*"))


def test_a_run_compared_with_itself_differs_in_nothing(two: Path) -> None:
    code, output, _ = run("a", "a", "--only-changed", "--no-figure")
    assert code == 0
    assert "No setting differs." in output and "No number differs." in output


def test_the_figure_goes_beside_or_where_it_is_asked_for(two: Path) -> None:
    code, output, _ = run("a", "b/probes/tiny")
    assert code == 0
    folder = two / "compare_a_b-probes-tiny"
    assert {path.name for path in folder.iterdir()} == {"compare.png", "compare.svg"}
    assert str(folder.relative_to(two) / "compare.png") in output
    assert run("a", "b", "--json", "--figure", "out/mine.png")[0] == 0
    assert (two / "out/mine.png").read_bytes()[:4] == b"\x89PNG"
    assert run("a", "b", "--csv")[0] == 0
    assert len(list(two.glob("compare_*"))) == 1


def test_a_figure_has_a_line_for_each_side(tmp_path: Path) -> None:
    for seed, name in enumerate(("one", "other")):
        write_probe(tmp_path / name / "synthetic", seed, **PROBES[f"synthetic-{'ab'[seed]}"])
    pairs = paired(read_side(str(tmp_path / "one")), read_side(str(tmp_path / "other"))).both
    figure = overlay(pairs, "one", "x" * 100)
    bounds, gaps, *histograms = figure.axes
    drawn = [line for line in bounds.get_lines() if len(line.get_xdata()) > 2]  # type: ignore[arg-type]
    assert len(drawn) == 6  # three curves of each side
    assert len({line.get_color() for line in drawn}) == 2
    assert {label.get_text() for label in gaps.get_yticklabels()} >= {"SAE reconstruction"}
    titles = [axes.get_title(loc="left") for axes in histograms if axes.axison]
    assert [title.split()[0] for title in titles] == ["english", "python", "replaced", "random"]
    (legend,) = [part.legends[0] for part in figure.subfigs if part.legends]
    words = [text.get_text() for text in legend.get_texts()]
    assert words[0] == "A: one" and "…" in words[1] and len(words[1]) < 50


def pair(a: Path, b: Path) -> Pair:
    (found,) = paired(read_side(str(a)), read_side(str(b))).both
    return found


def test_bounds_are_compared_at_the_largest_n_of_both(tmp_path: Path) -> None:
    a = write(tmp_path / "a", A)
    b = write(tmp_path / "b", A | {"largest": 5000, "holdout": 4.0})
    rows = {row.quantity: row for row in compared(pair(a, b))}
    assert common_size(pair(a, b)) == 100
    assert rows["holdout (betting)"].difference == 0.0
    assert rows["hard top-k codes, with a union bound over k"].difference == 0.0
    assert rows["N, largest of the bounds"].difference == 4000.0
    (tmp_path / "b" / "bounds.csv").write_text(
        "\n".join(line for line in BOUNDS.format(**B).splitlines() if ",100," not in line)
        .replace(",1000,", ",5000,")
    )  # fmt: skip
    assert common_size(pair(a, b)) is None  # then each at its own largest N
    assert {row.quantity: row for row in compared(pair(a, b))}[
        "holdout (betting)"
    ].difference == 0.5


def test_a_number_of_one_side_alone_stays_in_the_table(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", A), write(tmp_path / "b", A)
    (b / "proxies.csv").write_text(PROXIES.format(**A).replace("topk_8", "topk_4"))
    rows = {row.quantity: row for row in compared(pair(a, b))}
    assert rows["at most 8 atoms"].b is None and rows["at most 8 atoms"].difference is None
    assert rows["at most 4 atoms"].a is None
    (b / "proxies.csv").write_text(PROXIES.format(**A).replace(",10,", ",20,"))
    rows = {row.quantity: row for row in compared(pair(a, b))}
    assert rows["random decoder (10 seq.)"].b is None  # on another part of the sample
    assert rows["random decoder (20 seq.)"].a is None
    (b / "uncertainty.csv").unlink()
    rows = {row.quantity: row for row in compared(pair(a, b))}
    assert rows["python, mean of a sequence"].b is None


def test_settings_of_one_side_and_packages_are_told(tmp_path: Path) -> None:
    a = write(tmp_path / "a", A, PARAMS)
    other = {
        "models": {"big": {"kind": "hub"}},
        "probes": {"p": PARAMS["probes"]["tiny"] | {"model": "big"}},
        "bound": PARAMS["bound"],
        "splice": "all",
    }
    b = write(tmp_path / "b", A, other)
    setup = json.loads((b / "setup.json").read_text())
    setup["packages"]["torch"] = "3.0"
    (b / "setup.json").write_text(json.dumps(setup))
    found = {change.setting: (change.a, change.b) for change in differences(pair(a, b))}
    assert found == {
        "model.kind": ("random", "hub"),
        "seed": (0, NOT_SET),
        "splice": (NOT_SET, "all"),
        "setup.packages.torch": ("2.13.0", "3.0"),
    }


def test_results_of_before_probes_are_read_and_compared(tmp_path: Path) -> None:
    old = {
        "models": {"tiny": {"source": {"kind": "random"}, "sae": {"kind": "folder"}}},
        "bound": PARAMS["bound"],
        "seed": 0,
    }
    write(tmp_path / "old" / "models" / "tiny", A, old)
    setup = json.loads((tmp_path / "old/models/tiny/setup.json").read_text())
    setup["sae"]["hook_point"] = "blocks.1.hook_resid_post"
    for part in ("old/models/tiny", "new/probes/tiny_layer1"):
        if part.startswith("new"):
            write(tmp_path / part, A, PARAMS)
        (tmp_path / part / "setup.json").write_text(json.dumps(setup))
    found = pair(tmp_path / "old", tmp_path / "new")
    assert found.name == "tiny → tiny_layer1"
    (change,) = differences(found)
    assert (change.setting, change.a, change.b) == ("probe.sae.kind", "folder", "random")


def test_results_without_settings_are_compared_by_what_they_tell(two: Path) -> None:
    (two / "b/probes/tiny/params.yaml").unlink()
    code, output, _ = run("a", "b", "--no-figure")
    assert code == 0
    assert "B has no params.yaml" in output and "setup.bound.failure_prob" in output
    assert json.loads(run("a", "b", "--json")[1])["compared"][0]["settings_note"].startswith("B")


def test_a_point_of_a_sweep_brings_its_configuration(tmp_path: Path) -> None:
    for name, k in (("0", 4), ("1", 8)):
        point = write(tmp_path / name, A)
        config = {**PARAMS, "bound": {"k": k}, "tracking": {"mode": "offline"}}
        (point / "row.json").write_text(json.dumps({"results": {}, "config": config}))
    (change,) = differences(pair(tmp_path / "0", tmp_path / "1"))
    assert (change.setting, change.a, change.b) == ("bound.k", 4, 8)


def test_a_probe_of_one_side_alone_is_reported(two: Path) -> None:
    write(two / "b" / "probes" / "big", B)
    code, output, _ = run("a", "b", "--no-figure")
    assert code == 0 and "only in B, and not compared: big" in output
    assert json.loads(run("b", "a", "--json")[1])["only_in_a"] == ["big"]
    rows = list(csv.DictReader(io.StringIO(run("a", "b", "--csv")[1])))
    assert [row["probe"] for row in rows if row["quantity"] == "only in b"] == ["big"]


def test_two_probes_are_compared_when_each_side_has_one(two: Path) -> None:
    write(two / "b" / "probes" / "big", B)
    code, output, _ = run("a", "b/probes/big", "--no-figure")
    assert code == 0 and "tiny → big" in output
    (two / "a/probes/tiny").rename(two / "a/probes/other")
    code, _, error = run("a", "b")
    assert code == 1 and "no probe in common" in error and "big, tiny" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", "c"), "neither a folder, nor a revision of git, nor an experiment"),
        (("a", "b", "--json", "--csv"), "exclude each other"),
        (("a", "b", "--figure", "x.png", "--no-figure"), "exclude each other"),
        (("a", "b", "--figure", "x.pdf"), ".png"),
        (("a", "empty"), "no probe results"),
        (("a", "--exec=touch x"), "No such option"),
    ],
)
def test_a_mistake_is_one_sentence(two: Path, arguments: tuple[str, ...], message: str) -> None:
    (two / "empty").mkdir()
    code, output, error = run(*arguments)
    assert code != 0 and message in " ".join(error.split()) and not output
    assert "Traceback" not in error


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    done = subprocess.run(
        ["git", *identity, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with results A at its first commit, B at its second."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    write(tmp_path / "results/probes/tiny", A)
    (tmp_path / "results/figures").mkdir()
    (tmp_path / "results/figures/large.png").write_bytes(b"not read")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    git("add", "-A")
    git("commit", "-q", "-m", "First results")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS | {"seed": 1}))
    for path in (tmp_path / "results/probes/tiny").iterdir():
        path.unlink()
    (tmp_path / "results/probes/tiny").rmdir()
    write(tmp_path / "results/probes/tiny", B)
    git("add", "-A")
    git("commit", "-q", "-m", "Second results")
    return tmp_path


def test_a_revision_is_compared_with_its_own_settings(repository: Path) -> None:
    code, output, _ = run("main~1", "main", "--json")
    content = json.loads(output)
    assert code == 0 and "First results" in content["a"]["what"]
    (found,) = content["compared"]
    assert found["settings"] == [{"setting": "seed", "a": 0, "b": 1}]
    assert {row["quantity"]: row for row in found["numbers"]}["english: mean"]["difference"] == 1.5
    assert git("status", "--porcelain") == ""


def test_a_revision_is_compared_with_the_folder_as_it_stands(repository: Path) -> None:
    table = repository / "results/probes/tiny/proxies.csv"
    table.write_text(table.read_text().replace("0.25,", "0.5,"))
    code, output, _ = run("HEAD", "results", "--only-changed", "--no-figure")
    assert code == 0 and "SAE reconstruction" in output and "at most 8 atoms" not in output
    code, output, _ = run("HEAD:results/probes/tiny", "results/probes/tiny", "--json")
    assert code == 0 and json.loads(output)["compared"][0]["settings_note"].startswith("B")


def test_an_experiment_of_dvc_is_found_by_its_name(repository: Path) -> None:
    commit, base = git("rev-parse", "HEAD~1"), "ab" + "0" * 38
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/tidy-fox", commit)
    git("update-ref", f"refs/exps/stash/{'c' * 8}", commit)
    code, output, _ = run("tidy-fox", "HEAD", "--json")
    assert code == 0 and json.loads(output)["a"]["what"].startswith("experiment, commit")
    code, _, error = run("tidy-fx", "HEAD")
    assert code == 1 and "experiments: tidy-fox" in error and "branches and tags: main" in error
    assert "folders: results" in error and "stash" not in error
    other = "cd" + "0" * 38
    git("update-ref", f"refs/exps/{other[:2]}/{other[2:]}/tidy-fox", commit)
    code, _, error = run("tidy-fox", "HEAD")
    assert code == 1 and "2 experiments" in error and commit[:10] in error


def test_a_revision_without_results_says_where_to_look(repository: Path) -> None:
    code, _, error = run("HEAD:docs", "HEAD")
    assert code == 1 and "holds no results under docs" in error and "HEAD:FOLDER" in error


def test_it_starts_without_what_is_heavy_and_never_needs_torch(two: Path) -> None:
    code = (
        "import sys, semdim.commands.app; heavy = {'torch', 'pandas', 'matplotlib', 'dvc', 'yaml'};"
        "print(heavy & set(sys.modules)); from typer.testing import CliRunner;"
        "CliRunner().invoke(semdim.commands.app.app, ['compare', 'a', 'b']);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.splitlines() == ["set()", "False"]
