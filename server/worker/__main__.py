"""`python -m server.worker`: one order after the other, until the server closes the channel. Not started by hand."""

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
from server.problem import ProblemDict
from server.worker.channel import Channel
from server.worker.faults import explain
from server.worker.lifeline import end_at_once
from server.worker.pipeline import Pipeline, find_pipeline
from server.worker.protocol import Ending, Message, Order, order_from_dict
from server.worker.stop_request import StopRequest

log = logging.getLogger("realify")


class Torn(BaseException):
    """The attempt was pulled out of what it was doing. Not an Exception, so that no library swallows it."""


class Worker:
    """The loop. Orders and stops arrive in the channel's thread; the pipeline runs in the main one."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._channel = Channel(on_lost=end_at_once)
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._stop_request = StopRequest()
        self._torn = False

    def work(self, prior: str, device: str) -> None:
        """Warms up, then does orders; returns when it is closed or should be replaced."""
        signal.signal(signal.SIGINT, self._tear)
        self._channel.listen(self._on_message)
        self._warm = self._pipeline.warm_up(prior, device)
        self._channel.send({"type": "ready", "device": self._warm.device, "problem": self._warm.problem})
        while (order := self._orders.get()) is not None:
            ended = self._attempt(order)
            self._channel.send(ended)
            if ended["ending"] == "lost":
                return

    def _attempt(self, order: Order) -> Message:
        """One order to its end, whatever that is."""
        self._torn = False
        try:
            self._run(order)
            return _ended("done")
        except (Stopped, Torn):
            return _ended("stopped")
        except Exception as error:  # the server has to hear of every one
            return _ended(*explain(error))
        finally:
            self._stop_request.end()

    def _run(self, order: Order) -> None:
        """The pipeline, with its log in the folder's log.txt; a fault of the program leaves its traceback there."""
        with log_to(order.folder):
            try:
                self._pipeline.run(order, self._channel.send, self._stop_request.asked, self._warm)
            except Exception as error:
                if not isinstance(error, Stopped):
                    _, problem = explain(error)
                    log.error("%s: %s", problem["code"], problem["message"], exc_info=not is_own(error))
                raise

    def _on_message(self, message: Message) -> None:
        if message["type"] == "run":
            order = order_from_dict(message["order"])
            self._stop_request.begin(order)
            self._orders.put(order)
        elif message["type"] == "stop":
            self._stop(message["job_id"], message["attempt"], message["tear_after"])
        elif message["type"] == "close":
            self._orders.put(None)

    def _stop(self, job_id: str, attempt: int, tear_after: float | None) -> None:
        """Asks at the next step; after `tear_after` seconds (None: never) by force, as Ctrl-C would."""
        if not self._stop_request.ask(job_id, attempt) or tear_after is None:
            return

        def tear() -> None:
            if self._stop_request.waits(job_id, attempt):
                signal_main_thread()

        timer = threading.Timer(tear_after, tear)
        timer.daemon = True
        timer.start()

    def _tear(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, between two instructions. Once an attempt, and only while it runs."""
        if self._stop_request.asked() and not self._torn:
            self._torn = True
            raise Torn


def signal_main_thread() -> None:
    """SIGINT for the main thread; on POSIX it ends a blocking call too."""
    main = threading.main_thread().ident
    if os.name == "posix" and main is not None:
        signal.pthread_kill(main, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


def _ended(ending: Ending, problem: ProblemDict | None = None) -> Message:
    return {"type": "ended", "ending": ending, "problem": problem}


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
    os._exit(0)  # the channel's thread waits for a line, and Python would wait for it


if __name__ == "__main__":
    main()
