"""`python -m server.worker`: one order after the other, until the server closes the link. Not started by hand."""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import threading
from types import FrameType

from realify.job.errors import is_own
from realify.job.events import Stopped
from realify.job.run_folder import log_to
from sdf_fit.sandbox.parent_death import die_with_parent
from server.jobs.executor import Message, Order
from server.worker.faults import explain
from server.worker.lifeline import end_at_once
from server.worker.link import Link
from server.worker.orders import StopWish, order_from_dict
from server.worker.pipeline import Pipeline, find_pipeline

log = logging.getLogger("realify")


class Torn(BaseException):
    """The attempt was pulled out of what it was doing. Not an Exception, so that no library swallows it."""


class Worker:
    """The loop. Orders and stops arrive in the link's thread; the pipeline runs in the main one."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._link = Link(on_lost=end_at_once)
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._wish = StopWish()
        self._torn = False

    def work(self, prior: str, device: str) -> None:
        """Warms up, then does orders; returns when it is closed or should be replaced."""
        signal.signal(signal.SIGINT, self._tear)
        self._link.listen(self._on_message)
        self._warm = self._pipeline.warm_up(prior, device)
        self._link.send({"type": "ready", "device": self._warm.device, "problem": self._warm.problem})
        while (order := self._orders.get()) is not None:
            ended = self._attempt(order)
            self._link.send(ended)
            if ended["ending"] == "lost":
                return

    def _attempt(self, order: Order) -> Message:
        """One order to its end, whatever that is."""
        self._torn = False
        try:
            return _ended("done", warnings=self._run(order))
        except (Stopped, Torn):
            return _ended("stopped")
        except Exception as error:  # the server has to hear of every one
            return _ended(*explain(error))
        finally:
            self._wish.end()

    def _run(self, order: Order) -> tuple[str, ...]:
        """The pipeline, with its log in the folder's log.txt; a fault of the program leaves its traceback there."""
        with log_to(order.folder):
            try:
                return self._pipeline.run(order, self._link.send, self._wish.asked, self._warm)
            except Exception as error:
                if not isinstance(error, Stopped):
                    _, problem = explain(error)
                    log.error("%s: %s", problem["code"], problem["message"], exc_info=not is_own(error))
                raise

    def _on_message(self, message: Message) -> None:
        if message["type"] == "run":
            order = order_from_dict(message["order"])
            self._wish.begin(order)
            self._orders.put(order)
        elif message["type"] == "stop":
            self._stop(message["job_id"], message["attempt"], message["tear_after"])
        elif message["type"] == "close":
            self._orders.put(None)

    def _stop(self, job_id: str, attempt: int, tear_after: float | None) -> None:
        """Asks at the next step; after `tear_after` seconds (None: never) by force, as Ctrl-C would."""
        if not self._wish.ask(job_id, attempt) or tear_after is None:
            return

        def tear() -> None:
            if self._wish.waits(job_id, attempt):
                signal_main_thread()

        timer = threading.Timer(tear_after, tear)
        timer.daemon = True
        timer.start()

    def _tear(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, between two instructions. Once an attempt, and only while it runs."""
        if self._wish.asked() and not self._torn:
            self._torn = True
            raise Torn


def signal_main_thread() -> None:
    """SIGINT for the main thread; on POSIX it ends a blocking call too."""
    main = threading.main_thread().ident
    if os.name == "posix" and main is not None:
        signal.pthread_kill(main, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


def _ended(ending: str, problem: object = None, warnings: tuple[str, ...] = ()) -> Message:
    return {"type": "ended", "ending": ending, "problem": problem, "warnings": list(warnings)}


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser(prog="python -m server.worker", description=__doc__)
    parser.add_argument("--pipeline", required=True, metavar="MODULE:FUNCTION")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--warm", default="", metavar="PRIOR")
    options = parser.parse_args()
    die_with_parent()
    Worker(find_pipeline(options.pipeline)).work(options.warm, options.device)
    sys.stderr.flush()
    os._exit(0)  # the link's thread waits for a line, and Python would wait for it


if __name__ == "__main__":
    main()
