"""`python -m tests.golden [TESTS]`: adds states of shipped processes that have none in the present format."""

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "tests.golden.recorder", *(sys.argv[1:] or ["tests/workflows"])]))
