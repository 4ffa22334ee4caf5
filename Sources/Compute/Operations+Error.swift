public import Blueprint
internal import CKernels

/// How far a product is from the exact one, in units of the root mean square of the exact one's elements.
public struct ProductError: Sendable, Hashable, Codable {
    /// The root mean square of the differences.
    public let meanSquare: Double
    /// The largest difference.
    public let largest: Double
}

extension Operations {
    /// The error of a product with a matrix of random weights.
    ///
    /// Equal seeds give equal numbers. Throws `ComputeError` when memory is not there.
    public func measureError(
        of encoding: Encoding, rows: Int, columns: Int, tokens: Int, seed: UInt64 = 1
    ) throws(ComputeError) -> ProductError {
        let arena = try Arena(byteCount: Arena.byteCount(rows: rows, columns: columns, encoding: encoding))
        let matrix = try arena.matrix(rows: rows, columns: columns, encoding: encoding)
        var numbers = SplitMix(seed: ~seed)
        matrix.fill(from: &numbers)
        return try measureError(of: matrix, tokens: tokens, seed: seed)
    }

    /// The error of the product of a matrix with random activations, uniform in -1..<1, against sums in double
    /// precision of the same weights and activations.
    ///
    /// Equal seeds give equal numbers. Throws `ComputeError` when memory is not there.
    public func measureError(
        of matrix: Matrix, tokens: Int, seed: UInt64 = 1
    ) throws(ComputeError) -> ProductError {
        let (rows, columns) = (matrix.rows, matrix.columns)
        precondition(rows > 0 && columns > 0 && tokens > 0, "There is something to multiply.")
        let roundedColumns = Math.roundedByteCount(columns: columns) / MemoryLayout<Float>.size
        let arena = try Arena(
            byteCount: [columns, rows, roundedColumns].reduce(0) { $0 + Arena.byteCount(rows: tokens, columns: $1) })
        let x = try arena.buffer(rows: tokens, columns: columns)
        let y = try arena.buffer(rows: tokens, columns: rows)
        let rounded = try arena.buffer(rows: tokens, columns: roundedColumns)
        var numbers = SplitMix(seed: seed)
        x.withMutableSpan(rows: tokens) { span in
            for index in span.indices { span[index] = numbers.number() }
        }
        rounding(into: rounded).multiply(x, tokens: tokens, by: matrix, into: y)
        return Self.error(of: y, x, matrix)
    }

    private static func error(of y: Buffer, _ x: Buffer, _ matrix: Matrix) -> ProductError {
        var (differences, squares, largest) = (0.0, 0.0, 0.0)
        for row in 0..<matrix.rows {
            let weights = matrix.floats(row: row)
            for token in 0..<y.rows {
                let exact = weights.indices.reduce(0.0) { $0 + Double(weights[$1]) * Double(x[token, $1]) }
                let difference = abs(Double(y[token, row]) - exact)
                differences += difference * difference
                squares += exact * exact
                largest = max(largest, difference)
            }
        }
        let spread = (squares / Double(y.count)).squareRoot()
        guard spread > 0 else { return ProductError(meanSquare: 0, largest: 0) }
        return ProductError(
            meanSquare: (differences / Double(y.count)).squareRoot() / spread, largest: largest / spread)
    }
}

extension Matrix {
    /// Fills it with weights about as large as those of a model: uniform ones, or integers of any value with scales
    /// that differ by up to a factor of two.
    fileprivate func fill(from numbers: inout SplitMix) {
        guard case .grouped(let grouping) = encoding else {
            for row in 0..<rows { set(row: row, floats: (0..<columns).map { _ in numbers.number() }) }
            return
        }
        for row in stride(from: 0, to: rows, by: Grouping.panelRows) {
            let count = min(Grouping.panelRows, rows - row)
            var bytes: [UInt8] = []
            var places: [Grouping.Part: (start: Int, stride: Int)] = [:]
            for part in grouping.parts {
                let elements = grouping.columns(of: part, in: 0..<columns).count
                places[part] = (bytes.count, elements * grouping.bytesPerElement(of: part))
                for _ in 0..<count * elements { grouping.append(part, from: &numbers, to: &bytes) }
            }
            unsafe bytes.withUnsafeBytes { bytes in
                let parts = places.mapValues { place in
                    let end = place.start + count * place.stride
                    return unsafe GroupedRows.Part(
                        bytes: UnsafeRawBufferPointer(rebasing: bytes[place.start..<end]), rowByteStride: place.stride)
                }
                pack(GroupedRows(count: count, columns: columns, parts: parts), at: row)
            }
        }
    }
}

extension Grouping {
    /// Appends one element of a part.
    fileprivate func append(_ part: Part, from numbers: inout SplitMix, to bytes: inout [UInt8]) {
        let bits = numbers.next()
        // From 1 to 2, and the offset puts half the integers' range at zero.
        let factor = 1 + Float(bits % 128) / 128
        let size = part == .offsets || part == .superOffsets ? -factor * Float(1 << (self.bits - 1)) : factor
        switch (part, scale) {
        case (.values, _), (.highBits, _): bytes.append(UInt8(truncatingIfNeeded: bits >> 32))
        case (.scales, .nested), (.offsets, .nested): bytes.append(UInt8(32 + bits % 32))
        case (.superScales, _), (.superOffsets, _), (_, .f16), (_, .nested): append(Float16(size / 1024).bitPattern)
        case (_, .bf16): append(UInt16((size / 1024).bitPattern >> 16))
        case (_, .f32):
            append(UInt16(truncatingIfNeeded: (size / 1024).bitPattern))
            append(UInt16((size / 1024).bitPattern >> 16))
        }
        func append(_ word: UInt16) {
            bytes.append(UInt8(truncatingIfNeeded: word))
            bytes.append(UInt8(word >> 8))
        }
    }
}

extension SplitMix {
    /// A number in -1..<1.
    fileprivate mutating func number() -> Float { Float(Int64(bitPattern: next()) >> 40) / Float(1 << 23) }
}
