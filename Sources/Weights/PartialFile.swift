import Glibc

/// A file on its way: it has a temporary name beside its destination until `publish()`, and is gone if that never
/// comes.
struct PartialFile: ~Copyable {
    let path: String
    private let destination: String

    init(destination: String) {
        self.destination = destination
        // With the process in the name, two imports to one destination don't write into each other.
        path = "\(destination).partial-\(getpid())-\(UInt32.random(in: .min ... .max))"
    }

    /// Checks that the disk has room for `byteCount` bytes; the file must exist.
    func checkRoom(for byteCount: Int) throws(WeightsError) {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return }
        let available = Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
        guard available >= byteCount else {
            throw .diskFull(path: destination, neededByteCount: byteCount, availableByteCount: available)
        }
    }

    /// Makes the contents durable and gives the file its final name, in place of one that may be there.
    consuming func publish() throws(WeightsError) {
        let descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: SystemMessage.latest) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .unwritable(path: path, reason: SystemMessage.latest) }
        guard unsafe rename(path, destination) == 0 else {
            throw .unwritable(path: destination, reason: SystemMessage.latest)
        }
        Self.synchronizeFolder(of: destination)
    }

    /// Makes the new name durable; where a file system can't, the name is there all the same.
    private static func synchronizeFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = unsafe open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    deinit { unsafe unlink(path) }
}
