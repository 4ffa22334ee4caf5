import HDF5

/// The logits of some tokens in an HDF5 file: `logits`, float32 `[tokens, vocabulary]`, and `tokens`, `[tokens]`.
public struct LogitsFile {
    /// The tokens.
    public let tokens: [Int]
    /// `[tokens, vocabulary]`.
    public let logits: [Float]

    public var vocabulary: Int { 0 }
    public var modelHash: String? { nil }
    /// Reads a file.
    ///
    /// - Throws: ``WeightsError`` for a file that is not readable or holds something else.
    public init(path: String) throws(WeightsError) {
        let (ids, values, shape) = try reading(path) { () throws(HDF5Error) in
            let root = try HDF5File(opening: path).root()
            let dataset = try root.openDataset("logits")
            return (try root.openDataset("tokens").readAll(), try dataset.readAll(), dataset.shape)
        }
        tokens = Self.numbers(ids, as: Int64.self).map { Int(Int64(littleEndian: $0)) }
        logits = Self.numbers(values, as: UInt32.self).map { Float(bitPattern: UInt32(littleEndian: $0)) }
        guard shape.count == 2, shape[0] == tokens.count, logits.count == shape[0] * shape[1] else {
            throw .malformed(
                location: path, expected: "4-byte logits of [\(tokens.count), vocabulary] and 8-byte tokens",
                found: "logits of \(shape)")
        }
    }

    private static func numbers<Number: BitwiseCopyable>(_ bytes: [UInt8], as type: Number.Type) -> [Number] {
        unsafe bytes.withUnsafeBytes { buffer in
            (0..<buffer.count / MemoryLayout<Number>.size).map {
                unsafe buffer.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Number>.size, as: type)
            }
        }
    }

    /// Writes such a file row by row; it has its name only when it is complete.
    public final class Writer {
        private let path: String
        private let vocabulary: Int
        private var partial: PartialFile?
        private var file: HDF5File?

        /// Begins a file.
        ///
        /// - Parameters:
        ///   - tokens: those whose logits will follow.
        ///   - vocabulary: logits of one token.
        public init(path: String, tokens: [Int], vocabulary: Int) throws(WeightsError) {
            let partial = PartialFile(destination: path)
            let file = try writing(path) { () throws(HDF5Error) in try HDF5File(creating: partial.path) }
            try partial.checkRoom(for: tokens.count * vocabulary * 4)
            let ids = tokens.map { Int64($0).littleEndian }
            self.path = path
            self.vocabulary = vocabulary
            self.partial = consume partial
            self.file = consume file
            try writing(path) { () throws(HDF5Error) in
                let root = try root()
                let dataset = try root.createDataset("tokens", .signed64, shape: [ids.count])
                try unsafe dataset.write(Hyperslab(0..<ids.count), from: ids.span.bytes)
                _ = try root.createDataset("logits", .float32, shape: [ids.count, vocabulary])
            }
        }

        /// Writes some rows, `[rows, vocabulary]`.
        public func write(_ logits: [Float], firstPosition: Int) throws(WeightsError) {
            let rows = firstPosition..<firstPosition + logits.count / vocabulary
            let words = logits.map(\.bitPattern.littleEndian)
            try writing(path) { () throws(HDF5Error) in
                let dataset = try root().openDataset("logits")
                try unsafe dataset.write(Hyperslab(rows, 0..<vocabulary), from: words.span.bytes)
            }
        }

        private func root() throws(HDF5Error) -> HDF5Group {
            guard let group = try file?.root() else { preconditionFailure("The file is complete.") }
            return group
        }

        /// Completes the file and gives it its name.
        public func finish() throws(WeightsError) {
            try writing(path) { () throws(HDF5Error) in try file.take()?.close() }
            try partial.take()?.publish()
        }
    }
}
