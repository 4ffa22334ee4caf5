import Blueprint
import Partition

/// A quantised matrix as mlx-lm stores it: packed integers, scales and offsets in three tensors beside each other.
///
/// The words of packed integers of 4 or 8 bits, lowest first, are the bytes of a weights file. Others follow each other
/// bit by bit, over the borders of words, and are taken apart.
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
            throw part.misfit(
                expected: groups, beside: values,
                reason: ", and groups of \(form.groupSize) columns of \(form.bits) bits, as config.json says")
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
        let (rowBits, overflows) = words.multipliedReportingOverflow(by: 32)
        guard !overflows else {
            throw .malformed(
                location: values.location, expected: "fewer words in a row", found: "\(values.shape)")
        }
        guard rowBits.isMultiple(of: form.bits * form.groupSize) else {
            throw .malformed(
                location: values.location,
                expected: "rows of whole groups of \(form.groupSize) columns of \(form.bits) bits, as config.json says",
                found: Figure.count(words, "word"))
        }
        return Array(values.shape.dropLast()) + [rowBits / form.bits]
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
        let names = try encoding.parts
        func buffer(_ part: Grouping.Part) -> UnsafeMutableRawBufferPointer? {
            unsafe names.firstIndex(of: part).map { unsafe parts[$0] }
        }
        guard let lowBits = unsafe buffer(.values), let scalePart = unsafe buffer(.scales),
            let offsetPart = unsafe buffer(.offsets)
        else { preconditionFailure("What is affine has integers, scales and offsets.") }
        try unsafe readIntegers(rows, into: lowBits, highBits: buffer(.highBits))
        try unsafe scales.read(rows: rows, into: [scalePart])
        try unsafe offsets.read(rows: rows, into: [offsetPart])
    }

    private func readIntegers(
        _ rows: Range<Int>, into lowBits: UnsafeMutableRawBufferPointer, highBits: UnsafeMutableRawBufferPointer?
    ) throws(WeightsError) {
        if form.bits == 4 || form.bits == 8 { return try unsafe values.read(rows: rows, into: [lowBits]) }
        let packed = StagingBuffer(byteCount: rows.count * shape[shape.count - 1] * form.bits / 8)
        let words = unsafe packed.prefix(packed.byteCount)
        try unsafe values.read(rows: rows, into: [words])
        unsafe PackedIntegers(bits: form.bits).split(UnsafeRawBufferPointer(words), into: lowBits, highBits)
    }
}
