internal import Blueprint
internal import CKernels

/// Products of many tokens in tiles: the bits of every other form of the canonical kernels, and faster, where an
/// instruction set has them.
///
/// The input is laid out once for all threads; each thread widens weights, some rows at a time, into memory that it
/// has from the start. One product at a time uses it: copies of operations share it as they share their pool.
@safe final class TiledProducts: @unchecked Sendable {
    /// The longest input whose tokens all fit at once; of longer ones there are fewer at a time.
    private static let columns = 8192
    private static let capacity = Int(LOCKSTEP_TILE_TOKENS) * columns

    private let laid: UnsafeMutablePointer<Float>  // [capacity]
    private let scratch: UnsafeMutableRawPointer  // [threads, LOCKSTEP_TILE_THREAD_BYTES]

    /// Nil where the instruction set has none.
    init?(pool: Pool, instructionSet: InstructionSet) {
        guard lockstep_multiplies_tiles(instructionSet.code) != 0 else { return nil }
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: Self.capacity * MemoryLayout<Float>.size, alignment: Encoding.rowAlignment)
        unsafe laid = bytes.bindMemory(to: Float.self, capacity: Self.capacity)
        unsafe scratch = .allocate(
            byteCount: pool.threads * Int(LOCKSTEP_TILE_THREAD_BYTES), alignment: Encoding.rowAlignment)
    }

    deinit {
        unsafe laid.deallocate()
        unsafe scratch.deallocate()
    }

    /// Whether so many tokens' products are faster so, measured with 256-bit vectors.
    func multiplies(_ products: lockstep_multiply) -> Bool {
        func fewestTokens(_ product: lockstep_product) -> Int {
            switch unsafe UInt32(product.encoding) {
            case LOCKSTEP_F32.rawValue: 32
            case LOCKSTEP_BF16.rawValue, LOCKSTEP_F16.rawValue: 16
            default: 8
            }
        }
        var fewest = unsafe fewestTokens(products.products.0)
        if unsafe products.count > 1 { fewest = unsafe max(fewest, fewestTokens(products.products.1)) }
        if unsafe products.count > 2 { fewest = unsafe max(fewest, fewestTokens(products.products.2)) }
        return unsafe products.tokens >= fewest && tokensAtOnce(products) >= fewest
    }

    /// Gives each step of the products to `run`, which calls it on every thread.
    func multiply(_ products: lockstep_multiply, run: (lockstep_part, lockstep_multiply) -> Void) {
        withExtendedLifetime(self) {
            let tokens = unsafe products.tokens
            let most = unsafe tokensAtOnce(products)
            let chunks = (tokens + most - 1) / most
            for chunk in 0..<chunks {
                var part = unsafe products
                let first = tokens * chunk / chunks
                unsafe part.tokens = tokens * (chunk + 1) / chunks - first
                unsafe part.x += first * part.x_stride
                unsafe part.products.0.y += first * part.products.0.y_stride
                if unsafe part.count > 1 { unsafe part.products.1.y += first * part.products.1.y_stride }
                if unsafe part.count > 2 { unsafe part.products.2.y += first * part.products.2.y_stride }
                unsafe part.laid = laid
                unsafe part.tile_scratch = scratch
                unsafe run(lockstep_lay_part, part)
                unsafe run(lockstep_multiply_tiles_part, part)
            }
        }
    }

    /// As many tokens as there is room for, but at most one for every four rows, at least 64: so the input of the
    /// products of a small share, laid out, stays small beside its weights.
    private func tokensAtOnce(_ products: lockstep_multiply) -> Int {
        let columns = unsafe products.products.0.columns
        // Products that there are not have no rows.
        let rows = unsafe products.products.0.rows + products.products.1.rows + products.products.2.rows
        return min(Int(LOCKSTEP_TILE_TOKENS), max(64, rows / 4), Self.capacity / max(16, (columns + 15) / 16 * 16))
    }
}
