import Blueprint
public import Compute
import Partition

/// The error of products with weights of one encoding.
public struct EncodingError: Sendable, Hashable, Codable {
    /// How the weights are stored.
    public var encoding: String
    /// How much products may round: `precise` or `fast`.
    public var math: String
    /// How far they are from sums in double precision of the same weights and activations.
    public var error: ProductError
}

extension Session {
    /// The errors of this rank's products for each encoding of its matrices: as the session computes, and precise.
    ///
    /// Random weights of 256 rows as wide as the model, with random activations of 16 tokens.
    public func measureErrors() throws(ComputeError) -> [EncodingError] {
        let operations = [bench.operations] + (bench.operations.math == .precise ? [] : [bench.operations.exact])
        let encodings = Set(plan.blueprint.weights.filter { !$0.isVector }.map { plan.encoding(of: $0) })
        var errors: [EncodingError] = []
        for encoding in encodings.sorted(by: { $0.name < $1.name }) {
            for operations in operations {
                errors.append(
                    EncodingError(
                        encoding: encoding.name, math: operations.math.rawValue,
                        error: try operations.measureError(
                            of: encoding, rows: 256, columns: plan.blueprint.width, tokens: 16)))
            }
        }
        return errors
    }
}
