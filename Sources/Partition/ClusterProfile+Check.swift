extension ClusterProfile {
    /// Refuses a profile that nothing can be predicted from: of another form, without ranks, rates or collectives, or
    /// with figures that measure nothing.
    ///
    /// - Parameter path: names the file in errors.
    public func check(path: String) throws(PartitionError) {
        let check = ProfileCheck(path: path)
        guard formatVersion == Self.formatVersion else { throw Self.wrongForm(formatVersion, path: path) }
        try check.require(!ranks.isEmpty, "ranks", "at least one", "none")
        for (number, rank) in ranks.enumerated() {
            try check.check(rank, "ranks[\(number)]")
            if let mates = rank.coreMates {
                try check.require(
                    !mates.isEmpty && Set(mates).count == mates.count
                        && mates.allSatisfy { ranks.indices.contains($0) && $0 != number },
                    "ranks[\(number)].coreMates", "other ranks, of 0 to \(ranks.count - 1), each once, or no such key",
                    "\(mates)")
            }
        }
        for (number, link) in links.enumerated() { try check.check(link, "links[\(number)]", rankCount: ranks.count) }
        for (number, collective) in collectives.enumerated() {
            try check.check(collective, "collectives[\(number)]")
        }
        guard ranks.count > 1 else { return }
        for operation in CollectiveProfile.Operation.allCases {
            try check.require(
                collectives.contains { $0.operation == operation }, "collectives",
                "one of operation \(operation.rawValue)", "none")
        }
    }
}

extension ClusterProfile {
    /// The refusal of a profile of another form.
    package static func wrongForm(_ version: Int, path: String) -> PartitionError {
        .profile(
            path: path, place: "formatVersion", expected: "\(formatVersion), the form that this program reads",
            found: "\(version)")
    }
}

/// Looks at one figure after the other.
private struct ProfileCheck {
    let path: String

    func require(
        _ holds: Bool, _ place: String, _ expected: String, _ found: @autoclosure () -> String
    ) throws(PartitionError) {
        guard holds else { throw .profile(path: path, place: place, expected: expected, found: found()) }
    }

    /// A figure that something is divided by.
    private func positive(_ value: Double, _ place: String) throws(PartitionError) {
        try require(value.isFinite && value > 0, place, "a number above zero", Figure.number(value))
    }

    private func seconds(_ value: Double, _ place: String) throws(PartitionError) {
        try require(value.isFinite && value >= 0, place, "seconds, zero or more", Figure.number(value))
    }

    private func part(_ value: Double, _ place: String) throws(PartitionError) {
        try require(value.isFinite && value >= 0, place, "a part of a median, zero or more", Figure.number(value))
    }

    func check(_ rank: RankProfile, _ place: String) throws(PartitionError) {
        try require(!rank.host.isEmpty, "\(place).host", "a host's name", "an empty one")
        try require(rank.threads > 0, "\(place).threads", "at least 1", "\(rank.threads)")
        try require(rank.memoryByteCount > 0, "\(place).memoryByteCount", "bytes above zero", "\(rank.memoryByteCount)")
        try require(
            rank.coreShare > 0 && rank.coreShare <= 1, "\(place).coreShare", "a part above 0, at most 1",
            Figure.number(rank.coreShare))
        try positive(rank.readBandwidth, "\(place).readBandwidth")
        try part(rank.readSpread, "\(place).readSpread")
        for (number, peak) in rank.peaks.enumerated() {
            try positive(peak.operationsPerSecond, "\(place).peaks[\(number)].operationsPerSecond")
            try part(peak.spread, "\(place).peaks[\(number)].spread")
        }
        try seconds(rank.secondsPerElement, "\(place).secondsPerElement")
        try seconds(rank.secondsPerLayer, "\(place).secondsPerLayer")
        let (variation, greatest) = (rank.stageVariation ?? 0, RankProfile.greatestStageVariation)
        try require(
            variation >= 0 && variation <= greatest, "\(place).stageVariation",
            "a part of a mean, 0 to \(Figure.number(greatest))", Figure.number(variation))
        try require(!rank.products.isEmpty, "\(place).products", "at least one", "none")
        for (number, product) in rank.products.enumerated() {
            let place = "\(place).products[\(number)]"
            try require(
                EncodingForm(name: product.encoding) != nil, "\(place).encoding", "f32, bf16, f16, q8g32 or the like",
                "'\(product.encoding)'")
            try positive(product.tokenBytesPerSecond, "\(place).tokenBytesPerSecond")
            try seconds(product.tokenSeconds, "\(place).tokenSeconds")
            try positive(product.chunkOperationsPerSecond, "\(place).chunkOperationsPerSecond")
            try seconds(product.chunkSecondsPerByte, "\(place).chunkSecondsPerByte")
            try seconds(product.chunkSecondsPerResult, "\(place).chunkSecondsPerResult")
            try seconds(product.chunkSecondsPerInput, "\(place).chunkSecondsPerInput")
        }
        try require(!rank.attention.isEmpty, "\(place).attention", "at least one", "none")
        for (number, attention) in rank.attention.enumerated() {
            let place = "\(place).attention[\(number)]"
            try positive(attention.tokenBytesPerSecond, "\(place).tokenBytesPerSecond")
            try positive(attention.chunkOperationsPerSecond, "\(place).chunkOperationsPerSecond")
        }
    }

    func check(_ link: LinkProfile, _ place: String, rankCount: Int) throws(PartitionError) {
        try require(
            link.from >= 0 && link.from < link.to && link.to < rankCount, place,
            "'from' below 'to', both ranks of \(rankCount)", "\(link.from) and \(link.to)")
        try seconds(link.latencySeconds, "\(place).latencySeconds")
        try positive(link.bytesPerSecond, "\(place).bytesPerSecond")
    }

    func check(_ collective: CollectiveProfile, _ place: String) throws(PartitionError) {
        try require(collective.rankCount > 1, "\(place).rankCount", "2 or more", "\(collective.rankCount)")
        // A line that is fitted to measurements may begin a little below zero.
        try require(
            collective.latencySeconds.isFinite && collective.latencySeconds > -1e-2, "\(place).latencySeconds",
            "seconds, zero or nearly or more",
            Figure.number(collective.latencySeconds))
        try positive(collective.bytesPerSecond, "\(place).bytesPerSecond")
        try check(collective.points, "\(place).points")
        try check(collective.computedPoints ?? [], "\(place).computedPoints")
    }

    private func check(_ points: [CollectiveProfile.Point], _ place: String) throws(PartitionError) {
        var last = 0
        for (number, point) in points.enumerated() {
            let place = "\(place)[\(number)]"
            try require(
                point.byteCount > last, "\(place).byteCount", "more than \(last), the one before it",
                "\(point.byteCount)")
            try positive(point.seconds, "\(place).seconds")
            last = point.byteCount
        }
    }
}
