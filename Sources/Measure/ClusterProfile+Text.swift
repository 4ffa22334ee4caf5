import Blueprint
public import Foundation
public import Partition

/// The profile as a file and for people.
extension ClusterProfile {
    /// JSON of a key a line, in the order of the alphabet, that a person can read and change.
    public var json: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return try encoder.encode(self) + Data("\n".utf8)
        }
    }

    /// A profile from such JSON, checked.
    ///
    /// - Parameter path: names the file in errors.
    /// - Throws: ``PartitionError`` for what is no profile, or one that nothing can be predicted from.
    public init(json: Data, path: String) throws(PartitionError) {
        do {
            // Another form may have other keys.
            let version = try JSONDecoder().decode(Form.self, from: json).formatVersion
            guard version == Self.formatVersion else { throw Self.wrongForm(version, path: path) }
            self = try JSONDecoder().decode(ClusterProfile.self, from: json)
        } catch let error as PartitionError {
            throw error
        } catch let error as DecodingError {
            let (place, found) = error.placeAndFound
            throw .profile(
                path: path, place: place, expected: "what 'lockstep probe' writes", found: found)
        } catch {
            throw .profile(path: path, place: "the file", expected: "what 'lockstep probe' writes", found: "\(error)")
        }
        try check(path: path)
    }

    /// What every form has.
    private struct Form: Decodable {
        var formatVersion: Int
    }

    /// The same with as many digits as repeated measurements might agree on.
    package var rounded: ClusterProfile {
        var profile = self
        for rank in ranks.indices { profile.ranks[rank].round() }
        for link in links.indices {
            profile.links[link].latencySeconds.roundToDigits()
            profile.links[link].bytesPerSecond.roundToDigits()
            profile.links[link].spread.roundToDigits()
        }
        for collective in collectives.indices { profile.collectives[collective].round() }
        return profile
    }

    /// Tables of what each rank does and of what connects them.
    public var text: String {
        let machines = [["rank", "host", "threads", "instructions", "memory", "reads GB/s", "spread"]]
            + ranks.enumerated().map { rank, own in
                [
                    "\(rank)", own.host, "\(own.threads) of \(own.cores)", own.instructionSet,
                    Figure.bytes(own.memoryByteCount), Figure.giga(own.readBandwidth),
                    Figure.percent(own.readSpread),
                ]
            }
        var text = Table.text(machines)
        text += "\nproducts of one token, GB/s of weights\n" + products(\.tokenBytesPerSecond)
        text += "\nproducts of many tokens, Gop/s\n" + products(\.chunkOperationsPerSecond)
        text += "\nattention: GB/s of cache for one token, Gop/s for 256\n" + attention
        guard ranks.count > 1 else { return text }
        text += "\nlinks\n" + linkTable
        text += "\ncollectives, microseconds\n" + collectiveTable
        guard collectives.contains(where: { $0.computedPoints != nil }) else { return text }
        text += "\ncollectives if no ranks shared cores, microseconds: computed from pairs that do not\n"
        return text + computedTable
    }

    private func products(_ figure: KeyPath<ProductProfile, Double>) -> String {
        let names = ranks.first?.products.filter { $0.math == .precise }.map(\.encoding) ?? []
        let rows = ranks.enumerated().flatMap { rank, own in
            Math.allCases.map { math in
                ["\(rank)", math.rawValue]
                    + own.products.filter { $0.math == math }.map { Figure.giga($0[keyPath: figure]) }
            }
        }
        return Table.text([["rank", "math"] + names] + rows)
    }

    private var attention: String {
        let names = ranks.first?.attention.map(\.cache.rawValue) ?? []
        let rows = ranks.enumerated().map { rank, own in
            ["\(rank)"] + own.attention.map { Figure.giga($0.tokenBytesPerSecond) }
                + own.attention.map { Figure.giga($0.chunkOperationsPerSecond) }
        }
        return Table.text([["rank"] + names + names] + rows)
    }

    private var linkTable: String {
        let rows = links.map { link in
            ["\(link.from)-\(link.to)", Self.micro(link.latencySeconds), Figure.giga(link.bytesPerSecond)]
        }
        return Table.text([["ranks", "microseconds", "GB/s"]] + rows)
    }

    private var collectiveTable: String {
        let rows = collectives.map { collective in
            [collective.operation.rawValue, "\(collective.rankCount)"]
                + collective.points.map { Self.micro($0.seconds) }
                + [
                    Self.micro(collective.latencySeconds), Figure.giga(collective.bytesPerSecond),
                    Figure.percent(collective.fitError),
                ]
        }
        return Table.text([["operation", "ranks"] + collectiveSizes + ["fixed", "GB/s", "fit off by"]] + rows)
    }

    private var computedTable: String {
        let rows = collectives.map { collective in
            [collective.operation.rawValue, "\(collective.rankCount)"]
                + (collective.computedPoints ?? []).map { Self.micro($0.seconds) }
        }
        return Table.text([["operation", "ranks"] + collectiveSizes] + rows)
    }

    private var collectiveSizes: [String] {
        collectives.first?.points.map { "\($0.byteCount / 1024) KiB" } ?? []
    }

    private static func micro(_ seconds: Double) -> String { Figure.decimal(seconds * 1e6, 1) }
}

