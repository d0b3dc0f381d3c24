"""OpenTelemetry, where it is wanted: every run as spans, by OpenInference's instrumentation of LangChain.

Where spans go is for OpenTelemetry's own variables to say (``OTEL_EXPORTER_OTLP_ENDPOINT`` and its kin). LangSmith
needs nothing of us: LangChain reads its variables by itself.
"""

from collections.abc import Callable
from importlib.util import find_spec

from ecoalign_agent.errors import UsageError

_NEEDED = ("openinference.instrumentation.langchain", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def installed() -> bool:
    """Whether the extra ``otel`` is there."""
    try:
        return all(find_spec(name) is not None for name in _NEEDED)
    except ModuleNotFoundError:  # a package above one of them is not there
        return False


def start_tracing(*, prompts: bool) -> Callable[[], None]:
    """Trace every run of this process from now on.

    Args:
        prompts: whether questions, answers and pictures go into the spans, too.

    Returns:
        Ends the tracing; what is not sent yet is sent. To be called once.

    Raises:
        UsageError: the extra is not installed.
    """
    if not installed():
        raise UsageError("--otel needs the extra otel: pip install 'ecoalign-agent[otel]'")
    from openinference.instrumentation import TraceConfig  # noqa: PLC0415 - the extra may not be there
    from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: PLC0415 - as above
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    provider = TracerProvider(resource=Resource.create({"service.name": "ecoalign"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    hidden = TraceConfig() if prompts else TraceConfig(hide_inputs=True, hide_outputs=True)
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=provider, config=hidden)

    def end() -> None:
        instrumentor.uninstrument()
        provider.shutdown()

    return end
