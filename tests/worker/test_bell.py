from __future__ import annotations

import threading

from worker.bell import Bell

SILENCE_S = 0.3


def rung(bell: Bell, *, within_s: float = 60) -> bool:
    """Whether waiting ends within so many seconds; a bell that has rung is heard at once, but on a busy machine."""
    done = threading.Event()

    def wait() -> None:
        bell.wait(600)
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    return done.wait(within_s)


def test_a_ring_that_nobody_hears_is_kept_for_the_next_who_waits():
    bell = Bell(2)
    bell.ring()
    assert rung(bell)
    assert not rung(bell, within_s=SILENCE_S)


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
    assert [rung(bell), rung(bell), rung(bell, within_s=SILENCE_S)] == [True, True, False]


def test_waiting_ends_by_itself():
    Bell(1).wait(0.01)
