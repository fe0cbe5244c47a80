from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from grader.local.backoff import Backoff
from grader.local.faults import ServiceFailed
from grader.local.supervisor import ServiceProcess, Supervisor
from tests.local.living import living_in
from tests.waiting import eventually

SLEEP = ("sleep", "600")


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-u", "-c", code)


def shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script)


@pytest.fixture
def supervisor(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        yield supervisor
    assert living_in(tmp_path) == []


class TestStarting:
    def test_a_service_starts_when_the_one_before_is_ready(self, supervisor, tmp_path):
        order = []
        services = [
            ServiceProcess(
                name="first",
                argv=shell(f"sleep 0.3; touch {tmp_path}/up; exec sleep 600"),
                ready=(tmp_path / "up").exists,
            ),
            ServiceProcess(
                name="second",
                argv=shell(f"test -e {tmp_path}/up && echo in order; exec sleep 600"),
                ready=lambda: order.append("second asked") or bool(supervisor.log("second").read_text()),
            ),
        ]
        supervisor.start(services)
        assert "in order" in supervisor.log("second").read_text()
        assert [(facts.name, facts.alive, facts.restarts) for facts in supervisor.processes()] == [
            ("first", True, 0),
            ("second", True, 0),
        ]

    def test_one_that_ends_before_it_is_ready_is_quoted_and_the_others_are_stopped(self, supervisor, tmp_path):
        services = [
            ServiceProcess(name="database", argv=SLEEP, cwd=tmp_path),
            ServiceProcess(name="web", argv=shell("echo cannot bind port 80 >&2; exit 3"), ready=lambda: False),
        ]
        with pytest.raises(ServiceFailed, match=r"web ended before it was ready \(status 3\).*cannot bind port 80"):
            supervisor.start(services)
        assert supervisor.processes() == []
        assert living_in(tmp_path) == []

    def test_one_that_never_gets_ready_is_given_up(self, supervisor):
        slow = ServiceProcess(name="web", argv=SLEEP, ready=lambda: False, ready_wait_s=0.2)
        with pytest.raises(ServiceFailed, match=r"web was not ready within 0\.2 s"):
            supervisor.start([slow])

    def test_a_program_that_is_not_there_is_named(self, supervisor):
        with pytest.raises(ServiceFailed, match="/no/such/program could not be started: No such file"):
            supervisor.start([ServiceProcess(name="web", argv=("/no/such/program",))])

    def test_a_service_gets_its_environment_beside_ours(self, supervisor):
        asking = ServiceProcess(
            name="asking",
            argv=shell("echo $GIVEN $HOME; exec sleep 600"),
            env={"GIVEN": "given"},
            ready=lambda: bool(supervisor.log("asking").read_text()),
        )
        supervisor.start([asking])
        assert supervisor.log("asking").read_text().split() == ["given", os.environ["HOME"]]

    def test_a_terminals_interrupt_cannot_reach_a_service(self, supervisor):
        supervisor.start([ServiceProcess(name="web", argv=SLEEP)])
        pid = supervisor.processes()[0].pid
        assert os.getsid(pid) != os.getsid(0)
        assert os.getpgid(pid) != os.getpgid(0)


class TestKeeping:
    def test_a_crashed_service_is_started_again(self, supervisor, tmp_path):
        said = supervisor.log("web")
        ready = lambda: "up" in said.read_text()  # noqa: E731
        supervisor.start([ServiceProcess(name="web", argv=shell("echo up; exec sleep 600"), ready=ready)])
        first = supervisor.processes()[0].pid
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: supervisor.processes()[0].alive and supervisor.processes()[0].restarts == 1)
        assert supervisor.processes()[0].pid != first
        assert eventually(lambda: said.read_text() == "up\nup\n")  # the first life's words are kept

    def test_one_that_is_not_to_be_restarted_ends_the_wait_with_its_last_words(self, supervisor):
        once = ServiceProcess(name="migration", argv=shell("sleep 0.2; echo table is locked; exit 4"), restart=False)
        supervisor.start([once])
        with pytest.raises(ServiceFailed, match=r"migration ended by itself \(status 4\).*table is locked"):
            supervisor.wait(threading.Event())
        assert supervisor.processes()[0].restarts == 0

    def test_the_wait_ends_when_we_are_to_stop(self, supervisor):
        supervisor.start([ServiceProcess(name="web", argv=SLEEP)])
        stopping = threading.Event()
        threading.Timer(0.1, stopping.set).start()
        supervisor.wait(stopping)
        assert supervisor.processes()[0].alive

    def test_waits_double_up_to_half_a_minute_and_begin_anew_after_a_steady_life(self):
        backoff, now, waits = Backoff(), 1000.0, []
        for _ in range(7):
            waits.append(backoff.begin(now))
            now += waits[-1]
            assert not backoff.is_over(now - 0.5)
            assert backoff.is_over(now)
        assert waits == [1, 2, 4, 8, 16, 30, 30]
        assert backoff.begin(now + 61) == 1


class TestStopping:
    def test_services_are_stopped_in_the_opposite_order_each_by_its_own_signal(self, supervisor, tmp_path):
        ends = tmp_path / "ends"

        def noting(name: str, stop: signal.Signals) -> ServiceProcess:
            code = (
                "import signal, sys, pathlib, time\n"
                f"def end(*_): open({str(ends)!r}, 'a').write('{name} '); sys.exit(0)\n"
                f"signal.signal({int(stop)}, end); pathlib.Path({str(tmp_path / name)!r}).touch(); time.sleep(600)"
            )
            return ServiceProcess(name=name, argv=python(code), stop_signal=stop, ready=(tmp_path / name).exists)

        supervisor.start([noting("a", signal.SIGTERM), noting("b", signal.SIGINT), noting("c", signal.SIGQUIT)])
        supervisor.stop()
        assert ends.read_text() == "c b a "
        assert supervisor.processes() == []

    def test_what_ignores_its_signal_is_killed_with_everything_below_it(self, supervisor, tmp_path):
        script = "trap '' TERM; setsid sleep 600 & (sleep 600 &) ; echo up; while true; do sleep 600; done"
        stubborn = ServiceProcess(
            name="stubborn",
            argv=shell(script),
            cwd=tmp_path,
            stop_wait_s=0.2,
            ready=lambda: bool(supervisor.log("stubborn").read_text()),
        )
        supervisor.start([stubborn])
        assert eventually(lambda: sum("sleep 600 in" in line for line in living_in(tmp_path)) >= 3)
        supervisor.stop()
        assert living_in(tmp_path) == []


class TestLogs:
    def test_a_new_start_begins_a_new_log_and_keeps_the_last_one(self, supervisor):
        def speak(word: str) -> None:
            supervisor.start(
                [
                    ServiceProcess(
                        name="web",
                        argv=shell(f"echo {word}; exec sleep 600"),
                        ready=lambda: word in supervisor.log("web").read_text(),
                    )
                ]
            )
            supervisor.stop()

        speak("one")
        speak("two")
        assert supervisor.log("web").read_text() == "two\n"
        assert supervisor.log("web").with_name("web.log.1").read_text() == "one\n"
