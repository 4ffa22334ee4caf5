/// The memory that one thread reads with, beside that of the slice: so little that it stays in a core's second cache,
/// or near it.
final class ReadingSpace {
    /// Panels as they are stored.
    let panels: StagingBuffer
    /// A band put together.
    let band: StagingBuffer
    /// Rows of all parts on their way into panels of memory.
    let window: StagingBuffer

    /// Panels that are read at once take about so many bytes: several of the largest, whose checksums are computed
    /// together.
    static let panelByteCount = 1 << 19

    /// Room for any of some parts.
    init(for parts: some Sequence<StoredPart>, windowByteCount: Int = 0) {
        var (panel, band) = (Self.panelByteCount, 0)
        for part in parts {
            panel = max(panel, part.panelByteCount, part.bandPieceByteCount)
            band = max(band, part.bandByteCount)
        }
        panels = StagingBuffer(byteCount: panel)
        self.band = StagingBuffer(byteCount: band)
        window = StagingBuffer(byteCount: windowByteCount)
    }

    /// Bytes of all of it.
    var byteCount: Int { panels.byteCount + band.byteCount + window.byteCount }
}
