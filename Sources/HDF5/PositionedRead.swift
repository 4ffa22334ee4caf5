import Glibc

/// Reads of a file past the library, at any offset.
enum PositionedRead {
    /// Fills `buffer` with the bytes from `offset` on. Corresponds to `pread`.
    static func fill(
        _ buffer: UnsafeMutableRawBufferPointer, from descriptor: CInt, at offset: Int, location: String
    ) throws(HDF5Error) {
        var done = 0
        while done < buffer.count {
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = unsafe pread(descriptor, rest.baseAddress, rest.count, offset + done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let reason = count < 0 ? unsafe String(cString: strerror(errno)) : "the file ends before the chunk does"
                throw .refused(location: location, call: "pread", reason: reason)
            }
            done += count
        }
    }
}
