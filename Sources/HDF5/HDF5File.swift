import CHDF5
import Glibc

/// An open HDF5 file; it is closed at the end of its life, or by `close()`, which reports failures.
///
/// Files may be used from one thread at a time.
public struct HDF5File: ~Copyable {
    /// Where the file is, as given.
    public let path: String
    private let identifier: Identifier

    /// Creates an empty file, in place of one that may be there, and takes no lock of it. Corresponds to `H5Fcreate`.
    public init(creating path: String) throws(HDF5Error) {
        // A lock would outlive the file's end in every process that was started meanwhile, and nobody else knows the
        // name of a file that is only begun.
        let properties = try Self.accessProperties(at: path, isLocking: false)
        let access = properties.raw
        // Version 1.10's format has a checksum on every piece of metadata: a damaged one is noticed, not followed.
        try Library.check("H5Pset_libver_bounds", at: path) {
            H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110)
        }
        // Large datasets begin on a page border, so that a read of a panel touches no page in vain.
        try Library.check("H5Pset_alignment", at: path) { H5Pset_alignment(access, 1 << 16, 1 << 12) }
        identifier = try Identifier("H5Fcreate", at: path) {
            unsafe H5Fcreate(path, chdf5_truncate(), chdf5_default(), access)
        }
        self.path = path
    }

    /// Opens an existing file; one that is written as well is locked. Corresponds to `H5Fopen`.
    public init(opening path: String, isWritable: Bool = false) throws(HDF5Error) {
        try Self.checkReadable(path)
        // A file that is only read needs no lock, and some network file systems have none.
        let properties = try Self.accessProperties(at: path, isLocking: isWritable)
        let access = properties.raw
        identifier = try Identifier("H5Fopen", at: path) {
            unsafe H5Fopen(path, isWritable ? chdf5_read_write() : chdf5_read_only(), access)
        }
        self.path = path
    }

    /// The group that holds everything. Corresponds to `H5Gopen2`.
    public func root() throws(HDF5Error) -> HDF5Group {
        let owner = identifier.raw
        return HDF5Group(
            location: path,
            identifier: try Identifier("H5Gopen2", at: path) { unsafe H5Gopen2(owner, "/", chdf5_default()) })
    }

    /// Hands everything that was written to the operating system. Corresponds to `H5Fflush`.
    public func flush() throws(HDF5Error) {
        let owner = identifier.raw
        try Library.check("H5Fflush", at: path) { H5Fflush(owner, H5F_SCOPE_GLOBAL) }
    }

    /// Writes what is left and closes the file; groups and datasets must be gone before. Corresponds to `H5Fclose`.
    public consuming func close() throws(HDF5Error) {
        try flush()
        try identifier.close(at: path)
    }

    private static func accessProperties(at path: String, isLocking: Bool) throws(HDF5Error) -> Identifier {
        let properties = try Identifier("H5Pcreate", at: path) { chdf5_access_properties() }
        let access = properties.raw
        try Library.check("H5Pset_file_locking", at: path) { H5Pset_file_locking(access, isLocking, true) }
        return properties
    }

    private static func checkReadable(_ path: String) throws(HDF5Error) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        var status = stat()
        let isFolder = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        _ = Glibc.close(descriptor)
        guard !isFolder else { throw .isFolder(path: path) }
        let isHDF5 = Library.locked { unsafe H5Fis_hdf5(path) }
        guard isHDF5 > 0 else { throw .notHDF5(path: path) }
    }
}
