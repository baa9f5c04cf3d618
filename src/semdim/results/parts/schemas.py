"""The keys of the JSON files, from their schemas, for docs/schemas.md."""

import json
from typing import Any

from semdim.results.pages import Repository, part, table
from semdim.results.schemas import RECORDS

WHERE = {
    "certificate": "`certificate.json`, of a probe or made by command",
    "errors": "`errors.json` of a probe",
    "guardrail": "`guardrail.json` of a probe",
    "k_and_loss": "`k_and_loss.json` of a probe",
    "ledger_facts": "the metadata of a ledger's Parquet file, key `semdim`",
    "rank": "`rank.json` of a ranking",
    "risk_thresholds": "`risk_thresholds.json` of a probe",
    "setup": "`setup.json` of a probe",
    "verdict": "`verdict.json` of a probe",
}


@part("schemas")
def schemas(repository: Repository) -> str:
    """A section for each record: where it stands, and its keys down to the last."""
    sections = []
    for name in RECORDS:
        file = f"schemas/{name}.schema.json"
        schema = json.loads((repository.root / "docs" / file).read_text(encoding="utf-8"))
        version = schema["properties"].pop("schema")["const"]
        about = " ".join(schema["description"].split("\n\n")[0].split()).replace("``", "`")
        sections.append(
            f"## {version}\n\nIn {WHERE[name]}. {about}\n\n{_table(schema)}\n\n"
            f"JSON Schema: [{name}.schema.json]({file})."
        )
        for title, inner in schema["$defs"].items():
            text = " ".join(inner["description"].split("\n\n")[0].split()).replace("``", "`")
            sections.append(f"### {title} of {name}\n\n{text}\n\n{_table(inner)}")
    return "\n\n".join(sections)


def _table(schema: dict[str, Any]) -> str:
    needed = set(schema["required"])
    return table(
        ["key", "type", "meaning"],
        [
            [
                f"`{key}`" + ("" if key in needed else " (may be missing)"),
                _type(value),
                value.get("description", "").replace("``", "`"),
            ]
            for key, value in schema["properties"].items()
        ],
    )


def _type(value: dict[str, Any]) -> str:
    """The type of a value in words."""
    if "$ref" in value:
        return str(value["$ref"]).rsplit("/", 1)[1]
    if "enum" in value:
        return "one of " + ", ".join(f"`{option}`" for option in value["enum"])
    if "anyOf" in value:
        return " or ".join(_type(option) for option in value["anyOf"])
    if "prefixItems" in value:
        return "[" + ", ".join(_type(item) for item in value["prefixItems"]) + "]"
    if value["type"] == "array":
        return f"list of {_type(value['items'])}"
    if value["type"] == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"object with values: {_type(value['additionalProperties'])}"
    return str(value["type"])
