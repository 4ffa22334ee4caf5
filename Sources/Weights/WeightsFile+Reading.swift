public import Blueprint

extension WeightsFile {
    /// Copies rows `rows` and columns `columns` of one array of a tensor to `buffer`, as they are stored.
    ///
    /// Only the panels or bands that hold the slice are read, see ``PanelGrid``, each is checked, and memory beyond
    /// `buffer` stays at a few hundred KiB (or one panel, where that is larger). A vector has one column.
    ///
    /// - Parameters:
    ///   - part: which array; the numbers themselves are the values of a plain encoding.
    ///   - columns: columns of the tensor; of the array those elements that hold any of them.
    ///   - buffer: the first element goes to its start; what lies between rows stays as it is.
    ///   - rowByteStride: bytes from the start of one row to the start of the next.
    /// - Returns: the bytes that were read from the file, those of cut panels and bands in full.
    /// - Throws: ``WeightsError/damaged(path:what:stored:computed:)`` with the tensor and the panel or band;
    ///   ``WeightsError/badSlice(location:expected:found:)`` where the slice doesn't fit the tensor or the buffer.
    public func read(
        _ name: String, part: Grouping.Part = .values, rows: Range<Int>, columns: Range<Int>,
        into buffer: UnsafeMutableRawBufferPointer, rowByteStride: Int
    ) throws(WeightsError) -> Int {
        let reader = try reader(name, part, rows: rows, columns: columns)
        let elements = reader.tensor.encoding.columns(of: part, in: columns)
        let rowByteCount = elements.count * reader.stored.bytesPerElement
        let needed = rows.isEmpty || elements.isEmpty ? 0 : (rows.count - 1) * rowByteStride + rowByteCount
        guard rows.count < 2 || rowByteStride >= rowByteCount, needed <= buffer.count else {
            throw .badSlice(
                location: "\(path): '\(name)'", expected: "a buffer of \(needed) bytes with rows \(rowByteCount) apart",
                found: "\(buffer.count) bytes with rows \(rowByteStride) apart")
        }
        let place = unsafe RowPlace(
            buffer, rows: rows, columns: elements, bytesPerElement: reader.stored.bytesPerElement,
            rowByteStride: rowByteStride)
        let space = ReadingSpace(for: [reader.stored])
        var byteCount = 0
        for unit in reader.units(rows: rows, columns: elements) {
            byteCount += try reader.read(unit, into: place, space)
        }
        return byteCount
    }

    /// A slice of one array as an array of bytes, rows next to each other.
    public func bytes(
        _ name: String, part: Grouping.Part = .values, rows: Range<Int>, columns: Range<Int>
    ) throws(WeightsError) -> [UInt8] {
        let reader = try reader(name, part, rows: rows, columns: columns)
        let elements = reader.tensor.encoding.columns(of: part, in: columns)
        let rowByteCount = elements.count * reader.stored.bytesPerElement
        var bytes = [UInt8](repeating: 0, count: rows.count * rowByteCount)
        var span = bytes.mutableSpan
        _ = try unsafe span.withUnsafeMutableBytes { (buffer) throws(WeightsError) in
            try unsafe read(
                name, part: part, rows: rows, columns: columns, into: buffer, rowByteStride: rowByteCount)
        }
        return bytes
    }

    /// Reads every panel of every tensor and returns an error for each that differs from its checksum.
    ///
    /// - Parameter progress: is told the bytes read so far and in all, now and then.
    public func verifyAll(
        progress: (_ byteCount: Int, _ totalByteCount: Int) -> Void = { _, _ in }
    ) throws(WeightsError) -> [WeightsError] {
        let total = tensors.reduce(0) { $0 + $1.storedByteCount }
        let space = ReadingSpace(for: tensors.flatMap(\.parts))
        var (done, damages) = (0, [WeightsError]())
        for info in tensors {
            for reader in try readers(of: info.name) {
                reader.verify(
                    space,
                    didRead: { byteCount in
                        done += byteCount
                        progress(done, total)
                    },
                    report: { damages.append($0) })
            }
        }
        return damages
    }

    private func reader(
        _ name: String, _ part: Grouping.Part, rows: Range<Int>, columns: Range<Int>
    ) throws(WeightsError) -> PartReader {
        let readers = try readers(of: name)
        guard let reader = readers.first(where: { $0.stored.part == part }) else {
            throw .unknownTensor(path: path, name: "the \(part.words) of \(name)")
        }
        guard rows.lowerBound >= 0, rows.upperBound <= reader.tensor.rows, columns.lowerBound >= 0,
            columns.upperBound <= reader.tensor.columns
        else {
            throw .badSlice(
                location: "\(path): '\(name)'", expected: "a part of \(reader.tensor.shape)",
                found: "rows \(rows), columns \(columns)")
        }
        return reader
    }
}