extension RankProfile {
    fileprivate mutating func round() {
        readBandwidth.roundToDigits()
        readSpread.roundToDigits()
        coreShare.roundToDigits()
        secondsPerElement.roundToDigits()
        secondsPerLayer.roundToDigits()
        stageVariation?.roundToDigits()
        for index in peaks.indices {
            peaks[index].operationsPerSecond.roundToDigits()
            peaks[index].spread.roundToDigits()
        }
        for index in products.indices { products[index].round() }
        for index in attention.indices {
            attention[index].tokenBytesPerSecond.roundToDigits()
            attention[index].tokenSpread.roundToDigits()
            attention[index].chunkOperationsPerSecond.roundToDigits()
            attention[index].chunkSpread.roundToDigits()
        }
    }
}

extension ProductProfile {
    fileprivate mutating func round() {
        tokenBytesPerSecond.roundToDigits()
        tokenSeconds.roundToDigits()
        tokenSpread.roundToDigits()
        chunkOperationsPerSecond.roundToDigits()
        chunkSecondsPerByte.roundToDigits()
        chunkSecondsPerResult.roundToDigits()
        chunkSecondsPerInput.roundToDigits()
        chunkSpread.roundToDigits()
    }
}

extension CollectiveProfile {
    fileprivate mutating func round() {
        latencySeconds.roundToDigits()
        bytesPerSecond.roundToDigits()
        fitError.roundToDigits()
        spread.roundToDigits()
        for index in points.indices { points[index].seconds.roundToDigits() }
        for index in (computedPoints ?? []).indices { computedPoints?[index].seconds.roundToDigits() }
    }
}

extension Double {
    /// Leaves four digits.
    fileprivate mutating func roundToDigits() { self = Double(String(format: "%.3e", self)) ?? self }
}

extension DecodingError {
    /// Where JSON is not as expected, and what is there.
    fileprivate var placeAndFound: (place: String, found: String) {
        func place(_ path: [any CodingKey]) -> String {
            let words = path.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }.joined()
            return words.isEmpty ? "the file" : String(words.drop { $0 == "." })
        }
        return switch self {
        case .typeMismatch(_, let context): (place(context.codingPath), "a value of another type")
        case .valueNotFound(_, let context): (place(context.codingPath), "null")
        case .keyNotFound(let key, let context): (place(context.codingPath + [key]), "no such key")
        case .dataCorrupted(let context):
            (place(context.codingPath), context.codingPath.isEmpty ? "text that is no JSON" : "a value of no meaning")
        @unknown default: ("the file", "something else")
        }
    }
}
