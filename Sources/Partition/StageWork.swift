import Blueprint
import Foundation

/// What a rank reads and computes between two meetings of the ranks, whatever the number of tokens.
struct StageWork: Hashable {
    /// What the ranks do in the stage, beside norms and the like.
    var phase: Phase
    /// Products of the same input are computed in one go.
    var products: [[ProductWork]] = []
    /// What a token chooses among, in products of experts of which ranks have unlike parts.
    var experts: ChosenExperts?
    /// Reading the cache, in an attention.
    var attention: AttentionWork?
    /// States that each token changes.
    var states: StateWork?
    /// Bytes of norms and biases.
    var vectorByteCount = 0
    /// Elements of one token that norms, rotation, activation and the sum of branches go through.
    var elementCount = 0
    /// The part of a layer that the stage is.
    var partOfLayer = 0.0

    /// Bytes of weights and the operations of `tokens` tokens after `firstPosition` others.
    func work(tokens: Int, firstPosition: Int) -> Work {
        let all = products.joined()
        let seen = attention?.positions(seenBy: tokens, after: firstPosition) ?? (inAll: 0, together: 0)
        return Work(
            weightByteCount: vectorByteCount + all.reduce(0) { $0 + $1.byteCount(tokens: tokens) },
            cacheByteCount: (attention?.byteCount(positions: seen.inAll) ?? 0) + (states?.byteCount ?? 0),
            operationCount: tokens * (all.reduce(0) { $0 + $1.operationCount } + (states?.operationCount ?? 0))
                + (attention?.operationCount(positions: seen.together) ?? 0))
    }
}

/// A product of one token with a rank's slice of a matrix, or with those of the experts that it chooses.
struct ProductWork: Hashable {
    var encoding: Encoding
    /// Bytes of the slice in memory, of all experts.
    var heldByteCount: Int
    /// Multiplications and additions with all of it.
    var heldOperationCount: Int
    /// Results of a token with all of it.
    var heldResultCount: Int
    /// Inputs of a token for all of it.
    var heldInputCount: Int
    /// Experts that a token chooses, of how many; nil where it is multiplied by the whole slice.
    var choice: Choice?

    struct Choice: Hashable {
        var chosen: Int
        var count: Int
        /// Those that the rank holds.
        var held: Int

        /// The part of the experts that so many tokens choose, where all choices are as likely.
        func part(tokens: Int) -> Double {
            let one = Double(chosen) / Double(count)
            return tokens == 1 ? one : 1 - pow(1 - one, Double(tokens))
        }
    }

    /// Bytes that so many tokens read together; of experts the expected number.
    func byteCount(tokens: Int) -> Int {
        choice.map { Int((Double(heldByteCount) * $0.part(tokens: tokens)).rounded()) } ?? heldByteCount
    }

    /// Multiplications and additions of a token; of experts the expected number.
    var operationCount: Int { ofToken(heldOperationCount) }

    /// Results of a token; of experts the expected number.
    var resultCount: Int { ofToken(heldResultCount) }

    /// Inputs of a token; of experts the expected number.
    var inputCount: Int { ofToken(heldInputCount) }

    private func ofToken(_ held: Int) -> Int {
        choice.map { Int((Double(held) * $0.part(tokens: 1)).rounded()) } ?? held
    }
}

/// A rank's heads with states: a chunk of tokens reads and writes them once, from and to memory.
struct StateWork: Hashable {
    /// Bytes that are read and written.
    var byteCount: Int
    /// Multiplications and additions of a token.
    var operationCount: Int
}

/// A rank's heads of an attention over its cache.
struct AttentionWork: Hashable {
    /// Bytes of keys and values of all positions that the cache holds.
    var cacheByteCount: Int
    /// Positions that it holds.
    var context: Int
    /// Channels of the query heads.
    var channels: Int
    /// Positions that a token sees; nil for all.
    var window: Int?

    /// Bytes of so many positions.
    func byteCount(positions: Int) -> Int {
        Int(Double(cacheByteCount) * Double(positions) / Double(context))
    }

    /// Operations of tokens that see so many positions together: a product with the key, and one with the value.
    func operationCount(positions: Int) -> Int { 4 * channels * positions }

    /// The positions that any of the tokens sees, and the sum of what each of them sees.
    func positions(seenBy tokens: Int, after firstPosition: Int) -> (inAll: Int, together: Int) {
        let end = firstPosition + tokens
        let growing = window.map { max(0, min(end, $0) - firstPosition) } ?? tokens
        let together = growing * firstPosition + growing * (growing + 1) / 2 + (tokens - growing) * (window ?? 0)
        return (min(end, window.map { tokens + $0 - 1 } ?? end), together)
    }
}
