"""Options and settings that all tests share.

Kernels run in Triton's interpreter unless TRITON_INTERPRET=0 is set; Triton reads it when it is imported.
"""

from __future__ import annotations

import os
import sys
import tempfile

import hypothesis
import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")
# Emitted files of the tests stay out of the user's cache.
os.environ.setdefault("PATTERNC_CACHE_DIR", tempfile.mkdtemp(prefix="patternc-tests-"))

hypothesis.settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def pytest_collection_finish() -> None:
    if "triton" in sys.modules:
        from tests.interpreter import prepare

        prepare()
