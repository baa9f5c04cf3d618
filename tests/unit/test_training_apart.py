"""What an autoencoder is trained, calibrated and measured on is not what it is certified on."""

from pathlib import Path

import pytest
from text_factory import corpus, write_jsonl

from semdim.errors import DataError
from semdim.text.spec import CorpusSpec
from semdim.training.apart import check_apart


def words(start: int, n: int = 80) -> str:
    return " ".join(f"w{number}" for number in range(start, start + n))


def text(folder: Path, name: str, *starts: int) -> CorpusSpec:
    rows: list[dict[str, object]] = [{"text": words(start)} for start in starts]
    return corpus("jsonl", path=str(write_jsonl(folder / f"{name}.jsonl", rows)))


@pytest.mark.parametrize("shift", [0, 20])  # the document itself, and one that overlaps by .73
def test_a_shared_document_is_refused_and_named(tmp_path: Path, shift: int) -> None:
    certificate = {"english": text(tmp_path, "english", 0, 1000)}
    texts = {
        "text": text(tmp_path, "text", 2000, 3000),
        "calibration": text(tmp_path, "held", 4000, 1000 + shift),
    }
    with pytest.raises(DataError, match=r"held\.jsonl:2 of calibration is also in .*\(english\)"):
        check_apart(texts, certificate)


def test_disjoint_texts_pass(tmp_path: Path) -> None:
    texts = {"text": text(tmp_path, "text", 2000, 2060, 2000)}  # among themselves they may overlap
    check_apart(texts, {"english": text(tmp_path, "english", 0)})
    check_apart(texts | {"random": corpus("random")}, {"random": corpus("random")})
    check_apart(texts, {})
