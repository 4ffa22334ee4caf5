/// Page-aligned memory of a fixed size, given back at the end of its life.
@safe final class StagingBuffer {
    private let memory: UnsafeMutableRawBufferPointer
    let byteCount: Int

    init(byteCount: Int) {
        self.byteCount = byteCount
        unsafe memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, byteCount), alignment: 4096)
    }

    /// The first `byteCount` bytes, valid as long as the buffer lives.
    func prefix(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<byteCount])
    }

    deinit { unsafe memory.deallocate() }
}
