import Blueprint
import HDF5

/// One tensor of a weights file, open for reading panel by panel.
struct TensorReader: ~Copyable {
    let path: String
    let info: TensorInfo
    let checksums: Checksums
    let dataset: HDF5Dataset
    let staging: StagingBuffer

    /// Panels that are read at once: one tile, or neighbours of whole rows above each other.
    struct Run {
        var down: Range<Int>
        var across: Int
    }

    /// Reads every panel or band that touches `target`, checks it and copies what is asked for.
    ///
    /// - Returns: the bytes that were read from the file.
    func read(into target: SliceTarget) throws(WeightsError) -> Int {
        guard info.panels.isTiled else {
            return try read(runs(rows: target.rows, columns: target.columns), into: target)
        }
        let across = info.panels.panelsAcross(touching: target.columns)
        var byteCount = 0
        for down in info.panels.panelsDown(touching: target.rows) {
            if let rows = info.panels.bandRows(of: target.rows, target.columns, down) {
                byteCount += try readBands(rows, down: down, into: target)
            } else {
                byteCount += try read(across.map { Run(down: down..<down + 1, across: $0) }, into: target)
            }
        }
        return byteCount
    }

    private func read(_ runs: [Run], into target: SliceTarget) throws(WeightsError) -> Int {
        var byteCount = 0
        for run in runs {
            let direct = unsafe target.place(of: rows(run), in: info)
            let bytes = unsafe direct ?? staging.prefix(self.byteCount(run))
            try unsafe load(run, into: bytes)
            for down in run.down {
                let panel = unsafe UnsafeRawBufferPointer(panel(down, of: run, in: bytes))
                if let damage = unsafe damage(down, run.across, panel) { throw damage }
                if unsafe direct == nil {
                    unsafe target.take(
                        panel, rows: info.panels.rowRange(down), columns: info.panels.columnRange(run.across),
                        rowByteCount: rowByteCount)
                }
            }
            byteCount += bytes.count
        }
        return byteCount
    }

    /// Reads the whole tensor and hands every panel that differs from its checksum to `report`.
    ///
    /// - Parameter didRead: is told how many bytes were read, after each run.
    func verify(didRead: (Int) -> Void, report: (WeightsError) -> Void) throws(WeightsError) {
        for run in runs {
            let bytes = unsafe staging.prefix(byteCount(run))
            do { try unsafe load(run, into: bytes) } catch {
                report(error)
                continue
            }
            for down in run.down {
                let panel = unsafe UnsafeRawBufferPointer(panel(down, of: run, in: bytes))
                if let damage = unsafe damage(down, run.across, panel) { report(damage) }
            }
            didRead(bytes.count)
        }
    }

    private var runs: [Run] {
        guard info.panels.isTiled else { return runs(rows: 0..<info.rows, columns: 0..<info.columns) }
        return (0..<info.panels.panelsDown).flatMap { down in
            (0..<info.panels.panelsAcross).map { Run(down: down..<down + 1, across: $0) }
        }
    }

    /// The runs that hold a slice of whole rows, in the order of the file. A panel that a border cuts is a run of its
    /// own, so that all others can go straight to their place.
    private func runs(rows: Range<Int>, columns: Range<Int>) -> [Run] {
        let grid = info.panels
        guard !columns.isEmpty else { return [] }
        let longest = max(1, staging.byteCount / info.panelByteCount)
        var runs: [Run] = []
        for panel in grid.panelsDown(touching: rows) {
            let range = grid.rowRange(panel)
            let isCut = range.lowerBound < rows.lowerBound || range.upperBound > rows.upperBound
            if let last = runs.last, !isCut, last.down.count < longest, !isFirstCut(panel, of: runs, rows) {
                runs[runs.count - 1].down = last.down.lowerBound..<panel + 1
            } else {
                runs.append(Run(down: panel..<panel + 1, across: 0))
            }
        }
        return runs
    }

    /// Whether the run before `panel` is the first and begins above the slice.
    private func isFirstCut(_ panel: Int, of runs: [Run], _ rows: Range<Int>) -> Bool {
        runs.count == 1 && info.panels.rowRange(runs[0].down.lowerBound).lowerBound < rows.lowerBound
    }

    private func rows(_ run: Run) -> Range<Int> {
        info.panels.rowRange(run.down.lowerBound).lowerBound..<info.panels.rowRange(run.down.upperBound - 1).upperBound
    }

    /// Bytes from one row of a panel to the next.
    private var rowByteCount: Int {
        info.scalar.byteCount(info.panels.isTiled ? info.panels.columnsPerPanel : info.columns)
    }

    private func byteCount(_ run: Run) -> Int {
        info.panels.isTiled ? info.panelByteCount : rows(run).count * rowByteCount
    }

    private func load(_ run: Run, into bytes: UnsafeMutableRawBufferPointer) throws(WeightsError) {
        var buffer = unsafe bytes.mutableBytes
        do {
            if info.panels.isTiled {
                let start = [rows(run).lowerBound, run.across * info.panels.columnsPerPanel]
                try dataset.readChunk(at: start, into: &buffer)
            } else {
                var slab = Hyperslab(allOf: info.shape)
                slab.ranges[0] = rows(run)
                try dataset.read(slab, into: &buffer)
            }
        } catch {
            throw .broken(path: path, reason: error.description)
        }
    }

    private func panel(
        _ down: Int, of run: Run, in bytes: UnsafeMutableRawBufferPointer
    ) -> UnsafeMutableRawBufferPointer {
        guard !info.panels.isTiled else { return unsafe bytes }
        let range = info.panels.rowRange(down)
        let first = rows(run).lowerBound
        let part = (range.lowerBound - first) * rowByteCount..<(range.upperBound - first) * rowByteCount
        return unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[part])
    }

    private func damage(_ down: Int, _ across: Int, _ bytes: UnsafeRawBufferPointer) -> WeightsError? {
        let stored = checksums.panels[down * info.panels.panelsAcross + across]
        let computed = unsafe XXH64.hash(bytes)
        guard stored != computed else { return nil }
        return damage(
            rows: info.panels.rowRange(down), columns: info.panels.columnRange(across), stored: stored,
            computed: computed)
    }

    /// The error that names a part of the tensor whose bytes are not those that were written.
    func damage(rows: Range<Int>, columns: Range<Int>, stored: UInt64, computed: UInt64) -> WeightsError {
        .damaged(
            path: path, what: "'\(info.name)' (\(Self.text("row", rows)), \(Self.text("column", columns)))",
            stored: XXH64.text(stored), computed: XXH64.text(computed))
    }

    private static func text(_ noun: String, _ range: Range<Int>) -> String {
        range.count == 1
            ? "\(noun) \(range.lowerBound)" : "\(noun)s \(range.lowerBound) to \(range.upperBound - 1)"
    }
}
