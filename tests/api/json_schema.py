"""The part of JSON Schema 2020-12 that an API description of this size uses."""

import re

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
         "boolean": bool, "null": type(None)}


def resolve(document, node):
    """Follows `$ref`s within the document."""
    while isinstance(node, dict) and "$ref" in node:
        reference = node["$ref"]
        assert reference.startswith("#/"), f"not in this document: {reference}"
        node = document
        for part in reference[2:].split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def validate(document, schema, value, where="$"):
    """Fails with the place of the first value that does not fit."""
    schema = resolve(document, schema)
    if schema is True:
        return
    assert schema is not False, f"{where}: nothing is allowed here"
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(_is(value, name) for name in names), f"{where}: {value!r} is not {names}"
    if "const" in schema:
        assert value == schema["const"], f"{where}: {value!r}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where}: {value!r} is not in {schema['enum']}"
    for part in schema.get("allOf", []):
        validate(document, part, value, where)
    for keyword, allowed in (("anyOf", range(1, 1000)), ("oneOf", (1,))):
        if keyword in schema:
            fits = sum(_fits(document, part, value) for part in schema[keyword])
            assert fits in allowed, f"{where}: {value!r} fits {fits} of {keyword}"
    if isinstance(value, str):
        assert re.search(schema.get("pattern", ""), value), f"{where}: {value!r}"
        length = len(value)
        assert schema.get("minLength", 0) <= length <= schema.get("maxLength", length), where
    if _is(value, "number"):
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value), where
    if isinstance(value, dict):
        _validate_object(document, schema, value, where)
    if isinstance(value, list):
        _validate_array(document, schema, value, where)


def _validate_object(document, schema, value, where):
    for name in schema.get("required", []):
        assert name in value, f"{where}: no {name}"
    properties = schema.get("properties", {})
    for name, member in value.items():
        inner = properties.get(name, schema.get("additionalProperties", True))
        validate(document, inner, member, f"{where}.{name}")


def _validate_array(document, schema, value, where):
    assert schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)), where
    prefix = schema.get("prefixItems", [])
    for index, element in enumerate(value):
        inner = prefix[index] if index < len(prefix) else schema.get("items", True)
        validate(document, inner, element, f"{where}[{index}]")


def _is(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def _fits(document, schema, value):
    try:
        validate(document, schema, value)
        return True
    except AssertionError:
        return False
