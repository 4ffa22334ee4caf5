import Blueprint
import Compute
import MPI
import Partition

/// What a layer does beside products.
extension RankProbe {
    private static let headSize = 128
    private static let queryHeads = 32
    private static let keyValueHeads = 8
    private static let positions = 4096
    // What the second chunk of a prompt sees.
    private static let chunkPosition = 256

    /// Measures attention over each kind of cache; to be called on every rank.
    func measureAttention() throws(MPIError) {
        for encoding in CacheEncoding.allCases {
            let name = Self.name(encoding)
            stopwatch.begin(name)
            let trial = try world.together { try LayerTrial(self, encoding, byteCount: trialByteCount) }
            try stopwatch.time(Self.oneToken(name), on: pool) { index in
                trial.attend(tokens: 1, firstPosition: Self.positions - 1, index: index)
            }
            try stopwatch.time(Self.manyTokens(name), on: pool) { index in
                trial.attend(tokens: Self.chunk, firstPosition: Self.chunkPosition, index: index)
            }
        }
    }

    /// What the windows say, for each kind of cache.
    var attentionProfiles: [AttentionProfile] {
        let seen = (0..<Self.chunk).reduce(0) { $0 + Self.chunkPosition + $1 + 1 }
        // A product with the key, and one with the value.
        let operationCount = 4 * Self.queryHeads * Self.headSize * seen
        return CacheEncoding.allCases.map { encoding in
            let (one, many) = (Self.oneToken(Self.name(encoding)), Self.manyTokens(Self.name(encoding)))
            return AttentionProfile(
                cache: encoding, tokenBytesPerSecond: Double(Self.cacheByteCount(encoding)) / windows.median(one),
                tokenSpread: windows.spread(one),
                chunkOperationsPerSecond: Double(operationCount) / windows.median(many),
                chunkSpread: windows.spread(many))
        }
    }

    /// Measures norms, rotation, activation and sums; to be called on every rank.
    func measureOthers() throws(MPIError) {
        stopwatch.begin(Self.others)
        let trial = try world.together { try LayerTrial(self, .f16, byteCount: 0) }
        try stopwatch.time(Self.manyTokens(Self.others), on: pool) { _ in trial.computeOthers(tokens: Self.chunk) }
        try stopwatch.time(Self.oneToken(Self.others), on: pool) { index in
            trial.computeOthers(tokens: 1)
            trial.attend(tokens: 1, firstPosition: 0, index: index)
        }
    }

    /// Of many tokens.
    var secondsPerElement: Double {
        windows.median(Self.manyTokens(Self.others)) / Double(Self.chunk * Self.elementsPerToken)
    }

    /// Of one token.
    var secondsPerLayer: Double {
        max(0, windows.median(Self.oneToken(Self.others)) - secondsPerElement * Double(Self.elementsPerToken))
    }

    private static let others = "norms and sums"
    private static func name(_ encoding: CacheEncoding) -> String { "attention \(encoding.rawValue)" }
    private static func oneToken(_ name: String) -> String { "\(name), one token" }
    private static func manyTokens(_ name: String) -> String { "\(name), \(chunk) tokens" }

    /// Elements that ``LayerTrial/computeOthers(tokens:)`` writes for one token.
    private static let elementsPerToken = headSize * (6 * queryHeads + 3 * keyValueHeads)

    private static func cacheByteCount(_ encoding: CacheEncoding) -> Int {
        KeyValueCache.byteCount(heads: keyValueHeads, positions: positions, headSize: headSize, encoding: encoding)
    }

    /// Caches of several layers, and the activations of one.
    private struct LayerTrial {
        private let operations: Operations
        private let caches: [KeyValueCache]
        private let heads = HeadMap((0..<queryHeads).map { $0 * keyValueHeads / queryHeads })
        private let queries: Buffer  // [chunk, query heads * head size]
        private let keys: Buffer  // [chunk, key-value heads * head size]
        private let read: Buffer  // [chunk, query heads * head size]
        private let partials: Buffer
        private let rotation: Buffer  // [positions, head size]
        private let norm: Vector  // [query heads * head size]

        /// - Parameter byteCount: of all caches, at least one of which there is.
        init(_ probe: RankProbe, _ encoding: CacheEncoding, byteCount: Int) throws(ComputeError) {
            let count = max(1, byteCount / cacheByteCount(encoding))
            let (width, keyWidth) = (queryHeads * headSize, keyValueHeads * headSize)
            let partialCount = Operations.partialCount(heads: queryHeads, headSize: headSize, positions: positions)
            let arena = try Arena(
                byteCount: count * cacheByteCount(encoding) + Arena.byteCount(rows: 1, columns: partialCount)
                    + Arena.byteCount(rows: positions, columns: headSize) + Arena.byteCount(vector: width)
                    + [width, keyWidth, width].reduce(0) { $0 + Arena.byteCount(rows: chunk, columns: $1) })
            operations = probe.operations()
            queries = try arena.buffer(rows: chunk, columns: width)
            keys = try arena.buffer(rows: chunk, columns: keyWidth)
            read = try arena.buffer(rows: chunk, columns: width)
            partials = try arena.buffer(rows: 1, columns: partialCount)
            rotation = try arena.buffer(rows: positions, columns: headSize)
            norm = try arena.vector(count: width)
            var caches: [KeyValueCache] = []
            for _ in 0..<count {
                caches.append(
                    try KeyValueCache(
                        heads: keyValueHeads, positions: positions, headSize: headSize, encoding: encoding, in: arena))
            }
            self.caches = caches
            for buffer in [queries, keys] { buffer.fillWithWaves() }
            // Cosines of one and sines of zero: rotating again and again changes nothing.
            rotation.withMutableSpan(rows: positions) { span in
                for index in span.indices where index % headSize < headSize / 2 { span[index] = 1 }
            }
            norm.withMutableSpan { span in
                for index in span.indices { span[index] = 1 }
            }
            for cache in caches {
                for position in stride(from: 0, to: positions, by: chunk) {
                    operations.store(keys: keys, values: keys, tokens: chunk, in: cache, firstPosition: position)
                }
            }
        }

        /// Attention of all heads over the next cache.
        func attend(tokens: Int, firstPosition: Int, index: Int) {
            operations.attention(
                queries: queries, tokens: tokens, cache: caches[index % caches.count], heads: heads, scale: 0.088,
                window: nil, firstPosition: firstPosition, partials: partials, into: read)
        }

        /// Two norms, two sums of branches, an activation, the rotation, and the new keys and values, as in a layer.
        func computeOthers(tokens: Int) {
            for _ in 0..<2 {
                operations.normalize(queries, tokens: tokens, weight: norm, epsilon: 1e-5, into: read)
                operations.add(read, to: queries, tokens: tokens)
            }
            operations.activate(.silu, gate: queries, up: queries, tokens: tokens, into: read)
            for (buffer, count) in [(queries, queryHeads), (keys, keyValueHeads)] {
                operations.rotate(
                    buffer, tokens: tokens, heads: count, headSize: headSize, rotarySize: headSize, table: rotation,
                    firstPosition: 0)
            }
            operations.store(keys: keys, values: keys, tokens: tokens, in: caches[0], firstPosition: 0)
        }
    }
}
