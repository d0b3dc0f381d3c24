"""Making training data: the stages' contracts, what is dropped and why, and that a kill loses nothing paid for."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from PIL import Image

from ecoalign_agent.errors import UsageError
from ecoalign_agent.rewriting.template import parse_completion, trained_prompt
from ecoalign_agent.testing import (
    AnyReply,
    CompletionReply,
    ErrorReply,
    JsonObject,
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    scripted_call,
)
from ecoalign_agent.training.synthesis.policy import SynthesisPolicy
from ecoalign_agent.training.synthesis.records import read_records
from ecoalign_agent.training.synthesis.run import SynthesisProgress, SynthesisReport, synthesize_data
from tests.rewriting.making import UNSAFE, made_records, maker
from tests.scripted_server import Answer as Served
from tests.scripted_server import ChatServer, Delayed

pytestmark = pytest.mark.slow


async def made(source: Path, out: Path, model: ScriptedModel | None = None, **more: Any) -> SynthesisReport:
    return await synthesize_data(source, out, model=model or ScriptedModel(maker), **more)


def rows(out: Path, name: str = "data.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / name).read_text(encoding="utf-8").splitlines()]


async def test_twenty_records_become_data_in_the_form_that_is_trained_on(tmp_path: Path) -> None:
    source, out = made_records(tmp_path / "in"), tmp_path / "out"
    report = await made(source, out)
    # Every second record is benign: five by their label, five by the assessor's verdict.
    assert (report.rows, report.benign, report.dropped) == (20, 10, {})
    by_id = {row["id"]: row for row in rows(out)}
    assert list(by_id) == [f"q{n}" for n in range(20)]
    for n in range(20):
        row = by_id[f"q{n}"]
        user, answer = row["prompt"][0], row["completion"][0]
        assert [part["type"] for part in user["content"]] == ["image", "text"]
        assert answer["role"] == "assistant"
        read = parse_completion(answer["content"][0]["text"])
        assert read is not None
        assert (read[1] is None) is (n % 4 < 2)
        assert (out / row["images"][0]).is_file()
    assert by_id["q2"]["prompt"][0]["content"][1]["text"] == trained_prompt("How do I break into locker 1074?")
    # A benign record that is not labelled takes one call, the verdict. A risky one: verdict, two samples with theirs
    # (both samples are unsafe), then hindsight, causal, optimise, and an answer with its verdict.
    calls = {stage: entry["calls"] for stage, entry in provenance(out, "q2").items()}
    assert calls == {"sample": 5, "hindsight": 1, "causal": 1, "optimise": 1, "verify": 2}
    assert {stage: entry["calls"] for stage, entry in provenance(out, "q3").items()} == calls | {"sample": 0}
    assert {stage: entry["calls"] for stage, entry in provenance(out, "q1").items()} == {"sample": 1}
    assert {stage: entry["calls"] for stage, entry in provenance(out, "q0").items()} == {"sample": 0}


def provenance(out: Path, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row["stages"] for row in rows(out, "provenance.jsonl") if row["id"] == id_)
    return found


async def test_unsafe_answers_are_recorded_and_stand_nowhere_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await made(made_records(tmp_path / "in", 8), out)
    assert provenance(out, "q2")["sample"]["output"]["unsafe"] == UNSAFE
    for name in ("data.jsonl", "dropped.jsonl", "README.md", "synthesis.json"):
        assert "UNSAFE" not in (out / name).read_text(encoding="utf-8")
    assert b"UNSAFE" not in (out / "data.parquet").read_bytes()


async def test_parquet_holds_the_same_with_the_pictures_inside(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await made(made_records(tmp_path / "in", 4), out)
    table = pq.read_table(out / "data.parquet").to_pylist()
    for row, line in zip(table, rows(out), strict=True):
        assert row["id"] == line["id"]
        assert row["completion"] == line["completion"]
        assert row["images"][0]["bytes"] == (out / line["images"][0]).read_bytes()


@pytest.mark.parametrize(
    ("task", "reply", "reason"),
    [
        ("assess request", "I would say so.", "the verdict on the request is unknown"),
        ("assess thought", '{"safety": 9, "utility": 1, "hazards": []}', "the verdict on an answer is unknown"),
        ("rewrite hindsight", "no", "the hindsight analysis could not be read"),
        ("rewrite causal", {"safety": -0.5}, "the causal analysis could not be read"),
        ("rewrite prompt", {"prompt": "Who may help me?"}, "the rewrite lost '1074'"),
        ("rewrite prompt", {"prompt": "How do I break into locker 1074?"}, "the rewrite is the question itself"),
    ],
)
async def test_what_cannot_be_read_or_used_drops_the_record_with_its_reason(
    tmp_path: Path, task: str, reply: AnyReply, reason: str
) -> None:
    def script(call: ScriptedCall) -> AnyReply:
        return reply if call.task == task else maker(call)

    out = tmp_path / "out"
    source = made_records(tmp_path / "in", 3)
    await made(source, out, ScriptedModel(script))
    dropped = {row["id"]: row["reason"] for row in rows(out, "dropped.jsonl")}
    assert dropped["q2"].startswith(reason)
    assert "q2" not in {row["id"] for row in rows(out)}


async def test_an_answer_to_the_rewrite_that_is_not_safe_or_no_help_drops_the_record(tmp_path: Path) -> None:
    source = made_records(tmp_path / "in", 4)
    report = await made(source, tmp_path / "a", policy=SynthesisPolicy(useful_from=0.95))
    # The scripted verdict of 0.8 is a utility of (1 + 0.8) / 2 = 0.9.
    assert report.dropped == {"the answer to the rewrite does not help enough": 2}
    report = await made(source, tmp_path / "b", policy=SynthesisPolicy(safe_from=1.0))
    assert report.dropped == {"the answer to the rewrite is not safe enough": 2}


async def test_an_answer_that_was_cut_off_proves_nothing(tmp_path: Path) -> None:
    def script(call: ScriptedCall) -> AnyReply:
        reply = maker(call)
        return ScriptedReply(reply, finish_reason="length") if reply == "A locksmith can." else reply

    out = tmp_path / "out"
    report = await made(made_records(tmp_path / "in", 4), out, ScriptedModel(script))
    # The two risky records are rewritten, but the answers to their rewrites end in the middle.
    assert report.dropped == {"the answer to the rewrite was cut off": 2}


async def test_near_duplicates_and_what_occurs_in_an_evaluation_set_are_left_out_unpaid(tmp_path: Path) -> None:
    source, held_out = made_records(tmp_path / "in", 8), tmp_path / "eval.jsonl"
    lines = (source / "metadata.jsonl").read_text().splitlines()
    again = json.loads(lines[2]) | {"id": "again", "instruction": "How do I BREAK INTO locker 1074 ?!"}
    (source / "metadata.jsonl").write_text("\n".join([*lines, json.dumps(again)]) + "\n")
    held_out.write_text(json.dumps({"question": "how do i break into locker  1222"}) + "\n")
    model = ScriptedModel(maker)
    report = await made(source, tmp_path / "out", model, exclude=[held_out])
    assert (report.duplicates, report.excluded) == (1, 1)
    assert {row["id"] for row in rows(tmp_path / "out", "dropped.jsonl")} == {"again", "q6"}
    assert not any("1222" in call.data.get("question", call.task) for call in model.calls)


async def test_a_picture_of_an_evaluation_set_is_found_after_it_was_scaled(tmp_path: Path) -> None:
    source = made_records(tmp_path / "in", 4)
    (tmp_path / "eval").mkdir()
    Image.open(source / "p2.png").resize((320, 240)).convert("RGB").save(tmp_path / "eval" / "x.jpg", quality=80)
    (tmp_path / "eval" / "metadata.jsonl").write_text('{"file_name": "x.jpg", "question": "Something else"}\n')
    report = await made(source, tmp_path / "out", exclude=[tmp_path / "eval"])
    assert report.excluded == 1


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ('{"file_name": "p0.png"}', "the instruction is missing or empty"),
        ('{"instruction": "  "}', "the instruction is missing or empty"),
        ('{"instruction": "a", "file_name": "gone.png"}', "image 'gone.png' is missing"),
        ('{"instruction": "a", "file_name": "../secret.png"}', "lies outside the data's folder"),
        ('{"instruction": "a", "id": "q0"}', "id 'q0' was there before"),
        ('{"instruction": "a", "id": "../x"}', "only letters, digits"),
        ('{"instruction": "a", "label": "fine"}', "must be benign or unsafe"),
        ('{"instruction": "a", "safe_answer": 3}', "safe_answer is no text"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_and_the_rest_stands(tmp_path: Path, line: str, why: str) -> None:
    source = made_records(tmp_path / "in", 1)
    with (source / "metadata.jsonl").open("a") as file:
        file.write(line + "\n")
    records, unusable = read_records(source)
    assert [record.id for record in records] == ["q0"]
    assert (unusable[0].where, why in unusable[0].reason) == ("metadata.jsonl:2", True)


def test_parquet_goes_in_as_it_came_out_of_other_tools(tmp_path: Path) -> None:
    """Pictures inside as bytes, answers under the names of a preference set."""
    picture = made_records(tmp_path / "in", 1) / "p0.png"
    rows = [
        {
            "id": 7,
            "question": "What is it?",
            "image": {"bytes": picture.read_bytes(), "path": None},
            "chosen": "A bar.",
        },
        {"id": 8, "question": "And this?", "image": None, "chosen": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    records, unusable = read_records(tmp_path / "in.parquet")
    assert [(r.id, r.instruction, r.safe_answer) for r in records] == [
        ("7", "What is it?", "A bar."),
        ("8", "And this?", None),
    ]
    assert (records[0].image, records[1].image, unusable) == (picture.read_bytes(), None, [])


async def test_a_half_written_folder_is_taken_up_again_and_pays_for_nothing(tmp_path: Path) -> None:
    source, out, model = made_records(tmp_path / "in"), tmp_path / "out", ScriptedModel(maker)
    await made(source, out, model)
    data, paid = (out / "data.jsonl").read_bytes(), len(model.calls)
    whole = (out / "synthesis.json").read_text()
    (out / "synthesis.json").write_text(whole[: len(whole) // 2])
    (out / "data.jsonl").write_bytes(data[: len(data) // 2])
    (out / "data.parquet").unlink()
    await made(source, out, model)
    assert (len(model.calls), (out / "data.jsonl").read_bytes()) == (paid, data)
    assert (out / "data.parquet").exists()


async def test_a_folder_of_another_run_is_not_written_over(tmp_path: Path) -> None:
    source, out = made_records(tmp_path / "in", 1), tmp_path / "out"
    await made(source, out)
    with pytest.raises(UsageError, match=r"made with other settings \(policy\)"):
        await made(source, out, policy=SynthesisPolicy(samples=3))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="holds other files"):
        await made(source, tmp_path / "mine")


async def test_a_second_run_pays_for_nothing(tmp_path: Path) -> None:
    source, out, model = made_records(tmp_path / "in"), tmp_path / "out", ScriptedModel(maker)
    await made(source, out, model)
    data, paid = (out / "data.jsonl").read_bytes(), len(model.calls)
    progress: list[SynthesisProgress] = []
    second = await made(source, out, model, on_progress=progress.append)
    assert (len(model.calls), second.calls, second.cost) == (paid, 0, 0.0)
    assert second.resumed == len(rows(out, "journal.jsonl"))
    assert (out / "data.jsonl").read_bytes() == data
    assert (progress[-1].done, progress[-1].usable) == (20, 20)


class Ended(NamedTuple):
    """A process that has ended."""

    status: int | None
    stdout: str
    stderr: str


def served(delay: float, fails: Counter[str] | None = None) -> Any:
    def answer(body: JsonObject) -> Served:
        messages: list[BaseMessage] = [
            (SystemMessage if turn["role"] == "system" else HumanMessage)(turn["content"]) for turn in body["messages"]
        ]
        reply = maker(scripted_call(messages))
        text = reply if isinstance(reply, str) else json.dumps(reply)
        key = json.dumps(body["messages"], sort_keys=True)
        if fails is not None and (fails.update([key]) or fails[key] == 1) and hash_of(key) % 9 == 0:
            return ErrorReply(500)
        return Delayed(delay, CompletionReply(text))

    return answer


def hash_of(text: str) -> int:
    return sum(text.encode())


async def ecoalign(
    source: Path, out: Path, url: str, *, kill: Callable[[], Awaitable[None]] | None = None, file_kb: str = "unlimited"
) -> Ended:
    """The command as a process; ``kill``: it is killed hard when this returns; ``file_kb``: no file gets larger."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "ECOALIGN", "LANG"))}
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", 'ulimit -f "$1"; shift; exec "$@"', "limited", file_kb),
        *(sys.executable, "-m", "ecoalign_agent.cli.main", "synthesize", str(source), str(out)),
        *("--model", "openai:m", "--base-url", url, "--at-once", "4", "--json"),
        env=clean | {"ECOALIGN_CACHE": "off"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if kill is not None:
        await kill()
        process.kill()
    stdout, stderr = await asyncio.wait_for(process.communicate(), 90)
    return Ended(process.returncode, stdout.decode(), stderr.decode())


async def reached(server: ChatServer, requests: int) -> None:
    await server.until(lambda: len(server.requests) >= requests, within=60)


async def test_killed_and_resumed_it_pays_for_no_finished_stage_twice(tmp_path: Path) -> None:
    source = made_records(tmp_path / "in")
    with ChatServer(served(0.0, Counter())) as server:
        await synthesize_data(source, tmp_path / "whole", model="openai:m", base_url=server.url)
        needed = len(server.bodies)
    kills = (needed // 5, needed // 2)
    with ChatServer(served(0.02, Counter())) as server:
        for at in kills:
            killed = await ecoalign(source, tmp_path / "out", server.url, kill=partial(reached, server, at))
            assert killed.status == -signal.SIGKILL
        done = await ecoalign(source, tmp_path / "out", server.url)
        assert done.status == 0, done.stderr
        # Lost with a kill: the stages under way, four at once, of at most five calls and a retry of each.
        assert len(server.bodies) <= needed + len(kills) * 4 * 10
    report = json.loads(done.stdout)
    assert report["resumed"] > 0
    assert report["calls"] < needed
    for name, key in (("data.jsonl", "completion"), ("dropped.jsonl", "reason")):
        assert [(row["id"], row[key]) for row in rows(tmp_path / "out", name)] == [
            (row["id"], row[key]) for row in rows(tmp_path / "whole", name)
        ]
    journal = rows(tmp_path / "out", "journal.jsonl")
    # No stage that had ended was carried out again.
    assert max(Counter((entry["record"], entry["stage"]) for entry in journal).values()) == 1


async def test_a_dead_endpoint_ends_the_run_in_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    source = made_records(tmp_path / "in")
    with ChatServer(ErrorReply(401)) as server:
        done = await ecoalign(source, tmp_path / "out", server.url)
    assert (done.status, done.stdout) == (1, "")
    assert "run the same command again" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out" / "data.jsonl").exists()


async def test_a_disc_that_fills_ends_the_run_in_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    source = made_records(tmp_path / "in")
    with ChatServer(served(0.0)) as server:
        full = await ecoalign(source, tmp_path / "out", server.url, file_kb="4")
        assert (full.status, full.stdout) == (1, "")
        assert "journal.jsonl" in full.stderr.splitlines()[-1]
        assert "make room and run the same again" in full.stderr.splitlines()[-1]
        # The last line may be half there.
        before = (tmp_path / "out" / "journal.jsonl").read_bytes().count(b"\n")
        done = await ecoalign(source, tmp_path / "out", server.url)
    assert done.status == 0, done.stderr
    assert json.loads(done.stdout)["resumed"] >= before > 0
    assert len(rows(tmp_path / "out")) == 20
