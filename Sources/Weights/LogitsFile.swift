import HDF5

/// The logits of some tokens in an HDF5 file: `logits`, float32 `[tokens, vocabulary]`, and `tokens`, `[tokens]`.
public struct LogitsFile {
    /// The tokens.
    public let tokens: [Int]
    /// `[tokens, vocabulary]`.
    public let logits: [Float]
    /// Logits of one token.
    public let vocabulary: Int
    /// ``WeightsFile/modelHash`` of the model that they are of; nil in a file that another program wrote.
    public let modelHash: String?

    static let logitsName = "logits"
    private static let tokensName = "tokens"

    /// Reads a file.
    ///
    /// - Throws: ``WeightsError`` for a file that is not readable or holds something else.
    public init(path: String) throws(WeightsError) {
        do {
            let root = try HDF5File(opening: path).root()
            let attributes = try root.attributes()
            guard try !attributes.contains(WeightsFormat.versionAttribute) else {
                throw WeightsError.notLogitsFile(path: path, found: "a weights file")
            }
            let values = try root.openDataset(Self.logitsName)
            let ids = try root.openDataset(Self.tokensName)
            guard values.elementType == .float32, ids.elementType == .signed64, values.shape.count == 2,
                ids.shape == [values.shape[0]]
            else {
                throw WeightsError.notLogitsFile(
                    path: path,
                    found: "\(values.elementType) \(values.shape) for \(ids.elementType) \(ids.shape)")
            }
            vocabulary = values.shape[1]
            modelHash =
                try attributes.contains(WeightsFormat.modelHashAttribute)
                ? try attributes.text(WeightsFormat.modelHashAttribute) : nil
            tokens = Self.numbers(try ids.readAll(), as: Int64.self).map { Int(Int64(littleEndian: $0)) }
            logits = Self.numbers(try values.readAll(), as: UInt32.self).map {
                Float(bitPattern: UInt32(littleEndian: $0))
            }
        } catch let error as HDF5Error {
            throw Self.wording(of: error, path: path)
        } catch let error as WeightsError {
            throw error
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
    }

    private static func wording(of error: HDF5Error, path: String) -> WeightsError {
        switch error {
        case .cannotOpen(let path, let reason): .unreadable(path: path, reason: reason)
        case .isFolder: .notLogitsFile(path: path, found: "a folder")
        case .notHDF5: .notLogitsFile(path: path, found: "a file that is not HDF5")
        case .missing(_, let name): .notLogitsFile(path: path, found: "an HDF5 file without '\(name)'")
        case .refused(_, let call, let reason): .notLogitsFile(path: path, found: "one where \(call) says '\(reason)'")
        case .typeMismatch(_, _, let found), .shapeMismatch(_, _, let found): .notLogitsFile(path: path, found: found)
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
        ///   - modelHash: ``WeightsFile/modelHash`` of the model that they will be of.
        public init(path: String, tokens: [Int], vocabulary: Int, modelHash: String) throws(WeightsError) {
            let partial = try PartialFile(destination: path)
            let file = try writing(path) { () throws(HDF5Error) in try HDF5File(creating: partial.path) }
            try partial.checkRoom(for: tokens.count * vocabulary * 4)
            let ids = tokens.map { Int64($0).littleEndian }
            self.path = path
            self.vocabulary = vocabulary
            self.partial = consume partial
            self.file = consume file
            try writing(path) { () throws(HDF5Error) in
                let root = try root()
                try root.attributes().set(WeightsFormat.modelHashAttribute, to: modelHash)
                let dataset = try root.createDataset(LogitsFile.tokensName, .signed64, shape: [ids.count])
                try unsafe dataset.write(Hyperslab(0..<ids.count), from: ids.span.bytes)
                _ = try root.createDataset(LogitsFile.logitsName, .float32, shape: [ids.count, vocabulary])
            }
        }

        /// Writes some rows, `[rows, vocabulary]`.
        public func write(_ logits: [Float], firstPosition: Int) throws(WeightsError) {
            let rows = firstPosition..<firstPosition + logits.count / vocabulary
            let words = logits.map(\.bitPattern.littleEndian)
            try writing(path) { () throws(HDF5Error) in
                let dataset = try root().openDataset(LogitsFile.logitsName)
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
