"""test_batch in the GDBs of other Debian suites: apart from test_versions, as it measures no time."""

import unittest

import test_versions

InVersions = test_versions.versions(("test_batch",))


if __name__ == "__main__":
    unittest.main()
