from __future__ import annotations

import os
import socket

import pytest

from bench.listeners import listener


def test_the_process_behind_an_address_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        assert listener(f"ws://127.0.0.1:{own.getsockname()[1]}/ws") == os.getpid()


def test_an_address_at_which_nobody_listens_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        port = own.getsockname()[1]
    with pytest.raises(LookupError, match="nobody"):
        listener(f"http://127.0.0.1:{port}")
