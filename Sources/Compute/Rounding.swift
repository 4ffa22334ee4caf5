internal import Blueprint
internal import CKernels

/// How products round their input, and where to.
struct Rounding: Sendable {
    /// The instructions of the products.
    let dot: DotProduct
    /// Whether many tokens are multiplied by AMX, with input and weights in bf16.
    let hasAMX: Bool
    /// The rounded input.
    let rounded: Buffer

    /// What a product does to its input.
    enum Form {
        /// Nothing.
        case none
        /// Integers of 8 bits with scales; with AMX, many tokens to bf16 instead.
        case integers
        /// bf16.
        case bfloats
    }

    /// Input of at most so many elements is rounded by every thread for itself: that takes less time than waiting for
    /// one another.
    private static let roundedByEach = 1 << 13

    /// How a product with weights of an encoding rounds its input.
    func form(_ encoding: Encoding) -> Form {
        switch encoding {
        case .grouped: .integers
        case .plain(.bf16): dot.takesBFloats ? .bfloats : .none
        case .plain(.f32), .plain(.f16): .none
        }
    }

    /// Completes the work of products with one form; whether the input must be rounded first.
    func complete(_ work: inout lockstep_multiply, threads: Int) -> Bool {
        let (tokens, columns) = unsafe (work.tokens, work.products.0.columns)
        let stride = Math.roundedByteCount(columns: columns)
        let capacity = rounded.count * MemoryLayout<Float>.size
        precondition(tokens * stride <= capacity, "The buffer for rounded input must hold every token's.")
        precondition(unsafe Self.beginAlike(work), "Products of one input begin at one place of a block.")
        unsafe work.dot = dot.code
        unsafe work.has_amx = hasAMX ? 1 : 0
        unsafe work.rounded = UnsafeMutableRawPointer(rounded.start)
        unsafe work.rounded_stride = stride
        let isRoundedByEach = tokens * columns <= Self.roundedByEach && threads * tokens * stride <= capacity
        unsafe work.rounded_thread_stride = isRoundedByEach ? tokens * stride : 0
        return !isRoundedByEach
    }

    private static func beginAlike(_ work: lockstep_multiply) -> Bool {
        func place(_ product: lockstep_product) -> Int { unsafe product.grouping.first % Grouping.blockColumns }
        let first = unsafe place(work.products.0)
        return unsafe (work.count < 2 || place(work.products.1) == first)
            && (work.count < 3 || place(work.products.2) == first)
    }
}
