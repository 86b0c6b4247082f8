#!/usr/bin/env python3
"""Writes the C++ source that has the page's files in it: embed_page.py OUTPUT FILE…"""
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


def literal(content):
    """Octal escapes have three digits, so no digit that follows belongs to them. Compilers limit the length of one literal."""
    plain = {value: chr(value) for value in range(32, 127) if chr(value) not in '"\\?'}
    pieces = [content[start : start + 4000] for start in range(0, len(content), 4000)] or [b""]
    return "\n    ".join('"' + "".join(plain.get(value) or f"\\{value:03o}" for value in piece) + '"' for piece in pieces)


def entry(path):
    content = path.read_bytes()
    name = "/" if path.name == "index.html" else "/" + path.name
    tag = hashlib.sha256(content).hexdigest()[:16]
    return f'  {{"{name}", "{TYPES[path.suffix]}", "\\"{tag}\\"",\n    {{{literal(content)}, {len(content)}}}}},\n'


def main():
    entries = "".join(entry(pathlib.Path(name)) for name in sys.argv[2:])
    pathlib.Path(sys.argv[1]).write_text(
        '#include "supervisor/admin/page_file.h"\n\n'
        "namespace prefork {\nnamespace {\n\n"
        f"constexpr PageFile kPageFiles[] = {{\n{entries}}};\n\n"
        "}  // namespace\n\n"
        "std::span<const PageFile> page_files() { return kPageFiles; }\n\n"
        "const PageFile* find_page_file(std::string_view path) {\n"
        "  for (const PageFile& file : kPageFiles) {\n    if (file.path == path) return &file;\n  }\n  return nullptr;\n}\n\n"
        "}  // namespace prefork\n",
        encoding="ascii",
    )


main()
