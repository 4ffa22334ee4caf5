public import Blueprint

/// What a weights file holds, in short.
public struct WeightsSummary: Sendable, Hashable {
    /// The tensors of one encoding.
    public struct Total: Sendable, Hashable {
        /// How many tensors.
        public fileprivate(set) var tensorCount = 0
        /// Bytes of their elements.
        public fileprivate(set) var byteCount = 0

        mutating func add(_ info: TensorInfo) {
            tensorCount += 1
            byteCount += info.byteCount
        }
    }

    /// Where the file is.
    public let path: String
    /// The checkpoint that it was made from, and its hash.
    public let sourceName: String
    /// See ``WeightsFile/sourceHash``.
    public let sourceHash: String
    /// See ``WeightsFile/modelHash``.
    public let modelHash: String
    /// The version of the program that wrote it.
    public let programVersion: String
    /// How many tensors it holds.
    public let tensorCount: Int
    /// How many numbers these hold.
    public let parameterCount: Int
    /// The tensors of each encoding.
    public let encodings: [Encoding: Total]
    /// The texts that it holds.
    public let texts: [Checkpoint.Text]
}

extension WeightsSummary: CustomStringConvertible {
    /// Several lines for a person: a word and what it is.
    public var description: String {
        let stored = encodings.sorted { $0.key.name < $1.key.name }.map { encoding, total in
                "\(encoding.name) \(ByteText.text(total.byteCount)) in \(total.tensorCount) tensors"
        }
        let lines = [
            ("file", path), ("source", "\(sourceName), hash \(sourceHash)"), ("model hash", modelHash),
            ("written by", "lockstep \(programVersion)"),
            ("parameters", "\(Self.grouped(parameterCount)) in \(tensorCount) tensors"),
            ("encodings", stored.joined(separator: ", ")),
            ("texts", texts.map(\.rawValue).joined(separator: ", ")),
        ]
        return lines.map { $0.0.padded(to: 12) + $0.1 }.joined(separator: "\n")
    }

    private static func grouped(_ number: Int) -> String {
        let digits = String(number)
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return result
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
