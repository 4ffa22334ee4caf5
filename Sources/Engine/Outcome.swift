/// What came of an order; meaningful on rank 0.
struct Outcome {
    /// The chosen token; nil where the candidates were too few to be sure.
    var token: Int?
    /// One per token of the chunk that has a follower.
    var scores: [TokenScore] = []
    /// What the measured steps took.
    var measurement: Measurement?
}
