"""Every command with arguments that cannot be meant, and places that cannot be read or written."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bad_inputs.case import Bad, command
from tests.bad_inputs.files import PROBE

#: What the calculator needs; each entry below changes one of them.
GOOD = {
    "vocab-size": "50257", "smoothing": "0.5", "n-active": "100", "dict-size": "100000",
    "n-tokens": "1000000", "failure-prob": "0.05",
}  # fmt: skip
CALCULATOR: dict[str, tuple[str, ...]] = {
    "vocab-size": ("0", "1", "-5", "1.5", "nan", "x", ""),
    "smoothing": ("0", "1", "-1", "2", "nan", "inf", "-inf", "x"),
    "n-active": ("0", "-1", "nan", "inf", "100001", "1e400", "x"),
    "dict-size": ("0", "-1", "1.5", "nan"),
    "n-tokens": ("0", "-1", "1e6", "nan", "inf"),
    "failure-prob": ("0", "1", "-1", "2", "nan", "inf", "1e-400"),
    "proxy-risk": ("1", "nan", "inf", "-1", "1e308", "x"),
    "gap": ("1", "nan", "-1"),
    "model-risk": ("5", "nan", "-1"),
    "n-documents": ("0", "-1", "1.5"),
}
#: Options beside a good question that make it a bad one.
TOGETHER: dict[str, tuple[str, ...]] = {
    "a proxy risk that is NaN": ("--proxy-risk", "nan", "--gap", "1"),
    "a proxy risk that is infinite": ("--proxy-risk", "inf", "--gap", "1"),
    "a proxy risk below 0": ("--proxy-risk", "-1", "--gap", "1"),
    "a gap that is NaN": ("--proxy-risk", "5", "--gap", "nan"),
    "a gap that is infinite": ("--proxy-risk", "5", "--gap", "inf"),
    "a gap below 0": ("--proxy-risk", "5", "--gap", "-1"),
    "a model risk that is NaN": ("--model-risk", "nan", "--n-documents", "9"),
    "a model risk that is infinite": ("--model-risk", "inf", "--n-documents", "9"),
    "a model risk below 0": ("--model-risk", "-1", "--n-documents", "9"),
    "no documents": ("--model-risk", "5", "--n-documents", "0"),
    "fewer than no documents": ("--model-risk", "5", "--n-documents", "-3"),
    "documents of 400 digits": ("--model-risk", "5", "--n-documents", "9" * 400),
    "tokens of 400 digits": ("--n-tokens", "9" * 400),
    "tokens of 5,000 digits": ("--n-tokens", "9" * 5_000),
    "a vocabulary of 400 digits": ("--vocab-size", "9" * 400),
    "a dictionary of 400 digits": ("--dict-size", "9" * 400),
    "an option that does not exist": ("--colour", "red"),
    "an argument that it does not take": ("results",),
}
#: Cells of bounds.csv: the column and what stands there.
CELLS = (
    ("n_tokens", "many"), ("n_tokens", "nan"), ("n_tokens", "inf"), ("n_tokens", ""),
    ("n_tokens_asked", "x"), ("total", "x"), ("total", ""), ("total", "nan"), ("failure_prob", "x"),
    ("failure_prob", ""), ("baseline", "x"), ("is_certificate", "maybe"), ("is_certificate", ""),
    ("family", ""), ("unit", ""), ("gap", "[1]"), ("n_units", "few"), ("n_units", "1e999"),
    ("smoothing", "half"), ("k", "0x10"),
)  # fmt: skip
NAMES = (
    "[/bold]",
    "[bold]",
    "[red]x",
    ":smile:",
    "a\x1b[31mb",
    "ü",
    "a b",
    "'\"",
    "\udcff",
    "%s{}",
)
"""Names of folders that are legal, and that a careless program takes for something else."""


def cases() -> Iterator[Bad]:
    yield from _calculator()
    yield from _explained()
    yield from _named()
    yield from _arguments()
    yield from _written()


def _calculator() -> Iterator[Bad]:
    for option, given in CALCULATOR.items():
        for value in given:
            asked = GOOD | {option: value}
            arguments = [word for key, text in asked.items() for word in (f"--{key}", text)]
            yield Bad(f"bound --{option} {value!r}", _run("bound", *arguments))
    good = [word for key, text in GOOD.items() for word in (f"--{key}", text)]
    for what, options in TOGETHER.items():
        yield Bad(f"bound with {what}", _run("bound", *good, *options))
    tiny = _run("bound", *good, "--smoothing", "1e-320")  # a loss may then reach 1,079 bits
    yield Bad("bound with a smoothing of 1e-320", tiny, right=lambda out: "1078.634043" in out)
    for option in GOOD:
        rest = [word for key, text in GOOD.items() if key != option for word in (f"--{key}", text)]
        yield Bad(f"bound without --{option}", _run("bound", *rest), says=f"--{option}")


def _explained() -> Iterator[Bad]:
    def cell(column: str, value: str) -> Callable[[Path], Any]:
        def give(folder: Path) -> Any:
            header, row = (PROBE / "bounds.csv").read_text().split("\n")[:2]
            cells = row.split('"')[0].split(",")  # what follows is quoted
            names = header.split(",")
            kept = [name for name, text in zip(names, cells, strict=False) if text]
            line = [value if name == column else cells[names.index(name)] for name in kept]
            if column not in kept:
                kept, line = [*kept, column], [*line, value]
            (folder / "bounds.csv").write_text(f"{','.join(kept)}\n{','.join(line)}\n")
            return command("bound", "--from", str(folder))

        return give

    for column, value in CELLS:
        yield Bad(f"bounds.csv with {column} = {value!r}", cell(column, value), "bounds.csv")
    for options in (
        ("--n-tokens", "7"), ("--family", "nothing"), ("--family", ""), ("--n-tokens", "-1"),
        ("--family", "[/bold]"),
    ):  # fmt: skip
        give = _run("bound", "--from", str(PROBE), *options)
        yield Bad(f"bound --from with {' '.join(options)!r}", give)
    for column in ("family", "total", "unit", "n_tokens", "failure_prob", "is_certificate"):
        yield Bad(f"bounds.csv without {column}", _without(column), column)


def _without(column: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        text = (PROBE / "bounds.csv").read_text()
        (folder / "bounds.csv").write_text(text.replace(column, f"old_{column}", 1))
        return command("bound", "--from", str(folder))

    return give


def _named() -> Iterator[Bad]:
    """Names that hold markup, escape sequences or bytes that are not UTF-8: shown, never obeyed."""

    def shown(name: str) -> Callable[[str], bool]:
        from semdim.quoting import visible

        return lambda out: visible(name) in out and "\x1b" not in out

    for name in NAMES:
        yield Bad(f"summary of the probe {name!r}", _summary_of(name), right=shown(name))
        yield Bad(f"compare with the folder {name!r}", _compare_with(name), right=shown(name))
        yield Bad(f"summary of the missing folder {name!r}", _run("summary", name), "no results")
        yield Bad(f"bound --from {name!r}", _run("bound", "--from", name), "bounds.csv")
        yield Bad(f"compare {name!r} with nothing", _run("compare", name, name), "is neither")
        yield Bad(f"monitor --model {name!r}", _find(model=name), "no exported model")
        yield Bad(f"monitor of the file {name!r}", _run("monitor", name), "cannot be read")
        yield Bad(f"plan --params {name!r}", _run("plan", "--params", name), "is missing")


def _summary_of(name: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        _copy(folder / name / "probes" / name.replace("/", ""))
        return command("summary", name)

    return give


def _compare_with(name: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        _copy(folder / name)
        return command("compare", name, name, "--no-figure")

    return give


def _copy(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("bound.json", "setup.json", "params.yaml"):
        (folder / name).write_bytes((PROBE / name).read_bytes())
    rows = (PROBE / "bounds.csv").read_bytes().split(b"\n")[:20]
    (folder / "bounds.csv").write_bytes(b"\n".join(rows))


def _arguments() -> Iterator[Bad]:
    here = str(PROBE)
    text = ("monitor", "--text", "x")
    for arguments, says in (
        (("compare",), "A"), (("compare", here), "B"),
        (("compare", here, here, "--json", "--csv"), "exclude each other"),
        (("compare", here, here, "--figure", "x.png", "--no-figure"), "exclude each other"),
        (("compare", here, here, "--figure", "x.pdf"), ".png"),
        (("compare", here, "/"), "holds no probe results"),
        (("compare", here, "HEAD:"), "is neither"),
        (("compare", here, "--output=x"), "--output"),
        (("compare", here, "-"), ""), (("compare", here, ""), ""), (("compare", here, ":"), ""),
        (("compare", here, "a\0b"), ""), (("compare", here, "x" * 5_000), ""),
        (("compare", here, "/dev/null"), ""), (("compare", here, "/proc/self/mem"), ""),
        (("summary", "/dev/null"), "no results"), (("summary", "a\0b"), ""),
        (("summary", "x" * 5_000), "too long"),
        (("bound", "--from", f"{here}/bound.json"), f"give the folder that holds it, {here}."),
        (("bound", "--from", f"{here}/bounds.csv"), f"give the folder that holds it, {here}."),
        (("bound", "--from", "/dev/null"), ""), (("bound", "--from", "a\0b"), ""),
        (("bound", "--from", "x" * 5_000), ""),
        (("plan", "--params", "/"), ""), (("plan", "--budget", "-1"), "budget"),
        (("plan", "--budget", "x"), "budget"), (("plan", "--params", "/dev/zero"), ""),
        (("plan", "--params", "x" * 5_000), ""),
        (("init",), ""), (("init", "/dev/null"), "is a file"), (("init", "a\0b"), ""),
        (("init", "x" * 5_000), ""), (("init", "/dev/null/child"), ""), (("init", "/proc/x"), ""),
        (("monitor", "a", "b"), "b"), (("monitor", "a\0b"), ""), (("monitor", "/"), ""),
        (("monitor", "x" * 5_000), ""), (("monitor", "/proc/self/mem"), ""),
        (("monitor", "none.txt", "--text", "x"), "Both --text and a file"),
        ((*text, "--seed", "x"), "seed"), ((*text, "--seed", "1.5"), "seed"),
        ((*text, "--temperature", "x"), "temperature"), ((*text, "--generate", "x"), "generate"),
        ((*text, "--context", "x"), "context"),
        ((*text, "--html", "none/x.html"), "does not exist"),
        (("nothing",), "nothing"), (("--nothing",), "nothing"),
    ):  # fmt: skip
        words = [word.replace(here, "PROBE") for word in arguments]
        shown = " ".join(word if len(word) < 60 else f"{word[:9]}…" for word in words)
        yield Bad(f"semdim {shown!r}", _run(*arguments), says)
    for asked, says in (
        ({"sae": "none"}, "needs a model"), ({"probe": "none"}, "no exported probe"),
        ({"probe": ""}, "no exported probe"), ({"probe": "../.."}, "no exported probe"),
        ({"probe": "x" * 5_000}, ""), ({"model": "a\0b"}, ""), ({"model": "/dev/null"}, ""),
        ({"model": "."}, "no exported"), ({"model": "x" * 5_000}, ""), ({"model": ""}, ""),
        ({"model": "m", "sae": "s", "probe": "p"}, "a model and no probe"), ({}, ""),
    ):  # fmt: skip
        yield Bad(f"a monitor of {str(asked)[:40]}", _find(**asked), says)
    for raw, says in ((b"caf\xe9", "is 0xe9"), (b"\xff\xfea\0", "is 0xff")):
        yield Bad(f"monitor reads {raw!r}", lambda _, raw=raw: command("monitor", stdin=raw), says)


def _written() -> Iterator[Bad]:
    """Figures to where nothing can be written."""

    def figure(path: str) -> Callable[[Path], Any]:
        def give(folder: Path) -> Any:
            from semdim.writing import writing

            (folder / "file").write_text("")
            (folder / "folder.png").mkdir()
            with writing(path):
                out = Path(path)
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_bytes(b"x" * 100_000)

        return give

    for path in ("file/child.png", "folder.png", "/dev/full", "/proc/x/y.png", "a\0b.png"):
        yield Bad(f"a figure goes to {path!r}", figure(path), "cannot be written")


def _find(**asked: str) -> Callable[[Path], Any]:
    def give(folder: Path) -> Any:
        from semdim.monitor.exports import find

        return find(**asked, root=folder)

    return give


def _run(*arguments: str) -> Callable[[Path], Any]:
    return lambda folder: command(*arguments)
