"""Break the pipeline in every way that we know, and see what is left.

python -m tests.faults                      all of it, into docs/reliability.md
python -m tests.faults --stride 8           every eighth crash point
python -m tests.faults --only encode_codes  of one stage
python -m tests.faults --trials random_kills two_at_once damaged_cache    of the whole pipeline
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
    parser.add_argument("--trials", nargs="*", default=[], help="what is done, by name")
    parser.add_argument("--targets", nargs="*", default=[], help="of the whole pipeline, for DVC")
    parser.add_argument("--document", action="store_true", help="only write docs/reliability.md")
    parser.add_argument("--no-record", action="store_true", help="leave docs as they are")
    given = parser.parse_args()

    from tests.faults import report

    if given.document:
        return report.document()

    from tests.faults.campaign import TRIALS, Campaign
    from tests.faults.rows import Rows
    from tests.faults.whole import WHOLE, WholePipeline

    trials = tuple(given.trials) or (*TRIALS, *WHOLE)
    rows = Rows()
    with tempfile.TemporaryDirectory() as folder:
        of_stages = tuple(name for name in trials if name in TRIALS)
        if of_stages:
            stages = Path(folder) / "run"
            Campaign(stages, given.stride, tuple(given.only), of_stages, rows).run()
        of_the_whole = tuple(name for name in trials if name in WHOLE)
        if of_the_whole:
            whole = WholePipeline(Path(folder) / "whole", tuple(given.targets))
            rows.take(whole.trials(of_the_whole))
    for row in rows.by_what.values():
        print(f"{row.what}: {row.survived} of {row.tried} survived, {row.seconds:.0f} s")
        for failure in row.failures:
            print(f"  {failure}")
    if not given.no_record:
        up_to = f"up to {', '.join(given.targets)}" if given.targets else "all"
        report.save(rows.by_what.values(), share_of(given.stride, given.only), up_to)
        report.document()
    sys.exit(any(row.failures for row in rows.by_what.values()))


def share_of(stride: int, only: list[str]) -> str:
    """Which part of all trials of the stages was made, in words."""
    points = "all" if stride == 1 else f"one in {stride}"
    return points if not only else f"{points}, of {', '.join(only)}"


if __name__ == "__main__":
    main()
