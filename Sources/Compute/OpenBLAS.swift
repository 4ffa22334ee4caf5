internal import Blueprint
internal import CBLAS
internal import CKernels
internal import Synchronization

/// Products of many tokens by OpenBLAS, one call at a time on each thread of a pool, each over its own rows.
///
/// OpenBLAS takes f32 only: f32 weights are read where they are, others are widened panel by panel into memory that
/// each thread has from the start. OpenBLAS holds some memory of its own beside, taken at its first product.
@safe final class OpenBLAS: @unchecked Sendable {
    /// From so many tokens on it is faster than the kernels; nil where it never is.
    ///
    /// Measured on one thread, in GFLOP/s: with 512-bit vectors the kernels reach 162 to 217 and OpenBLAS 75 to 119 at
    /// 512 tokens; with 256-bit vectors 80 to 89 of 103, and OpenBLAS 80. Plain C reaches 1.6, and OpenBLAS more at 2
    /// tokens already; a processor that does better by plain C is why it is 8. Arm was not measured: its kernels are
    /// taken to be slower from 64 tokens on.
    static func fewestTokens(_ instructionSet: InstructionSet) -> Int? {
        switch instructionSet {
        case .portable: 8
        case .neon: 64
        case .avx2, .avx512, .amx: nil
        }
    }

    /// A panel of widened weights: 2 MiB.
    fileprivate static let panelRows = 256
    fileprivate static let panelColumns = 2048

    private let panels: UnsafeMutablePointer<Float>  // [threads, panelRows * panelColumns]

    init(pool: Pool) {
        let count = pool.threads * Self.panelRows * Self.panelColumns
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Float>.size, alignment: Encoding.rowAlignment)
        unsafe panels = bytes.bindMemory(to: Float.self, capacity: count)
        // The pool's threads share the work. Some builds of OpenBLAS count threads for each calling thread.
        let turn = Mutex(())
        pool.run { _ in turn.withLock { _ in openblas_set_num_threads(1) } }
    }

    deinit { unsafe panels.deallocate() }

    /// Gives the products and their part to `run`, which calls the part on every thread.
    func multiply(_ products: lockstep_multiply, run: (lockstep_part, Work) -> Void) {
        withExtendedLifetime(self) {
            unsafe run(
                { work, thread, threads in
                    guard let work = unsafe work?.assumingMemoryBound(to: Work.self) else { return }
                    unsafe work.pointee.compute(part: Int(thread), of: Int(threads))
                }, Work(products: products, panels: panels))
        }
    }

    /// What the threads need to know.
    @unsafe struct Work {
        let products: lockstep_multiply
        let panels: UnsafeMutablePointer<Float>
    }
}

extension OpenBLAS.Work {
    /// Computes one thread's rows of each product.
    fileprivate func compute(part: Int, of parts: Int) {
        let panel = unsafe panels + part * OpenBLAS.panelRows * OpenBLAS.panelColumns
        let all = unsafe products.products
        for index in 0..<Int(unsafe products.count) {
            let product = unsafe index == 0 ? all.0 : index == 1 ? all.1 : all.2
            // Whole tiles of OpenBLAS's, so that only the last thread has a part of one.
            let blocks = unsafe (product.rows + 15) / 16
            let first = unsafe min(product.rows, blocks * part / parts * 16)
            let last = unsafe min(product.rows, blocks * (part + 1) / parts * 16)
            guard first < last else { continue }
            unsafe fill(product, first..<last)
            unsafe add(product, first..<last, panel)
        }
    }

    /// Starts every sum with its bias.
    private func fill(_ product: lockstep_product, _ rows: Range<Int>) {
        for token in 0..<(unsafe products.tokens) {
            let sums = unsafe product.y + token * product.y_stride + rows.lowerBound
            if let bias = unsafe product.bias {
                unsafe sums.update(from: bias + rows.lowerBound, count: rows.count)
            } else {
                unsafe sums.update(repeating: 0, count: rows.count)
            }
        }
    }

    /// Adds the products to the sums, panel by panel when the weights must be widened.
    private func add(_ product: lockstep_product, _ rows: Range<Int>, _ panel: UnsafeMutablePointer<Float>) {
        let columns = unsafe product.columns
        let rowByteStride = unsafe product.row_byte_stride
        guard columns > 0, let weights = unsafe product.w else { return }
        if unsafe product.encoding == Int32(LOCKSTEP_F32.rawValue) {
            let first = unsafe (weights + rows.lowerBound * rowByteStride).assumingMemoryBound(to: Float.self)
            return unsafe add(product, rows, 0..<columns, first, rowByteStride / MemoryLayout<Float>.size)
        }
        for column in stride(from: 0, to: columns, by: OpenBLAS.panelColumns) {
            let width = min(OpenBLAS.panelColumns, columns - column)
            for row in stride(from: rows.lowerBound, to: rows.upperBound, by: OpenBLAS.panelRows) {
                let height = min(OpenBLAS.panelRows, rows.upperBound - row)
                unsafe widen(product, row..<(row + height), column..<(column + width), panel)
                unsafe add(product, row..<(row + height), column..<(column + width), panel, OpenBLAS.panelColumns)
            }
        }
    }

    /// Widens weights into a panel.
    private func widen(
        _ product: lockstep_product, _ rows: Range<Int>, _ columns: Range<Int>, _ panel: UnsafeMutablePointer<Float>
    ) {
        var product = unsafe product
        if unsafe product.encoding >= Int32(LOCKSTEP_Q4.rawValue) {
            unsafe lockstep_unpack_rows(
                products.instruction_set, &product, rows.lowerBound, rows.count, columns.lowerBound, columns.count,
                panel, OpenBLAS.panelColumns)
            return
        }
        guard let weights = unsafe product.w else { return }
        for (index, row) in rows.enumerated() {
            unsafe lockstep_widen(
                products.instruction_set,
                weights + row * product.row_byte_stride + columns.lowerBound * MemoryLayout<UInt16>.size,
                product.encoding, columns.count, panel + index * OpenBLAS.panelColumns)
        }
    }

    /// Adds the products of f32 weights [rows, columns], whose rows start `stride` elements apart, to the sums.
    private func add(
        _ product: lockstep_product, _ rows: Range<Int>, _ columns: Range<Int>, _ weights: UnsafePointer<Float>,
        _ stride: Int
    ) {
        unsafe cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(products.tokens), Int32(rows.count), Int32(columns.count),
            1, products.x + columns.lowerBound, Int32(products.x_stride), weights, Int32(stride),
            1, product.y + rows.lowerBound, Int32(product.y_stride))
    }
}
