import Blueprint

/// What a rank takes for stages of a pass, by its profile.
struct RankCost {
    private let rank: RankProfile
    private let products: [Encoding: ProductProfile]
    private let attention: AttentionProfile

    /// - Parameter encodings: those that products will be asked for.
    init(_ rank: RankProfile, encodings: Set<Encoding>, policy: Policy) {
        self.rank = rank
        products = Dictionary(uniqueKeysWithValues: encodings.map { ($0, rank.product($0, policy.math)) })
        attention = rank.attention(policy.cache)
    }

    /// Seconds of a stage beside norms and the like: its products and its attention.
    func seconds(_ stage: StageWork, tokens: Int, firstPosition: Int) -> Double {
        let remembered =
            seconds(stage.attention, tokens: tokens, firstPosition: firstPosition) + seconds(stage.states, tokens)
        return stage.products.reduce(remembered) { $0 + seconds($1, tokens: tokens) }
    }

    /// Seconds of a stage's products with experts that a token chooses, on average.
    func secondsOfChosen(_ stage: StageWork) -> Double {
        stage.products.filter { $0.contains { $0.choice != nil } }.reduce(0) { $0 + seconds($1, tokens: 1) }
    }

    /// Seconds of norms, rotation, activation and sums of branches in a stage: of one token what a layer was measured
    /// to take, of many what their elements take, where that is more.
    func restSeconds(_ stage: StageWork, tokens: Int) -> Double {
        let ofLayer = stage.partOfLayer * rank.secondsPerLayer
        guard tokens > 1 || stage.partOfLayer == 0 else { return ofLayer }
        return max(ofLayer, elementSeconds(tokens * stage.elementCount))
    }

    /// Seconds for so many elements.
    func elementSeconds(_ count: Int) -> Double { Double(count) * rank.secondsPerElement }

    /// Products of one input in one go: for one token their bytes are read, and the threads are woken once, or once for
    /// each expert; for more the operations of a chunk and what comes with them, where these take longer.
    private func seconds(_ together: [ProductWork], tokens: Int) -> Double {
        var (reading, computing, waking, laying) = (0.0, 0.0, 0.0, 0.0)
        for product in together where product.heldByteCount > 0 {
            guard let profile = products[product.encoding] else {
                preconditionFailure("a product with \(product.encoding.name) was not foreseen")
            }
            let bytes = Double(product.byteCount(tokens: tokens))
            reading += bytes / profile.tokenBytesPerSecond
            computing +=
                Double(tokens * product.operationCount) / profile.chunkOperationsPerSecond
                + bytes * profile.chunkSecondsPerByte
                + Double(tokens * product.resultCount) * profile.chunkSecondsPerResult
            laying = max(laying, Double(tokens * product.inputCount) * profile.chunkSecondsPerInput)
            let goes = product.choice.map { Double($0.held) * $0.part(tokens: tokens) } ?? 1
            waking = max(waking, goes * profile.tokenSeconds)
        }
        return tokens == 1 ? reading + waking : max(reading + waking, computing + laying)
    }

    /// States, as fast as the cache of an attention is read, and as its operations are.
    private func seconds(_ work: StateWork?, _ tokens: Int) -> Double {
        guard let work, work.byteCount > 0 else { return 0 }
        let reading = Double(work.byteCount) / attention.tokenBytesPerSecond
        return max(reading, Double(tokens * work.operationCount) / attention.chunkOperationsPerSecond)
    }

    private func seconds(_ work: AttentionWork?, tokens: Int, firstPosition: Int) -> Double {
        guard let work, work.cacheByteCount > 0 else { return 0 }
        let seen = work.positions(seenBy: tokens, after: firstPosition)
        let reading = Double(work.byteCount(positions: seen.inAll)) / attention.tokenBytesPerSecond
        let operations = Double(work.operationCount(positions: seen.together))
        return tokens == 1 ? reading : max(reading, operations / attention.chunkOperationsPerSecond)
    }
}
