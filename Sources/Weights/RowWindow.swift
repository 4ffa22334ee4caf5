import Blueprint
import Compute

/// Rows of one part of a slice that follow each other in memory, moved down the tensor in steps: what was read for one
/// step and belongs to the next stays.
@safe final class RowWindow {
    private let rowByteStride: Int
    private let reader: PartReader
    // Elements of the part.
    private let columns: Range<Int>
    private let filling: Filling
    private let buffer: UnsafeMutableRawBufferPointer
    private let units: [PartReader.Unit]
    private var nextUnit = 0
    private var held: Range<Int>

    /// - Parameters:
    ///   - rows: all that will be asked for, from the top.
    ///   - columns: columns of the tensor that are read.
    ///   - rowByteStride: may be more than these take; what follows them stands for zero.
    ///   - step: the most rows at a time.
    init(
        _ reader: PartReader, rows: Range<Int>, columns: Range<Int>, rowByteStride: Int, step: Int,
        in buffer: UnsafeMutableRawBufferPointer
    ) {
        let encoding = reader.tensor.encoding
        self.reader = reader
        self.columns = encoding.columns(of: reader.stored.part, in: columns)
        self.rowByteStride = rowByteStride
        filling = Filling(reader.stored.part, of: encoding, after: columns.upperBound)
        unsafe self.buffer = buffer
        units = reader.units(rows: rows, columns: self.columns, limit: step)
        held = rows.lowerBound..<rows.lowerBound
        if hasFilling { unsafe buffer.initializeMemory(as: UInt8.self, repeating: filling.byte) }
    }

    private var rowByteCount: Int { columns.count * reader.stored.bytesPerElement }
    private var hasFilling: Bool { rowByteCount < rowByteStride }

    /// Which part.
    var part: Grouping.Part { reader.stored.part }

    /// The rows that were asked for last, and whatever follows them.
    var rows: GroupedRows.Part {
        unsafe GroupedRows.Part(bytes: UnsafeRawBufferPointer(buffer), rowByteStride: rowByteStride)
    }

    /// Rows that a window needs room for.
    static func capacity(_ reader: PartReader, step: Int) -> Int {
        let rowsPerPanel = reader.stored.grid.rowsPerPanel
        return step + ceilingQuotient(step, rowsPerPanel) * rowsPerPanel
    }

    /// Moves on to rows that begin where the last ones ended.
    ///
    /// - Returns: the bytes that were read from the file.
    func advance(to wanted: Range<Int>, _ space: ReadingSpace) throws(WeightsError) -> Int {
        let kept = max(0, held.upperBound - wanted.lowerBound) * rowByteStride
        let offset = (wanted.lowerBound - held.lowerBound) * rowByteStride
        if kept > 0, offset > 0 {
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<kept])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + kept]))
        }
        held = wanted.lowerBound..<max(wanted.lowerBound, held.upperBound)
        var byteCount = 0
        while held.upperBound < wanted.upperBound, nextUnit < units.count {
            let unit = units[nextUnit]
            let end = reader.rows(of: unit).upperBound
            let place = unsafe RowPlace(
                UnsafeMutableRawBufferPointer(rebasing: buffer[(held.count * rowByteStride)...]),
                rows: held.upperBound..<end, columns: columns, bytesPerElement: reader.stored.bytesPerElement,
                rowByteStride: rowByteStride)
            byteCount += try reader.read(unit, into: place, space)
            held = held.lowerBound..<end
            nextUnit += 1
        }
        fill(rowCount: wanted.count)
        return byteCount
    }

    /// Clears what rows have of columns behind the slice, in a byte that the two share.
    private func fill(rowCount: Int) {
        guard hasFilling, filling.keptBits != 0xff else { return }
        for row in 0..<rowCount {
            let last = row * rowByteStride + rowByteCount - 1
            unsafe buffer[last] = buffer[last] & filling.keptBits | filling.byte & ~filling.keptBits
        }
    }
}

/// What stands for zero behind the last column of a slice.
private struct Filling {
    /// The byte.
    let byte: UInt8
    /// Of the last byte that the slice touches, those bits which are the slice's.
    let keptBits: UInt8

    init(_ part: Grouping.Part, of encoding: Encoding, after column: Int) {
        let perByte = encoding.columnsPerElement(of: part)
        let own = column % perByte
        switch part {
        case .values, .highBits: keptBits = own == 0 ? 0xff : 1 << (8 / perByte * own) - 1
        case .scales, .offsets, .superScales, .superOffsets: keptBits = 0xff
        }
        byte = Self.byte(part, of: encoding)
    }

    /// Without offsets the highest bit of every integer is set, with them none.
    private static func byte(_ part: Grouping.Part, of encoding: Encoding) -> UInt8 {
        guard case .grouped(let grouping) = encoding, !grouping.hasOffsets else { return 0 }
        switch (part, grouping.bits) {
        case (.values, 4): return 0x88
        case (.values, 8): return 0x80
        case (.highBits, 5): return 0xff
        case (.highBits, _): return 0xaa
        case (.values, _), (.scales, _), (.offsets, _), (.superScales, _), (.superOffsets, _): return 0
        }
    }
}
