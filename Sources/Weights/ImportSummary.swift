public import Blueprint
import Partition

/// What an import did.
public struct ImportSummary: Sendable, Hashable {
    /// Something that a person should know and that stopped nothing.
    public struct Warning: Sendable, Hashable {
        /// The tensor.
        public let tensor: String
        /// Elements that are infinite or no number in the checkpoint.
        public let nonFiniteCount: Int
        /// Finite elements that are too large for the new encoding.
        public let overflowCount: Int
    }

    /// The file that was written.
    public let path: String
    /// How many tensors it holds.
    public let tensorCount: Int
    /// How many numbers these hold.
    public let parameterCount: Int
    /// Bytes of the tensors of each encoding.
    public let byteCounts: [Encoding: Int]
    /// Names of checkpoint tensors that have no effect and were left out, in order.
    public let ignored: [String]
    /// Texts that the checkpoint might have and doesn't.
    public let missingTexts: [Checkpoint.Text]
    /// Tensors with numbers that are not finite, or no longer.
    public let warnings: [Warning]
    /// Unfinished files of the same name, of imports that were killed or that another host is at.
    public let leftovers: [String]
    /// The model's hash, as ``WeightsFile/modelHash``.
    public let modelHash: String
}

extension ImportSummary.Warning: CustomStringConvertible {
    /// The message for a person, one line.
    public var description: String {
        let parts = [(nonFiniteCount, "not finite"), (overflowCount, "too large for this encoding")]
            .filter { $0.0 > 0 }
            .map { "\(Figure.count($0, "number")) that \($0 == 1 ? "is" : "are") \($1)" }
        return "'\(tensor)' holds \(parts.joined(separator: " and "))"
    }
}
