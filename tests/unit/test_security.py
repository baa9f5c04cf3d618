"""What SECURITY.md promises: data are not executed, shown text not obeyed, offline is offline."""

import ast
import io
import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from model_factory import model_folder
from rich.console import Console
from sae_factory import sae_folder

from semdim.errors import SemdimError
from semdim.models.export import export_model
from semdim.models.spec import ModelSource
from semdim.monitor.page import render
from semdim.monitor.terminal import show_rest, show_text
from semdim.monitor.visible import visible
from semdim.saes.export import export_sae
from semdim.saes.spec import SAESource
from semdim.text.spec import CorpusSpec
from tests.unit.test_monitor_page import reading

ROOT = Path(__file__).resolve().parents[2]
MARK = "executed"
ARMED = "import pathlib; pathlib.Path({path!r}).write_text('executed')\n"


class Armed:
    """Leaves a mark when a pickle is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (exec, (ARMED.format(path=str(self.mark)),))


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / MARK


def folder_source(folder: Path) -> ModelSource:
    return ModelSource(kind="folder", path=str(folder))


def test_the_traps_of_these_tests_go_off(mark: Path) -> None:
    pickle.loads(pickle.dumps(Armed(mark)))
    assert mark.exists()


@pytest.mark.parametrize("kind", ["config", "tokenizer"])
@pytest.mark.parametrize("known", [True, False])
def test_code_in_a_models_folder_is_not_run(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch, kind: str, known: bool
) -> None:
    folder = tmp_path / "model"
    model_folder(folder, "Llama")
    (folder / "trap.py").write_text(
        ARMED.format(path=str(mark))
        + "from transformers import LlamaConfig as C, LlamaForCausalLM as M\n"
        + "from transformers import PreTrainedTokenizerFast as T\n"
    )
    name = "config.json" if kind == "config" else "tokenizer_config.json"
    content = json.loads((folder / name).read_text())
    content["auto_map"] = {
        "AutoConfig": "trap.C", "AutoModelForCausalLM": "trap.M", "AutoTokenizer": ["trap.T", None],
    }  # fmt: skip
    if not known:
        content |= {"model_type": "trap"} if kind == "config" else {"tokenizer_class": "TrapTokens"}
    (folder / name).write_text(json.dumps(content))
    # Whoever is asked whether the code may run must not have been asked.
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    try:
        export_model(folder_source(folder), tmp_path / "out")
    except SemdimError:
        assert not (tmp_path / "out").exists()
    else:
        assert not list((tmp_path / "out").glob("*.py"))
    assert not mark.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_weights_as_a_pickle_are_refused_by_name(tmp_path: Path, mark: Path, name: str) -> None:
    folder = tmp_path / "model"
    model_folder(folder, "Llama")
    (folder / "model.safetensors").unlink()
    torch.save({"lm_head.weight": Armed(mark)}, folder / name)
    with pytest.raises(SemdimError, match=re.escape(name)):
        export_model(folder_source(folder), tmp_path / "out")
    assert not mark.exists() and not (tmp_path / "out").exists()


def test_a_pickle_under_the_name_of_safetensors_is_refused(tmp_path: Path, mark: Path) -> None:
    folder = tmp_path / "model"
    model_folder(folder, "Llama")
    torch.save({"lm_head.weight": Armed(mark)}, folder / "model.safetensors")
    with pytest.raises(SemdimError, match=r"model\.safetensors"):
        export_model(folder_source(folder), tmp_path / "out")
    sae_folder(tmp_path / "sae", "jumprelu")
    torch.save({"W_dec": Armed(mark)}, tmp_path / "sae" / "sae_weights.safetensors")
    with pytest.raises(SemdimError):
        export_sae(SAESource(kind="folder", path=str(tmp_path / "sae")), tmp_path / "sae_out")
    assert not mark.exists()


def test_a_pickle_beside_safetensors_is_not_read(tmp_path: Path, mark: Path) -> None:
    folder = tmp_path / "model"
    model_folder(folder, "Llama")
    torch.save({"lm_head.weight": Armed(mark)}, folder / "pytorch_model.bin")
    export_model(folder_source(folder), tmp_path / "out")
    assert not mark.exists()
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix == ".bin"]


def test_a_release_of_saelens_is_read_without_its_pickles_running(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its loaders for .pt files leave `weights_only` to PyTorch, whose default it must remain."""
    from sae_lens.loading import pretrained_sae_loaders as loaders

    source = ast.parse(Path(loaders.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(source) if isinstance(node, ast.Call)]
    given = [key.arg for call in calls for key in call.keywords]
    assert "weights_only" not in given and "allow_pickle" not in given
    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", raising=False)
    torch.save({"W_dec": Armed(mark)}, tmp_path / "sae.pt")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "sae.pt", map_location="cpu")
    assert not mark.exists()


def test_a_data_set_s_script_is_not_run(tmp_path: Path, mark: Path) -> None:
    folder = tmp_path / "poems"
    folder.mkdir()
    (folder / "poems.py").write_text(ARMED.format(path=str(mark)) + "import datasets\n")
    spec = CorpusSpec.from_mapping(
        {"kind": "datasets", "path": str(folder), "role": "id", "n_tokens": 100}, "corpora.poems"
    )
    from semdim.text.documents import ReadCounts

    with pytest.raises(SemdimError, match="scripts"):
        list(spec.documents(ReadCounts()))
    assert not mark.exists()


TAG = '!!python/object/apply:builtins.exec ["{code}"]'


