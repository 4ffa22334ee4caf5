import Blueprint
import Compute
import Partition

/// The activations of one rank, sized from the plan once.
struct Buffers {
    let hidden: Buffer  // [chunk, width]: the residual stream
    let normed: Buffer  // [chunk, width]
    let branch: Buffer  // [chunk, width]: what a mixer adds to the stream
    let queries: Buffer  // [chunk, local heads * head size]
    let keys: Buffer  // [chunk, local key-value heads * head size]
    let values: Buffer  // [chunk, local key-value heads * head size]
    let heads: Buffer  // [chunk, local heads * head size]
    let besides: Buffer  // [chunk, local heads * channels]: queries and values of latent heads, or gates of outputs
    let rates: Buffer  // [chunk, 2 * local state heads]
    let reduced: Buffer  // [chunk, reduced]: what latent queries are made of
    let squares: Buffer  // [chunk, all heads]: sums of squares
    let gate: Buffer  // [chunk, local MLP width], or [chunk * chosen experts, local expert width]
    let up: Buffer  // likewise
    let scores: Buffer  // [chunk, experts]
    let expertInput: Buffer  // [chunk, width]: the tokens of one expert
    let expertOutput: Buffer  // [chunk, width]
    let gathered: Buffer  // [chunk, widest inner axis]; used where inputs are gathered
    let part: Buffer  // [chunk, local width]; used where inputs are gathered
    let exchange: Buffer  // what a gather receives, rank by rank
    let packed: Buffer  // [1, words]: what this rank adds to a sum, where it travels in fewer bits
    let received: Buffer  // [1, words]: what it receives then
    let logits: Buffer  // [logit rows, local vocabulary]
    let rotation: Buffer  // of each rotation one table [context, rotary size]: cosines, then sines
    let partials: Buffer  // what blocks of keys give one token's heads
    let rounded: Buffer  // [chunk, bytes / 4]: the input of a product, rounded; used with fast math

    init(_ workspace: Workspace, in arena: Arena) throws(ComputeError) {
        func buffer(_ shape: Workspace.Buffer) throws(ComputeError) -> Buffer {
            try arena.buffer(rows: shape.rows, columns: shape.columns)
        }
        hidden = try buffer(workspace.hidden)
        normed = try buffer(workspace.normed)
        branch = try buffer(workspace.branch)
        queries = try buffer(workspace.queries)
        keys = try buffer(workspace.keys)
        values = try buffer(workspace.values)
        heads = try buffer(workspace.heads)
        besides = try buffer(workspace.besides)
        rates = try buffer(workspace.rates)
        reduced = try buffer(workspace.reduced)
        squares = try buffer(workspace.squares)
        gate = try buffer(workspace.gate)
        up = try buffer(workspace.up)
        scores = try buffer(workspace.scores)
        expertInput = try buffer(workspace.expertInput)
        expertOutput = try buffer(workspace.expertOutput)
        gathered = try buffer(workspace.gathered)
        part = try buffer(workspace.part)
        exchange = try buffer(workspace.exchange)
        packed = try buffer(workspace.packed)
        received = try buffer(workspace.received)
        logits = try buffer(workspace.logits)
        rotation = try buffer(workspace.rotation)
        partials = try buffer(workspace.partials)
        rounded = try buffer(workspace.rounded)
    }

    /// Bytes of an arena that holds these buffers.
    static func byteCount(_ workspace: Workspace) -> Int {
        workspace.buffers.reduce(0) { $0 + Arena.byteCount(rows: $1.rows, columns: $1.columns) }
    }
}

extension Buffer {
    /// The same elements with rows of another length.
    func viewed(columns: Int) -> Buffer { view(rows: rows, columns: columns) }

    /// One of the tables that lie in it one after the other, each of as many rows.
    func table(at offset: Int, columns: Int) -> Buffer { view(from: offset, rows: rows, columns: columns) }
}
