"""One process of the fallback load generator: the same flags and the same report as the compiled one."""

import argparse
import base64
import ipaddress
import itertools
import json
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
from tollhouse.v1.usage_service_pb2 import BatchRecordUsageResponse

from tests.benchmarks.templates import KEY_LENGTH

SECONDS_MAX = 600.0
CODE_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class Worker:
    """Threads that share one channel."""

    def __init__(self, target: str, plan: dict[str, Any], flags: argparse.Namespace) -> None:
        self._channel = grpc.insecure_channel(target, options=[("grpc.max_receive_message_length", 16 << 20)])
        self._call = self._channel.unary_unary(
            plan["method"], request_serializer=lambda data: data, response_deserializer=lambda data: data
        )
        self._bulk: bool = plan["bulk"]
        self._metadata = (("x-api-key", plan["api_key"]),) if plan["api_key"] else ()
        self._templates = [(base64.b64decode(item["body"]), item["keys"]) for item in plan["templates"]]
        self._flags = flags
        self._next = itertools.count()
        self._lock = threading.Lock()
        self._errors: Counter[str] = Counter()
        self._item_errors: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._refused: list[float] = []
        self._late: list[float] = []
        self._calls = 0.0
        self._items = 0.0
        self._stored = 0

    def run(self, seconds: float, warmup: float, once: bool) -> dict[str, Any]:
        """Calls from every thread until the window's end, or until each template was sent once."""
        begin = time.perf_counter()
        start = begin if once else begin + warmup
        end = begin + SECONDS_MAX if once else start + seconds
        threads = [
            threading.Thread(target=self._work, args=(begin, start, end, once)) for _ in range(self._flags.callers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        length = time.perf_counter() - begin if once else seconds
        return {
            "calls": len(self._latencies),
            "errors": self._errors,
            "item_errors": self._item_errors,
            "seconds": length,
            "rate": self._calls / length,
            "item_rate": self._items / length,
            "p50_ms": 0.0,
            "p99_ms": 0.0,
            "stored": self._stored,
            "refused_p50_ms": 0.0,
            "refused_p99_ms": 0.0,
            "latencies_ms": self._latencies,
            "refused_ms": self._refused,
            "late_p50_ms": 0.0,
            "late_p99_ms": 0.0,
            "late_ms": self._late,
        }

    def _work(self, begin: float, start: float, end: float, once: bool) -> None:
        pause = 0.0
        while (sent := time.perf_counter()) < end:
            number = next(self._next)
            if once and number >= len(self._templates):
                return
            if self._flags.rate:
                sent = begin + number / self._flags.rate
                if sent > end:
                    return
                time.sleep(max(0.0, sent - time.perf_counter()))  # until the call is due
                self._late.append((time.perf_counter() - sent) * 1_000)
            body, keys = self._templates[number % len(self._templates)]
            try:
                answer = self._call(_keyed(body, keys), timeout=self._flags.timeout, metadata=self._metadata)
            except grpc.RpcError as error:
                self._count_error(error.code(), (time.perf_counter() - sent) * 1_000, sent >= start)
                pause = min(2 * pause, self._flags.pause_max) if pause and self._flags.pause_max else self._flags.pause
                time.sleep(pause * random.uniform(0.8, 1.2))  # as a retry policy waits; gRPC varies it by a fifth
                continue
            now, pause = time.perf_counter(), 0.0
            # A call counts by the share of its time that lies in the window, so that long calls do not make it ragged.
            share = max(0.0, (min(now, end) - max(sent, start)) / (now - sent))
            results = BatchRecordUsageResponse.FromString(answer).results if self._bulk else ()
            refused = Counter(result.error.code for result in results if result.HasField("error"))
            with self._lock:
                stored = len(results) - refused.total() if self._bulk else len(keys)
                self._stored += stored
                for code, count in refused.items():
                    self._item_errors[CODE_NAMES[code]] += count
                self._calls += share
                self._items += share * stored
                if start <= now <= end:
                    self._latencies.append((now - sent) * 1_000)

    def _count_error(self, code: grpc.StatusCode, latency_ms: float, in_window: bool) -> None:
        with self._lock:
            self._errors[code.name] += 1
            if code is grpc.StatusCode.UNAVAILABLE and in_window:
                self._refused.append(latency_ms)


_sequence = itertools.count()


def _keyed(body: bytes, keys: list[int]) -> bytes:
    """The request with fresh keys that sort by time."""
    if not keys:
        return body
    request = bytearray(body)
    thread = threading.get_native_id()
    for offset in keys:
        key = f"{time.time_ns():016x}{thread & 0xFFFFFFFF:08x}{next(_sequence) & 0xFFFFFFFF:08x}"
        request[offset : offset + KEY_LENGTH] = key.encode()
    return bytes(request)


def main() -> None:
    """Reads the flags, runs, prints the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True)
    parser.add_argument("--templates", type=Path, required=True)
    parser.add_argument("--callers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--warmup", type=float, default=0.3)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--timeout", type=float, default=30.0)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--pause-max", type=float, default=0.0)
    parser.add_argument("--connections", type=int, help="not used: a process has one")
    parser.add_argument("--once", action="store_true")
    flags = parser.parse_args()
    if not ipaddress.ip_address(flags.target.rpartition(":")[0].strip("[]")).is_loopback:
        parser.error("the target must be an address on loopback")
    if flags.callers < 1 or not 0 < flags.seconds + flags.warmup <= SECONDS_MAX:
        parser.error("out of bounds: callers or seconds")
    worker = Worker(flags.target, json.loads(flags.templates.read_text()), flags)
    print(json.dumps(worker.run(flags.seconds, flags.warmup, flags.once)))


if __name__ == "__main__":
    main()