def test_a_tag_in_yaml_builds_nothing(tmp_path: Path, mark: Path) -> None:
    text = f"seed: {TAG.format(code=ARMED.format(path=str(mark)).strip())}\n"
    with pytest.raises(yaml.YAMLError):  # the trap is one
        yaml.safe_load(text)
    yaml.unsafe_load(text)
    assert mark.exists()
    mark.unlink()
    (tmp_path / "params.yaml").write_text(text)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    for command in (
        [sys.executable, "-m", "stages.check_params"],
        [sys.executable, "-m", "semdim.commands.app", "plan"],
    ):
        environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
        assert done.returncode != 0, command
        assert not mark.exists(), command


#: A worker takes its job from the driver that started it, which Ray pickles anyway: no file and
#: no download comes this way (SECURITY.md, on clusters).
EXCUSED = {("src/semdim/workers/message.py", "pickle.loads")}
FORBIDDEN = {
    "eval", "exec", "compile", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.load", "joblib.load", "marshal.loads",
    "shelve.open", "subprocess.getoutput",
}  # fmt: skip
DANGEROUS = {"trust_remote_code": True, "allow_pickle": True, "shell": True, "weights_only": False}


def test_no_line_of_ours_could(tmp_path: Path) -> None:
    """Neither semdim nor its stages call what executes data, nor allow others to."""
    found = []
    for path in (path for part in ("src", "stages") for path in (ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in FORBIDDEN and (path.relative_to(ROOT).as_posix(), called) not in EXCUSED:
                found.append(f"{path}:{node.lineno} {ast.unparse(node.func)}")
            for key in node.keywords:
                if key.arg in DANGEROUS and ast.unparse(key.value) == str(DANGEROUS[key.arg]):
                    found.append(f"{path}:{node.lineno} {key.arg}")
            if ast.unparse(node.func).endswith(
                ("AutoConfig.from_pretrained", "AutoTokenizer.from_pretrained",
                 "AutoModelForCausalLM.from_pretrained")
            ):  # fmt: skip
                given = {key.arg: ast.unparse(key.value) for key in node.keywords}
                if None not in given and given.get("trust_remote_code") != "False":
                    found.append(f"{path}:{node.lineno} trust_remote_code is not False")
    assert not found


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"


def test_markup_in_a_text_or_a_name_is_shown_on_the_monitors_page() -> None:
    from dataclasses import replace

    shown = reading()
    tokens = tuple(replace(token, text=HOSTILE) for token in shown.tokens)
    watched = replace(shown.watched, model=HOSTILE, sae=HOSTILE, hook_name=HOSTILE)
    page = render(replace(shown, tokens=tokens, watched=watched))
    own = render(reading())
    for opening in ("<script", "<img"):
        assert page.count(opening) == own.count(opening)
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, given: found.extend(name for name, _ in given)  # type: ignore[method-assign]
    parser.feed(page)
    assert found and not [name for name in found if name.startswith("on")]
    assert "&lt;script&gt;" in page and "{{7*7}}" in page
    assert "default-src 'none'" in page


ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\r\b\u202eabc\x7f"


def printed(shown: Any, width: int = 100) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system=None, width=width)
    show_text(console, shown)
    show_rest(console, shown)
    return stream.getvalue()


def test_escape_sequences_of_a_text_do_not_reach_the_terminal() -> None:
    from dataclasses import replace

    shown = reading()
    watched = replace(shown.watched, model=ESCAPES, sae=ESCAPES)
    tokens = tuple(replace(token, text=ESCAPES) for token in shown.tokens)
    out = printed(replace(shown, tokens=tokens, watched=watched))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out)
    assert "␛[31mred" in out and "⟨U+202E⟩" in out


@given(st.text())
def test_nothing_that_is_shown_is_obeyed(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", visible(text))
    visible(text).encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


OFFLINE = """
import socket, sys

def forbidden(*arguments, **_):
    raise SystemExit(f"a connection was opened: {arguments}")

for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, forbidden)
socket.getaddrinfo = socket.create_connection = forbidden
import urllib3.util.connection, httpx
import numpy as np
from pathlib import Path
from semdim.models.export import export_model
from semdim.models.spec import ModelSource
from semdim.models.tokenizer import load_tokenizer
from semdim.saes.export import export_sae
from semdim.saes.spec import SAESource
from semdim.settings import read_settings
import yaml
from stages.support.configuration import composed

settings = read_settings(yaml.safe_load(composed(["experiment=smoke"])))
out = Path(sys.argv[1])
export_model(settings.models["tiny"], out / "model")
export_sae(settings.probes["tiny"].sae, out / "sae")
from semdim.monitor import SparsityMonitor
with SparsityMonitor.load(model=out / "model", sae=out / "sae") as monitor:
    reading = monitor.score("The cat sat on the mat.")
print(len(reading.tokens))
"""


def test_offline_no_connection_is_opened(tmp_path: Path) -> None:
    """Export, load, encode and judge, with every way to the network closed in the process."""
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(tmp_path)], cwd=ROOT, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 5


def test_the_guard_of_that_test_closes_the_network() -> None:
    guard = OFFLINE.partition("import urllib3")[0]
    code = guard + "socket.create_connection(('127.0.0.1', 9))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0 and "a connection was opened" in done.stderr
    assert socket.create_connection is not None


def test_every_promise_names_what_this_file_tests() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for word in ("auto_map", "pickle", "weights_only", "loading scripts", "safe loader", "escaped",
                 "terminal", "HF_HUB_OFFLINE"):  # fmt: skip
        assert word in text
