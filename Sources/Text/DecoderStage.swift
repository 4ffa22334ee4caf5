/// A step of decoding that takes one token at a time and passes on what it is certain of.
protocol DecoderStage: Sendable {
    /// Takes a token, or a part of one, and passes on tokens.
    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void)
    /// Passes on what it has held back.
    mutating func finish(_ next: ([UInt32]) -> Void)
}

extension DecoderStage {
    mutating func finish(_ next: ([UInt32]) -> Void) {}
}

/// Joins tokens with spaces: what happens without a decoder.
struct SeparatorStage: DecoderStage {
    private var isFirst = true

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        next(isFirst ? token : [0x20] + token)
        isFirst = false
    }
}

/// Waits for everything, then does another step on all of it as one token.
struct WholeStage<Stage: DecoderStage>: DecoderStage {
    private var stage: Stage
    private var text: [UInt32] = []

    init(stage: Stage) {
        self.stage = stage
    }

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        text.append(contentsOf: token)
    }

    mutating func finish(_ next: ([UInt32]) -> Void) {
        stage.receive(text, next)
        stage.finish(next)
    }
}

/// Replaces matches inside each token.
struct ReplaceStage: DecoderStage {
    let pattern: Pattern
    let content: [UInt32]

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        next(pattern.replacing(in: token, with: content))
    }
}

/// Turns SentencePiece's marks into spaces; those of the first token disappear if they were put before the text.
struct MetaspaceStage: DecoderStage {
    private let replacement: UInt32
    private let isJoined: Bool
    private var drops: Bool

    init(replacement: UInt32, dropsFirst: Bool, isJoined: Bool) {
        self.replacement = replacement
        self.isJoined = isJoined
        drops = dropsFirst
    }

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        let drops = drops
        next(token.compactMap { $0 == replacement ? (drops ? nil : 0x20) : $0 })
        if !isJoined { self.drops = false }
    }
}

/// Removes a character from both ends of each token.
struct StripStage: DecoderStage {
    let strip: JoinedStripStage

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        var strip = strip
        var result: [UInt32] = []
        strip.receive(token) { result += $0 }
        strip.finish { result += $0 }
        next(result)
    }
}
