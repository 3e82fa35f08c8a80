"""What tests of the server by its clients share."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key file; its public half is beside it, with .pub."""
    private = tmp_path_factory.mktemp("keys") / "admin"
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(private))
    key.write_public_key(f"{private}.pub")
    return private
