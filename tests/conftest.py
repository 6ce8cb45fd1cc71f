"""Set-up shared by all tests."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

import pytest
import pytest_socket


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup() -> None:
    """Give back real sockets, to loopback only: the simulators live there.

    The Home Assistant test plugin has switched them off just before.
    """
    pytest_socket.enable_socket()
    real = pytest_socket._true_connect

    def connect(sock: Any, address: Any) -> Any:
        if isinstance(address, tuple):
            host = address[0]
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise pytest_socket.SocketConnectBlockedError(["127.0.0.0/8"], host)
        return real(sock, address)

    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """On the CI machine everything can be had, so there a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find this integration wherever a test uses `hass`."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")
