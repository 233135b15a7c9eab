"""Checks the report for machines that stands on stdin."""

import json
import sys

report = json.load(sys.stdin)
common = {"target", "summary", "latency_ms", "notes", "verdict", "reasons"}
latency = report["latency_ms"]
assert latency["p50"] <= latency["p95"] <= latency["max"], latency
assert set(report["summary"]) == {"http_status", "status"}
assert isinstance(report["notes"], list)
assert (report["verdict"] == "PASS") == (report["reasons"] == [])
if sys.argv[1] == "single":
    assert set(report) == common | {"payload_hash", "payload_size", "n",
                                    "answers"}, set(report)
    assert len(report["payload_hash"]) == 32
    assert len(report["answers"]) == report["n"]
    for number, answer in enumerate(report["answers"], 1):
        assert set(answer) == {"number", "http_status", "ms", "status",
                               "error", "network_error"}, answer
        assert answer["number"] == number
        assert answer["ms"] >= 0
    assert sum(report["summary"]["status"].values()) == report["n"]
    assert sum(report["summary"]["http_status"].values()) == report["n"]
else:
    mix = report["mix"]
    assert set(report) == common | {"mix"}, set(report)
    assert set(mix) == {"provider", "events", "deliveries", "duplicates",
                        "sent", "processed_once", "processed_more",
                        "processed_never", "seconds", "lag_ms"}, mix
    assert mix["events"] + mix["duplicates"] == mix["deliveries"]
    assert mix["processed_once"] == mix["events"]
