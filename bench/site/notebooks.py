"""The tutorials: notebooks of docs/tutorials, run cell by cell, and shown in the site.

    python -m bench.site.notebooks             run them; ends with 1 where an output differs
    python -m bench.site.notebooks --write     run them, and keep what they give

Cells run in this process, in a namespace of their own: no kernel to start, no package beyond those
of the pipeline. What a cell prints and the value of its last expression are its outputs.
"""

import argparse
import ast
import contextlib
import io
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semdim.artifacts.shards import write_atomically

FOLDER = Path("docs/tutorials")
RELATIVE = 1e-3
"""Numbers of a fresh run may differ by so much: another CPU rounds otherwise."""
ABSOLUTE = 2e-3
"""And by so much, where few digits are printed."""
_NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")

Notebook = dict[str, Any]


def tutorials(folder: Path) -> list[Path]:
    """The notebooks of a folder."""
    return sorted(folder.glob("*.ipynb"))


def read(path: Path) -> Notebook:
    """A notebook as its JSON."""
    found: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return found


def run(notebook: Notebook, name: str = "notebook") -> Notebook:
    """The same notebook with the outputs of a fresh run, cell after cell.

    Raises what a cell raises.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        count += 1
        outputs = list(_outputs("".join(cell["source"]), namespace, f"<{name}, cell {count}>"))
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        cells.append({**cell, "execution_count": count, "outputs": outputs})
    return {**notebook, "cells": cells}


def _outputs(source: str, namespace: dict[str, Any], where: str) -> Iterator[dict[str, Any]]:
    tree = ast.parse(source, where)
    last = tree.body[-1] if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    if last is not None:
        tree.body.pop()
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, where, "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), where, "eval"), namespace)
    if printed.getvalue():
        text = _lines(printed.getvalue())
        yield {"output_type": "stream", "name": "stdout", "text": text}
    if value is not None:
        yield {"output_type": "execute_result", "metadata": {}, "data": _shown(value)}


def _shown(value: Any) -> dict[str, list[str]]:
    """What a front end of Jupyter would be given."""
    data = {"text/plain": _lines(repr(value))}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = _lines(str(value._repr_html_()))
    return data


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def texts(notebook: Notebook) -> list[str]:
    """Everything that the cells print or show, as plain text; a list entry for each code cell."""
    found = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            parts = [out.get("text") or out["data"]["text/plain"] for out in cell["outputs"]]
            found.append("".join(line for part in parts for line in part))
    return found


def same(committed: str, fresh: str) -> bool:
    """Whether two outputs are equal, numbers within rounding."""
    if _NUMBER.sub("#", committed).split() != _NUMBER.sub("#", fresh).split():
        return False
    pairs = zip(_numbers(committed), _numbers(fresh), strict=True)
    return all(math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE) for a, b in pairs)


def _numbers(text: str) -> list[float]:
    plain = (found.replace(",", "").replace("−", "-") for found in _NUMBER.findall(text))
    return [float(number) for number in plain]


def as_markdown(notebook: Notebook) -> str:
    """A notebook as a page of the site: text, code, and what the code gave."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            html = output.get("data", {}).get("text/html")
            if html is not None:
                inside = re.sub(r"\n\s*\n", "\n", "".join(html))
                parts.append(f'<div class="output">\n{inside}\n</div>')
            else:
                text = "".join(output.get("text") or output["data"]["text/plain"])
                parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run every tutorial; 1 where an output is not the one that is kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.site.notebooks")
    parser.add_argument("--write", action="store_true", help="keep the outputs of this run")
    write = parser.parse_args().write
    os.environ["HF_HUB_OFFLINE"] = "1"
    n_wrong = 0
    for path in tutorials(FOLDER):
        kept = read(path)
        fresh = run(kept, path.stem)
        if write:
            write_atomically(path, json.dumps(fresh, indent=1, ensure_ascii=False) + "\n")
            print(f"wrote {path}")
            continue
        pairs = zip(texts(kept), texts(fresh), strict=True)
        wrong = [at for at, (old, new) in enumerate(pairs, 1) if not same(old, new)]
        n_wrong += len(wrong)
        print(f"{path}: {'other outputs in cells ' + str(wrong) if wrong else 'as kept'}")
    return int(n_wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
