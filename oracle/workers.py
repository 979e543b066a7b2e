"""Threads that keep the pipeline going: one each for sealing, depositing and anchoring, so that their waits overlap.
Before them, one has the database catch up with the chain.

A worker runs while there is something to do, then sleeps until it is woken or its pause ends. An error is logged and
the run tried again after a growing pause, for as long as the oracle lives.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

import structlog

from oracle.catch_up import CatchingUp
from oracle.deposit import MAX_BATCH
from oracle.pipeline import Pipeline
from salus.core.errors import SalusError

BATCH_SECONDS = 0.5
POLL_SECONDS = 0.5
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0

_log = structlog.get_logger()


class Worker:
    """One thread. `run` does one run and says how much it did; `done` is told so, to wake the next worker."""

    def __init__(
        self,
        name: str,
        run: Callable[[], int],
        done: Callable[[int], None],
        failed: Callable[[str], None],
        poll: float = POLL_SECONDS,
    ) -> None:
        self._name = name
        self._run = run
        self._done = done
        self._failed = failed
        self._poll = poll
        self._wake = Event()
        self._stop = Event()
        self._failing_since: float | None = None
        self._thread = Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    @property
    def failing_seconds(self) -> float:
        """For how long every run has failed; 0 when the last one succeeded."""
        since = self._failing_since
        return 0.0 if since is None else monotonic() - since

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """End after the present run."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            try:
                done = self._run()
            except Exception as error:  # noqa: BLE001 - the oracle outlives every outage; the next run tries again
                self._report(error)
                self._failing_since = monotonic() if self._failing_since is None else self._failing_since
                self._stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause, self._failing_since = _FIRST_PAUSE, None
            if done:
                self._done(done)
            else:
                self._wake.wait(self._poll)
                self._wake.clear()

    def _report(self, error: Exception) -> None:
        self._failed(self._name)
        known = isinstance(error, SalusError)
        _log.warning(
            "worker will try again", worker=self._name, error=type(error).__name__, reason=str(error) if known else ""
        )


class Workers:
    """The three workers of a pipeline, each waking the next. They rest while `in_line` says no, and until `catching` is
    done.

    Of several oracles on one journal one is in line; `in_line` is asked by each worker before each run.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        catching: CatchingUp,
        failed: Callable[[str], None],
        in_line: Callable[[], bool] = lambda: True,
    ) -> None:
        self._batching = _Batching(pipeline)

        def lined(run: Callable[[], int]) -> Callable[[], int]:
            return lambda: run() if catching.is_done and in_line() else 0

        def catch_up() -> int:
            if catching.is_done:
                return 0
            catching.run(may_adopt=in_line())
            return int(catching.is_done)

        self._catch_up = Worker("catch-up", catch_up, lambda _: self.wake(), failed)

        self._anchor = Worker("anchor", lined(pipeline.anchor), lambda _: None, failed)
        self._deposit = Worker(
            "deposit", lined(self._batching.run), lambda _: self._anchor.wake(), failed, BATCH_SECONDS / 5
        )
        self._seal = Worker("seal", lined(pipeline.seal), self._sealed, failed)

    def start(self) -> None:
        """Begin all."""
        for worker in (self._anchor, self._deposit, self._seal, self._catch_up):
            worker.start()

    def stop(self) -> None:
        """End all after their present runs."""
        for worker in (self._catch_up, self._seal, self._deposit, self._anchor):
            worker.stop()

    def wake(self) -> None:
        """Messages have arrived."""
        self._seal.wake()

    def failing(self) -> dict[str, float]:
        """Seconds for which each has failed, by name; 0 for one that is well."""
        listed = (self._catch_up, self._seal, self._deposit, self._anchor)
        return {worker.name: worker.failing_seconds for worker in listed}

    def _sealed(self, _: int) -> None:
        self._deposit.wake()


class _Batching:
    """A batch is made when it is full, or when its first version has waited long enough."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._last = monotonic()

    def run(self) -> int:
        """One run of depositing."""
        due = monotonic() - self._last >= BATCH_SECONDS
        done = self._pipeline.deposit(at_least=1 if due else MAX_BATCH)
        if due:
            self._last = monotonic()
        return done
