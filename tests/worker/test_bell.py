from __future__ import annotations

import threading

from worker.bell import Bell


def rung(bell: Bell) -> bool:
    """Whether waiting ends before a long time is over."""
    done = threading.Event()

    def wait() -> None:
        bell.wait(600)
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    return done.wait(0.3)


def test_a_ring_that_nobody_hears_is_kept_for_the_next_who_waits():
    bell = Bell(2)
    bell.ring()
    assert rung(bell)
    assert not rung(bell)


def test_a_ring_wakes_who_waits():
    bell = Bell(1)
    woken = threading.Event()
    waiting = threading.Thread(target=lambda: (bell.wait(600), woken.set()), daemon=True)
    waiting.start()
    bell.ring()
    assert woken.wait(60)


def test_a_thousand_rings_wake_each_slot_once():
    bell = Bell(2)
    for _ in range(1000):
        bell.ring()
    assert [rung(bell) for _ in range(3)] == [True, True, False]


def test_waiting_ends_by_itself():
    Bell(1).wait(0.01)
