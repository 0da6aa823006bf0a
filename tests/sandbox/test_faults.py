import pytest

from mcp_router.errors import InvalidArguments
from mcp_router.sandbox.faults import Fault, FaultKind, FaultScript, parse_faults


def test_fault_is_taken_as_often_as_it_says_and_in_order() -> None:
    script = FaultScript()
    twice = Fault(kind=FaultKind.SLOW, times=2)
    then = Fault(kind=FaultKind.GARBLED)
    script.add(twice, then)

    assert script.pending() == 3
    assert [script.take("GET", "/") for _ in range(4)] == [twice, twice, then, None]


def test_fault_waits_for_its_method_and_path() -> None:
    script = FaultScript()
    fault = Fault(kind=FaultKind.STATUS, method="put", path=r"/tickets/\d+$")
    script.add(fault)

    assert script.take("GET", "/tickets/1") is None
    assert script.take("PUT", "/tickets/1/audits") is None
    assert script.take("PUT", "/api/v2/tickets/1") is fault


def test_request_takes_the_first_fault_that_fits_and_leaves_the_others() -> None:
    script = FaultScript()
    put = Fault(kind=FaultKind.SLOW, method="PUT")
    get = Fault(kind=FaultKind.SLOW, method="GET")
    script.add(put, get)

    assert script.take("GET", "/") is get
    assert script.pending() == 1
    assert script.take("PUT", "/") is put


def test_refusal_is_for_connections_and_no_request_takes_it() -> None:
    told: list[str] = []
    script = FaultScript(on_refusal=lambda: told.append("refusal"))
    refusal = Fault(kind=FaultKind.REFUSE)
    script.add(Fault(kind=FaultKind.SLOW))
    script.add(refusal)

    assert told == ["refusal"]
    assert script.take_refusal() is refusal
    assert script.take_refusal() is None
    assert script.pending() == 1


def test_refusal_is_not_taken_by_a_request() -> None:
    script = FaultScript()
    script.add(Fault(kind=FaultKind.REFUSE))

    assert script.take("GET", "/") is None


def test_cleared_faults_do_not_happen() -> None:
    script = FaultScript()
    script.add(Fault(kind=FaultKind.SLOW, times=3))
    script.clear()

    assert script.take("GET", "/") is None
    assert script.pending() == 0


def test_kind_may_be_written_as_text() -> None:
    script = FaultScript()
    script.add(Fault(kind="refuse"))  # type: ignore[arg-type]  # what an untyped script does

    assert script.take("GET", "/") is None
    assert script.take_refusal() == Fault(kind=FaultKind.REFUSE)


def test_json_list_gives_faults() -> None:
    body = b"""[
        {"kind": "late", "delay_s": 0.5, "times": 2, "method": "PUT", "path": "tickets"},
        {"kind": "status", "status": 429, "retry_after_s": 3, "applied": true, "body": "no"}
    ]"""

    assert parse_faults(body) == (
        Fault(kind=FaultKind.LATE, delay_s=0.5, times=2, method="PUT", path="tickets"),
        Fault(kind=FaultKind.STATUS, status=429, retry_after_s=3, applied=True, body="no"),
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not a list of faults, at: the whole"),
        (b'{"kind": "slow"}', "not a list of faults, at: the whole"),
        (b'[{"kind": "sloow"}]', "not a list of faults, at: 0.kind"),
        (b'[{"kind": "slow"}, {"kind": "late", "delay": 1}]', "not a list of faults, at: 1.delay"),
        (b'[{"kind": "slow", "times": 0}]', "not a list of faults, at: 0"),
        (b'[{"kind": "slow", "delay_s": -1}]', "not a list of faults, at: 0"),
        (b'[{"kind": "status", "status": 99}]', "not a list of faults, at: 0"),
        (b'[{"kind": "slow", "path": "("}]', "not a list of faults, at: 0"),
    ],
)
def test_anything_else_is_refused_without_being_echoed(body: bytes, message: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        parse_faults(body)

    assert refused.value.message == message
