import Compute

/// One rank's part of the logits of some tokens.
struct LocalLogits {
    private let buffer: Buffer  // [rows, local vocabulary and padding]
    private let columns: Int

    /// - Parameter columns: how many of the buffer's columns are no padding.
    init(_ buffer: Buffer, columns: Int) {
        self.buffer = buffer
        self.columns = columns
    }

    /// The logits of one token, `[1, local vocabulary]`, without padding.
    func row(_ index: Int) -> Buffer {
        buffer.view(from: index * buffer.columns, rows: 1, columns: columns)
    }
}
