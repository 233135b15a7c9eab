"""Settings, read once from the environment; README.md explains each."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

LEASE = "lease"
TRANSACTION = "transaction"

RULES_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")
SCOPED_NAME = re.compile(RULES_NAME.pattern + r"/[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Settings:
    mode: str
    provider_modes: Mapping[str, str]
    scopes: frozenset[str]
    lease: timedelta | None
    lock_timeout_ms: int
    busy_as_done: bool
    max_body_bytes: int
    pool_size: int
    pool_timeout_seconds: float
    example_step_seconds: float
    example_fail_file: str

    def accepts(self, provider: str) -> bool:
        """Whether the name may go on to the extension, which knows the rules.

        Each scope is a ledger of its own: if a sender could invent one, it
        could have an event that it captured processed once more.
        """
        return provider in self.scopes or bool(RULES_NAME.fullmatch(provider))

    def mode_of(self, provider: str) -> str:
        rules = provider.split("/", 1)[0]
        return self.provider_modes.get(rules, self.mode)


def read_settings() -> Settings:
    mode = _mode("WEBHOOK_MODE", LEASE)
    return Settings(
        mode=mode,
        provider_modes={
            "paypal": _mode("WEBHOOK_MODE_PAYPAL", mode),
            "toss": _mode("WEBHOOK_MODE_TOSS", mode),
        },
        scopes=_scopes("WEBHOOK_SCOPES"),
        lease=_seconds("WEBHOOK_LEASE_SECONDS"),
        lock_timeout_ms=int(_number("WEBHOOK_LOCK_TIMEOUT_MS", 5000)),
        busy_as_done=os.environ.get("WEBHOOK_BUSY_AS_DONE", "") == "1",
        max_body_bytes=int(_number("WEBHOOK_MAX_BODY_BYTES", 1024 * 1024)),
        pool_size=int(_number("WEBHOOK_POOL_SIZE", 10)),
        pool_timeout_seconds=_number("WEBHOOK_POOL_TIMEOUT_SECONDS", 5),
        example_step_seconds=_number("EXAMPLE_STEP_SECONDS", 0),
        example_fail_file=os.environ.get("EXAMPLE_FAIL_FILE", ""),
    )


def _mode(name: str, default: str) -> str:
    value = os.environ.get(name) or default
    if value not in (LEASE, TRANSACTION):
        raise SystemExit(f'{name} must be "{LEASE}" or "{TRANSACTION}"')
    return value


def _scopes(name: str) -> frozenset[str]:
    values = (v.strip() for v in os.environ.get(name, "").split(","))
    scopes = frozenset(value for value in values if value)
    if not all(SCOPED_NAME.fullmatch(scope) for scope in scopes):
        raise SystemExit(f"{name} must be like paypal/eu-shop,paypal/us-shop")
    return scopes


def _seconds(name: str) -> timedelta | None:
    if not os.environ.get(name):
        return None
    return timedelta(seconds=_number(name, 0))


def _number(name: str, default: float) -> float:
    value = os.environ.get(name)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = -1
    if not 0 <= number < 2**31:
        raise SystemExit(f"{name} must be a number between 0 and {2**31 - 1}")
    return number
