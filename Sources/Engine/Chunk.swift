/// The tokens of one forward pass.
struct Chunk {
    /// Their number.
    var tokens: Int
    /// The position of the first.
    var firstPosition: Int
}
