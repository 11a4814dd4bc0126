"""The guard in front of every connection: a name is resolved once, every address checked, and one of them connected to.

The connection goes to the address that was checked. What the server is told (Host, TLS name) and what its certificate
is checked against stay those of the name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from runtime.addresses import Address, canonical, place_of, read_address
from runtime.grants import Grants
from runtime.node_types import NodeFailed
from runtime.nodes.resolving import Resolver

CONNECT_TIMEOUT = 30.0  # seconds
NEXT_AFTER = 5.0  # seconds until the next address of a name gets its try


@dataclass(slots=True)
class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends requests by `inner`, which sees addresses only. NodeFailed `capability_denied` where one is not granted."""

    grants: Grants
    resolver: Resolver
    inner: httpx.AsyncBaseTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        addresses = await self._checked(request.url)
        for address in addresses[:-1]:
            try:
                return await self.inner.handle_async_request(_pinned(request, address, NEXT_AFTER))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self.inner.handle_async_request(_pinned(request, addresses[-1], CONNECT_TIMEOUT))

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def _checked(self, url: httpx.URL) -> Sequence[Address]:
        host = url.raw_host.decode()
        address = read_address(host)
        found = [address] if address is not None else await self._resolved(host, url)
        for each in found:
            if not self.grants.reach(host, each):
                raise NodeFailed("capability_denied", _refusal(host, each))
        return found

    async def _resolved(self, host: str, url: httpx.URL) -> Sequence[Address]:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self.resolver.addresses(host, port)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("") from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error


def _refusal(host: str, address: Address) -> str:
    leads = f"'{host}' is" if read_address(host) is not None else f"'{host}' leads to {address},"
    by_name = place_of(address).reach == "private"
    return (
        f"{leads} {place_of(address).words}, which is reached only if it is granted by name; "
        f"grant it with --allow network:{canonical(host) if by_name else address}"
    )


def _pinned(request: httpx.Request, address: Address, seconds: float) -> httpx.Request:
    timeout = {**request.extensions.get("timeout", {}), "connect": seconds}
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={
            **request.extensions,
            "timeout": timeout,
            "sni_hostname": canonical(request.url.raw_host.decode()),
        },
    )
