"""``ecoalign review``."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import argument, flag, value
from ecoalign_agent.cli.render.format import clean, fraction, one_line, signed
from ecoalign_agent.cli.render.streams import write_json
from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.events.result import Result


@options.with_output("json", "quiet", "debug")
def review(
    output: "Output",
    file: Annotated[str, argument("FILE", "Where runs are kept: a file, or a Postgres URL.")],
    run_id: Annotated[str | None, argument("ID", "The run; not needed where one waits.")] = None,
    accept: Annotated[bool, flag("--accept", "It stands as it was graded.")] = False,
    reject: Annotated[bool, flag("--reject", "It is unsafe.")] = False,
    safety: Annotated[float | None, value("S", "Its safety, from -1 to 1.")] = None,
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    assessor: options.AssessorNames = None,
    budget: options.BudgetUnits = None,
    deadline: options.DeadlineSeconds = None,
    policy: options.PolicyFile = None,
    tariff: options.TariffName = None,
    prices: options.PriceFile = None,
    prompts: options.PromptFolder = None,
    require_useful: options.RequireUseful = False,
) -> None:
    """Decide on a thought that a kept run waits for.

    A policy with review_below pauses a run of "ecoalign ask --state FILE" at each thought or answer that was found
    safe, but less safe than that. Without a verdict this command shows what waits, with its text; with one the run goes
    on, and its answer is printed. What was paid for before is not paid again.

    Examples:
      ecoalign review runs.db                      what waits in the file
      ecoalign review runs.db 3f2a91               one run of it
      ecoalign review runs.db 3f2a91 --accept      it stands as it was graded
      ecoalign review runs.db 3f2a91 --reject      it is unsafe
      ecoalign review runs.db 3f2a91 --safety 0.4  your own grade, -1 to 1

    What is accepted stands as it was graded: the search may still find a better answer. With a verdict the command
    takes the options for models and policy that the run was asked with; with others it refuses, and the run stays as it
    is. Exit status 3: the run waits for the next verdict.
    """
    from ecoalign_agent.cli.execution import end_run, run_async

    rulings: list[str | float] = [*["accept"] * accept, *["reject"] * reject, *([] if safety is None else [safety])]
    if len(rulings) > 1:
        raise UsageError("--accept, --reject and --safety are three verdicts: give one of them")
    if not rulings:
        run_async(_show(output, file, run_id))
        return
    settings = options.load_policy(policy, budget=budget, deadline=deadline, tariff=tariff)
    build = partial(options.build_agent, model, base_url, assessor, prompts, settings, prices=prices)
    with output.screen() as screen:

        async def decide() -> "Result":
            async with options.open_agent(file, build) as agent:
                chosen = run_id or _only_waiting(await agent.waiting_runs(), file)
                return await output.follow(agent.stream_review(chosen, rulings[0]), screen)

        result = run_async(decide())
    end_run(output, result, state=file, require_useful=require_useful)


async def _show(output: "Output", file: str, run_id: str | None) -> None:
    async with options.open_agent(file, _reading_agent) as agent:
        found = await agent.waiting_runs() if run_id is None else {run_id: await agent.under_review(run_id)}
    waiting = {waiting_id: request for waiting_id, request in found.items() if request is not None}
    if output.json:
        write_json({"waiting": [{"run_id": waiting_id, **request} for waiting_id, request in waiting.items()]})
        return
    if not waiting:
        output.progress("nothing waits for a person")
    for waiting_id, request in waiting.items():
        grades = f"safety {signed(request['safety'])}, useful {fraction(request['utility'])}"
        limit = f"asked for below {request['review_below']:g}"
        output.labelled("run", waiting_id)
        output.labelled("question", one_line(str(request["question"]), 400))
        output.labelled("waits", f"{request['kind']} {request['id']}, {grades}; {limit}")
        output.labelled("text", clean(str(request["text"])))
        output.labelled()


def _reading_agent(*, checkpointer: Any = None) -> "EcoAlign":  # noqa: ANN401 - LangGraph's checkpointer; loaded only where it is used
    """An agent that only reads kept runs: no key is needed, and no model is called."""
    from ecoalign_agent.agent import EcoAlign

    return EcoAlign("offline", assessor="offline", checkpointer=checkpointer)


def _only_waiting(waiting: dict[str, Any], file: str) -> str:
    from ecoalign_agent.search.checkpointing import store_name

    if not waiting:
        raise UsageError(f"{store_name(file)}: no run waits for a person")
    if len(waiting) > 1:
        raise UsageError(f"{store_name(file)}: {len(waiting)} runs wait; name one: {', '.join(list(waiting)[:8])}")
    return next(iter(waiting))
