public import Blueprint

/// How an import stores a model's matrices.
public struct ImportEncoding: Sendable, Hashable {
    /// What becomes of a matrix.
    public enum Choice: Sendable, Hashable {
        /// It stays as the checkpoint has it.
        case keep
        /// It is widened or rounded.
        case stored(Encoding)

        /// A short name.
        public var name: String {
            switch self {
            case .keep: "keep"
            case .stored(let encoding): encoding.name
            }
        }
    }

    /// All matrices but those named below.
    public var matrices: Choice
    /// The embedding; nil for that of the matrices.
    public var embedding: Choice?
    /// The head; nil for that of the matrices.
    public var head: Choice?

    /// Choices for the matrices, and perhaps others for embedding and head.
    public init(_ matrices: Choice, embedding: Choice? = nil, head: Choice? = nil) {
        self.matrices = matrices
        self.embedding = embedding
        self.head = head
    }

    /// Each tensor as the checkpoint has it.
    public static let keep = ImportEncoding(.keep)
    /// Matrices and vectors as 32-bit floats.
    public static let f32 = ImportEncoding(.stored(.f32))
    /// Matrices as bf16.
    public static let bf16 = ImportEncoding(.stored(.bf16))
    /// Matrices as f16.
    public static let f16 = ImportEncoding(.stored(.f16))

    /// What becomes of each weight of a model.
    ///
    /// Throws ``WeightsError`` where embedding and head are one matrix and different things are asked for them.
    public func resolved(for blueprint: Blueprint) throws(WeightsError) -> Resolved {
        guard blueprint.isTied else {
            return Resolved(
                matrices: matrices,
                exceptions: [blueprint.embedding.name: embedding ?? matrices, blueprint.head.name: head ?? matrices])
        }
        if let embedding, let head, embedding != head {
            throw .tiedHead(embedding: embedding.name, head: head.name)
        }
        return Resolved(matrices: matrices, exceptions: [blueprint.embedding.name: embedding ?? head ?? matrices])
    }

    /// Choices for the weights of one model.
    public struct Resolved: Sendable {
        let matrices: Choice
        let exceptions: [String: Choice]

        /// The encoding for a weight that the checkpoint has as `source`.
        ///
        /// Vectors (the weights of norms, and biases) are small and sensitive: they are kept, or widened to f32.
        /// Integers are not made of sensitive matrices.
        public func encoding(of source: Encoding, _ weight: Weight) -> Encoding {
            switch exceptions[weight.name] ?? matrices {
            case .keep: source
            case .stored(.f32): .f32
            case .stored(.plain(let scalar)): weight.isVector ? source : .plain(scalar)
            case .stored(let encoding): weight.isVector || weight.isSensitive ? source : encoding
            }
        }

        /// The same for a weight that the checkpoint has at `location`.
        ///
        /// Throws ``WeightsError`` where there is no way from the one encoding to the other.
        public func encoding(
            of source: Encoding, _ weight: Weight, at location: String
        ) throws(WeightsError) -> Encoding {
            let target = encoding(of: source, weight)
            _ = try RowConversion.checked(from: source, to: target, at: location)
            return target
        }
    }
}
