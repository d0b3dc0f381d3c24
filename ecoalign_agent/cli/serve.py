"""``ecoalign serve``."""

from typing import TYPE_CHECKING, Annotated, Any

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import flag, value
from ecoalign_agent.extensions import require_packages

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.server.config import ServingConfig


@options.with_output("debug")
def serve(
    _output: "Output",
    host: Annotated[str, value("ADDRESS", "Where to listen; others can reach all but 127.0.0.1.")] = "127.0.0.1",
    port: Annotated[int, value("N", "The port; 0 takes a free one.")] = 8000,
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    assessor: options.AssessorNames = None,
    rewriter: options.RewriterName = None,
    state: Annotated[str | None, value("FILE", "Keep runs here, so that a person's verdict can be waited for.")] = None,
    policy: options.PolicyFile = None,
    budget: options.BudgetUnits = None,
    prompts: options.PromptFolder = None,
    api_key_file: Annotated[str | None, value("FILE", "Keys that clients need, one a line.")] = None,
    allow_image_host: options.ImageHosts = None,
    allow_base: Annotated[
        bool, flag("--allow-base", "Serve the bare model too, as ecoalign/base: nothing is assessed.")
    ] = False,
    max_seconds: Annotated[float, value("SECONDS", "A run's deadline, at most.")] = 120.0,
    max_images: Annotated[int, value("N", "Pictures in one request.")] = 16,
    max_bytes: Annotated[int, value("N", "Bytes of one request.")] = 32_000_000,
    runs: Annotated[int, value("N", "Runs under way at one time.")] = 32,
    queue: Annotated[int, value("N", "Requests that may wait for a place.")] = 64,
    queue_seconds: Annotated[float, value("SECONDS", "How long one may wait.")] = 30.0,
    heartbeat: Annotated[float, value("SECONDS", "A stream is never silent for longer.")] = 10.0,
    grace: Annotated[float, value("SECONDS", "How long runs may go on when the server is to end.")] = 20.0,
    log_prompts: Annotated[bool, flag("--log-prompts", "Write questions and answers into logs and traces.")] = False,
    otel: Annotated[bool, flag("--otel", "Trace every run by OpenTelemetry; needs the extra otel.")] = False,
    langserve: Annotated[
        bool | None, flag("--langserve/--no-langserve", "LangServe's routes; as installed by default.")
    ] = None,
) -> None:
    r"""Serve safe answers behind a URL: any OpenAI client gets them by changing its base_url.

    The models are "ecoalign", "ecoalign-frugal" and "ecoalign-strict". A request may ask for less than the server's
    policy allows, never for more: options stand in the field "ecoalign" of its body.

    Examples:
      ecoalign serve
      ecoalign serve --model openai:gpt-4o-mini --assessor openai:gpt-4.1-mini --budget 4000
      ECOALIGN_SERVE_KEYS=... ecoalign serve --host 0.0.0.0 --port 8080

    Then:
      curl http://127.0.0.1:8000/v1/chat/completions -H 'content-type: application/json' \
        -d '{"model": "ecoalign", "messages": [{"role": "user", "content": "When does it open?"}]}'

    Only this machine is served unless --host says otherwise, and then a key is required: from ECOALIGN_SERVE_KEYS,
    separated by commas, or from --api-key-file, one a line. /healthz answers without one, /metrics (for Prometheus)
    does not. Logs are lines of JSON on standard error; SIGTERM ends the server once its runs have finished, or after
    --grace.
    """
    require_packages("ecoalign serve", ("fastapi", "uvicorn", "prometheus_client"), extra="serve")
    from ecoalign_agent.server.auth import key_digests, read_key_file
    from ecoalign_agent.server.config import ServingConfig
    from ecoalign_agent.settings import read_settings

    settings = read_settings()
    keys = (settings.serve_keys.get_secret_value() if settings.serve_keys else "").split(",")
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
        policy=options.load_policy(policy, budget=budget),
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
    _run(config, require_tracing=otel)


def _run(config: "ServingConfig", *, require_tracing: bool) -> None:
    from ecoalign_agent.server.app import create_app
    from ecoalign_agent.server.observability import is_tracing_installed, log_event, start_logging, start_tracing
    from ecoalign_agent.server.process import listen, run_server

    app = create_app(config)
    listening = listen(config.host, config.port)
    start_logging()
    stop_tracing: Any = None
    if config.otel and (require_tracing or is_tracing_installed()):
        stop_tracing = start_tracing(prompts=config.log_prompts)
    elif config.otel:
        log_event("OTEL_EXPORTER_OTLP_ENDPOINT is set, but nothing is traced: pip install 'ecoalign-agent[otel]'")
    try:
        run_server(app, listening)
    finally:
        if stop_tracing is not None:
            stop_tracing()
