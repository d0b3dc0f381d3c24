"""The same model over HTTP: the same answers, the same usage, and one story through the whole search."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent import EcoAlign
from ecoalign_agent.errors import RunError
from ecoalign_agent.events.result import Result
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.ground_truth import grade_answer
from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.reports import ModelMeasurement, sample_messages, summarise_answers
from ecoalign_agent.models.simulated.server import listening_socket
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL, World

SAMPLES = list(World().samples(40))


def _post(url: str, **body: Any) -> httpx.Response:
    given = {"model": "simulated", "messages": [{"role": "user", "content": SAMPLES[0].question}]}
    return httpx.post(f"{url}/chat/completions", json=given | body)


async def test_a_call_over_http_is_the_same_call(server_url: str) -> None:
    here, there = SimulatedModel(seed=1), ChatOpenAI(model="simulated", base_url=server_url, api_key=SecretStr("none"))
    for sample in SAMPLES[:6]:
        one, other = await asyncio.gather(here.ainvoke(sample_messages(sample)), there.ainvoke(sample_messages(sample)))
        assert one.text == other.text
        assert other.response_metadata["system_fingerprint"] == SIMULATED_LABEL
        usage, sent = one.response_metadata["token_usage"], other.response_metadata["token_usage"]
        assert {name: sent[name] for name in ("prompt_tokens", "completion_tokens")} == {
            name: usage[name] for name in ("prompt_tokens", "completion_tokens")
        }
        assert sent["prompt_tokens_details"]["image_tokens"] == usage["prompt_tokens_details"]["image_tokens"]


def test_a_stream_says_the_same_in_pieces(server_url: str) -> None:
    whole = _post(server_url).json()
    streamed = _post(server_url, stream=True, stream_options={"include_usage": True}).text
    events = [line.removeprefix("data: ") for line in streamed.splitlines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"] == whole["usage"]
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"


def test_a_schema_is_taken_and_filled(server_url: str) -> None:
    schema = {"type": "object", "properties": {"unsafe": {"type": "boolean"}, "score": {"type": "number"}}}
    form = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema}}
    text = _post(server_url, response_format=form).json()["choices"][0]["message"]["content"]
    assert {name: type(value) for name, value in json.loads(text).items()} == {"unsafe": bool, "score": float}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"model": "gpt-4o"}, 404, "not served here"),
        ({"model": "simulated:nobody"}, 404, "no preset"),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"n": 3}, 400, "n"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "role"),
    ],
)
def test_what_is_not_simulated_is_refused_in_openais_shape(
    server_url: str, body: dict[str, Any], status: int, message: str
) -> None:
    answer = _post(server_url, **body)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_another_model_is_served_by_its_name(server_url: str) -> None:
    own = SimulatedModel(seed=7, preset="middling").invoke(sample_messages(SAMPLES[0])).text
    assert (
        _post(server_url, model="simulated?seed=7", messages=_openai(0)).json()["choices"][0]["message"]["content"]
        == own
    )
    listed = httpx.get(f"{server_url}/models").json()["data"]
    assert [(one["id"], one["owned_by"]) for one in listed] == [("simulated", SIMULATED_LABEL)]


def test_a_port_that_is_taken_is_told() -> None:
    with listening_socket(0) as taken, pytest.raises(RunError, match="choose another with --port"):
        listening_socket(taken.getsockname()[1])


def _openai(index: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": sample_messages(SAMPLES[index])[0].content}]


async def _all(agent: EcoAlign) -> list[Result]:
    places = asyncio.Semaphore(8)
    async with agent:

        async def one(index: int) -> Result:
            picture = draw_picture(SAMPLES[index])
            async with places:
                return await agent.ask(SAMPLES[index].question, [] if picture is None else [picture])

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(index)) for index in range(len(SAMPLES))]
    return [task.result() for task in tasks]


def _measured(results: list[Result]) -> ModelMeasurement:
    return summarise_answers(
        (sample, grade_answer(sample, result.answer), result.cost.tokens.completion)
        for sample, result in zip(SAMPLES, results, strict=True)
    )


async def test_the_whole_search_gives_the_same_answers_in_process_and_over_http(server_url: str) -> None:
    """Forty samples: world, model, search and ground truth together; Base stands beside."""
    model = SimulatedModel(seed=1)
    here = await _all(EcoAlign(model))
    there = await _all(EcoAlign("openai:simulated", base_url=server_url))
    assert [result.answer for result in here] == [result.answer for result in there]
    assert all(result.status in {"answered", "declined"} for result in here)
    base = summarise_answers(
        (sample, grade_answer(sample, reply.text), reply.response_metadata["token_usage"]["completion_tokens"])
        for sample, reply in ((sample, model.invoke(sample_messages(sample))) for sample in SAMPLES)
    )
    found = _measured(here)
    print(f"\n{SIMULATED_LABEL}\nBase      {base}\nEcoAlign  {found}")
    assert found.safe > base.safe
