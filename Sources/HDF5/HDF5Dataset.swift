import CHDF5

/// An open dataset: a rectangular block of elements. Bytes go in and come out as they are stored.
public struct HDF5Dataset: ~Copyable {
    /// The file's path, and within it the dataset's, for messages.
    public let location: String
    /// How the elements are stored.
    public let elementType: HDF5ElementType
    /// The extents, outermost first.
    public let shape: [Int]
    /// The extents of the blocks that it is stored in, or nil when it is stored in one piece.
    public let chunk: [Int]?
    private let identifier: Identifier

    init(
        location: String, elementType: HDF5ElementType, shape: [Int], chunk: [Int]?, identifier: consuming Identifier
    ) {
        self.location = location
        self.elementType = elementType
        self.shape = shape
        self.chunk = chunk
        self.identifier = identifier
    }

    /// Takes over an open dataset and reads what it is.
    static func describing(
        _ identifier: consuming Identifier, at location: String
    ) throws(HDF5Error) -> HDF5Dataset {
        let raw = identifier.raw
        let datatype = try Identifier("H5Dget_type", at: location) { H5Dget_type(raw) }
        guard let elementType = try HDF5ElementType.matching(datatype, at: location) else {
            let known = HDF5ElementType.allCases.map(\.rawValue).joined(separator: ", ")
            throw .typeMismatch(location: location, expected: "elements of \(known)", found: "another type")
        }
        let shape = try shape(of: raw, at: location)
        let chunk = try chunk(of: raw, rank: shape.count, at: location)
        // From here on extents may be multiplied.
        guard isCountable(shape, chunk, elementType) else {
            throw .typeMismatch(
                location: location, expected: "elements of fewer than 2^63 bytes", found: "extents of \(shape)")
        }
        return HDF5Dataset(
            location: location, elementType: elementType, shape: shape, chunk: chunk, identifier: identifier)
    }

    /// The attributes of this dataset.
    public func attributes() throws(HDF5Error) -> HDF5Attributes {
        HDF5Attributes(location: location, identifier: try Identifier(sharing: identifier, at: location))
    }

    /// Bytes of all elements.
    public var byteCount: Int { shape.reduce(elementType.byteCount, *) }

    /// Fills `buffer` with the elements of `slab`, innermost extent fastest. Corresponds to `H5Dread`.
    public func read(_ slab: Hyperslab, into buffer: inout MutableRawSpan) throws(HDF5Error) {
        try unsafe buffer.withUnsafeMutableBytes { (bytes) throws(HDF5Error) in
            try transfer("H5Dread", slab, byteCount: bytes.count) { raw, type, memory, stored in
                unsafe H5Dread(raw, type, memory, stored, chdf5_default(), bytes.baseAddress)
            }
        }
    }

    /// Stores the elements of `slab` from `bytes`, innermost extent fastest. Corresponds to `H5Dwrite`.
    public func write(_ slab: Hyperslab, from bytes: RawSpan) throws(HDF5Error) {
        try unsafe bytes.withUnsafeBytes { (bytes) throws(HDF5Error) in
            try transfer("H5Dwrite", slab, byteCount: bytes.count) { raw, type, memory, stored in
                unsafe H5Dwrite(raw, type, memory, stored, chdf5_default(), bytes.baseAddress)
            }
        }
    }

    /// All bytes of the dataset, innermost extent fastest.
    public func readAll() throws(HDF5Error) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        var span = bytes.mutableSpan
        var buffer = unsafe span.mutableBytes
        try read(Hyperslab(allOf: shape), into: &buffer)
        return bytes
    }

    /// The bytes of the file that hold the elements: in one piece, or chunk after chunk, in row order and each of its
    /// full size, also where it reaches over the extents.
    ///
    /// Whoever knows them can read and write past the library, on several threads. Corresponds to `H5Dget_offset` and
    /// `H5Dget_chunk_info_by_coord`. Throws for chunks that another program has stored in another order.
    public func byteRange() throws(HDF5Error) -> Range<Int> {
        guard let chunk, !shape.contains(0) else {
            let raw = identifier.raw
            let address = Library.locked { H5Dget_offset(raw) }
            guard byteCount > 0 else { return 0..<0 }
            return try range(from: address, byteCount: byteCount)
        }
        let counts = zip(shape, chunk).map { ($0 + $1 - 1) / $1 }
        let chunkByteCount = chunk.reduce(elementType.byteCount, *)
        let total = counts.reduce(chunkByteCount, *)
        let whole = try range(from: try address(ofChunk: shape.map { _ in 0 }, chunkByteCount), byteCount: total)
        let last = try address(ofChunk: zip(counts, chunk).map { ($0 - 1) * $1 }, chunkByteCount)
        guard whole.upperBound - chunkByteCount == Int(clamping: last) else { throw misplaced("chunks elsewhere") }
        return whole
    }
}

