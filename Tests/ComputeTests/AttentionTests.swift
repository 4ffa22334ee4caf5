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
    var cap: Float?

    var scale: Float { 1 / Float(headSize).squareRoot() }

    /// Queries, keys and values for all positions.
    func inputs(_ bench: Workbench) throws -> (queries: Buffer, keys: Buffer, values: Buffer) {
        let queries = try bench.buffer(positions, map.count * headSize, scale: 4)
        let keys = try bench.buffer(positions, keyValueHeads * headSize)
        let values = try bench.buffer(positions, keyValueHeads * headSize)
        return (queries, keys, values)
    }

    /// The outputs of all positions, taken `chunk` tokens at a time, and the cache afterwards.
    func outputs(
        _ bench: Workbench, _ operations: Operations, _ encoding: CacheEncoding, chunk: Int,
        withPartials: Bool = true
    ) throws -> (y: Buffer, cache: KeyValueCache) {
        let (queries, keys, values) = try inputs(bench)
        let cache = try KeyValueCache(
            heads: keyValueHeads, positions: positions, headSize: headSize, encoding: encoding, in: bench.arena)
        let y = try bench.buffer(positions, map.count * headSize, filledWith: .nan)
        let count = Operations.partialCount(heads: map.count, headSize: headSize, positions: positions)
        let partials = try bench.buffer(1, 2 * count, filledWith: .nan)
        for first in stride(from: 0, to: positions, by: chunk) {
            let range = first..<min(first + chunk, positions)
            operations.store(
                keys: keys.rows(range), values: values.rows(range), tokens: range.count, in: cache, firstPosition: first
            )
            operations.attention(
                queries: queries.rows(range), tokens: range.count, cache: cache, heads: HeadMap(map), scale: scale,
                cap: cap, window: window, firstPosition: first, partials: withPartials ? partials : nil,
                into: y.rows(range))
        }
        return (y, cache)
    }

    /// The same in double precision, by the definition, of the keys and values that a cache holds.
    func exact(_ bench: Workbench, _ cache: KeyValueCache) throws -> [[Double]] {
        let queries = try inputs(bench).queries
        let keys = (0..<keyValueHeads).map { head in (0..<positions).map { cache.key(head: head, position: $0) } }
        let values = (0..<keyValueHeads).map { head in (0..<positions).map { cache.value(head: head, position: $0) } }
        return (0..<positions).map { p in
            map.enumerated().flatMap { head, keyValueHead -> [Double] in
                let first = max(0, p - (window ?? positions) + 1)
                let query = queries.row(p)[head * headSize..<(head + 1) * headSize].map { Double($0) }
                let scores = (first...p).map { j in
                    zip(query, keys[keyValueHead][j]).reduce(0.0) { $0 + $1.0 * Double($1.1) } * Double(scale)
                }.map { score in cap.map { tangent(score / Double($0)) * Double($0) } ?? score }
                let weights = scores.map { exponential($0 - (scores.max() ?? 0)) }
                let total = weights.reduce(0, +)
                return (0..<headSize).map { d in
                    (first...p).reduce(0.0) { $0 + weights[$1 - first] / total * Double(values[keyValueHead][$1][d]) }
                }
            }
        }
    }
}

@Suite struct AttentionTests {
    /// Heads of every odd size, one to nine query heads to a key-value head, windows inside and across blocks of keys.
    private static let settings = [
        Setting(map: [0], keyValueHeads: 1, headSize: 16, positions: 20, window: nil),
        Setting(map: [0, 0, 0, 0, 1, 1, 1, 1], keyValueHeads: 2, headSize: 64, positions: 300, window: nil),
        Setting(map: [0, 1, 1, 1, 1, 1, 2, 2], keyValueHeads: 3, headSize: 20, positions: 270, window: nil),
        Setting(map: [0, 1], keyValueHeads: 2, headSize: 128, positions: 261, window: 33),
        Setting(map: [0, 0, 0], keyValueHeads: 1, headSize: 7, positions: 140, window: 1),
        Setting(map: [0, 0, 1], keyValueHeads: 2, headSize: 80, positions: 300, window: 130),
        Setting(map: [1, 0, 1], keyValueHeads: 2, headSize: 72, positions: 150, window: 500),
        Setting(map: [0, 0, 0, 0, 0, 0, 0], keyValueHeads: 1, headSize: 1, positions: 800, window: nil),
        Setting(map: [0, 0, 0, 0, 0, 0, 0, 0, 0], keyValueHeads: 1, headSize: 33, positions: 540, window: 300),
        Setting(map: [0, 0], keyValueHeads: 1, headSize: 256, positions: 65, window: nil),
        Setting(map: [0, 0, 1], keyValueHeads: 2, headSize: 18, positions: 300, window: nil, cap: 3),
        Setting(map: [0], keyValueHeads: 1, headSize: 16, positions: 290, window: 37, cap: 0.5),
    ]

