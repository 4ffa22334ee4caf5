import Blueprint

/// Rows of one part of a slice that follow each other in memory, moved down the tensor in steps: what was read for one
/// step and belongs to the next stays.
@safe final class RowWindow {
    /// Bytes from one row to the next.
    let rowByteStride: Int
    private let reader: PartReader
    private let columns: Range<Int>
    private let buffer: UnsafeMutableRawBufferPointer
    private let units: [PartReader.Unit]
    private var nextUnit = 0
    private var held: Range<Int>

    /// - Parameters:
    ///   - rows: all that will be asked for, from the top.
    ///   - columns: elements of the part that are read.
    ///   - rowByteStride: may be more than these.
    ///   - filling: what lies beyond them.
    ///   - step: the most rows at a time.
    init(
        _ reader: PartReader, rows: Range<Int>, columns: Range<Int>, rowByteStride: Int, filling: UInt8, step: Int,
        in buffer: UnsafeMutableRawBufferPointer
    ) {
        self.reader = reader
        self.columns = columns
        self.rowByteStride = rowByteStride
        unsafe self.buffer = buffer
        units = reader.units(rows: rows, columns: columns, limit: step)
        held = rows.lowerBound..<rows.lowerBound
        if columns.count * reader.stored.bytesPerElement < rowByteStride {
            unsafe buffer.initializeMemory(as: UInt8.self, repeating: filling)
        }
    }

    /// Rows that a window needs room for.
    static func capacity(_ reader: PartReader, step: Int) -> Int {
        step + max(step, reader.stored.grid.rowsPerPanel)
    }

    /// Moves on to `rows`, which begin where the last ones ended.
    ///
    /// - Returns: where they begin; and the bytes that were read from the file.
    func advance(
        to rows: Range<Int>, _ space: ReadingSpace
    ) throws(WeightsError) -> (start: UnsafeMutableRawPointer, byteCount: Int) {
        let kept = max(0, held.upperBound - rows.lowerBound) * rowByteStride
        let offset = (rows.lowerBound - held.lowerBound) * rowByteStride
        if kept > 0, offset > 0 {
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<kept])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + kept]))
        }
        held = rows.lowerBound..<max(rows.lowerBound, held.upperBound)
        var byteCount = 0
        while held.upperBound < rows.upperBound, nextUnit < units.count {
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
        guard let start = unsafe buffer.baseAddress else { preconditionFailure("A window has room.") }
        return unsafe (start, byteCount)
    }
}
