import Glibc

/// A file that is open for writing at any offset, by several threads at once; it is closed at the end of its life.
final class OutputFile: Sendable {
    // The name that errors give it: where it will be.
    private let name: String
    private let descriptor: CInt

    /// Opens a file that is there.
    init(_ path: String, named name: String) throws(WeightsError) {
        descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unwritable(path: name, reason: SystemMessage.latest) }
        self.name = name
    }

    /// Writes all of `bytes` from `offset` on.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(WeightsError) {
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = unsafe pwrite(descriptor, rest.baseAddress, rest.count, offset + done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                if count == 0 || errno == ENOSPC || errno == EDQUOT {
                    throw .diskFull(path: name, neededByteCount: nil, availableByteCount: nil)
                }
                throw .unwritable(path: name, reason: SystemMessage.latest)
            }
            done += count
        }
    }

    deinit { close(descriptor) }
}
