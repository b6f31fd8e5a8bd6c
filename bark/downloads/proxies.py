"""Proxies that the environment names: what goes around them, and SOCKS with what it needs."""

from __future__ import annotations

import http.client
import importlib.util
import os
import socket
import ssl
import urllib.parse
import urllib.request
from collections.abc import MutableMapping
from typing import Any

from ..errors import DownloadError

_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_NAMED_SOCKS = "BARK_SOCKS_PROXY"  # where an address is kept that the libraries cannot use
_PACKAGES = {"socksio": "socksio", "socks": "PySocks"}
_DEFAULT_PORT = 1_080


def prepare_for_server(host: str | None = None) -> None:
    """Makes the process's environment one in which a server may be built.

    The server's own address goes around every proxy, since Gradio asks itself whether it is
    there. A SOCKS proxy without the packages for it is put aside, since HTTP libraries fail when
    they are imported; `require_socks_packages` still knows of it.

    Args:
        host: the address that the server listens on.
    """
    _put_socks_aside(os.environ)
    for name in ("NO_PROXY", "no_proxy"):
        given = [part for part in os.environ.get(name, "").split(",") if part.strip()]
        local = [*_LOCAL, *([host] if host else [])]
        os.environ[name] = ",".join([*given, *(one for one in local if one not in given)])


def require_socks_packages() -> None:
    """Says what to install where downloads go through SOCKS.

    Raises:
        DownloadError: a SOCKS proxy is named, and its packages are not installed.
    """
    address = socks_address()
    missing = [name for module, name in _PACKAGES.items() if not _is_installed(module)]
    if address and missing:
        raise DownloadError(
            f"The proxy {_without_password(address)} speaks SOCKS, for which Python needs "
            f"packages of its own; run: pip install {' '.join(missing)}"
        )


def socks_address() -> str | None:
    """The SOCKS proxy for https that the environment names, or None."""
    named = next((os.environ[name] for name in _VARIABLES[:4] if os.environ.get(name)), None)
    if named and _is_socks(named):
        return named
    return None if named else os.environ.get(_NAMED_SOCKS)


def open_address(
    request: urllib.request.Request, *, timeout: float, context: ssl.SSLContext
) -> Any:
    """Opens an address as `urllib.request.urlopen` does, which knows no SOCKS proxy.

    Raises:
        OSError: as urlopen. DownloadError: as `require_socks_packages`.
    """
    address = socks_address()
    if address is None or urllib.request.proxy_bypass(request.host):
        return urllib.request.urlopen(request, timeout=timeout, context=context)
    require_socks_packages()
    opener = urllib.request.build_opener(_SocksHandler(address, context))
    return opener.open(request, timeout=timeout)


def _put_socks_aside(variables: MutableMapping[str, str]) -> None:
    for name in _VARIABLES:
        address = variables.get(name, "")
        if not _is_socks(address):
            continue
        scheme, _, rest = address.partition("://")
        if scheme in ("socks5", "socks5h", "socks") and _is_installed("socksio"):
            variables[name] = f"{'socks5' if scheme == 'socks' else scheme}://{rest}"
        else:
            del variables[name]
            variables[_NAMED_SOCKS] = variables.get(_NAMED_SOCKS) or address


def _is_socks(address: str) -> bool:
    return address.lower().startswith("socks")


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _without_password(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


class _SocksHandler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Connects through a SOCKS proxy, which resolves the host's name too."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        urllib.request.HTTPHandler.__init__(self)
        self._tls = context
        self._proxy = urllib.parse.urlsplit(address)

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Opens an http address."""
        return self.do_open(self._connection, request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Opens an https address."""
        return self.do_open(self._secure_connection, request)

    def _connection(self, host: str, **options: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(host, **options)
        connection._create_connection = self._connect  # type: ignore[attr-defined]
        return connection

    def _secure_connection(self, host: str, **options: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPSConnection(host, context=self._tls, **options)
        connection._create_connection = self._connect  # type: ignore[attr-defined]
        return connection

    def _connect(self, address: tuple[str, int], timeout: Any, source: Any) -> socket.socket:
        import socks

        proxy = self._proxy
        result: socket.socket = socks.create_connection(
            address,
            timeout,
            source,
            proxy_type=socks.SOCKS4 if proxy.scheme.startswith("socks4") else socks.SOCKS5,
            proxy_addr=proxy.hostname,
            proxy_port=proxy.port or _DEFAULT_PORT,
            proxy_username=proxy.username,
            proxy_password=proxy.password,
        )
        return result
