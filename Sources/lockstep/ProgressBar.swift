import Foundation
import Partition

/// A line on standard error that shows how much is done, where standard error is a terminal.
final class ProgressBar {
    private let title: String
    private let isVisible = isatty(FileHandle.standardError.fileDescriptor) == 1
    private var shownPercent = -1

    init(_ title: String) { self.title = title }

    /// Shows a part of a whole.
    ///
    /// - Parameter note: what stands behind the percentage; the whole, in bytes, unless given.
    func show(_ done: Int, of total: Int, note: String? = nil) {
        let percent = total > 0 ? done * 100 / total : 100
        guard isVisible, percent != shownPercent else { return }
        shownPercent = percent
        let filled = percent * 40 / 100
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 40 - filled)
        write("\r\(title) [\(bar)] \(percent) % \(note ?? "of \(Figure.bytes(total))") \u{1B}[K")
    }

    /// Takes the line away.
    func finish() {
        if isVisible, shownPercent >= 0 { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}
