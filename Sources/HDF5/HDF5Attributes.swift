import CHDF5

/// The attributes of a group or dataset: small named values.
public struct HDF5Attributes: ~Copyable {
    private let location: String
    private let identifier: Identifier

    init(location: String, identifier: consuming Identifier) {
        self.location = location
        self.identifier = identifier
    }

    /// Whether there is an attribute of this name. Corresponds to `H5Aexists`.
    public func contains(_ name: String) throws(HDF5Error) -> Bool {
        let owner = identifier.raw
        return try Library.check("H5Aexists", at: place(of: name)) { unsafe H5Aexists(owner, name) } > 0
    }

    /// Stores a text without zero characters, in place of a value that may be there.
    public func set(_ name: String, to text: String) throws(HDF5Error) {
        // Of fixed length, with the zero that other programs may expect: texts of variable length live in a heap
        // without checksums, where a damaged length sends the library astray.
        let bytes = Array(text.utf8) + [0]
        let type = try textType(byteCount: bytes.count, at: place(of: name))
        try write(name, type, bytes)
    }

    /// Stores an integer, in place of a value that may be there.
    public func set(_ name: String, to integer: Int) throws(HDF5Error) {
        let type = try HDF5ElementType.signed64.makeDatatype(at: place(of: name))
        try write(name, type, unsafe withUnsafeBytes(of: Int64(integer)) { unsafe Array($0) })
    }

    /// Stores a real number, in place of a value that may be there.
    public func set(_ name: String, to real: Double) throws(HDF5Error) {
        let type = try Identifier("H5Tcopy", at: place(of: name)) { H5Tcopy(chdf5_float64()) }
        try write(name, type, unsafe withUnsafeBytes(of: real) { unsafe Array($0) })
    }

    /// The text of this name; throws when it is absent or no text.
    public func text(_ name: String) throws(HDF5Error) -> String {
        let attribute = try open(name)
        let datatype = try type(of: attribute, name)
        try check(datatype, is: H5T_STRING, "a text", name)
        let (raw, stored) = (attribute.raw, datatype.raw)
        let isVariable = try Library.check("H5Tis_variable_str", at: place(of: name)) { H5Tis_variable_str(stored) }
        return isVariable == 0 ? try fixedText(raw, stored, name) : try variableText(raw, stored, name)
    }

    /// The integer of this name; throws when it is absent or no integer.
    public func integer(_ name: String) throws(HDF5Error) -> Int {
        let attribute = try open(name)
        let datatype = try type(of: attribute, name)
        try check(datatype, is: H5T_INTEGER, "an integer", name)
        var value: Int64 = 0
        let raw = attribute.raw
        try Library.check("H5Aread", at: place(of: name)) { unsafe H5Aread(raw, chdf5_native_signed64(), &value) }
        return Int(value)
    }

    /// The real number of this name; throws when it is absent or no real number.
    public func real(_ name: String) throws(HDF5Error) -> Double {
        let attribute = try open(name)
        let datatype = try type(of: attribute, name)
        try check(datatype, is: H5T_FLOAT, "a real number", name)
        var value = 0.0
        let raw = attribute.raw
        try Library.check("H5Aread", at: place(of: name)) { unsafe H5Aread(raw, chdf5_native_float64(), &value) }
        return value
    }
}

extension HDF5Attributes {
    private func place(of name: String) -> String { "\(location), attribute '\(name)'" }

    private func fixedText(_ attribute: hid_t, _ stored: hid_t, _ name: String) throws(HDF5Error) -> String {
        var bytes = [UInt8](repeating: 0, count: Library.locked { H5Tget_size(stored) })
        try Library.check("H5Aread", at: place(of: name)) { unsafe H5Aread(attribute, stored, &bytes) }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// A text as other programs, h5py among them, write it.
    private func variableText(_ attribute: hid_t, _ stored: hid_t, _ name: String) throws(HDF5Error) -> String {
        var characters: UnsafeMutablePointer<CChar>?
        try Library.check("H5Aread", at: place(of: name)) { unsafe H5Aread(attribute, stored, &characters) }
        // A text that was never written has no characters.
        guard let allocated = unsafe characters else { return "" }
        defer { _ = Library.locked { unsafe H5free_memory(allocated) } }
        return unsafe String(cString: allocated)
    }

    private func textType(byteCount: Int, at place: String) throws(HDF5Error) -> Identifier {
        let type = try Identifier("H5Tcopy", at: place) { H5Tcopy(chdf5_text()) }
        let raw = type.raw
        try Library.check("H5Tset_size", at: place) { H5Tset_size(raw, byteCount) }
        try Library.check("H5Tset_cset", at: place) { H5Tset_cset(raw, H5T_CSET_UTF8) }
        return type
    }

    private func write(_ name: String, _ type: borrowing Identifier, _ bytes: [UInt8]) throws(HDF5Error) {
        let (owner, datatype, place) = (identifier.raw, type.raw, place(of: name))
        if try contains(name) { try Library.check("H5Adelete", at: place) { unsafe H5Adelete(owner, name) } }
        let space = try Identifier("H5Screate", at: place) { H5Screate(H5S_SCALAR) }
        let (extents, none) = (space.raw, chdf5_default())
        let attribute = try Identifier("H5Acreate2", at: place) {
            unsafe H5Acreate2(owner, name, datatype, extents, none, none)
        }
        let raw = attribute.raw
        try Library.check("H5Awrite", at: place) { unsafe H5Awrite(raw, datatype, bytes) }
    }

    private func open(_ name: String) throws(HDF5Error) -> Identifier {
        guard try contains(name) else { throw .missing(location: location, name: "attribute \(name)") }
        let owner = identifier.raw
        let attribute = try Identifier("H5Aopen", at: place(of: name)) { unsafe H5Aopen(owner, name, chdf5_default()) }
        let raw = attribute.raw
        let space = try Identifier("H5Aget_space", at: place(of: name)) { H5Aget_space(raw) }
        let extents = space.raw
        let count = try Library.check("H5Sget_simple_extent_npoints", at: place(of: name)) {
            H5Sget_simple_extent_npoints(extents)
        }
        guard count == 1 else {
            throw .shapeMismatch(location: place(of: name), expected: "one value", found: "\(count)")
        }
        return attribute
    }

    private func type(of attribute: borrowing Identifier, _ name: String) throws(HDF5Error) -> Identifier {
        let raw = attribute.raw
        return try Identifier("H5Aget_type", at: place(of: name)) { H5Aget_type(raw) }
    }

    private func check(
        _ datatype: borrowing Identifier, is expected: H5T_class_t, _ words: String, _ name: String
    ) throws(HDF5Error) {
        let raw = datatype.raw
        let found = Library.locked { H5Tget_class(raw).rawValue }
        guard found == expected.rawValue else {
            throw .typeMismatch(location: place(of: name), expected: words, found: "another type")
        }
    }
}
