import Blueprint

extension WeightsFile {
    /// Copies rows `rows` and columns `columns` of a tensor to `buffer`, in the stored encoding.
    ///
    /// Only the panels or bands that hold the slice are read, see ``PanelGrid``, each is checked, and memory beyond
    /// `buffer` stays at 8 MiB (or one panel, where that is larger). A vector has one column.
    ///
    /// - Parameters:
    ///   - buffer: the first element goes to its start; what lies between rows stays as it is.
    ///   - rowByteStride: bytes from the start of one row to the start of the next.
    /// - Returns: the bytes that were read from the file, those of cut panels and bands in full.
    /// - Throws: ``WeightsError/damaged(path:what:stored:computed:)`` with the tensor and the panel or band;
    ///   ``WeightsError/badSlice(location:expected:found:)`` where the slice doesn't fit the tensor or the buffer.
    public func read(
        _ name: String, rows: Range<Int>, columns: Range<Int>, into buffer: UnsafeMutableRawBufferPointer,
        rowByteStride: Int
    ) throws(WeightsError) -> Int {
        let reader = try open(name)
        let target = try unsafe SliceTarget(
            reader.info, rows: rows, columns: columns, buffer: buffer, rowByteStride: rowByteStride,
            location: "\(path): '\(name)'")
        return try reader.read(into: target)
    }

    /// A slice as an array of bytes, rows next to each other.
    public func bytes(_ name: String, rows: Range<Int>, columns: Range<Int>) throws(WeightsError) -> [UInt8] {
        guard let info = tensor(name) else { throw .unknownTensor(path: path, name: name) }
        let rowByteCount = info.scalar.byteCount(columns.count)
        var bytes = [UInt8](repeating: 0, count: rows.count * rowByteCount)
        var span = bytes.mutableSpan
        _ = try unsafe span.withUnsafeMutableBytes { (buffer) throws(WeightsError) in
            try unsafe read(name, rows: rows, columns: columns, into: buffer, rowByteStride: rowByteCount)
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
        var (done, damages) = (0, [WeightsError]())
        for info in tensors {
            try open(info.name).verify(
                didRead: { byteCount in
                    done += byteCount
                    progress(done, total)
                },
                report: { damages.append($0) })
        }
        return damages
    }
}
