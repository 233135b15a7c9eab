"""Structured log: one JSON object a line, on standard output.

The parameters of log_event are all that can be logged.  There is none for a
body, a header, a key or the text of an exception, which may quote them.
"""

import json
import sys
from datetime import datetime, timezone
from typing import Optional


def log_event(
    event: str,
    *,
    provider: Optional[str] = None,
    payload_hash: Optional[str] = None,
    payload_size: Optional[int] = None,
    outcome: Optional[str] = None,
    event_id: Optional[int] = None,
    attempt: Optional[int] = None,
    hash_matches: Optional[bool] = None,
    http_status: Optional[int] = None,
    error: Optional[str] = None,
) -> None:
    fields = dict(locals())
    record = {"time": datetime.now(timezone.utc).isoformat()}
    record.update((k, v) for k, v in fields.items() if v is not None)
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def error_code(error: BaseException) -> str:
    """A name for an error that quotes nothing: SQLSTATE, else its class."""
    return getattr(error, "sqlstate", None) or type(error).__name__
