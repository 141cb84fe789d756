"""Asking an application without a network in between."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from fastapi import FastAPI


def ask(app: FastAPI, method: str, path: str, **request: Any) -> httpx.Response:
    """One request; an error that the application does not handle is its answer of 500."""
    return ask_at_once(app, [{"method": method, "url": path, **request}])[0]


def ask_at_once(app: FastAPI, requests: Sequence[dict[str, Any]]) -> list[httpx.Response]:
    """Requests that are all on their way together, answered in order."""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://leaf") as client:
            return await asyncio.gather(*(client.request(**request) for request in requests))

    return asyncio.run(all_of_them())
