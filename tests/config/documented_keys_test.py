"""Every key of config/pool.schema.json has its row in docs/configuration.md with the same default, and the reverse.

Prints what differs; the last line is "N passed, N failed", as script/test counts.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = "config/pool.schema.json"
PAGE = "docs/configuration.md"
ROW = re.compile(r"\| `([\w.$]+)` \| .*? \| (.*?) \| .* \|$")


def follow(schema, node):
    while "$ref" in node:
        target = schema
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def objects_in(schema, node):
    """The objects that the node allows, as itself, as an alternative or as an element."""
    node = follow(schema, node)
    if "properties" in node:
        yield node
    for inner in [*node.get("anyOf", []), *node.get("allOf", [])] + ([node["items"]] if "items" in node else []):
        yield from objects_in(schema, inner)


def plain(text):
    return re.sub(r'[`"]', "", text)


def default_of(key, node, parent):
    """As a row of the page has it. x-default says what "default" cannot."""
    if key in parent.get("required", []):
        return "required"
    if "x-default" in node:
        return plain(node["x-default"])
    return plain(json.dumps(node["default"])) if "default" in node else "–"


def keys_of(schema, parent, prefix=""):
    for key, child in parent["properties"].items():
        node = follow(schema, child)
        yield prefix + key, default_of(key, node, parent)
        for inner in {id(one["properties"]): one for one in objects_in(schema, node)}.values():
            yield from keys_of(schema, inner, f"{prefix}{key}.")


def keys_of_schema(schema):
    keys = dict(keys_of(schema, schema["definitions"]["file"]))
    keys |= keys_of(schema, schema["definitions"]["pool"])
    return keys | {"pools": "–"}


def rows_of(page):
    return {match[1]: plain(match[2]) for match in map(ROW.match, page.splitlines()) if match}


def differences(schema, page):
    keys, rows = keys_of_schema(schema), rows_of(page)
    for key in keys.keys() | rows.keys():
        if key not in rows:
            yield f"{PAGE}: there is no row for {key}"
        elif key not in keys:
            yield f"{PAGE}: {key} is no key of {SCHEMA}"
        elif keys[key] != rows[key]:
            yield f"{key}: the default in {SCHEMA} is {keys[key]}; in {PAGE} it is {rows[key]}"


def finds_faults(schema, page):
    """Whether the comparison sees a row that is missing, one too many, and another default."""
    spoiled = page.replace("| `name` |", "| `nome` |").replace('| `"30s"` |', '| `"31s"` |')
    found = "\n".join(differences(schema, spoiled))
    return all(text in found for text in ("no row for name", "nome is no key", "stop_timeout: the default"))


def main():
    schema = json.loads((ROOT / SCHEMA).read_text(encoding="utf-8"))
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    wrong = sorted(differences(schema, page))
    if not finds_faults(schema, page):
        wrong.append("this test does not see faults any more")
    for line in wrong:
        print(line)
    print(f"{0 if wrong else 1} passed, {1 if wrong else 0} failed")
    return 1 if wrong else 0


sys.exit(main())
