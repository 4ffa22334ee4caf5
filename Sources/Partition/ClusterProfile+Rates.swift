import Blueprint

extension RankProfile {
    /// The figures for products with an encoding, or the nearest that were measured.
    ///
    /// Nearest is the same encoding with the other math; then those of the same kind, whose elements stand each by
    /// itself or in groups; of these those of the most similar number of bits; then the same math; then the most
    /// similar size of groups; then the first in the list.
    func product(_ encoding: Encoding, _ math: Math) -> ProductProfile {
        let wanted = EncodingForm(encoding)
        func distance(_ product: ProductProfile) -> [Int] {
            let form = EncodingForm(name: product.encoding) ?? EncodingForm(.f32)
            return [
                product.encoding == encoding.name ? 0 : 1, form.isGrouped == wanted.isGrouped ? 0 : 1,
                abs(form.bits - wanted.bits), product.math == math ? 0 : 1,
                abs(form.groupSize - wanted.groupSize),
            ]
        }
        let nearest = products.map { (distance($0), $0) }.min { $0.0.lexicographicallyPrecedes($1.0) }
        guard let nearest else { preconditionFailure("a checked profile lists products") }
        return nearest.1
    }

    /// The figures for a cache, or those of the cache with the most similar bytes, the first in the list of several.
    func attention(_ cache: CacheEncoding) -> AttentionProfile {
        func distance(_ other: CacheEncoding) -> Int {
            other == cache ? -1 : abs(other.bytesPerElement - cache.bytesPerElement)
        }
        let nearest = attention.min { distance($0.cache) < distance($1.cache) }
        guard let nearest else { preconditionFailure("a checked profile lists attention") }
        return nearest
    }

    /// The rank as if it read memory, weights of many tokens included, so many times as fast, computed so many times as
    /// fast, and, where `multiplying` says so, multiplied many tokens by another factor.
    package func faster(
        reading: Double, computing: Double, multiplying: (ProductProfile) -> Double? = { _ in nil }
    ) -> RankProfile {
        var rank = self
        rank.readBandwidth *= reading
        rank.products = products.map { product in
            var faster = product
            faster.tokenBytesPerSecond *= reading
            faster.tokenSeconds /= computing
            faster.chunkOperationsPerSecond *= multiplying(product) ?? computing
            faster.chunkSecondsPerByte /= reading
            faster.chunkSecondsPerResult /= computing
            faster.chunkSecondsPerInput /= computing
            return faster
        }
        rank.attention = attention.map { attention in
            var attention = attention
            attention.tokenBytesPerSecond *= reading
            attention.chunkOperationsPerSecond *= computing
            return attention
        }
        rank.secondsPerElement /= computing
        rank.secondsPerLayer /= computing
        return rank
    }
}

extension ProductProfile {
    /// Whether the weights are integers in groups.
    package var isGrouped: Bool { EncodingForm(name: encoding)?.isGrouped ?? false }
}

extension ClusterProfile {
    /// Seconds of a collective of so many ranks.
    ///
    /// Where it was measured with other numbers of ranks only, those of the next larger one, or else of the largest.
    func seconds(_ exchange: Exchange, rankCount: Int) -> Double {
        let alike = collectives.filter { $0.operation == exchange.operation }
        let enough = alike.filter { $0.rankCount >= rankCount }.min { $0.rankCount < $1.rankCount }
        guard let collective = enough ?? alike.max(by: { $0.rankCount < $1.rankCount }) else {
            preconditionFailure("a checked profile lists every collective")
        }
        return collective.seconds(byteCount: exchange.byteCount)
    }

    /// The profile with collectives as if no rank shared a core; nil where none were computed.
    var alone: ClusterProfile? {
        guard collectives.contains(where: { $0.computedPoints != nil }) else { return nil }
        var profile = self
        profile.collectives = collectives.map { $0.computed ?? $0 }
        return profile
    }
}

extension CollectiveProfile {
    /// Seconds for so many bytes: between two measured points on the line that joins them; beyond them on the fitted
    /// line, though for fewer bytes not more than the first point, and for more not less than the last.
    package func seconds(byteCount: Int) -> Double {
        let fitted = max(0, latencySeconds + Double(byteCount) / bytesPerSecond)
        guard let first = points.first, let last = points.last else { return fitted }
        if byteCount <= first.byteCount {
            return byteCount == first.byteCount ? first.seconds : min(fitted, first.seconds)
        }
        guard byteCount < last.byteCount, let above = points.firstIndex(where: { $0.byteCount >= byteCount }) else {
            return byteCount == last.byteCount ? last.seconds : max(fitted, last.seconds)
        }
        let (lower, upper) = (points[above - 1], points[above])
        let part = Double(byteCount - lower.byteCount) / Double(upper.byteCount - lower.byteCount)
        return lower.seconds + part * (upper.seconds - lower.seconds)
    }

    /// The line through what was computed; nil where nothing was.
    var computed: CollectiveProfile? {
        computedPoints.map { points in CollectiveProfile(operation, rankCount: rankCount, points) }
    }
}

/// What two encodings have to have in common to be similar.
struct EncodingForm: Hashable {
    /// Bits of an element, without scales.
    var bits: Int
    /// Columns of a group; 0 where elements stand each by itself.
    var groupSize: Int

    /// Whether elements are integers in groups.
    var isGrouped: Bool { groupSize > 0 }

    /// That of an encoding.
    init(_ encoding: Encoding) {
        switch encoding {
        case .plain(let scalar): (bits, groupSize) = (8 * scalar.bytesPerElement, 0)
        case .grouped(let grouping): (bits, groupSize) = (grouping.bits, grouping.size)
        }
    }

    /// That of an encoding of this name; nil where there is none.
    init?(name: String) {
        let parts = name.prefix { $0 != "-" }.dropFirst().split(separator: "g", omittingEmptySubsequences: false)
        let (bits, size) = (parts.first.flatMap { Int($0) }, parts.last.flatMap { Int($0) })
        if let scalar = Scalar(rawValue: name) {
            self.init(.plain(scalar))
        } else if name.hasPrefix("q"), parts.count == 2, let bits, let size,
            let grouping = Grouping(bits: bits, size: size, scale: .f16, hasOffsets: false)
        {
            self.init(.grouped(grouping))
        } else {
            return nil
        }
    }
}
