package import Blueprint
package import Compute

/// Turns rows of a tensor from the encoding of a checkpoint into that of a weights file.
///
/// An import calls it from several threads at once, each with rows of its own.
package protocol RowConverter: Sendable {
    /// Converts some rows.
    ///
    /// - Parameters:
    ///   - rowCount: rows in every buffer, next to each other.
    ///   - columns: columns of the tensor.
    ///   - source: a buffer for each of the source encoding's parts, in their order.
    ///   - target: one for each of the target's, which must be filled in full.
    /// - Returns: what was wrong with the numbers.
    func convert(
        rowCount: Int, columns: Int, from source: [UnsafeRawBufferPointer], to target: [UnsafeMutableRawBufferPointer]
    ) -> ElementConversion.Findings
}

/// The converters that there are.
package enum RowConversion {
    /// A converter for the tensor at `location`.
    static func checked(
        from source: Encoding, to target: Encoding, at location: String, instructionSet: InstructionSet = .fastest
    ) throws(WeightsError) -> any RowConverter {
        guard let converter = converter(from: source, to: target, instructionSet: instructionSet) else {
            throw .noConversion(location: location, from: source.name, to: target.name)
        }
        return converter
    }

    /// A converter between two encodings; nil where there is none.
    package static func converter(
        from source: Encoding, to target: Encoding, instructionSet: InstructionSet = .fastest
    ) -> (any RowConverter)? {
        switch (source, target) {
        case (.plain(let source), .plain(let target)): PlainConverter(source: source, target: target)
        // To round what is rounded already would add up both errors.
        case (.grouped(let grouping), .grouped): source == target ? CopyingConverter(grouping: grouping) : nil
        case (.plain(let source), .grouped(let target)):
            RoundingConverter(source: source, target: target, instructionSet: instructionSet)
        case (.grouped(let source), .plain(let target)):
            WideningConverter(source: source, target: target, instructionSet: instructionSet)
        }
    }
}

/// Widens or rounds each number by itself.
private struct PlainConverter: RowConverter {
    let source: Scalar
    let target: Scalar

    func convert(
        rowCount: Int, columns: Int, from: [UnsafeRawBufferPointer], to: [UnsafeMutableRawBufferPointer]
    ) -> ElementConversion.Findings {
        unsafe ElementConversion.convert(from[0], source, to: to[0], target)
    }
}
