"""The same tests in the GDBs of other Debian suites, which `tests/interpreters/fetch --gdb` unpacks.

Each runs by chroot in a mount namespace of its own, with this machine's /proc, /dev and scratch folder
bound into it: processes, terminals and cores are the machine's, and nothing stays mounted. What the
tests name (plugin, library, cores) lies in the scratch folder, by the same path on both sides.
"""

import glob
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import harness

# The program's tests need a Python on the inside; the others need GDB alone. test_batch is run by
# test_versions_batch.
MODULES = ("test_terminal", "test_remote", "test_engine")
ROOTS = sorted(glob.glob(os.path.join(os.environ.get("COREHEAP_INTERPRETERS") or
                                      os.path.join(harness.SOURCE, "build", "interpreters"), "gdb-*")))

WRAPPER = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec unshare --mount --propagation private sh -c '
  mount --rbind /proc {root}/proc && mount --rbind /dev {root}/dev && mount --rbind /tmp {root}/tmp &&
  exec chroot {root} /usr/bin/gdb "$@"' gdb "$@"
"""
TERMINFO = ("/usr/share/terminfo", "/usr/lib/terminfo", "/lib/terminfo")


def can_mount():
    return os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "mount", "--bind", "/", "/mnt"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Versions(unittest.TestCase):
    """One test a suite's GDB and module; made by `add_tests`."""

    def check(self, root, module):
        folder = os.path.join(harness.SCRATCH, os.path.basename(root))
        if not os.path.exists(folder):
            os.makedirs(folder)
            shutil.copy(harness.FAKE, os.path.join(folder, "libcoreheap.so"))
            for part in ("bin/coreheap", "lib/libcoreheap.so"):
                if os.path.exists(os.path.join(harness.BUILD, part)):
                    os.makedirs(os.path.join(folder, os.path.dirname(part)))
                    shutil.copy(os.path.join(harness.BUILD, part), os.path.join(folder, part))
            shutil.copytree(os.path.dirname(harness.PLUGIN), os.path.join(folder, "share", "coreheap", "gdb"))
            with open(os.path.join(folder, "gdb"), "w") as file:
                file.write(WRAPPER.format(root=shlex.quote(root)))
            os.chmod(os.path.join(folder, "gdb"), stat.S_IRWXU)
            entry = [path for path in (os.path.join(base, "s", "screen-256color") for base in TERMINFO)
                     if os.path.exists(path)]
            os.makedirs(os.path.join(folder, "terminfo", "s"))
            if entry:
                shutil.copy(entry[0], os.path.join(folder, "terminfo", "s"))
        env = dict(os.environ, COREHEAP_E2E_GDB=os.path.join(folder, "gdb"),
                   COREHEAP_E2E_PREFIX=folder, COREHEAP_E2E_NO_FILES="1",
                   COREHEAP_E2E_NO_SHELL="there is no shell beside this GDB",
                   TERMINFO=os.path.join(folder, "terminfo"), PYTHONDONTWRITEBYTECODE="1",
                   COREHEAP_E2E_PLUGIN=os.path.join(folder, "share", "coreheap", "gdb", "coreheap_gdb.py"),
                   COREHEAP_E2E_FAKE=os.path.join(folder, "libcoreheap.so"))
        ran = subprocess.run([sys.executable, os.path.join(harness.HERE, "run.py"), module], env=env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = ran.stdout.decode("utf-8", "replace")
        print(text)
        if ran.returncode == 77:
            self.skipTest(re.search(r"(?m)^SKIP .*?: (.*)$", text).group(1))
        self.assertEqual(ran.returncode, 0, text)


def _test(root, module):
    def test(self):
        if os.path.realpath(tempfile.gettempdir()) != "/tmp":
            self.skipTest("the scratch folder must be in /tmp")
        self.check(root, module)
    return test


def versions(modules):
    """The class of tests of these modules in every GDB at hand."""
    tests = {"%s_in_%s" % (module, os.path.basename(root).replace("-", "_")): _test(root, module)
             for root in ROOTS for module in modules}
    made = type("InVersions", (Versions,), tests or {"test_none": lambda self: None})
    made = unittest.skipUnless(ROOTS, "no GDB of another suite: run tests/interpreters/fetch --gdb")(made)
    return unittest.skipUnless(can_mount(), "mounting in a namespace of one's own needs root")(made)


InVersions = versions(MODULES)


if __name__ == "__main__":
    unittest.main()
