#!/usr/bin/env python3
"""tidy.py sees what breaks the rules, and nothing else."""
import pathlib
import unittest

import tidy

ROOT = pathlib.Path("/root-of-the-project")


def breaches(path, text):
    return tidy.check_file(ROOT / path, text, ROOT)


class Tidy(unittest.TestCase):
    def test_accepts_a_good_file(self):
        good = '#pragma once\n\n#include <vector>\n\n#include "core/result.h"\n\nint f();\n'
        self.assertEqual(breaches("log/x.h", good), [])

    def test_sees_long_files_and_lines(self):
        self.assertEqual(len(breaches("log/x.cc", "int a;\n" * 501)), 1)
        self.assertEqual(breaches("log/x.cc", "int a;\n" * 500), [])
        self.assertEqual(len(breaches("log/x.cc", "//" + "x" * 119 + "\n")), 1)

    def test_sees_a_header_without_guard(self):
        self.assertEqual(len(breaches("log/x.h", "int f();\n")), 1)

    def test_sees_banned_words(self):
        self.assertEqual(len(breaches("log/x.cc", "// TO" + "DO: later\n")), 1)

    def test_sees_includes_that_are_not_from_the_root(self):
        self.assertEqual(len(breaches("log/x.cc", '#include "x.h"\n')), 1)
        self.assertEqual(len(breaches("log/x.cc", '#include "../core/x.h"\n')), 1)

    def test_sees_arrows_that_do_not_exist(self):
        self.assertEqual(len(breaches("log/x.cc", '#include "protocol/types.h"\n')), 1)
        self.assertEqual(len(breaches("core/x.cc", '#include "log/position.h"\n')), 1)
        self.assertEqual(breaches("broker/x.cc", '#include "protocol/types.h"\n'), [])

    def test_sees_system_calls_outside_of_core(self):
        for call in ("  const int fd = ::open(path, O_RDONLY);", "  return ::send(socket, data, size, 0);",
                     "  if (fsync(fd) != 0) return;", "  ::clock_gettime(CLOCK_REALTIME, &now);",
                     "#include <sys/socket.h>", "#include <unistd.h>"):
            self.assertEqual(len(breaches("broker/x.cc", call + "\n")), 1, call)
            self.assertEqual(breaches("core/x.cc", call + "\n"), [], call)

    def test_leaves_our_own_functions_of_the_same_name_alone(self):
        for line in ("  storage.open(path, mode, op);", "  if (!file.opening) open(file);", "  virtual Result<Endpoint> listen(const Endpoint& at) = 0;",
                     "core::Status Broker::listen(const core::Endpoint& at) {", "  network_->send(socket, buffers);",
                     "  // open(2) fails here", '  say("open(x)");'):
            self.assertEqual(breaches("broker/x.cc", line + "\n"), [], line)


if __name__ == "__main__":
    unittest.main()
