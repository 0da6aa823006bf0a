"""The export, byte for byte: JSON lines as evidence, CSV for spreadsheets."""

import csv
import io
import json
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from mcp_router.audit.export import COLUMNS, Format, TextFormat, lines
from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.decision import ChainLimits, Decision
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.signals import Intent, Signals
from tests.storage.rows import LINK, export_rows, record

DECISION = Decision(
    policy="support@1",
    policy_digest="d1",
    rule="password-reset",
    why="simple",
    pool="cost",
    signals=Signals(
        tool="route_completion",
        tenant="acme",
        intent=Intent(name="password_reset", confidence=0.875),
    ),
    candidates=(),
    rejections=(),
    limits=ChainLimits(
        deadline_s=30.0,
        attempt_timeout_s=12.0,
        attempts=4,
        budget_microusd=100_000,
        max_output_tokens=300,
    ),
)
FULL = replace(
    record("full", tool="route_completion"),
    decision=DECISION,
    target="haiku",
    cost_microusd=1_250,
    run_id="run-1",
    ticket_id="7",
    customer_id="cus-9",
    attempts=(
        Attempt(
            target="haiku",
            evidence=Evidence.APPLIED,
            reason=Reason.OK,
            latency_ms=11,
            cost_microusd=1_250,
        ),
    ),
)
BARE = record("bare", outcome="cancelled")
STORED = (StoredRecord(seq=1, record=FULL), StoredRecord(seq=2, record=BARE))
ROWS = export_rows(*STORED)


def test_json_lines_hold_every_field_in_canonical_form() -> None:
    assert list(lines(ROWS, Format.JSONL)) == [
        f'{{"chain":"{LINK.hex()}",'
        '"record":{"at_ms":1795262400000,"attempts":[{"cost_microusd":1250,'
        '"evidence":"applied","failed_checks":[],"latency_ms":11,"purpose":"answer",'
        '"reason":"ok","started_ms":0,"target":"haiku"}],"budgets":[],'
        '"cost_microusd":1250,"customer_id":"cus-9","decision":{"candidates":[],"facts":[],'
        '"limits":{"attempt_timeout_s":12,'
        '"attempts":4,"budget_microusd":100000,"deadline_s":30,"max_output_tokens":300},'
        '"policy":"support@1","policy_digest":"d1","pool":"cost","rejections":[],'
        '"rule":"password-reset","signals":{"complexity":0,"intent":{"confidence":0.875,'
        '"name":"password_reset"},"pii_kinds":[],"prompt_tokens":0,"safety_flags":[],'
        '"sensitive_topics":[],"sources":[],"tenant":"acme","ticket_spend_microusd":0,'
        '"tool":"route_completion","tools_offered":0,"tools_required":false,"turns":0},'
        '"spend":{"balances":[]},"why":"simple"},"decision_id":"dec_full",'
        '"latency_ms":12,"outcome":"ok","pii":[],"principal":"copilot","run_id":"run-1",'
        '"target":"haiku","tenant":"acme","ticket_id":"7","tool":"route_completion",'
        '"transport":"stdio"},"seq":1}\n',
        f'{{"chain":"{LINK.hex()}",'
        '"record":{"at_ms":1795262400000,"attempts":[],"budgets":[],"cost_microusd":0,'
        '"decision_id":"dec_bare","latency_ms":12,"outcome":"cancelled","pii":[],'
        '"principal":"copilot",'
        '"tenant":"acme","tool":"lookup_ticket","transport":"stdio"},"seq":2}\n',
    ]


def test_json_lines_read_back_as_the_records() -> None:
    read = [json.loads(line) for line in lines(ROWS, Format.JSONL)]

    assert [TypeAdapter(Record).validate_python(one["record"]) for one in read] == [FULL, BARE]


def test_csv_has_a_heading_and_a_line_for_each_record() -> None:
    assert list(lines(ROWS, Format.CSV)) == [
        "seq,at_ms,decision_id,tenant,principal,tool,outcome,error_code,policy,rule,pool,intent,"
        "confidence,target,attempts,cost_usd,latency_ms,ticket_id,run_id,action_id,customer_id\r\n",
        "1,1795262400000,dec_full,acme,copilot,route_completion,ok,,support@1,password-reset,cost,"
        "password_reset,0.875,haiku,1,0.00125,12,7,run-1,,cus-9\r\n",
        "2,1795262400000,dec_bare,acme,copilot,lookup_ticket,cancelled,,,,,,,,0,0.0,12,,,,\r\n",
    ]


def test_an_empty_log_is_a_heading_or_nothing() -> None:
    assert list(lines((), Format.JSONL)) == []
    assert list(lines((), Format.CSV)) == [",".join(COLUMNS) + "\r\n"]


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_no_cell_of_a_csv_is_a_formula(sign: str) -> None:
    text = f'{sign}HYPERLINK("https://evil.example")'
    stored = StoredRecord(seq=1, record=replace(FULL, ticket_id=text, run_id=text, tenant=text))

    (row,) = list(
        csv.DictReader(io.StringIO("".join(lines(export_rows(stored), Format.CSV)), newline=""))
    )

    assert [row[name] for name in ("ticket_id", "run_id", "tenant")] == [f"'{text}"] * 3


def test_a_cell_keeps_its_commas_quotes_and_line_breaks() -> None:
    text = 'a, "b"\nc'
    stored = StoredRecord(seq=1, record=replace(FULL, ticket_id=text))

    (row,) = list(
        csv.DictReader(io.StringIO("".join(lines(export_rows(stored), Format.CSV)), newline=""))
    )

    assert row["ticket_id"] == text


@pytest.mark.parametrize("kind", [Format.JSONL, Format.CSV])
def test_a_record_that_is_kept_on_several_lines_is_one_in_the_export(kind: TextFormat) -> None:
    broken = [(seq, text.replace(",", ",\n"), link) for seq, text, link in ROWS]

    assert list(lines(broken, kind)) == list(lines(ROWS, kind))


def test_json_lines_pass_on_what_this_version_cannot_read() -> None:
    assert list(lines([(7, '{"later":1}', LINK)], Format.JSONL)) == [
        f'{{"chain":"{LINK.hex()}","record":{{"later":1}},"seq":7}}\n'
    ]


@pytest.mark.parametrize("break_", [";", ";  ", "\n", "\r\n", 'b";"'])
def test_no_part_of_a_cell_is_a_formula_where_cells_are_parted_otherwise(break_: str) -> None:
    stored = StoredRecord(seq=1, record=replace(FULL, ticket_id=f"a{break_}=1+1;b"))

    (row,) = list(
        csv.DictReader(io.StringIO("".join(lines(export_rows(stored), Format.CSV)), newline=""))
    )

    assert row["ticket_id"] == f"a{break_}'=1+1;b"


@pytest.mark.parametrize("text", ["a; b", "7;8", "cus-9 (a-b)", "2 + 2 = 4", "me@example.com"])
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    stored = StoredRecord(seq=1, record=replace(FULL, ticket_id=text))

    (row,) = list(
        csv.DictReader(io.StringIO("".join(lines(export_rows(stored), Format.CSV)), newline=""))
    )

    assert row["ticket_id"] == text
