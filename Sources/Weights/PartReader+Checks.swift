import Blueprint

extension PartReader {
    /// Reads panels that follow each other in the file, and throws what is wrong with them.
    func load(_ panels: Range<Int>, into bytes: UnsafeMutableRawBufferPointer) throws(WeightsError) {
        try unsafe file.read(at: start + stored.byteRange(ofPanels: panels).lowerBound, into: bytes)
        if let damage = unsafe damages(panels, in: UnsafeRawBufferPointer(bytes)).first { throw damage }
    }

    /// Reads the whole part and hands every panel that differs from its checksum to `report`.
    ///
    /// - Parameter didRead: is told how many bytes were read, now and then.
    func verify(_ space: ReadingSpace, didRead: (Int) -> Void, report: (WeightsError) -> Void) {
        let longest = max(1, space.panels.byteCount / stored.panelByteCount)
        for first in stride(from: 0, to: stored.grid.count, by: longest) {
            let panels = first..<min(stored.grid.count, first + longest)
            let range = stored.byteRange(ofPanels: panels)
            let bytes = unsafe space.panels.prefix(range.count)
            do {
                try unsafe file.read(at: start + range.lowerBound, into: bytes)
                unsafe damages(panels, in: UnsafeRawBufferPointer(bytes)).forEach(report)
            } catch {
                report(error)
            }
            didRead(range.count)
        }
    }

    /// An error for each panel whose bytes are not those that were written.
    private func damages(_ panels: Range<Int>, in bytes: UnsafeRawBufferPointer) -> [WeightsError] {
        let hashes = unsafe XXH64.hashes(of: bytes, byteCount: stored.panelByteCount)
        return zip(panels, hashes).compactMap { panel, computed in
            guard checksums.panels[panel] != computed else { return nil }
            let (down, across) = panel.quotientAndRemainder(dividingBy: stored.grid.panelsAcross)
            return damage(
                rows: stored.grid.rowRange(down), columns: stored.grid.columnRange(across),
                stored: checksums.panels[panel], computed: computed)
        }
    }

    /// The error that names a part of the tensor.
    ///
    /// - Parameter columns: elements of the part.
    func damage(rows: Range<Int>, columns: Range<Int>, stored: UInt64, computed: UInt64) -> WeightsError {
        let width = tensor.encoding.columnsPerElement(of: self.stored.part)
        let named = columns.lowerBound * width..<min(tensor.columns, columns.upperBound * width)
        let part =
            switch tensor.encoding {
            case .plain: ""
            case .grouped: "the \(self.stored.part.words) of "
            }
        return .damaged(
            path: file.path, what: "\(part)'\(tensor.name)' (\(Self.text("row", rows)), \(Self.text("column", named)))",
            stored: XXH64.text(stored), computed: XXH64.text(computed))
    }

    private static func text(_ noun: String, _ range: Range<Int>) -> String {
        range.count == 1
            ? "\(noun) \(range.lowerBound)" : "\(noun)s \(range.lowerBound) to \(range.upperBound - 1)"
    }
}

extension Grouping.Part {
    /// The part in words, for messages.
    var words: String {
        switch self {
        case .values: "values"
        case .highBits: "high bits"
        case .scales: "scales"
        case .offsets: "offsets"
        case .superScales: "super-scales"
        case .superOffsets: "super-offsets"
        }
    }
}
