import Blueprint
import Partition

/// A quantised matrix as mlx-lm stores it: packed integers, scales and offsets in three tensors beside each other.
///
/// The words of packed integers, lowest first, are the bytes of a weights file: nothing is computed.
struct AffineTensor: CheckpointTensor {
    private let values: SafetensorsEntry
    private let scales: SafetensorsEntry
    private let offsets: SafetensorsEntry
    private let form: Quantization.Form
    private let scalar: Scalar
    let shape: [Int]

    init(
        _ values: SafetensorsEntry, scales: SafetensorsEntry, offsets: SafetensorsEntry, _ form: Quantization.Form
    ) throws(WeightsError) {
        guard values.tensor.elementType == .unsigned32 else {
            throw .malformed(
                location: values.location, expected: "integers packed in U32, as it has scales",
                found: values.tensor.elementType.rawValue)
        }
        guard let scalar = scales.tensor.elementType.encoding else {
            throw .unsupportedElements(location: scales.location, found: scales.tensor.elementType.rawValue)
        }
        guard offsets.tensor.elementType == scales.tensor.elementType else {
            throw .malformed(
                location: offsets.location, expected: "the type of the scales, \(scales.tensor.elementType.rawValue)",
                found: offsets.tensor.elementType.rawValue)
        }
        let shape = try Self.shape(values, form)
        let groups = Array(shape.dropLast()) + [shape[shape.count - 1] / form.groupSize]
        for part in [scales, offsets] where part.shape != groups {
            throw part.misfit(expected: groups, beside: values)
        }
        (self.values, self.scales, self.offsets, self.form, self.scalar) = (values, scales, offsets, form, scalar)
        self.shape = shape
    }

    /// The shape of the matrix that packed words hold.
    private static func shape(_ values: SafetensorsEntry, _ form: Quantization.Form) throws(WeightsError) -> [Int] {
        guard values.shape.count >= 2, let words = values.shape.last else {
            throw .malformed(location: values.location, expected: "a matrix of words", found: "\(values.shape)")
        }
        // Without rows, the header may state any number of words: no byte need be there for them.
        let (columns, overflows) = words.multipliedReportingOverflow(by: 32 / form.bits)
        guard !overflows else {
            throw .malformed(
                location: values.location, expected: "fewer words in a row", found: "\(values.shape)")
        }
        guard columns.isMultiple(of: form.groupSize) else {
            throw .malformed(
                location: values.location, expected: "whole groups of \(form.groupSize) columns",
                found: "\(Figure.count(columns, "column")) of \(form.bits) bits")
        }
        return Array(values.shape.dropLast()) + [columns]
    }

    var byteCount: Int { values.byteCount + scales.byteCount + offsets.byteCount }
    var location: String { values.location }

    var encoding: Encoding {
        get throws(WeightsError) {
            guard let encoding = form.encoding(scalar) else {
                throw .unsupportedElements(
                    location: location, found: "\(form.bits) bits in groups of \(form.groupSize)")
            }
            return encoding
        }
    }

    func read(rows: Range<Int>, into parts: [UnsafeMutableRawBufferPointer]) throws(WeightsError) {
        try unsafe values.read(rows: rows, into: [parts[0]])
        try unsafe scales.read(rows: rows, into: [parts[1]])
        try unsafe offsets.read(rows: rows, into: [parts[2]])
    }
}
