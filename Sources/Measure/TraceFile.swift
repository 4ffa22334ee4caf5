public import Engine
import JSON
import Partition

/// Chrome's trace-event format, which Perfetto and `chrome://tracing` show; times in microseconds of rank 0's clock.
///
/// Trace Event Format, https://chromium.googlesource.com/catapult, tracing/README.md.
public enum TraceFile {
    /// One rank's events: its name, then a complete event for each step, mixer, head and collective, by their begins.
    public static func text(_ trace: RankTrace) -> String {
        let name = JSONValue.string("rank \(trace.rank) on \(trace.host)").json
        let head =
            "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":\(trace.rank),\"args\":{\"name\":\(name),"
            + "\"droppedEvents\":\(trace.droppedCount)}}"
        // Who contains another begins no later and ends no earlier.
        let sorted = trace.events.sorted { ($0.start, $1.end) < ($1.start, $0.end) }
        return ([head] + sorted.map { line($0, trace) }).joined(separator: ",\n")
    }

    /// The whole file of all ranks' ``text(_:)``.
    public static func whole(_ ranks: [String]) -> String {
        "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n" + ranks.joined(separator: ",\n") + "\n]}\n"
    }

    private static func line(_ event: TraceEvent, _ trace: RankTrace) -> String {
        let (name, category) = label(event.kind)
        let (start, end) = (trace.common(event.start), trace.common(event.end))
        let layer = event.layer.map { ",\"args\":{\"layer\":\($0)}" } ?? ""
        return "{\"ph\":\"X\",\"name\":\"\(name)\",\"cat\":\"\(category)\",\"pid\":\(trace.rank),\"tid\":0,"
            + "\"ts\":\(microseconds(start)),\"dur\":\(microseconds(max(0, end - start)))\(layer)}"
    }

    private static func label(_ kind: TraceEvent.Kind) -> (name: String, category: String) {
        switch kind {
        case .step(let tokens): ("step of \(tokens)", "step")
        case .phase(let phase): (phase.rawValue, phase == .head ? "head" : "mixer")
        case .collective(let function): ("\(function)", "collective")
        }
    }

    private static func microseconds(_ nanoseconds: Int64) -> String {
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1000)
        return "\(whole)." + String("\(1000 + rest)".dropFirst())
    }
}
