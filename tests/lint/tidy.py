#!/usr/bin/env python3
"""House rules that a script can check. Prints one line per breach, file:line first; exit code 1 if there is any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["core", "protocol", "log", "ws", "tls", "proxy", "auth", "broker", "tools", "bench", "tests"]
LINES_MAX = 500
TEST_LINES_MAX = 600  # cases side by side are easier to follow than files
COLUMNS_MAX = 120
# Spelt apart, so that this file does not break its own rule.
BANNED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
# Who may include whom (docs/architecture.md). bench and tests stand outside.
MAY_INCLUDE = {
    "core": {"core"},
    "protocol": {"core", "protocol"},
    "log": {"core", "log"},
    "ws": {"core", "ws"},
    "proxy": {"core", "proxy"},
    "tls": {"core", "tls"},
    "auth": {"core", "auth"},
    "broker": {"core", "protocol", "log", "ws", "tls", "proxy", "auth", "broker"},
}
# Sockets, files, time and chance live in core alone; tests and the load generator meet the broker from outside.
SYSTEM_CALL_FREE = ["protocol", "log", "ws", "tls", "proxy", "auth", "broker"]
# Names that our own functions have too (open, send) count only where they are called as ::open().
SYSTEM_CALL = re.compile(
    r"(?<![\w.>:])(?:::(?:open|close|read|write|bind|listen|accept|connect|recv|send|time|rand|poll)|(?:::)?(?:openat|pread|"
    r"pwrite|preadv|pwritev|fsync|fdatasync|fallocate|ftruncate|accept4|recvmsg|sendmsg|epoll_\w+|io_uring_\w+|"
    r"clock_gettime|gettimeofday|getrandom))\s*\("
)
SYSTEM_HEADER = re.compile(r"#include <(fcntl|unistd|netdb|poll|liburing|sys/(?:socket|epoll|mman|stat|file|random))\.h>")
INCLUDE = re.compile(r'#include "([^"]+)"')


def code_of(line):
    """The line without strings and comment."""
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', line).split("//")[0]


def check_include(path, folder, included):
    if "/" not in included or included.startswith("."):
        return f'include "{included}" from the root: "folder/file.h"'
    target = included.split("/")[0]
    if folder in MAY_INCLUDE and target in FOLDERS and target not in MAY_INCLUDE[folder]:
        return f"{folder} must not include {target}"
    return None


def check_system_calls(line):
    header = SYSTEM_HEADER.match(line)
    if header:
        return f"<{header.group(1)}.h>: system calls live in core/"
    found = SYSTEM_CALL.search(code_of(line))
    if found:
        return f"{found.group()}...): system calls live in core/"
    return None


def check_file(path, text, root=ROOT):
    relative = path.relative_to(root)
    folder = relative.parts[0]
    lines = text.split("\n")
    breaches = []

    def breach(number, what):
        breaches.append(f"{relative}:{number}: {what}")

    lines_max = TEST_LINES_MAX if folder == "tests" else LINES_MAX
    if len(lines) - 1 > lines_max:
        breach(len(lines) - 1, f"more than {lines_max} lines: the file holds two ideas")
    if not text.endswith("\n"):
        breach(len(lines), "no end of line at the end")
    is_cpp = path.suffix in (".cc", ".h")
    if path.suffix == ".h" and "#pragma once" not in text:
        breach(1, "no #pragma once")
    for number, line in enumerate(lines, 1):
        if BANNED.search(line):
            breach(number, "unfinished work is an issue, not a comment")
        if not is_cpp:
            continue
        if len(line) > COLUMNS_MAX:
            breach(number, f"more than {COLUMNS_MAX} columns")
        if line != line.rstrip() or "\t" in line:
            breach(number, "tab, or space at the end")
        include = INCLUDE.match(line)
        if include:
            what = check_include(path, folder, include.group(1))
            if what:
                breach(number, what)
        elif folder in SYSTEM_CALL_FREE:
            what = check_system_calls(line)
            if what:
                breach(number, what)
    return breaches


def main():
    breaches = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cc", ".h", ".c", ".py", ".sh") and "node_modules" not in path.parts:
                breaches += check_file(path, path.read_text(encoding="utf-8"))
    print("\n".join(breaches) if breaches else "no breach of the house rules")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
