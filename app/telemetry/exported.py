"""Starts as OpenTelemetry traces, sent over OTLP where the ``OTEL_EXPORTER_OTLP_…`` variables say."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app import __version__
from app.clock import Clock, MonotonicClock, wall_clock
from app.log_context import KEY
from app.media import NS_PER_S
from app.tracing import StartTrace, Step, Tracing

CARRIED = ("traceparent", "tracestate")
GOODBYE_S = 2  # for what has not been sent; a collector that is not there keeps nobody
UNNAMED = "unknown_service"


class WallTime:
    """The wall clock's ns of a monotonic moment, by one reading: spans of a trace never run backwards."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ns = int(wall_clock().timestamp() * NS_PER_S) - clock.now_ns()

    def now(self) -> int:
        """Return this moment."""
        return self.of(self._clock.now_ns())

    def of(self, at_ns: int) -> int:
        """Return a monotonic moment."""
        return at_ns + self._offset_ns


class ExportedStep(Step):
    """A span that goes on."""

    def __init__(self, span: Span, time: WallTime) -> None:
        self._span, self._time = span, time
        self._over = False

    def end(self, error: str = "") -> None:
        """See :class:`Step`."""
        if not self._over:
            self._over = True
            if error:
                self._span.set_attribute("error.type", error)
                self._span.set_status(StatusCode.ERROR)
            self._span.end(self._time.now())


class ExportedStart(StartTrace):
    """A span, and its steps as spans within it."""

    def __init__(self, span: Span, tracer: Tracer, time: WallTime) -> None:
        self._span, self._tracer, self._time = span, tracer, time
        self.context = trace.set_span_in_context(span, Context())
        self._whole = ExportedStep(span, time)

    def describe(self, **facts: str) -> None:
        """See :class:`StartTrace`."""
        if key := KEY.get():
            facts["key"] = key
        self._span.set_attributes({f"lipwire.{name}": fact for name, fact in facts.items()})

    def begin(self, name: str) -> Step:
        """See :class:`StartTrace`."""
        span = self._tracer.start_span(name, self.context, start_time=self._time.now())
        return ExportedStep(span, self._time)

    def add(self, name: str, begun_ns: int, ended_ns: int) -> None:
        """See :class:`StartTrace`."""
        span = self._tracer.start_span(name, self.context, start_time=self._time.of(begun_ns))
        span.end(self._time.of(ended_ns))

    def end(self, error: str = "") -> None:
        """See :class:`StartTrace`."""
        self._whole.end(error)


class ExportedTracing(Tracing):
    """Traces every start, unless ``OTEL_TRACES_SAMPLER`` or the caller's ``traceparent`` says otherwise.

    Spans are sent by a thread of the exporter's own. Bound: as many as ``OTEL_BSP_MAX_QUEUE_SIZE`` says (2048); full:
    they are dropped, as where no collector answers.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._provider: TracerProvider | None = None
        self._tracer: Tracer = trace.NoOpTracer()

    def start(self) -> None:
        """Begin: a thread starts here."""
        resource = Resource.create({SERVICE_VERSION: __version__})
        if str(resource.attributes.get(SERVICE_NAME, UNNAMED)).startswith(UNNAMED):
            resource = resource.merge(Resource({SERVICE_NAME: "lipwire"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("lipwire", __version__)

    def begin(self, name: str, headers: Mapping[str, str], within: StartTrace | None = None) -> StartTrace:
        """See :class:`Tracing`."""
        carrier = {each: headers[each] for each in CARRIED if each in headers}
        parent = TraceContextTextMapPropagator().extract(carrier, Context())
        if not trace.get_current_span(parent).get_span_context().is_valid and isinstance(within, ExportedStart):
            parent = within.context
        time = WallTime(self._clock)
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, start_time=time.now())
        return ExportedStart(span, self._tracer, time)

    async def aclose(self) -> None:
        """See :class:`Tracing`; again is fine."""
        if self._provider is None:
            return
        provider, self._provider = self._provider, None
        done, loop = asyncio.Event(), asyncio.get_running_loop()

        def shut_down() -> None:
            provider.shutdown()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # no pool's thread: the process waits for those
        threading.Thread(target=shut_down, name="last traces", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), GOODBYE_S)
        except TimeoutError:
            return
