"""One computation at a time, in order, and a worker that a closed tab can stop."""

import threading
import time
from collections.abc import Callable

import pytest

from bark.errors import QueueFullError
from bark.ui.state.run_queue import RunQueue
from bark.ui.state.worker import run_in_worker


def test_tickets_are_served_in_the_order_of_asking() -> None:
    queue = RunQueue()
    first, second, third = queue.ticket(), queue.ticket(), queue.ticket()
    assert [t.place() for t in (first, second, third)] == [0, 1, 2]
    assert not second.wait(0)
    second.close()  # gave up
    first.close()
    assert third.wait(0)


def test_a_full_line_is_refused_in_one_sentence() -> None:
    queue = RunQueue(max_waiting=1)
    queue.ticket(), queue.ticket()
    with pytest.raises(QueueFullError, match="waiting already; please try again in 10 s"):
        queue.ticket()


def test_when_there_is_room_follows_the_line_and_the_present_turn() -> None:
    queue = RunQueue(max_waiting=1)
    assert queue.until_room_s() == 0
    first = queue.ticket()
    queue.mean_turn_s = 4.0
    queue.ticket()
    assert queue.until_room_s() == 4.0
    first.begin()
    time.sleep(0.05)
    assert 3.0 < queue.until_room_s() < 4.0
    queue.ticket(is_inside=True)
    assert 7.0 < queue.until_room_s() < 8.0
    queue.mean_turn_s = 0.01  # this turn is longer than those before
    assert queue.until_room_s() >= 1.0


def test_expected_wait_follows_the_turns_that_were_measured() -> None:
    queue = RunQueue()
    guess = queue.mean_turn_s
    ticket = queue.ticket()
    ticket.begin()
    ticket.close()  # took no time
    assert queue.mean_turn_s < guess


def test_closing_the_listener_stops_the_work_and_ends_it_once() -> None:
    stop, ended = threading.Event(), threading.Event()

    def work(hand_over: Callable[[int], None]) -> None:
        while not stop.is_set():
            hand_over(1)
            time.sleep(0.01)

    listening = run_in_worker(work, stop, on_end=ended.set)
    assert next(listening) == 1
    listening.close()  # type: ignore[attr-defined]
    assert ended.wait(1.0)


def test_silence_yields_heartbeats_and_errors_arrive() -> None:
    def work(hand_over: Callable[[int], None]) -> None:
        time.sleep(0.15)
        raise ValueError("broken")

    listening = run_in_worker(work, threading.Event(), heartbeat_s=0.05)
    assert next(listening) is None
    with pytest.raises(ValueError, match="broken"):
        list(listening)


def test_after_each_turn_freed_memory_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    given_back = []
    monkeypatch.setattr(
        "bark.ui.state.run_queue.give_back_freed_memory", lambda: given_back.append(1)
    )
    queue = RunQueue()
    worked, gave_up = queue.ticket(), queue.ticket()
    gave_up.close()
    assert not given_back
    worked.begin()
    worked.close()
    worked.close()
    assert given_back == [1]
