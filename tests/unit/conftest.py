"""Unit tests speak to nothing: no network, no server."""

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def no_network() -> object:
    """Refuse every socket but local ones."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