    @Test(arguments: settings.indices, CacheEncoding.allCases)
    func attentionIsItsDefinitionOverWhatTheCacheHolds(index: Int, encoding: CacheEncoding) throws {
        let setting = Self.settings[index]
        let (y, cache) = try setting.outputs(Workbench(seed: 7), reference(), encoding, chunk: 64)
        let exact = try setting.exact(Workbench(seed: 7), cache)
        var worst = 0.0
        for p in 0..<setting.positions {
            for (found, expected) in zip(y.row(p), exact[p]) { worst = max(worst, abs(Double(found) - expected)) }
        }
        #expect(worst <= 4e-6)
    }

    /// A cache that keeps the last positions only reads as one that keeps all, over chunks that wrap around its end.
    @Test(arguments: CacheEncoding.allCases) func aCacheOfTheLastPositionsReadsAsOneOfAll(
        encoding: CacheEncoding
    ) throws {
        let (size, positions, window, chunk) = (40, 1500, 200, 48)
        let bench = try Workbench(seed: 8)
        let queries = try bench.buffer(positions, 2 * size, scale: 4)
        let (keys, values) = (try bench.buffer(positions, size), try bench.buffer(positions, size))
        func read(_ operations: Operations, held: Int?) throws -> [UInt32] {
            let cache = try KeyValueCache(
                heads: 1, positions: positions, heldPositions: held, headSize: size, encoding: encoding,
                in: bench.arena)
            let y = try bench.buffer(positions, 2 * size)
            for first in stride(from: 0, to: positions, by: chunk) {
                let range = first..<min(first + chunk, positions)
                operations.store(
                    keys: keys.rows(range), values: values.rows(range), tokens: range.count, in: cache,
                    firstPosition: first)
                operations.attention(
                    queries: queries.rows(range), tokens: range.count, cache: cache, heads: HeadMap([0, 0]),
                    scale: 0.2, window: window, firstPosition: first, into: y.rows(range))
            }
            return y.bits
        }
        let expected = try read(reference(), held: nil)
        for operations in everyOperations(threads: [1, 3]) {
            #expect(firstDifference(try read(operations, held: 256), expected) == nil)
        }
    }

    /// A sink takes part in the sum of weights: as much is left of what is read without it.
    @Test(arguments: [-30, 0, 2, 40] as [Float]) func sinksTakeTheirPartOfTheWeights(sink: Float) throws {
        let (heads, size, positions) = (3, 24, 300)
        let bench = try Workbench(seed: 5)
        let queries = try bench.buffer(positions, heads * size, scale: 4)
        let (keys, values) = (try bench.buffer(positions, size), try bench.buffer(positions, size))
        let cache = try KeyValueCache(heads: 1, positions: positions, headSize: size, in: bench.arena)
        let sinks = try bench.vector(heads)
        for head in 0..<heads { sinks[head] = sink + Float(head) }
        reference().store(keys: keys, values: values, tokens: positions, in: cache, firstPosition: 0)
        func read(_ operations: Operations, _ sinks: Vector?) throws -> Buffer {
            let y = try bench.buffer(positions, heads * size)
            operations.attention(
                queries: queries, tokens: positions, cache: cache, heads: HeadMap([0, 0, 0]), scale: 0.5,
                sinks: sinks, window: nil, firstPosition: 0, into: y)
            return y
        }
        let (without, with) = (try read(reference(), nil), try read(reference(), sinks))
        for token in stride(from: 0, to: positions, by: 37) {
            for head in 0..<heads {
                let query = queries.row(token)[head * size..<(head + 1) * size]
                let weights = (0...token).map { key in
                    exponential(zip(query, keys.row(key)).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / 2)
                }
                let sum = weights.reduce(0, +)
                let part = sum / (sum + exponential(Double(sinks[head])))
                for column in head * size..<(head + 1) * size {
                    let exact = Double(without[token, column]) * part
                    #expect(abs(Double(with[token, column]) - exact) <= 4e-6 * max(abs(exact), 1e-6))
                }
            }
        }
        for operations in everyOperations(threads: [1, 3]) {
            #expect(firstDifference(try read(operations, sinks).bits, with.bits) == nil)
        }
    }

