import Blueprint
import Compute
import Testing

/// One attention: what is in the cache and what is asked.
private struct Setting {
    var map: [Int]
    var keyValueHeads: Int
    var headSize: Int
    var positions: Int
    var window: Int?

    var scale: Float { 1 / Float(headSize).squareRoot() }

    /// Queries, keys and values for all positions.
    func inputs(_ bench: Workbench) throws -> (queries: Buffer, keys: Buffer, values: Buffer) {
        let queries = try bench.buffer(positions, map.count * headSize, scale: 4)
        let keys = try bench.buffer(positions, keyValueHeads * headSize)
        let values = try bench.buffer(positions, keyValueHeads * headSize)
        return (queries, keys, values)
    }

    /// The outputs of all positions, taken `chunk` tokens at a time.
    func outputs(_ bench: Workbench, _ operations: Operations, chunk: Int) throws -> Buffer {
        let (queries, keys, values) = try inputs(bench)
        let cache = try KeyValueCache(
            heads: keyValueHeads, positions: positions, headSize: headSize, in: bench.arena)
        let y = try bench.buffer(positions, map.count * headSize, filledWith: .nan)
        for first in stride(from: 0, to: positions, by: chunk) {
            let range = first..<min(first + chunk, positions)
            operations.store(
                keys: keys.rows(range), values: values.rows(range), tokens: range.count, in: cache, firstPosition: first
            )
            operations.attention(
                queries: queries.rows(range), tokens: range.count, cache: cache, heads: HeadMap(map), scale: scale,
                window: window, firstPosition: first, into: y.rows(range))
        }
        return y
    }

    /// The same in double precision, by the definition.
    func exact(_ bench: Workbench) throws -> [[Double]] {
        let (queries, keys, values) = try inputs(bench)
        return (0..<positions).map { p in
            map.enumerated().flatMap { head, keyValueHead -> [Double] in
                let first = max(0, p - (window ?? positions) + 1)
                let scores = (first...p).map { j in
                    (0..<headSize).reduce(0.0) { sum, d in
                        sum + Double(queries[p, head * headSize + d]) * Double(keys[j, keyValueHead * headSize + d])
                    } * Double(scale)
                }
                let weights = scores.map { exponential($0 - (scores.max() ?? 0)) }
                let total = weights.reduce(0, +)
                return (0..<headSize).map { d in
                    (first...p).reduce(0.0) { sum, j in
                        sum + weights[j - first] / total * Double(values[j, keyValueHead * headSize + d])
                    }
                }
            }
        }
    }
}

@Suite struct AttentionTests {
    private static let settings = [
        Setting(map: [0], keyValueHeads: 1, headSize: 16, positions: 20, window: nil),
        Setting(map: [0, 0, 0, 0, 1, 1, 1, 1], keyValueHeads: 2, headSize: 64, positions: 300, window: nil),
        Setting(map: [0, 1, 1, 1, 1, 1, 2, 2], keyValueHeads: 3, headSize: 24, positions: 270, window: nil),
        Setting(map: [0, 1], keyValueHeads: 2, headSize: 128, positions: 261, window: 33),
        Setting(map: [0, 0, 0], keyValueHeads: 1, headSize: 7, positions: 140, window: 1),
        Setting(map: [0, 0, 1], keyValueHeads: 2, headSize: 80, positions: 400, window: 130),
        Setting(map: [1, 0, 1], keyValueHeads: 2, headSize: 33, positions: 150, window: 500),
    ]

    @Test(arguments: settings.indices)
    func attentionIsItsDefinition(index: Int) throws {
        let setting = Self.settings[index]
        let exact = try setting.exact(Workbench(seed: 7))
        for operations in everyOperations(threads: [1]) {
            let y = try setting.outputs(Workbench(seed: 7), operations, chunk: 64)
            for p in 0..<setting.positions {
                for (found, expected) in zip(y.row(p), exact[p]) {
                    #expect(abs(Double(found) - expected) <= 4e-6, "\(operations.instructionSet) position \(p)")
                }
            }
        }
    }

    @Test(arguments: settings.indices)
    func chunksThreadsAndInstructionSetsDoNotChangeABit(index: Int) throws {
        let setting = Self.settings[index]
        let expected = try setting.outputs(Workbench(seed: 3), reference(), chunk: 1).bits
        for operations in everyOperations() {
            for chunk in [1, 2, 7, 64, 1000] {
                let y = try setting.outputs(Workbench(seed: 3), operations, chunk: chunk)
                #expect(firstDifference(y.bits, expected) == nil, "\(operations.instructionSet) chunk \(chunk)")
            }
        }
    }

    @Test func staleRowsOfTheCacheAreNotSeen() throws {
        let bench = try Workbench()
        let cache = try KeyValueCache(heads: 1, positions: 40, headSize: 20, in: bench.arena)
        let poison = try bench.buffer(40, 20, filledWith: .nan)
        let (keys, values) = (try bench.buffer(40, 20), try bench.buffer(40, 20))
        for operations in everyOperations(threads: [1]) {
            operations.store(keys: poison, values: poison, tokens: 40, in: cache, firstPosition: 0)
            operations.store(keys: keys, values: values, tokens: 9, in: cache, firstPosition: 5)
            let y = try bench.buffer(3, 20)
            operations.attention(
                queries: keys, tokens: 3, cache: cache, heads: HeadMap([0]), scale: 1, window: 7, firstPosition: 11,
                into: y)
            #expect(y.elements.allSatisfy { $0.isFinite }, "\(operations.instructionSet)")
        }
    }

    @Test func aRankWithoutHeadsDoesNothing() throws {
        let bench = try Workbench()
        let cache = try KeyValueCache(heads: 0, positions: 40, headSize: 16, in: bench.arena)
        let nothing = try bench.buffer(3, 0)
        for operations in everyOperations(threads: [1, 2]) {
            operations.store(keys: nothing, values: nothing, tokens: 3, in: cache, firstPosition: 0)
            operations.attention(
                queries: nothing, tokens: 3, cache: cache, heads: HeadMap([]), scale: 1, window: nil, firstPosition: 0,
                into: nothing)
        }
        #expect(KeyValueCache.byteCount(heads: 0, positions: 40, headSize: 16) == 0)
        #expect(bench.arena.usedByteCount == 0)
    }

    @Test func keysAndValuesAreStoredAtTheirHeadsAndPositions() throws {
        let bench = try Workbench()
        let (heads, size, tokens, first) = (3, 21, 4, 2)
        let keys = try bench.buffer(tokens + 1, heads * size + 2)
        let values = try bench.buffer(tokens, heads * size)
        let zero = [Float](repeating: 0, count: size)
        for operations in everyOperations(threads: [1, 2]) {
            let cache = try KeyValueCache(heads: heads, positions: 7, headSize: size, in: bench.arena)
            operations.store(keys: keys, values: values, tokens: tokens, in: cache, firstPosition: first)
            for head in 0..<heads {
                let piece = head * size..<(head + 1) * size
                for position in 0..<7 {
                    let token = position - first
                    let isStored = (0..<tokens).contains(token)
                    let key = isStored ? Array(keys.row(token)[piece]) : zero
                    let value = isStored ? Array(values.row(token)[piece]) : zero
                    #expect(cache.key(head: head, position: position) == key)
                    #expect(cache.value(head: head, position: position) == value)
                }
            }
        }
    }
}
