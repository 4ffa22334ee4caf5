/// Removes a character from both ends of a text that arrives in parts.
struct JoinedStripStage: DecoderStage {
    private let scalar: UInt32
    private let stop: Int
    private var start: Int  // how many more may be removed at the start
    private var held = 0  // how many at the end may have to be removed

    init(scalar: UInt32, start: Int, stop: Int) {
        self.scalar = scalar
        self.start = start
        self.stop = stop
    }

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        var result: [UInt32] = []
        for candidate in token {
            if candidate == scalar {
                if start > 0 {
                    start -= 1
                } else if held < stop {
                    held += 1
                } else {
                    result.append(scalar)
                }
            } else {
                start = 0
                result.append(contentsOf: repeatElement(scalar, count: held))
                held = 0
                result.append(candidate)
            }
        }
        if !result.isEmpty { next(result) }
    }
}

/// Replaces a string in a text that arrives in parts, holding back what may be the beginning of the string.
struct JoinedReplaceStage: DecoderStage {
    private let string: [UInt32]
    private let content: [UInt32]
    private var held: [UInt32] = []

    init(string: [UInt32], content: [UInt32]) {
        self.string = string
        self.content = content
    }

    mutating func receive(_ token: [UInt32], _ next: ([UInt32]) -> Void) {
        held.append(contentsOf: token)
        var result: [UInt32] = []
        var position = 0
        while position < held.count {
            let candidate = held[position...].prefix(string.count)
            if !string.starts(with: candidate) {
                result.append(held[position])
                position += 1
            } else if candidate.count == string.count {
                result.append(contentsOf: content)
                position += string.count
            } else {
                break
            }
        }
        held.removeFirst(position)
        if !result.isEmpty { next(result) }
    }

    mutating func finish(_ next: ([UInt32]) -> Void) {
        if !held.isEmpty { next(held) }
        held.removeAll()
    }
}
