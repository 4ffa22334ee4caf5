import CHDF5

/// Owns one reference to an object of the C library and gives it back at the end of its life.
struct Identifier: ~Copyable {
    let raw: hid_t

    /// Takes over the reference that `call` returns, or throws why there is none.
    init(_ call: String, at location: String, _ body: () -> hid_t) throws(HDF5Error) {
        raw = try Library.check(call, at: location, body)
    }

    /// A second reference to an object that `other` holds. Corresponds to `H5Iinc_ref`.
    init(sharing other: borrowing Identifier, at location: String) throws(HDF5Error) {
        let shared = other.raw
        try Library.check("H5Iinc_ref", at: location) { H5Iinc_ref(shared) }
        raw = shared
    }

    /// Gives the reference back and reports what the library says. Corresponds to `H5Idec_ref`.
    consuming func close(at location: String) throws(HDF5Error) {
        let owned = raw
        discard self
        try Library.check("H5Idec_ref", at: location) { H5Idec_ref(owned) }
    }

    deinit {
        let owned = raw
        _ = Library.locked { H5Idec_ref(owned) }
    }
}
