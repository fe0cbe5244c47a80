from __future__ import annotations

import logging

import anyio
import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, StreamingResponse

from grader.domain.errors import BadSpec, DatabaseBusy, GraderError, NotSignedIn, SetupError
from grader.http import problems
from grader.http.edge import Edge
from grader.http.metrics import Metrics
from grader.http.security import security_headers

SECRET = "postgresql://grader:hunter2@db/grader"


def an_app(metrics=None, *, has_tls=False):
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    problems.install(app)

    @app.get("/raise/{kind}")
    def fail(kind: str):
        raise {
            "bug": RuntimeError(SECRET),
            "setup": SetupError(f"The database at {SECRET} is too old."),
            "spec": BadSpec("assignment.toml: points is missing."),
            "busy": DatabaseBusy(),
            "signed": NotSignedIn(),
        }[kind]

    @app.get("/number/{number}")
    def number(number: int, password: int):
        return number + password

    @app.get("/own")
    def own():
        return PlainTextResponse("mine", headers={"Content-Security-Policy": "sandbox"})

    @app.get("/breaks")
    def breaks():
        def body():
            yield b"beginning"
            raise RuntimeError(SECRET)

        return StreamingResponse(body())

    app.add_middleware(Edge, headers=security_headers(has_tls=has_tls), metrics=metrics or Metrics())
    return app


def ask(path, app=None, method="GET"):
    async def send():
        transport = httpx.ASGITransport(app=app or an_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path)

    return anyio.run(send)


def test_a_fault_of_ours_is_logged_under_the_id_the_caller_reads_and_tells_nothing_else(caplog):
    with caplog.at_level(logging.INFO):
        answer = ask("/raise/bug")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    request_id = answer.headers["x-request-id"]
    assert answer.json()["instance"] == f"urn:request:{request_id}"
    record = next(record for record in caplog.records if request_id in record.getMessage() and record.exc_info)
    assert record.exc_info[0] is RuntimeError


def test_the_operators_business_is_logged_and_not_told(caplog):
    answer = ask("/raise/setup")
    assert answer.status_code == 503
    assert "hunter2" not in answer.text
    assert SECRET in caplog.text


def test_a_broken_spec_is_told_because_an_instructor_can_mend_it():
    assert ask("/raise/spec").json()["detail"] == "assignment.toml: points is missing."


def test_a_busy_database_says_when_to_try_again():
    answer = ask("/raise/busy")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_nobody_signed_in_names_the_scheme():
    answer = ask("/raise/signed")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_misfit_is_named_without_its_value():
    answer = ask("/number/hunter2?password=hunter2")
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad-request"
    assert [error["place"] for error in answer.json()["errors"]] == ["path.number", "query.password"]
    assert "hunter2" not in answer.text.replace("/number/hunter2", "")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/own", 405)])
def test_the_frameworks_own_refusals_are_problem_documents_too(method, path, status):
    answer = ask(path, method=method)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert set(answer.json()) >= {"type", "title", "status", "detail", "code"}
    if status == 405:
        assert answer.headers["allow"] == "GET"


def test_every_answer_carries_the_headers_even_when_it_is_a_fault():
    for path in ("/own", "/nowhere", "/raise/bug"):
        headers = ask(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "strict-transport-security" not in headers
    policy = ask("/nowhere").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy


def test_an_answer_may_ask_for_a_stricter_policy():
    assert ask("/own").headers["content-security-policy"] == "sandbox"


def test_browsers_are_held_to_tls_where_there_is_tls():
    assert "max-age" in ask("/own", an_app(has_tls=True)).headers["strict-transport-security"]


def test_an_answer_that_breaks_in_the_middle_is_logged_once_and_not_begun_again(caplog):
    sent = []

    async def receive():
        await anyio.sleep(60)

    async def send(message):
        sent.append(message["type"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/breaks",
        "headers": [],
        "query_string": b"",
        "http_version": "1.1",
    }
    with caplog.at_level(logging.INFO):
        anyio.run(an_app(), scope, receive, send)
    assert sent == ["http.response.start", "http.response.body"]
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_latency_is_counted_by_route_and_not_by_address():
    metrics = Metrics()
    app = an_app(metrics)
    for number in range(3):
        ask(f"/number/{number}?password=1", app)
    ask("/nowhere", app)
    samples = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "grader_http_seconds_count"
    }
    assert samples == {("/number/{number}", "200"): 3, ("other", "404"): 1}


def test_what_is_not_ours_is_a_fault_of_ours():
    assert problems.status_of(KeyError) == 500
    assert isinstance(problems.as_grader_error(KeyError("x")), GraderError)
