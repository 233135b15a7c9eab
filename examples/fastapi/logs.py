"""Structured log: one JSON object a line, on standard output.

The parameters of log_event are all that can be logged.  There is none for a
body, a header, a key or the text of an exception, which may quote them.
"""

import json
import sys
from datetime import datetime, timezone


def log_event(
    event: str,
    *,
    provider: str | None = None,
    payload_hash: str | None = None,
    payload_size: int | None = None,
    outcome: str | None = None,
    event_id: int | None = None,
    attempt: int | None = None,
    hash_matches: bool | None = None,
    http_status: int | None = None,
    error: str | None = None,
) -> None:
    fields = dict(locals())
    record = {"time": datetime.now(timezone.utc).isoformat()}
    record.update((k, v) for k, v in fields.items() if v is not None)
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def error_code(error: BaseException) -> str:
    """A name for an error that quotes nothing: SQLSTATE, else its class."""
    return getattr(error, "sqlstate", None) or type(error).__name__
