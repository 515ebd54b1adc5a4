"""Event streams: nothing missed and nothing twice, however often a client loses its connection."""

from __future__ import annotations

import threading

from tests.server.running import Event, Server, wait_for


def ids(events: list[Event]) -> list[int]:
    return [event.id for event in events]


def test_a_jobs_whole_life(server: Server) -> None:
    job = server.submit("steps=20 pause=0.01 warn=careful")["id"]
    events = list(server.events(f"/v1/jobs/{job}/events", until_end=True))
    assert ids(events) == sorted(set(ids(events)))
    assert {event.data["job"] for event in events} == {job}
    states = [event.data["state"] for event in events if event.kind == "state"]
    assert states == ["queued", "running", "done"]
    progress = [event.data for event in events if event.kind == "progress"]
    assert [one["stage"] for one in progress] and progress[-1]["stage"] == "export"
    assert any(one.get("preview", "").startswith(f"/v1/jobs/{job}/artefacts/preview.png") for one in progress)
    assert ["careful"] in [event.data.get("warnings") for event in events]

    again = list(server.events(f"/v1/jobs/{job}/events", until_end=True))
    assert again == events
    rest = list(server.events(f"/v1/jobs/{job}/events", until_end=True, after=events[3].id))
    assert rest == events[4:]
    assert list(server.events(f"/v1/jobs/{job}/events", until_end=True, after=events[-1].id)) == []


def test_a_connection_that_breaks_again_and_again(server: Server) -> None:
    job = server.submit("steps=60 pause=0.02")["id"]
    seen: list[Event] = []
    while not (seen and seen[-1].data.get("state") == "done"):
        headers = {"Last-Event-ID": str(seen[-1].id)} if seen else {}
        server.http.headers.update(headers)
        for count, event in enumerate(server.events(f"/v1/jobs/{job}/events", after=0)):
            seen.append(event)
            if count == 4 or event.data.get("state") == "done":
                break
    del server.http.headers["Last-Event-ID"]
    assert seen == list(server.events(f"/v1/jobs/{job}/events", until_end=True))


def test_all_jobs_from_now_on(server: Server) -> None:
    """/v1/events begins now, tells of every job, and says when one is deleted."""
    begun, heard = threading.Event(), []

    def listen() -> None:
        for event in server.events("/v1/events", after=last):
            heard.append(event)
            begun.set()
            if event.kind == "removed":
                return

    done = server.submit("steps=6 pause=0")["id"]
    server.wait(done)
    last = max(ids(list(server.events(f"/v1/jobs/{done}/events", until_end=True))))
    listener = threading.Thread(target=listen)
    listener.start()
    job = server.submit("steps=6 pause=0")["id"]
    server.wait(job)
    assert server.http.delete(f"/v1/jobs/{job}").status_code == 204
    listener.join(60)
    assert not listener.is_alive()
    assert {event.data["job"] for event in heard} == {job}
    assert [event.kind for event in heard][-1] == "removed"


def test_an_end_long_ago_does_not_end_the_stream_of_a_job_tried_again(server: Server) -> None:
    job = server.submit("steps=6 pause=0 fail-at=2 attempts=1")["id"]
    server.wait(job, "failed")
    assert server.http.post(f"/v1/jobs/{job}/retry").status_code == 200
    events = list(server.events(f"/v1/jobs/{job}/events", until_end=True))
    states = [event.data["state"] for event in events if event.kind == "state"]
    assert states == ["queued", "running", "failed", "queued", "running", "done"]


def test_a_stream_costs_nothing_once_it_is_left(server: Server) -> None:
    def open_streams() -> float:
        lines = server.http.get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("realify_event_streams "))

    job = server.submit("steps=400 pause=0.05")["id"]
    stream = server.events(f"/v1/jobs/{job}/events")
    next(stream)
    assert open_streams() == 1
    stream.close()
    wait_for(lambda: open_streams() == 0, "end of the stream on the server's side")
    server.http.post(f"/v1/jobs/{job}/cancel")


def test_what_no_stream_is(server: Server) -> None:
    for path, params, status in (
        ("/v1/jobs/0000/events", {}, 404),
        ("/v1/events", {"after": "x"}, 422),
        ("/v1/events", {"after": "-1"}, 422),
        ("/v1/events", {"after": "9" * 5000}, 422),
    ):
        answer = server.http.get(path, params=params)
        assert (answer.status_code, set(answer.json())) == (status, {"code", "message", "fix"})
