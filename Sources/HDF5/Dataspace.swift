import CHDF5

/// Extents and selections, as the C library wants them.
enum Dataspace {
    /// A space of the given extents, outermost first. Corresponds to `H5Screate_simple`.
    static func make(shape: [Int], at location: String) throws(HDF5Error) -> Identifier {
        guard !shape.isEmpty, shape.count <= 32, shape.allSatisfy({ $0 >= 0 }) else {
            throw .shapeMismatch(location: location, expected: "1 to 32 extents of 0 or more", found: "\(shape)")
        }
        let extents = shape.map { hsize_t($0) }
        return try Identifier("H5Screate_simple", at: location) {
            unsafe H5Screate_simple(Int32(extents.count), extents, nil)
        }
    }

    /// A space of the given extents with `slab` selected. Corresponds to `H5Sselect_hyperslab`.
    static func make(shape: [Int], selecting slab: Hyperslab, at location: String) throws(HDF5Error) -> Identifier {
        let space = try make(shape: shape, at: location)
        let raw = space.raw
        let start = slab.ranges.map { hsize_t($0.lowerBound) }
        let count = slab.ranges.map { hsize_t($0.count) }
        try Library.check("H5Sselect_hyperslab", at: location) {
            unsafe H5Sselect_hyperslab(raw, H5S_SELECT_SET, start, nil, count, nil)
        }
        return space
    }
}
