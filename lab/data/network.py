"""Whether a download has a chance, asked in seconds.

TFDS retries a name that does not resolve for more than three minutes before it gives up.
"""

import queue
import threading
import time
import urllib.parse
from collections.abc import Iterable

PROBE_SECONDS = 3.0
"""The longest that a probe takes, whatever the network does."""

_MOST_HOSTS = 4
_FALLBACK_URL = "https://storage.googleapis.com/tfds-data/"
_PROXY_REFUSALS = frozenset({407, 502, 503, 504})


def reachable(urls: Iterable[str], limit_seconds: float = PROBE_SECONDS) -> bool:
    """Whether a host of these addresses answers; without any, TFDS's own bucket is asked."""
    targets = _one_per_host(urls) or [_FALLBACK_URL]
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    deadline = time.monotonic() + limit_seconds
    for url in targets:
        # A daemon, since a name look-up obeys no time limit: it may outlive the answer.
        threading.Thread(target=_ask, args=(url, limit_seconds, answers), daemon=True).start()
    for _ in targets:
        try:
            if answers.get(timeout=max(0.0, deadline - time.monotonic())):
                return True
        except queue.Empty:
            return False
    return False


def _one_per_host(urls: Iterable[str]) -> list[str]:
    """The first address of each host, at most four."""
    by_host: dict[str, str] = {}
    for url in urls:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            by_host.setdefault(parts.hostname, url)
    return list(by_host.values())[:_MOST_HOSTS]


def _ask(url: str, limit_seconds: float, answers: queue.SimpleQueue[bool]) -> None:
    # The library that TFDS downloads with, so that proxies and certificates are found alike.
    import requests

    try:
        with requests.head(url, timeout=limit_seconds, allow_redirects=False) as response:
            answers.put(response.status_code not in _PROXY_REFUSALS)
    # RequestException is an OSError; an address that cannot be parsed is a ValueError.
    except (OSError, ValueError):
        answers.put(False)
