import Blueprint

/// Every float32 buffer that a forward needs on a rank, `[rows, columns]` each; allocated once.
public struct Workspace: Sendable, Hashable {
    /// The size of one buffer.
    public struct Buffer: Sendable, Hashable {
        /// Rows: tokens, or positions.
        public var rows: Int
        /// Elements of one row.
        public var columns: Int

        /// A buffer of `rows` times `columns` elements.
        public init(_ rows: Int, _ columns: Int) {
            self.rows = rows
            self.columns = columns
        }

        /// Elements.
        public var elementCount: Int { rows * columns }
        /// Bytes in memory, where the buffer after it begins aligned.
        public var byteCount: Int { Scalar.f32.rowByteCount(elementCount) }
    }

    /// The most tokens whose logits are computed at a time.
    public static let logitRows = 16

    /// `[chunk, width]`: the residual stream.
    public var hidden: Buffer
    /// `[chunk, width]`: the input of a mixer.
    public var normed: Buffer
    /// `[chunk, width]`: the output of a mixer.
    public var branch: Buffer
    /// `[chunk, held query heads * headSize]`, or what is read of states, `[chunk, held covered heads * stateSize]`.
    public var queries: Buffer
    /// `[chunk, held key-value heads * headSize]`, or what is written to states, as for `queries`.
    public var keys: Buffer
    /// `[chunk, held key-value heads * headSize]`, or `[chunk, held state heads * headSize]`.
    public var values: Buffer
    /// `[chunk, held query heads * headSize]`: what the heads have read.
    public var heads: Buffer
    /// `[chunk, held query heads * channels]`: queries before and values after a latent space, or gates of what the
    /// heads have read; no columns where there is neither.
    public var besides: Buffer
    /// `[chunk, 2 * held state heads]`: how fast states forget and learn; no columns where there are none.
    public var rates: Buffer
    /// `[chunk, reduced]`: what queries of a latent space are made of.
    public var reduced: Buffer
    /// `[chunk, query and key-value heads]`: sums of squares; no columns where no norm is over all heads.
    public var squares: Buffer
    /// `[chunk, held MLP width]`, or of experts `[chunk * chosen experts, held expert width]`.
    public var gate: Buffer
    /// `[chunk, held MLP width]`, or of experts `[chunk * chosen experts, held expert width]`.
    public var up: Buffer
    /// `[chunk, experts]`: what the router makes of the tokens; no columns where there are no experts.
    public var scores: Buffer
    /// `[chunk, width]`: the tokens of one expert; no columns where there are no experts.
    public var expertInput: Buffer
    /// `[chunk, width]`: what it makes of them.
    public var expertOutput: Buffer
    /// `[chunk, max(heads * valueSize, MLP width, chosen experts * expert width)]`: the gathered input of a last
    /// projection; no columns in way sum or on one rank.
    public var gathered: Buffer
    /// `[chunk, longest range of the width]`: this rank's rows of a last projection; no columns in way sum or
    /// on one rank.
    public var part: Buffer
    /// `[chunk, longest vector gathered from all ranks, padding included]`: where a gather arrives, one rank's block
    /// after the other; no columns in way sum or on one rank.
    public var exchange: Buffer
    /// One row: the packed vector that this rank adds to a sum; no columns where the wire is f32.
    public var packed: Buffer
    /// One row: the packed vectors that a rank receives at a time; no columns where the wire is f32.
    public var received: Buffer
    /// `[min(chunk, 16), held vocabulary rows]`.
    public var logits: Buffer
    /// `[context, channels that turn]`: cosines and sines of the rotary embeddings, one table after the other.
    public var rotation: Buffer
    /// `[1, held query heads * numbers of every block of the context]`: what blocks of keys give one token's heads.
    public var partials: Buffer
    /// `[chunk, the longest row of a rounded input, of 4 bytes]`: where products round their input; no columns with
    /// precise math.
    public var rounded: Buffer

    /// All of them.
    public var buffers: [Buffer] {
        [
            hidden, normed, branch, queries, keys, values, heads, besides, rates, reduced, squares, gate, up, scores,
            expertInput, expertOutput,
            gathered, part, exchange, packed, received, logits,
            rotation, partials, rounded,
        ]
    }

    /// Bytes of all of them.
    public var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }
}
