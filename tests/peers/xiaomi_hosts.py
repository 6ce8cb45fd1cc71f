"""Xiaomi's hosts, by https, as a program sees them that knows nothing of a simulator.

A proxy on loopback takes connections to those hosts, shows a certificate that a test's own
authority has made for them, and hands what comes to the simulated cloud. Connections to any
other host are refused and kept in `refused`.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
import datetime as dt
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulator.cloud.server import REGIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from simulator.cloud import SimCloud

HOSTS = (
    "account.xiaomi.com",
    "sts.api.io.mi.com",
    "api.io.mi.com",
    *(f"{region}.api.io.mi.com" for region in REGIONS if region != "cn"),
)


@dataclass
class Proxy:
    """A running proxy, and what a program has to have in its environment to use it."""

    url: str
    authority: Path
    refused: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {"HTTPS_PROXY": self.url, "SSL_CERT_FILE": str(self.authority), "NO_PROXY": ""}


def _certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(h) for h in HOSTS]), False)
        .sign(key, hashes.SHA256())
    )
    authority, private = folder / "authority.pem", folder / "key.pem"
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    return authority, context


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


@asynccontextmanager
async def xiaomi_hosts(cloud: SimCloud, address: str, folder: Path) -> AsyncIterator[Proxy]:
    """Run the proxy at an address."""
    authority, context = _certificate(folder)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, where, _ = head.split(" ", 2)
        host, _, port = where.partition(":")
        if method != "CONNECT" or host not in HOSTS or port != "443":
            proxy.refused.append(where)
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.start_tls(context)
        inner_reader, inner_writer = await asyncio.open_connection(cloud.address, cloud.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, inner_writer))
                both.create_task(_copy(inner_reader, writer))
        finally:
            inner_writer.close()
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        connections.add(task)

    server = await asyncio.start_server(accept, address, 0)
    port = server.sockets[0].getsockname()[1]
    proxy = Proxy(f"http://{address}:{port}", authority)
    try:
        yield proxy
    finally:
        server.close()
        for task in connections:
            task.cancel()
        if connections:
            await asyncio.wait(connections)
        await server.wait_closed()
