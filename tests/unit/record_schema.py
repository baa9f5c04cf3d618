"""A validator for the part of JSON Schema that `semdim.records.json_schema` writes."""

from typing import Any

_TYPES = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float),
    "null": (type(None),), "object": (dict,), "array": (list,),
}  # fmt: skip
_KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "type", "const", "enum", "anyOf", "items",
    "prefixItems", "minItems", "properties", "required", "additionalProperties", "propertyNames",
}  # fmt: skip


def complaints(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None) -> list[str]:
    """Where a JSON value does not fit its schema."""
    root = root or schema
    assert set(schema) <= _KNOWN, f"this validator does not know {set(schema) - _KNOWN}"
    if "$ref" in schema:
        return complaints(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "const" in schema and value != schema["const"]:
        return [f"{value!r} is not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{value!r} is not among {schema['enum']}"]
    if "anyOf" in schema and all(complaints(value, option, root) for option in schema["anyOf"]):
        return [f"{value!r} fits no option"]
    if "type" in schema:
        is_number = isinstance(value, bool) and schema["type"] != "boolean"
        if is_number or not isinstance(value, _TYPES[schema["type"]]):
            return [f"{value!r} is not of type {schema['type']}"]
    found: list[str] = []
    if isinstance(value, dict) and schema.get("type") == "object":
        properties, others = schema.get("properties", {}), schema["additionalProperties"]
        found += [f"{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in properties:
                found += complaints(item, properties[name], root)
            elif others is False:
                found.append(f"{name} is unknown")
            else:
                found += complaints(name, schema.get("propertyNames", {}), root)
                found += complaints(item, others, root)
    if isinstance(value, list) and schema.get("type") == "array":
        first = schema.get("prefixItems", [])
        if len(value) < schema.get("minItems", 0):
            found.append("too few items")
        for index, item in enumerate(value):
            if index < len(first):
                found += complaints(item, first[index], root)
            elif schema["items"] is False:
                found.append("too many items")
            else:
                found += complaints(item, schema["items"], root)
    return found