    @Test(arguments: settings.indices, CacheEncoding.allCases)
    func chunksThreadsAndInstructionSetsDoNotChangeABit(index: Int, encoding: CacheEncoding) throws {
        let setting = Self.settings[index]
        let expected = try setting.outputs(Workbench(seed: 3), reference(), encoding, chunk: 1).y.bits
        for operations in everyOperations(threads: [1, 2, 3]) {
            let isReference = operations.instructionSet == .portable
            for chunk in isReference ? [64] : [1, 2, 7, 64, 1000] {
                for withPartials in [true, false] where withPartials || operations.pool.threads == 3 {
                    let y = try setting.outputs(
                        Workbench(seed: 3), operations, encoding, chunk: chunk, withPartials: withPartials
                    ).y
                    #expect(
                        firstDifference(y.bits, expected) == nil,
                        "\(operations.instructionSet), \(operations.pool.threads) threads, chunk \(chunk)")
                }
            }
        }
    }

    /// Half a unit in the last place of bf16 and f16, half a scale of q8.
    @Test(arguments: CacheEncoding.allCases)
    func theCacheHoldsWhatIsNearestToWhatWasStored(encoding: CacheEncoding) throws {
        let bench = try Workbench(seed: 11)
        let (heads, size, tokens) = (2, 72, 40)
        let keys = try bench.buffer(tokens, heads * size, scale: 30)
        let values = try bench.buffer(tokens, heads * size, scale: 0.01)
        for column in 0..<size { values[3, column] = 0 }
        let cache = try KeyValueCache(
            heads: heads, positions: tokens, headSize: size, encoding: encoding, in: bench.arena)
        reference().store(keys: keys, values: values, tokens: tokens, in: cache, firstPosition: 0)
        for token in 0..<tokens {
            for head in 0..<heads {
                for (stored, given) in [
                    (cache.key(head: head, position: token), keys.row(token)),
                    (cache.value(head: head, position: token), values.row(token)),
                ] {
                    let piece = Array(given[head * size..<(head + 1) * size])
                    for (index, (found, expected)) in zip(stored, piece).enumerated() {
                        let group = piece[index / 32 * 32..<min(size, index / 32 * 32 + 32)]
                        let bound: Float =
                            switch encoding {
                            case .f32: 0
                            case .bf16: abs(expected) / 256
                            case .f16: max(abs(expected) / 2048, 0x1p-25)
                            case .q8: ((group.map { abs($0) }.max() ?? 0) / 127 * (1 + 0x1p-10) + 0x1p-24) / 2
                            }
                        #expect(abs(found - expected) <= bound)
                    }
                }
            }
        }
    }

    @Test func whatIsNotFiniteIsNotHiddenByACache() throws {
        let bench = try Workbench()
        for encoding in CacheEncoding.allCases {
            for wrong in [Float.nan, .infinity] {
                let (keys, values) = (try bench.buffer(5, 40), try bench.buffer(5, 40))
                keys[2, 33] = wrong
                for operations in everyOperations(threads: [1]) {
                    let cache = try KeyValueCache(
                        heads: 1, positions: 5, headSize: 40, encoding: encoding, in: bench.arena)
                    let y = try bench.buffer(5, 40)
                    operations.store(keys: keys, values: values, tokens: 5, in: cache, firstPosition: 0)
                    operations.attention(
                        queries: values, tokens: 5, cache: cache, heads: HeadMap([0]), scale: 1, window: nil,
                        firstPosition: 0, into: y)
                    #expect((0..<2).allSatisfy { y.row($0).allSatisfy(\.isFinite) })
                    let isHeld = cache.key(head: 0, position: 2).contains { !$0.isFinite }
                    #expect(isHeld, "\(encoding) \(wrong)")
                }
            }
        }
    }

    @Test func staleRowsOfTheCacheAreNotSeen() throws {
        let bench = try Workbench()
        let poison = try bench.buffer(40, 20, filledWith: .nan)
        let (keys, values) = (try bench.buffer(40, 20), try bench.buffer(40, 20))
        for (operations, encoding) in everyOperations(threads: [1]).flatMap({ operations in
            CacheEncoding.allCases.map { (operations, $0) }
        }) {
            let cache = try KeyValueCache(heads: 1, positions: 40, headSize: 20, encoding: encoding, in: bench.arena)
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
