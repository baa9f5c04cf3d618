"""docs/results.md: the folder of results, and every column of its tables, from the schema.

python -m semdim.results.describe --write docs/results.md
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from semdim.results.column import Column, TableSchema
from semdim.results.schema import TABLES

HEAD = """\
# Results, file by file

<!-- Written by `python -m semdim.results.describe --write docs/results.md`; do not edit. -->

A probe is an autoencoder at a hook point of a model. Each has a folder of small files that git
keeps:

```text
results/probes/<probe>/   the tables below, and
  bound.json              the numbers at the largest N that are watched from run to run
  setup.json              what was measured on what: model, SAE, corpora, versions
  sparsity.json           mean, std and max of n_active, largest ‖c‖ and ‖S(h)‖, for each corpus
  k_and_loss.json         the loss of the next token, by k and by entropy, token by token
  guardrail.json          the alarm on n_active: threshold, promise, rates
  verdict.json            what n_active is worth as a warning sign
  errors.json             what k says of the model's own errors
  risk_thresholds.json    thresholds on a score with a certified risk, for a monitor
  certificate.json        what the autoencoder changes in its model, with intervals
  certificate.html        the same as a page
  CARD.md                 the same as a block for a model card
  saebench.json           the same in the layout of SAEBench
  metrics.json            the numbers by which runs are compared
  params.yaml             the settings that the numbers belong to
results/figures/          every figure, as PNG and SVG
results/tables/           the report's tables, as CSV and Markdown
results/report.html       the page that tells the story
```

Tables are CSV with a heading. An empty cell is a number that does not exist. A column that is not
*needed* may be missing from a file of an earlier version; it is then read as empty. Writing a
column that is not on this page is refused; `semdim.results.schema.describe_column` adds one from
outside semdim. A text that begins with one of = + - @ has an apostrophe before it, so that no
spreadsheet runs it.
"""
KINDS = {"number": "number", "text": "text", "flag": "True or False"}


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([HEAD, *(_section(schema) for schema in TABLES.values())])


def _section(schema: TableSchema) -> str:
    lines = [
        f"## {schema.name}.csv",
        "",
        f"Written by {schema.stage}. A row is {schema.rows}.",
        "",
        "| column | meaning | unit | kind | needed |",
        "| --- | --- | --- | --- | --- |",
        *(_row(column) for column in schema.columns),
        "",
    ]
    return "\n".join(lines)


def _row(column: Column) -> str:
    meaning = column.meaning.replace("|", "\\|")
    needed = "yes" if column.is_required else ""
    return f"| `{column.name}` | {meaning} | {column.unit} | {KINDS[column.kind]} | {needed} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the page, or write it to the file named by ``--write``."""
    parser = argparse.ArgumentParser(description="Describe every column of the results.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page to this file")
    target = parser.parse_args(arguments).write
    if target is None:
        print(page(), end="")
    else:
        target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
