"""Progress of long work: a bar on a terminal, a plain line now and then in a log."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

Item = TypeVar("Item")
log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0


def track(items: Iterable[Item], description: str, total: int | None, start: int = 0) -> Iterator[Item]:
    """Yield the items and report how many of `total` (None: unknown) are done, `start` of them before this call."""
    if sys.stderr.isatty() and not logging.getLogger().handlers:
        yield from rich_track(
            items, description, total=total, completed=start, console=Console(stderr=True), transient=True
        )
        return
    begun = last = time.monotonic()
    for done, item in enumerate(items, start=start + 1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES or (done == total and now - begun >= SECONDS_BETWEEN_LINES):
            if total is None:
                log.info("%s: %d", description, done)
            else:
                left = (now - begun) / (done - start) * (total - done)
                log.info("%s: %d of %d, about %.0f s left", description, done, total, left)
            last = now
