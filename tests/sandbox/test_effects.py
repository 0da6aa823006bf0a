import threading

from mcp_router.sandbox.effects import Effects, Received


def test_effects_count_by_kind_and_by_the_thing_they_touched() -> None:
    effects = Effects()
    effects.applied("comment", "ticket-1")
    effects.applied("ticket", "ticket-1")
    effects.applied("comment", "ticket-1")
    effects.applied("comment", "ticket-2")

    assert effects.count() == 4
    assert effects.count("comment") == 3
    assert effects.count("comment", "ticket-1") == 2
    assert effects.count(ref="ticket-1") == 3
    assert effects.count("case") == 0
    assert effects.kinds() == {"comment": 3, "ticket": 1}
    assert effects.refs("comment") == ("ticket-1", "ticket-2")


def test_effects_of_many_threads_are_all_counted() -> None:
    effects = Effects()
    together = threading.Barrier(4)

    def apply() -> None:
        together.wait(5)

        for _ in range(500):
            effects.applied("comment", "ticket-1")

    threads = [threading.Thread(target=apply) for _ in range(4)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join(5)

    assert effects.count("comment", "ticket-1") == 2_000


def test_received_counts_by_method_and_by_a_pattern_in_the_path() -> None:
    received = Received()
    received.add("get", "/api/v2/tickets/1")
    received.add("PUT", "/api/v2/tickets/1")
    received.add("PUT", "/api/v2/tickets/22")

    assert received.count() == 3
    assert received.count("put") == 2
    assert received.count("PUT", r"/tickets/\d$") == 1
    assert received.count(path="/api/") == 3
    assert received.requests() == {
        "GET /api/v2/tickets/1": 1,
        "PUT /api/v2/tickets/1": 1,
        "PUT /api/v2/tickets/22": 1,
    }
