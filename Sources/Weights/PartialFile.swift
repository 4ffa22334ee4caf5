import FoundationEssentials
import Glibc

/// A file on its way: it has a temporary name beside its destination until `publish()`, and is gone if that never
/// comes.
struct PartialFile: ~Copyable {
    let path: String
    private let destination: String

    /// Creates an empty file with the temporary name.
    init(destination: String) throws(WeightsError) {
        // With the process in the name, two imports to one destination don't write into each other.
        let path = "\(destination).partial-\(getpid())-\(UInt32.random(in: .min ... .max))"
        try Self.checkThatNothingIsLost(destination)
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            let reason = errno
            throw .badPath(
                path: destination, expected: "a folder that can be written",
                found: reason == ENOENT ? "no such folder" : "'\(unsafe String(cString: strerror(reason)))'")
        }
        close(descriptor)
        self.destination = destination
        self.path = path
    }

    /// Refuses a destination where something stands that must not be replaced.
    private static func checkThatNothingIsLost(_ destination: String) throws(WeightsError) {
        let expected = "the path of a file that may be replaced"
        switch PathKind(of: destination) {
        case nil: return
        case .folder: throw .badPath(path: destination, expected: "the path of a file", found: "a folder")
        case .special: throw .badPath(path: destination, expected: expected, found: "a device or a pipe")
        case .file:
            let isModel = [GGUFCheckpoint.suffix, ".safetensors"].contains { destination.hasSuffix($0) }
            if isModel || GGUFFile.isOne(destination) {
                throw .badPath(path: destination, expected: expected, found: "a model to import")
            }
            let isEmpty = (try? InputFile(destination))?.byteCount == 0
            guard isEmpty || InputFile.isHDF5(destination) else {
                throw .badPath(path: destination, expected: expected, found: "a file that is no weights file")
            }
        }
    }

    /// Unfinished files of a destination that no process of this host writes any more: it was killed, or is elsewhere.
    static func leftovers(of destination: String) -> [String] {
        let end = destination.lastIndex(of: "/").map(destination.index(after:)) ?? destination.startIndex
        let (folder, name) = (destination[..<end], destination[end...])
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : String(folder))) ?? []
        let leftovers = names.filter { file in
            let start = "\(name).partial-"
            guard file.hasPrefix(start), let process = Int32(file.dropFirst(start.count).prefix { $0 != "-" }) else {
                return false
            }
            // Signal 0 only asks whether there is such a process.
            return kill(process, 0) != 0 && errno == ESRCH
        }
        return leftovers.sorted().map { folder + $0 }
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