extension HDF5Dataset {
    private func address(ofChunk start: [Int], _ byteCount: Int) throws(HDF5Error) -> haddr_t {
        let (raw, coordinates) = (identifier.raw, start.map { hsize_t($0) })
        var (filters, address, storedByteCount): (UInt32, haddr_t, hsize_t) = (0, 0, 0)
        try Library.check("H5Dget_chunk_info_by_coord", at: location) {
            unsafe H5Dget_chunk_info_by_coord(raw, coordinates, &filters, &address, &storedByteCount)
        }
        guard filters == 0, storedByteCount == byteCount else { throw misplaced("\(storedByteCount) bytes") }
        return address
    }

    private func range(from address: haddr_t, byteCount: Int) throws(HDF5Error) -> Range<Int> {
        guard let start = Int(exactly: address), start < Int.max - byteCount else { throw misplaced("none") }
        return start..<start + byteCount
    }

    private func misplaced(_ found: String) -> HDF5Error {
        .shapeMismatch(location: location, expected: "\(byteCount) bytes of elements side by side", found: found)
    }

    /// Calls a function of the library with this dataset, the elements' type, and where `slab` lies in memory and in
    /// the file; does nothing for an empty one.
    private func transfer(
        _ function: String, _ slab: Hyperslab, byteCount: Int,
        _ call: (_ raw: hid_t, _ type: hid_t, _ memory: hid_t, _ stored: hid_t) -> herr_t
    ) throws(HDF5Error) {
        try check(slab, byteCount: byteCount)
        guard slab.elementCount > 0 else { return }
        // The file's own type also in memory: the library then copies and never converts.
        let datatype = try elementType.makeDatatype(at: location)
        let memory = try Dataspace.make(shape: [slab.elementCount], at: location)
        let stored = try Dataspace.make(shape: shape, selecting: slab, at: location)
        let (raw, type, inMemory, inFile) = (identifier.raw, datatype.raw, memory.raw, stored.raw)
        try Library.check(function, at: location) { call(raw, type, inMemory, inFile) }
    }

    private func check(_ slab: Hyperslab, byteCount: Int) throws(HDF5Error) {
        let isInside = zip(slab.ranges, shape).allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= $1 }
        guard slab.ranges.count == shape.count, isInside else {
            throw .shapeMismatch(location: location, expected: "a part of \(shape)", found: "\(slab)")
        }
        let expected = slab.elementCount * elementType.byteCount
        guard byteCount == expected else {
            throw .shapeMismatch(
                location: location, expected: "\(expected) bytes for \(slab)", found: "\(byteCount) bytes")
        }
    }

    /// Whether the bytes of all elements, also those of chunks that reach over the extents, are a number.
    private static func isCountable(_ shape: [Int], _ chunk: [Int]?, _ elementType: HDF5ElementType) -> Bool {
        var (byteCount, storedByteCount) = (elementType.byteCount, elementType.byteCount)
        for (index, extent) in shape.enumerated() {
            let step = chunk?[index] ?? 1
            guard step > 0 else { return false }
            let (reach, isBeyond) = extent.addingReportingOverflow(step - 1)
            let (product, overflows) = byteCount.multipliedReportingOverflow(by: extent)
            let (storedProduct, storedOverflows) = storedByteCount.multipliedReportingOverflow(by: reach)
            guard !isBeyond, !overflows, !storedOverflows else { return false }
            (byteCount, storedByteCount) = (product, storedProduct)
        }
        return true
    }

    private static func shape(of raw: hid_t, at location: String) throws(HDF5Error) -> [Int] {
        let space = try Identifier("H5Dget_space", at: location) { H5Dget_space(raw) }
        let extents = space.raw
        let rank = try Library.check("H5Sget_simple_extent_ndims", at: location) {
            H5Sget_simple_extent_ndims(extents)
        }
        var values = [hsize_t](repeating: 0, count: Int(rank))
        try Library.check("H5Sget_simple_extent_dims", at: location) {
            unsafe H5Sget_simple_extent_dims(extents, &values, nil)
        }
        return values.map { Int(clamping: $0) }
    }

    private static func chunk(of raw: hid_t, rank: Int, at location: String) throws(HDF5Error) -> [Int]? {
        let properties = try Identifier("H5Dget_create_plist", at: location) { H5Dget_create_plist(raw) }
        let creation = properties.raw
        let layout = Library.locked { H5Pget_layout(creation) }
        guard layout == H5D_CHUNKED else { return nil }
        var values = [hsize_t](repeating: 0, count: rank)
        try Library.check("H5Pget_chunk", at: location) { unsafe H5Pget_chunk(creation, Int32(rank), &values) }
        return values.map { Int(clamping: $0) }
    }
}
