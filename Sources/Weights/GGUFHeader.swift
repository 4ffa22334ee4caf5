import Partition

/// What stands before the data of a GGUF file, checked in full.
///
/// The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
struct GGUFHeader {
    /// A tensor and where its bytes are in the file.
    struct Tensor {
        let name: String
        let elementType: GGUFElementType
        /// The extents, outermost first: the file has them the other way round.
        let shape: [Int]
        let byteRange: Range<Int>
    }

    let metadata: [String: GGUFValue]
    /// In the order of their data.
    let tensors: [Tensor]
    let byteCount: Int

    private static let magic: UInt32 = 0x4655_4747
    private static let maximumDimensionCount: UInt32 = 4
    private static let maximumNameByteCount = 1 << 16

    init(_ cursor: inout GGUFCursor) throws(WeightsError) {
        try Self.checkVersion(&cursor)
        let tensorCount = try cursor.count("a number of tensors", minimumByteCount: 8 + 4 + 8 + 4 + 8)
        let valueCount = try cursor.count("a number of metadata values", minimumByteCount: 8 + 4 + 1)
        var metadata: [String: GGUFValue] = [:]
        for _ in 0..<valueCount {
            let key = try Self.name(&cursor, "a metadata key")
            let value = try GGUFValue(&cursor, key: key)
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw cursor.malformed("every metadata key once", "'\(key)' twice")
            }
        }
        var entries: [Entry] = []
        var names: Set<String> = []
        for _ in 0..<tensorCount {
            let entry = try Entry(&cursor)
            guard names.insert(entry.name).inserted else {
                throw cursor.malformed("every tensor once", "'\(entry.name)' twice")
            }
            entries.append(entry)
        }
        let alignment = try Self.alignment(metadata, cursor.path)
        tensors = try Self.tensors(entries, &cursor, alignment: alignment)
        self.metadata = metadata
        byteCount = cursor.offset
    }

    private static func checkVersion(_ cursor: inout GGUFCursor) throws(WeightsError) {
        let magic = try cursor.integer(UInt32.self, "the four letters GGUF")
        guard magic == Self.magic else { throw cursor.malformed("a file that begins with GGUF", "other bytes") }
        let version = try cursor.integer(UInt32.self, "a version")
        guard !(1...1 << 16).contains(version.byteSwapped) else {
            throw .malformed(
                location: cursor.path, expected: "a little-endian file", found: "a big-endian one, which is not read")
        }
        guard version == 2 || version == 3 else { throw cursor.malformed("version 2 or 3 of the format", "\(version)") }
    }

    private static func name(_ cursor: inout GGUFCursor, _ what: String) throws(WeightsError) -> String {
        let name = try cursor.text(what, maximumByteCount: maximumNameByteCount)
        guard !name.isEmpty else { throw cursor.malformed("\(what) of 1 to \(maximumNameByteCount) bytes", "0") }
        return name
    }

    private static func alignment(_ metadata: [String: GGUFValue], _ path: String) throws(WeightsError) -> Int {
        let key = "general.alignment"
        guard let value = metadata[key] else { return 32 }
        guard case .integer(let alignment) = value, (1...1 << 20).contains(alignment), alignment.nonzeroBitCount == 1
        else {
            throw .malformed(location: path, expected: "'\(key)' to be a power of two", found: "\(value)")
        }
        return alignment
    }

    /// What the header says of one tensor.
    private struct Entry {
        let name: String
        let elementType: GGUFElementType
        let shape: [Int]
        let offset: UInt64
        let byteCount: Int

        init(_ cursor: inout GGUFCursor) throws(WeightsError) {
            name = try GGUFHeader.name(&cursor, "a tensor's name")
            let dimensionCount = try cursor.integer(UInt32.self, "the number of dimensions of '\(name)'")
            guard (1...GGUFHeader.maximumDimensionCount).contains(dimensionCount) else {
                throw cursor.malformed(
                    "1 to \(GGUFHeader.maximumDimensionCount) dimensions of '\(name)'", "\(dimensionCount)")
            }
            var shape: [Int] = []
            for _ in 0..<dimensionCount {
                let extent = try cursor.integer(UInt64.self, "a dimension of '\(name)'")
                guard let extent = Int(exactly: extent), extent > 0 else {
                    throw cursor.malformed("dimensions of '\(name)' above zero", "\(extent)")
                }
                shape.append(extent)
            }
            self.shape = shape.reversed()
            let code = try cursor.integer(UInt32.self, "the type of '\(name)'")
            guard let type = GGUFElementType(rawValue: GGUFElementType.name(code)) else {
                throw .unreadElements(
                    location: "\(cursor.path): '\(name)'", known: GGUFElementType.list,
                    found: GGUFElementType.name(code))
            }
            elementType = type
            offset = try cursor.integer(UInt64.self, "the offset of '\(name)'")
            byteCount = try Self.byteCount(name, self.shape, type, &cursor)
        }

        private static func byteCount(
            _ name: String, _ shape: [Int], _ type: GGUFElementType, _ cursor: inout GGUFCursor
        ) throws(WeightsError) -> Int {
            let columns = shape[shape.count - 1]
            guard columns % type.blockColumns == 0 else {
                throw cursor.malformed(
                    "rows of '\(name)' in blocks of \(type.blockColumns), as \(type.rawValue) has them",
                    Figure.count(columns, "column"))
            }
            var byteCount = type.blockByteCount
            for extent in shape.dropLast() + [columns / type.blockColumns] {
                let (product, overflows) = byteCount.multipliedReportingOverflow(by: extent)
                guard !overflows, product <= cursor.fileByteCount else {
                    throw cursor.malformed(
                        "'\(name)' to fit into the file of \(cursor.fileByteCount) bytes",
                        "\(type.rawValue) \(shape)")
                }
                byteCount = product
            }
            return byteCount
        }
    }

    /// Lays the tensors into the file: one behind the other, each at the next multiple of the alignment.
    private static func tensors(
        _ entries: [Entry], _ cursor: inout GGUFCursor, alignment: Int
    ) throws(WeightsError) -> [Tensor] {
        func aligned(_ offset: Int) -> Int { (offset + alignment - 1) / alignment * alignment }
        let dataStart = aligned(cursor.offset)
        var tensors: [Tensor] = []
        var end = dataStart
        for entry in entries.sorted(by: { ($0.offset, $0.name) < ($1.offset, $1.name) }) {
            let expected = aligned(end) - dataStart
            guard entry.offset == expected else {
                throw .malformed(
                    location: "\(cursor.path): '\(entry.name)'",
                    expected: "its data at offset \(expected), right after the one before",
                    found: "offset \(entry.offset), \(entry.offset < expected ? "an overlap" : "a hole")")
            }
            let start = dataStart + expected
            guard entry.byteCount <= cursor.fileByteCount - start else {
                throw .malformed(
                    location: "\(cursor.path): '\(entry.name)'",
                    expected: "\(entry.byteCount) bytes at byte \(start)",
                    found: "the end of the file at byte \(cursor.fileByteCount)")
            }
            end = start + entry.byteCount
            tensors.append(
                Tensor(
                    name: entry.name, elementType: entry.elementType, shape: entry.shape, byteRange: start..<end))
        }
        guard cursor.fileByteCount <= aligned(end) else {
            throw .malformed(
                location: cursor.path, expected: "the file to end with the last tensor at byte \(end)",
                found: Figure.count(cursor.fileByteCount, "byte"))
        }
        return tensors
    }
}
