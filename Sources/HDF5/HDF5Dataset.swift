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
        return HDF5Dataset(
            location: location, elementType: elementType, shape: shape, chunk: chunk, identifier: identifier)
    }

    /// The attributes of this dataset.
    public func attributes() throws(HDF5Error) -> HDF5Attributes {
        HDF5Attributes(location: location, identifier: try Identifier(sharing: identifier, at: location))
    }

    /// Bytes of all elements.
    public var byteCount: Int { shape.reduce(elementType.byteCount, *) }

    /// Bytes that the file holds for this dataset; fewer than `byteCount` when parts were never written.
    ///
    /// Corresponds to `H5Dget_storage_size`.
    public var storedByteCount: Int {
        let raw = identifier.raw
        return Int(clamping: Library.locked { H5Dget_storage_size(raw) })
    }

    /// Fills `buffer` with the elements of `slab`, innermost extent fastest. Corresponds to `H5Dread`.
    public func read(_ slab: Hyperslab, into buffer: inout MutableRawSpan) throws(HDF5Error) {
        try check(slab, byteCount: buffer.byteCount)
        guard slab.elementCount > 0 else { return }
        let selection = try select(slab)
        let (raw, type, memory, stored) = (
            identifier.raw, selection.datatype.raw, selection.memory.raw, selection.stored.raw
        )
        _ = try unsafe buffer.withUnsafeMutableBytes { (bytes) throws(HDF5Error) in
            try Library.check("H5Dread", at: location) {
                unsafe H5Dread(raw, type, memory, stored, chdf5_default(), bytes.baseAddress)
            }
        }
    }

    /// Stores the elements of `slab` from `bytes`, innermost extent fastest. Corresponds to `H5Dwrite`.
    public func write(_ slab: Hyperslab, from bytes: RawSpan) throws(HDF5Error) {
        try check(slab, byteCount: bytes.byteCount)
        guard slab.elementCount > 0 else { return }
        let selection = try select(slab)
        let (raw, type, memory, stored) = (
            identifier.raw, selection.datatype.raw, selection.memory.raw, selection.stored.raw
        )
        _ = try unsafe bytes.withUnsafeBytes { (bytes) throws(HDF5Error) in
            try Library.check("H5Dwrite", at: location) {
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

    /// Fills `buffer` with the whole chunk that begins at `start`, in one read and past the chunk cache.
    ///
    /// A chunk at a border has its full size; what lies outside the extents is zero. Corresponds to `H5Dread_chunk`.
    public func readChunk(at start: [Int], into buffer: inout MutableRawSpan) throws(HDF5Error) {
        let offset = try chunkOffset(start, byteCount: buffer.byteCount)
        let raw = identifier.raw
        var filters: UInt32 = 0
        try unsafe buffer.withUnsafeMutableBytes { (bytes) throws(HDF5Error) in
            var storedByteCount: hsize_t = 0
            try Library.check("H5Dget_chunk_storage_size", at: location) {
                unsafe H5Dget_chunk_storage_size(raw, offset, &storedByteCount)
            }
            guard storedByteCount == bytes.count else {
                throw .shapeMismatch(
                    location: location, expected: "a chunk of \(bytes.count) bytes at \(start)",
                    found: "\(storedByteCount) bytes")
            }
            try Library.check("H5Dread_chunk", at: location) {
                unsafe H5Dread_chunk(raw, chdf5_default(), offset, &filters, bytes.baseAddress)
            }
        }
    }

    /// Fills `buffer` with bytes of the chunk that begins at `start`, from `offset` within it on, and reads no others.
    ///
    /// The file must have been opened for reading only. A hyperslab would be read row by row, each with a call of its
    /// own. Corresponds to `H5Dget_chunk_info_by_coord`, `H5Fget_vfd_handle` and `pread`.
    public func readChunk(at start: [Int], from offset: Int, into buffer: inout MutableRawSpan) throws(HDF5Error) {
        let byteCount = chunk?.reduce(elementType.byteCount, *) ?? 0
        let coordinates = try chunkOffset(start, byteCount: byteCount)
        guard offset >= 0, offset + buffer.byteCount <= byteCount else {
            throw .shapeMismatch(
                location: location, expected: "a part of a chunk of \(byteCount) bytes",
                found: "\(buffer.byteCount) bytes from \(offset) on")
        }
        let raw = identifier.raw
        var (filters, address, storedByteCount): (UInt32, haddr_t, hsize_t) = (0, 0, 0)
        try Library.check("H5Dget_chunk_info_by_coord", at: location) {
            unsafe H5Dget_chunk_info_by_coord(raw, coordinates, &filters, &address, &storedByteCount)
        }
        guard storedByteCount == byteCount, let place = Int(exactly: address) else {
            throw .shapeMismatch(
                location: location, expected: "a chunk of \(byteCount) bytes at \(start)",
                found: "\(storedByteCount) bytes")
        }
        let descriptor = try descriptor()
        try unsafe buffer.withUnsafeMutableBytes { (bytes) throws(HDF5Error) in
            try unsafe PositionedRead.fill(bytes, from: descriptor, at: place + offset, location: location)
        }
    }

    /// Stores the whole chunk that begins at `start`, in one write and past the chunk cache.
    ///
    /// A chunk at a border has its full size. Corresponds to `H5Dwrite_chunk`.
    public func writeChunk(at start: [Int], from bytes: RawSpan) throws(HDF5Error) {
        let offset = try chunkOffset(start, byteCount: bytes.byteCount)
        let raw = identifier.raw
        _ = try unsafe bytes.withUnsafeBytes { (bytes) throws(HDF5Error) in
            try Library.check("H5Dwrite_chunk", at: location) {
                unsafe H5Dwrite_chunk(raw, chdf5_default(), 0, offset, bytes.count, bytes.baseAddress)
            }
        }
    }
}

extension HDF5Dataset {
    /// The descriptor of the file, which stays the library's.
    private func descriptor() throws(HDF5Error) -> CInt {
        let raw = identifier.raw
        let file = try Identifier("H5Iget_file_id", at: location) { H5Iget_file_id(raw) }
        let owner = file.raw
        var handle: UnsafeMutableRawPointer?
        try Library.check("H5Fget_vfd_handle", at: location) {
            unsafe H5Fget_vfd_handle(owner, chdf5_default(), &handle)
        }
        guard let handle = unsafe handle else {
            throw .refused(location: location, call: "H5Fget_vfd_handle", reason: "no descriptor")
        }
        return unsafe handle.load(as: CInt.self)
    }

    private struct Selection: ~Copyable {
        let datatype: Identifier
        let memory: Identifier
        let stored: Identifier
    }

    private func select(_ slab: Hyperslab) throws(HDF5Error) -> Selection {
        Selection(
            // The file's own type also in memory: the library then copies and never converts.
            datatype: try elementType.makeDatatype(at: location),
            memory: try Dataspace.make(shape: [slab.elementCount], at: location),
            stored: try Dataspace.make(shape: shape, selecting: slab, at: location))
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

    private func chunkOffset(_ start: [Int], byteCount: Int) throws(HDF5Error) -> [hsize_t] {
        guard let chunk, start.count == chunk.count else {
            throw .shapeMismatch(location: location, expected: "a dataset in chunks", found: "\(shape) in one piece")
        }
        let isBorder = zip(start, zip(chunk, shape)).allSatisfy { $0 >= 0 && $0 % $1.0 == 0 && $0 < $1.1 }
        guard isBorder, byteCount == chunk.reduce(elementType.byteCount, *) else {
            throw .shapeMismatch(
                location: location, expected: "a chunk of \(chunk)", found: "\(byteCount) bytes at \(start)")
        }
        return start.map { hsize_t($0) }
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
