"""The command line: ``ecoalign serve``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from ecoalign_agent.server.config import ServingConfig

SERVE = """Serve safe answers behind a URL: any OpenAI client gets them by changing its base_url.

The models are "ecoalign", "ecoalign-frugal" and "ecoalign-strict". A request may ask for less than the server's
policy allows, never for more: options stand in the field "ecoalign" of its body.

\b
Examples:
  ecoalign serve
  ecoalign serve --model openai:gpt-4o-mini --assessor openai:gpt-4.1-mini --budget 4000
  ECOALIGN_SERVE_KEYS=... ecoalign serve --host 0.0.0.0 --port 8080

\b
Then:
  curl http://127.0.0.1:8000/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"model": "ecoalign", "messages": [{"role": "user", "content": "When does it open?"}]}'

Only this machine is served unless --host says otherwise, and then a key is required: from ECOALIGN_SERVE_KEYS,
separated by commas, or from --api-key-file, one a line. /healthz answers without one, /metrics (for Prometheus) does
not. Logs are lines of JSON on standard error; SIGTERM ends the server once its runs have finished, or after --grace.
"""


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; others can reach all but 127.0.0.1.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="The port; 0 takes a free one.")] = 8000,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help='Who answers: "provider:name", or "offline", which is free.')
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Of the model: a server that speaks OpenAI's protocol.")
    ] = None,
    assessor: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Who grades: a model, moderation:NAME, guard:MODEL; repeat it for several."),
    ] = None,
    rewriter: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who writes dangerous questions anew first: a model, or trained:NAME."),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Keep runs here, so that a person's verdict can be waited for."),
    ] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="FILE.toml", help="Every setting of the search, or: frugal, strict, paper.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="UNITS", help="Cost units that one request may spend at most.")
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Your own prompts, under the names of ours.")
    ] = None,
    api_key_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Keys that clients need, one a line.")
    ] = None,
    allow_image_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Fetch https pictures from exactly this host; repeat it for several."),
    ] = None,
    allow_base: Annotated[
        bool, typer.Option("--allow-base", help="Serve the bare model too, as ecoalign/base: nothing is assessed.")
    ] = False,
    max_seconds: Annotated[float, typer.Option(metavar="SECONDS", help="A run's deadline, at most.")] = 120.0,
    max_images: Annotated[int, typer.Option(metavar="N", help="Pictures in one request.")] = 16,
    max_bytes: Annotated[int, typer.Option(metavar="N", help="Bytes of one request.")] = 32_000_000,
    runs: Annotated[int, typer.Option(metavar="N", help="Runs under way at one time.")] = 32,
    queue: Annotated[int, typer.Option(metavar="N", help="Requests that may wait for a place.")] = 64,
    queue_seconds: Annotated[float, typer.Option(metavar="SECONDS", help="How long one may wait.")] = 30.0,
    heartbeat: Annotated[float, typer.Option(metavar="SECONDS", help="A stream is never silent for longer.")] = 10.0,
    grace: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long runs may go on when the server is to end.")
    ] = 20.0,
    log_prompts: Annotated[
        bool, typer.Option("--log-prompts", help="Write questions and answers into logs and traces.")
    ] = False,
    otel: Annotated[
        bool, typer.Option("--otel", help="Trace every run by OpenTelemetry; needs the extra otel.")
    ] = False,
    langserve: Annotated[
        bool | None, typer.Option("--langserve/--no-langserve", help="LangServe's routes; as installed by default.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Serve; ``SERVE`` is what a person reads about it."""
    from ecoalign_agent.cli.render.run import Followed, ending_well

    with ending_well(Followed(), debug=debug):
        _require_extra()
        from ecoalign_agent.economics.policy import Policy
        from ecoalign_agent.server.auth import key_digests, read_key_file
        from ecoalign_agent.server.config import ServingConfig
        from ecoalign_agent.settings import read_policy, read_settings

        settings = read_settings()
        keys = (settings.serve_keys.get_secret_value() if settings.serve_keys else "").split(",")
        governed = read_policy(policy) if policy else Policy()
        config = ServingConfig(
            host=host,
            port=port,
            model=model,
            base_url=base_url,
            assessor=tuple(assessor or ()),
            rewriter=rewriter,
            state=state,
            prompts=prompts,
            image_hosts=None if allow_image_host is None else tuple(allow_image_host),
            policy=governed if budget is None else governed.replace(budget=budget),
            key_digests=key_digests([*keys, *(read_key_file(api_key_file) if api_key_file else ())]),
            allow_base=allow_base,
            max_seconds=max_seconds,
            max_images=max_images,
            max_bytes=max_bytes,
            runs=runs,
            queue=queue,
            queue_seconds=queue_seconds,
            heartbeat=heartbeat,
            grace=grace,
            log_prompts=log_prompts,
            otel=otel or settings.otel_endpoint is not None,
            langserve=langserve,
        )
        _run(config, wanted_otel=otel)


def _require_extra() -> None:
    for name in ("fastapi", "uvicorn", "prometheus_client"):
        if find_spec(name) is None:
            raise UsageError(f"ecoalign serve needs {name}: pip install 'ecoalign-agent[serve]'")


def _run(config: "ServingConfig", *, wanted_otel: bool) -> None:
    from ecoalign_agent.server.app import create_app
    from ecoalign_agent.server.observability import is_tracing_installed, log_event, start_logging, start_tracing
    from ecoalign_agent.server.process import listen, run_server

    app = create_app(config)
    listening = listen(config.host, config.port)
    start_logging()
    end: Any = None
    if config.otel and (wanted_otel or is_tracing_installed()):
        end = start_tracing(prompts=config.log_prompts)
    elif config.otel:
        log_event("OTEL_EXPORTER_OTLP_ENDPOINT is set, but nothing is traced: pip install 'ecoalign-agent[otel]'")
    try:
        run_server(app, listening)
    finally:
        if end is not None:
            end()
