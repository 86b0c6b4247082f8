#!/usr/bin/env python3
"""Makes a manual page: `page.py [--help-of PROGRAM] [--from PAGE.md] NAME SECTION DATE DESCRIPTION`.

No text stands twice: the page is made from our Markdown, or from what the program prints at --help. lowdown
(Debian's) turns Markdown into roff. What it writes differently from what mandoc -Tlint wants is put right here.
"""
import argparse
import re
import subprocess
import sys

# Pages of the documentation that are manual pages, too.
MANUALS = {"configuration.md": "pool.json(5)", "protocol.md": "prefork-protocol(7)"}
ALL = ["supervisor(8)", "pool.json(5)", "supervisor-worker(1)", "prefork-protocol(7)"]
WIDTH = 80


def unlinked(text):
    """A link becomes its text, with the manual page that it leads to."""

    def word(match):
        manual = MANUALS.get(match[2].split("#")[0].rpartition("/")[2])
        if match[2].startswith("http"):
            return f"{match[1]} ({match[2]})"
        return f"{match[1]} ({manual})" if manual and manual not in match[1] else match[1]

    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", word, text)


def cells_of(line):
    """A bar in code is no end of a cell."""
    parts = re.split(r"(`[^`]*`)|\|", line.strip().strip("|"))
    cells, cell = [], ""
    for index in range(0, len(parts), 2):
        cell += parts[index]
        if index + 1 < len(parts) and parts[index + 1] is not None:
            cell += parts[index + 1]
        else:
            cells.append(cell.strip())
            cell = ""
    return cells


def entry(cells, head):
    """A row as a list entry: on a terminal a table of four columns is hard to read."""
    first, *rest = cells
    if head[:3] == ["key", "type", "default"] and len(rest) == 3:
        first, rest = f"{first} ({rest[0]}; default: {rest[1]})", rest[2:]
    elif len(rest) > 1:
        rest = ["; ".join(f"{name}: {text}" if name else text for name, text in zip(head[1:], rest) if text)]
    return f"{first or '–'}\n: {rest[0] if rest and rest[0] else '–'}\n\n"


def without_tables(lines):
    head = None
    for line in lines:
        if not line.startswith("|"):
            head = None
            yield line
        elif head is None:
            head = cells_of(line)
        elif not re.fullmatch(r"[|:\- ]+", line):
            yield from entry(cells_of(line), head).split("\n")


def from_markdown(text):
    """The text before the first heading becomes the description; headings rise by one."""
    code = False
    lines = ["# DESCRIPTION", ""]
    for line in text.split("\n")[1:]:
        code ^= line.startswith("```")
        if not code and line.startswith("##"):
            level, _, title = line.partition(" ")
            line = f"{level[1:]} {title.upper() if level == '##' else title}"
        lines.append(line if code else unlinked(line))
    return "\n".join(without_tables(lines))


def help_of(program, *words):
    return subprocess.run([program, *words, "--help"], check=True, capture_output=True, text=True).stdout


def from_help(text):
    """The sections of a help as Markdown: each option and each command is a list entry, all else stays as it is."""
    lines = []
    verbatim = []

    def flush():
        if any(line.strip() for line in verbatim):
            lines.extend(["", "```", *[line for line in "\n".join(verbatim).strip("\n").split("\n")], "```", ""])
        verbatim.clear()

    section = ""
    for line in text.split("\n"):
        if line in ("Options:", "Subcommands:", "Positionals:"):
            flush()
            section = line
            lines += ["", f"**{line[:-1]}**", ""]
        elif section and (row := re.match(r"^  (\S.*?)(?: {2,}(.*))?$", line)):
            lines += ["", f"`{row[1]}`", f": {plain(row[2] or '')}"]
        elif section and line.startswith(" " * 10) and lines[-1].startswith(": "):
            lines[-1] += " " + plain(line.strip())
        elif section and not line.strip():
            section = ""
        else:
            section = ""
            verbatim.append(line)
    flush()
    return "\n".join(lines)


USAGE = re.compile(r"^Usage: (.*)\n", re.MULTILINE)


def usage_in(text):
    return USAGE.search(text)[1].strip()


def plain(text):
    return re.sub(r"([\\`*_<\[])", r"\\\1", text)


def from_program(program):
    whole = help_of(program)
    commands = re.findall(r"^  ([a-z][a-z-]*) ", whole.partition("Subcommands:")[2].partition("\n\n")[0], re.MULTILINE)
    helps = {command: help_of(program, command) for command in commands}
    usages = [usage_in(text) for text in (whole, *helps.values())]
    yield "\n".join(["# SYNOPSIS", "", "```", *usages, "```"])
    yield "# DESCRIPTION\n\n" + from_help(USAGE.sub("", whole, count=1))
    yield "# COMMANDS"
    for command, text in helps.items():
        yield f"## {command}\n\n" + from_help(text)


def wrapped(line):
    """Lines of roff that are text, at most WIDTH long; a line must not begin as a macro does."""
    rows = [""]
    for word in line.split(" "):
        # mandoc counts another character as its escape: \\[u2026].
        if rows[-1] and len(re.sub(r"[^\x00-\x7f]", "\\\\[u0000]", rows[-1] + " " + word)) > WIDTH:
            rows.append("")
        rows[-1] += (" " if rows[-1] else "") + word
    return [("\\&" if index and row[:1] in (".", "'") else "") + row for index, row in enumerate(rows)]


# Between the name of a list entry and its text, which mandoc would set apart.
APART = ".if n \\\n.sp -1v\n.if t \\\n.sp -0.25v\n.IP \"\" 5n\n"


def mended(roff):
    """As mandoc wants it: bold for code, no paragraph behind a heading, short lines; list entries are indented."""
    lines, example, indented = [], False, False
    for line in roff.replace("\\fC", "\\fB").replace(APART, ".RS 5n\n").split("\n"):
        if indented and line in (".LP", ".PP", ".SH", ".SS", ""):
            lines.append(".RE")
            indented = False
        indented = indented or line == ".RS 5n"
        heading = len(lines) > 1 and lines[-2] in (".SH", ".SS")
        if heading and line in (".PP", ".LP"):
            continue
        example = (example or line == ".EX") and line != ".EE"
        if example or line.startswith((".", "'")):
            lines.append(line)
        else:
            lines += wrapped(line.rstrip())
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--help-of")
    parser.add_argument("--from", dest="page")
    parser.add_argument("--lowdown", default="lowdown")
    for name in ("name", "section", "date", "description"):
        parser.add_argument(name)
    asked = parser.parse_args()
    text = [f"# NAME\n\n{asked.name} - {asked.description}"]
    if asked.help_of:
        text += from_program(asked.help_of)
    else:
        with open(asked.page, encoding="utf-8") as page:
            text.append(from_markdown(page.read()))
    text.append("# SEE ALSO\n\n" + ", ".join(page for page in ALL if not page.startswith(asked.name + "(")))
    metadata = {"title": asked.name.upper(), "section": asked.section, "date": asked.date}
    options = [word for key, value in metadata.items() for word in ("-m", f"{key}={value}")]
    roff = subprocess.run(
        [asked.lowdown, "-s", "-Tman", "--out-no-smarty", *options], input="\n\n".join(text) + "\n", check=True, capture_output=True, text=True
    ).stdout
    print(mended(roff), end="")


sys.exit(main())
