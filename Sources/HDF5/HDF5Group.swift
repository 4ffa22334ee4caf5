import CHDF5

/// An open group of a file: named groups, datasets and attributes.
public struct HDF5Group: ~Copyable {
    /// The file's path, and within it the group's, for messages.
    public let location: String
    let identifier: Identifier

    init(location: String, identifier: consuming Identifier) {
        self.location = location
        self.identifier = identifier
    }

    /// The attributes of this group.
    public func attributes() throws(HDF5Error) -> HDF5Attributes {
        HDF5Attributes(location: location, identifier: try Identifier(sharing: identifier, at: location))
    }

    /// Creates a group inside this one. Corresponds to `H5Gcreate2`.
    public func createGroup(_ name: String) throws(HDF5Error) -> HDF5Group {
        let (owner, place) = (identifier.raw, place(of: name))
        let none = chdf5_default()
        return HDF5Group(
            location: place,
            identifier: try Identifier("H5Gcreate2", at: place) { unsafe H5Gcreate2(owner, name, none, none, none) })
    }

    /// Opens a group inside this one. Corresponds to `H5Gopen2`.
    public func openGroup(_ name: String) throws(HDF5Error) -> HDF5Group {
        try checkContains(name)
        let (owner, place) = (identifier.raw, place(of: name))
        return HDF5Group(
            location: place,
            identifier: try Identifier("H5Gopen2", at: place) { unsafe H5Gopen2(owner, name, chdf5_default()) })
    }

    /// Creates a dataset of the given extents, outermost first.
    ///
    /// With `chunk` it is stored in blocks of that shape, otherwise in one piece. It has its place in the file at once,
    /// see ``HDF5Dataset/byteRange()``, with undefined contents until it is written. Corresponds to `H5Dcreate2`.
    public func createDataset(
        _ name: String, _ elementType: HDF5ElementType, shape: [Int], chunk: [Int]? = nil
    ) throws(HDF5Error) -> HDF5Dataset {
        let (owner, place) = (identifier.raw, place(of: name))
        let datatype = try elementType.makeDatatype(at: place)
        let space = try Dataspace.make(shape: shape, at: place)
        let properties = try Self.creationProperties(shape: shape, chunk: chunk, at: place)
        let (type, extents, creation, none) = (datatype.raw, space.raw, properties.raw, chdf5_default())
        let identifier = try Identifier("H5Dcreate2", at: place) {
            unsafe H5Dcreate2(owner, name, type, extents, none, creation, none)
        }
        return HDF5Dataset(
            location: place, elementType: elementType, shape: shape, chunk: chunk, identifier: identifier)
    }

    /// Opens a dataset of this group. Corresponds to `H5Dopen2`.
    public func openDataset(_ name: String) throws(HDF5Error) -> HDF5Dataset {
        try checkContains(name)
        let (owner, place) = (identifier.raw, place(of: name))
        return try HDF5Dataset.describing(
            try Identifier("H5Dopen2", at: place) { unsafe H5Dopen2(owner, name, chdf5_default()) }, at: place)
    }

    /// Whether a group or dataset of this name is in this group. Corresponds to `H5Lexists`.
    public func contains(_ name: String) throws(HDF5Error) -> Bool {
        let owner = identifier.raw
        return try Library.check("H5Lexists", at: place(of: name)) { unsafe H5Lexists(owner, name, chdf5_default()) }
            > 0
    }

    /// Takes a name out of this group; its space in the file isn't given back. Corresponds to `H5Ldelete`.
    public func remove(_ name: String) throws(HDF5Error) {
        let owner = identifier.raw
        try Library.check("H5Ldelete", at: place(of: name)) { unsafe H5Ldelete(owner, name, chdf5_default()) }
    }

    /// The names in this group, in ascending order. Corresponds to `H5Lget_name_by_idx`.
    public func names() throws(HDF5Error) -> [String] {
        let owner = identifier.raw
        var info = H5G_info_t()
        try Library.check("H5Gget_info", at: location) { unsafe H5Gget_info(owner, &info) }
        var names: [String] = []
        names.reserveCapacity(Int(info.nlinks))
        for index in 0..<info.nlinks { names.append(try name(at: index)) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    // The library's own order. For any other it makes a table of all names for each one that is asked for, and in a
    // damaged file frees what the table was never filled with.
    private func name(at index: hsize_t) throws(HDF5Error) -> String {
        let (owner, none) = (identifier.raw, chdf5_default())
        let length = try Library.check("H5Lget_name_by_idx", at: location) {
            unsafe H5Lget_name_by_idx(owner, ".", H5_INDEX_NAME, H5_ITER_NATIVE, index, nil, 0, none)
        }
        var bytes = [CChar](repeating: 0, count: length + 1)
        try Library.check("H5Lget_name_by_idx", at: location) {
            unsafe H5Lget_name_by_idx(owner, ".", H5_INDEX_NAME, H5_ITER_NATIVE, index, &bytes, length + 1, none)
        }
        return String(decoding: bytes.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func checkContains(_ name: String) throws(HDF5Error) {
        guard try contains(name) else { throw .missing(location: location, name: name) }
    }

    private func place(of name: String) -> String { "\(location)/\(name)" }

    private static func creationProperties(
        shape: [Int], chunk: [Int]?, at place: String
    ) throws(HDF5Error) -> Identifier {
        let properties = try Identifier("H5Pcreate", at: place) { chdf5_create_properties() }
        let raw = properties.raw
        // With its place fixed at once, the library stores chunks side by side in order and needs no index of them.
        try Library.check("H5Pset_alloc_time", at: place) { H5Pset_alloc_time(raw, H5D_ALLOC_TIME_EARLY) }
        // Every byte is about to be written: filling first would write everything twice.
        try Library.check("H5Pset_fill_time", at: place) { H5Pset_fill_time(raw, H5D_FILL_TIME_NEVER) }
        if let chunk {
            guard chunk.count == shape.count, chunk.allSatisfy({ $0 > 0 }) else {
                throw .shapeMismatch(location: place, expected: "a chunk for \(shape)", found: "\(chunk)")
            }
            let extents = chunk.map { hsize_t($0) }
            try Library.check("H5Pset_chunk", at: place) { unsafe H5Pset_chunk(raw, Int32(extents.count), extents) }
        }
        return properties
    }
}
