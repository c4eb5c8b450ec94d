#!/usr/bin/env python3
"""Compares docs/conformance.md with the sources. Exit 1 with one line per mismatch:

- a statement is cited in a source or test but has no row, or has two; statements of MQTT 3.1.1 are MQTT-x.y.z-n, those
  of 5.0 MQTT5-x.y.z-n, and the page has as many rows of each as the standard has statements;
- a code cell names a file or function that does not exist, or a file that does not cite the statement;
- a test cell names a test that does not exist.

Rows that are still open ("-") are listed; with --strict they are mismatches too.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "conformance.md"
SOURCE_FOLDERS = ["core", "protocol", "log", "ws", "tls", "auth", "proxy", "broker", "tools", "bench", "tests"]
SOURCE_SUFFIXES = {".h", ".cc", ".py"}
STATEMENTS_OF_THE_STANDARD = {"MQTT": 141, "MQTT5": 251}

STATEMENT = re.compile(r"MQTT5?-\d+\.\d+\.\d+-\d+")
GTEST = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)")
PYTHON_TEST = re.compile(r"^\s*def (test_\w+)", re.MULTILINE)
ROW = re.compile(r"^\| (MQTT5?-[\d.]+-\d+) \| (.*?) \| (.*?) \| (.*?) \|$")


def read_sources():
    """Relative path -> text, of every source and test."""
    sources = {}
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SOURCE_SUFFIXES and path.is_file() and path != pathlib.Path(__file__).resolve():
                sources[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    return sources


def read_rows():
    """Statement -> (code cell, test cell), and the mismatches found on the way."""
    rows, mismatches = {}, []
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        if not re.match(r"\| MQTT5?-", line):
            continue
        row = ROW.match(line)
        if row is None:
            mismatches.append(f"{PAGE.name}:{number}: not a row of four cells")
            continue
        statement, _, code, test = row.groups()
        if statement in rows:
            mismatches.append(f"{PAGE.name}:{number}: second row of {statement}")
        rows[statement] = (code, test)
    for standard, count in STATEMENTS_OF_THE_STANDARD.items():
        found = len(of_standard(rows, standard))
        if found != count:
            mismatches.append(f"{PAGE.name}: {found} statements {standard}-, the standard has {count}")
    return rows, mismatches


def of_standard(statements, standard):
    return [statement for statement in statements if statement.startswith(standard + "-")]


def test_names(sources):
    """Every "suite.name" of GoogleTest and every test_... of Python below tests/."""
    names = set()
    for path, text in sources.items():
        if not path.startswith("tests/"):
            continue
        names.update(f"{suite}.{name}" for suite, name in GTEST.findall(text))
        names.update(PYTHON_TEST.findall(text))
    return names


def names_in(cell):
    return re.findall(r"`([^`]+)`", cell)


def check_code(statement, cell, sources):
    if not names_in(cell):
        yield f"{statement}: code cell names nothing: {cell}"
    for name in names_in(cell):
        path, _, function = name.partition(":")
        if path not in sources:
            yield f"{statement}: no file {path}"
        elif not function or re.search(rf"\b{re.escape(function)}\b", sources[path]) is None:
            yield f"{statement}: {path} has no {function or 'function named'}"
        elif statement not in STATEMENT.findall(sources[path]):
            yield f"{statement}: {path} does not cite it"


def check_test(statement, cell, tests):
    if not names_in(cell):
        yield f"{statement}: test cell names nothing: {cell}"
    for name in names_in(cell):
        if name not in tests:
            yield f"{statement}: no test {name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="open rows are mismatches too")
    strict = parser.parse_args().strict

    sources = read_sources()
    tests = test_names(sources)
    rows, mismatches = read_rows()
    for path, text in sources.items():
        for statement in sorted(set(STATEMENT.findall(text)) - rows.keys()):
            mismatches.append(f"{path} cites {statement}, which has no row")

    open_rows = []
    for statement, (code, test) in rows.items():
        if "-" in (code, test):
            open_rows.append(statement)
        if code != "-" and not code.startswith("n/a: "):
            mismatches.extend(check_code(statement, code, sources))
        if test != "-" and not test.startswith("n/a: "):
            mismatches.extend(check_test(statement, test, tests))

    for standard in STATEMENTS_OF_THE_STANDARD:
        print(f"{standard}: {len(of_standard(rows, standard))} statements, {len(of_standard(open_rows, standard))} open")
    for statement in open_rows:
        print(f"open: {statement}")
    if strict:
        mismatches.extend(f"{statement}: open" for statement in open_rows)
    for mismatch in mismatches:
        print(f"MISMATCH {mismatch}")
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
