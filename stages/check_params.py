"""check_params: is params.yaml the composition of conf/, is every value possible, what is there?

    python -m stages.check_params            check, and write down what is at the sources
    python -m stages.check_params --write    write params.yaml from conf/ (then commit it)
    python -m stages.check_params --verify   read all of DVC's cache again, changed or not
    python -m stages.check_params --keep     write what params.yaml has otherwise into conf/, as
                                             after an experiment (then commit both)

`dvc exp run -S ...` composes params.yaml itself, so in an experiment only the values are checked.
"""

import argparse
import os
import sys
from pathlib import Path

from semdim.artifacts import chain
from semdim.artifacts.shards import write_atomically
from semdim.errors import SemdimError
from semdim.paths import Paths
from semdim.preflight import known_shapes
from semdim.quoting import escape_what_a_console_lacks
from semdim.settings import read_settings
from semdim.space import check_space
from stages import imported
from stages.support import intact
from stages.support.cached import remove_damaged
from stages.support.configuration import checked, composed, plain
from stages.support.interrupts import end_at_signals
from stages.support.keep import keep
from stages.support.sources import write_sources
from stages.support.unwritable import unwritable


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m stages.check_params",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", action="store_true", help="write params.yaml from conf/")
    parser.add_argument(
        "--verify", action="store_true", help="hash all of DVC's cache, changed or not"
    )
    parser.add_argument(
        "--keep", action="store_true", help="write the values in params.yaml to conf/"
    )
    parser.add_argument("overrides", nargs="*", help="Hydra overrides, with --write")
    arguments = parser.parse_args()
    if arguments.overrides and not arguments.write:
        parser.error("overrides need --write: without it, params.yaml is checked as it is")
    params, paths = Path("params.yaml"), Paths()
    try:
        if arguments.write:
            text = composed(arguments.overrides)
            checked(plain(text))
            write_atomically(params, text)
            return print(f"wrote {params}")
        if arguments.keep:
            checked(plain(params))
            return print(f"wrote what differs in {params} into {keep(params)}")
        values = checked(plain(params), must_be_composed="DVC_EXP_NAME" not in os.environ)
        for name in remove_damaged(again=arguments.verify):
            print(
                f"{name} in DVC's cache is damaged and was removed: `dvc repro` computes it again"
            )
        write_sources(values, paths)
        settings = read_settings(values)
        check_space(settings, known_shapes(settings), paths)
        chain.start(paths.gathered_results("first"))
        # Constant, so that checking again makes no stage behind it run again.
        write_atomically(
            paths.outputs / "params_checked", "params.yaml is the composition of conf/\n"
        )
        intact.note(("outputs/params_checked", "outputs/inputs", "outputs/gathered/first.json"))
    except Exception as error:
        sentence = str(error) if isinstance(error, SemdimError) else unwritable(error)
        if sentence is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    imported()
    end_at_signals()
    escape_what_a_console_lacks()
    main()
