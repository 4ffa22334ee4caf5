/// Passes text on until one of the stop texts appears, and never lets a part of one through.
public struct StopFilter: Sendable {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []
    /// Whether a stop text has appeared.
    public private(set) var hasStopped = false

    /// A filter for some stop texts; empty ones are ignored.
    public init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

    /// The text that is certain not to belong to a stop text.
    public mutating func pass(_ text: String) -> String {
        guard !hasStopped else { return "" }
        held += Array(text.utf8)
        if let end = stops.compactMap({ Self.first($0, in: held) }).min() {
            hasStopped = true
            held.removeSubrange(end...)
            return finish()
        }
        let certain = held.count - longestBeginning()
        defer { held.removeFirst(certain) }
        return String(decoding: held[..<certain], as: UTF8.self)
    }

    /// What was held back, when no more text comes.
    public mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    /// Bytes at the end that may be the beginning of a stop text.
    private func longestBeginning() -> Int {
        stops.map { stop in
            (0..<min(stop.count, held.count + 1)).reversed().first { held.suffix($0).elementsEqual(stop.prefix($0)) }
                ?? 0
        }.max() ?? 0
    }

    private static func first(_ stop: [UInt8], in text: [UInt8]) -> Int? {
        guard text.count >= stop.count else { return nil }
        return (0...text.count - stop.count).first { text[$0..<$0 + stop.count].elementsEqual(stop) }
    }
}
