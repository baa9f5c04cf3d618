"""Break the pipeline in every way that we know, and see what is left.

python -m tests.faults                      all of it, into docs/reliability.md
python -m tests.faults --stride 8           every eighth crash point
python -m tests.faults --only encode_codes  of one stage
python -m tests.faults --document           write docs/reliability.md from the last result
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a fork has no threads of its parent's
os.environ.setdefault("MPLBACKEND", "Agg")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--stride", type=int, default=1, help="every so many-th crash point")
    parser.add_argument("--only", nargs="*", default=[], help="stages that are tried")
    parser.add_argument("--trials", nargs="*", default=[], help="what is done to them, by name")
    parser.add_argument("--document", action="store_true", help="only write docs/reliability.md")
    parser.add_argument("--no-record", action="store_true", help="leave docs as they are")
    given = parser.parse_args()

    from tests.faults import report

    if given.document:
        return report.document()

    from tests.faults.campaign import TRIALS, Campaign

    with tempfile.TemporaryDirectory() as folder:
        trials = tuple(given.trials) or TRIALS
        campaign = Campaign(Path(folder) / "run", given.stride, tuple(given.only), trials=trials)
        campaign.run()
    rows = campaign.rows.values()
    for row in rows:
        print(f"{row.what}: {row.survived} of {row.tried} survived, {row.seconds:.0f} s")
        for failure in row.failures:
            print(f"  {failure}")
    if not given.no_record:
        report.save(rows, size_of(given.stride, given.only))
        report.document()
    sys.exit(any(row.failures for row in rows))


def size_of(stride: int, only: list[str]) -> str:
    """Which part of all trials was made, in a sentence."""
    points = "Every crash point" if stride == 1 else f"One crash point in {stride}"
    stages = "of every stage" if not only else f"of the stages {', '.join(only)}"
    return f"{points} {stages}, on the tiny model of `experiment=smoke`."


if __name__ == "__main__":
    main()
