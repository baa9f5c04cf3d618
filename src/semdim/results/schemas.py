"""The JSON Schemas of what leaves the pipeline, for programs that are not ours.

python -m semdim.results.schemas --write docs/schemas    one file for each record
"""

import argparse
import json
from pathlib import Path

from semdim.artifacts.shards import write_atomically
from semdim.certificate.certificate import Certificate
from semdim.ledger.facts import LedgerFacts
from semdim.rank.table import RankTable
from semdim.records import json_schema
from semdim.results.errors import Errors
from semdim.results.k_and_loss import KAndLoss
from semdim.results.risk_thresholds import RiskThresholds
from semdim.results.setup import Setup
from semdim.uncertainty.guardrail import Guardrail
from semdim.uncertainty.verdict import Verdict

#: Records by the name of their file; a ledger's facts are in its Parquet metadata, key ``semdim``.
RECORDS: dict[str, type] = {
    "certificate": Certificate,
    "errors": Errors,
    "guardrail": Guardrail,
    "k_and_loss": KAndLoss,
    "ledger_facts": LedgerFacts,
    "rank": RankTable,
    "risk_thresholds": RiskThresholds,
    "setup": Setup,
    "verdict": Verdict,
}


def schemas() -> dict[str, str]:
    """The text of each file, by its name."""
    return {
        f"{name}.schema.json": json.dumps(json_schema(record), indent=2, ensure_ascii=False) + "\n"
        for name, record in RECORDS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m semdim.results.schemas")
    parser.add_argument("--write", type=Path, metavar="FOLDER", required=True)
    folder = parser.parse_args().write
    for name, text in schemas().items():
        write_atomically(folder / name, text)
        print(f"wrote {folder / name}")


if __name__ == "__main__":
    main()
