/// What `generate --json` prints.
struct Generation: Decodable {
    struct Seconds: Decodable {
        var loading: Double
        var prompt: Double
        var decoding: Double
    }

    var tokens: [Int]
    var text: String
    var promptTokens: Int
    var generatedTokens: Int
    var ending: String
    var seconds: Seconds
    var tokensPerSecond: Double
    var ranks: Int
    var threadsPerRank: Int
    var collectivesPerToken: Double
    var bytesPerToken: Double
    var bytesRead: Int
    var bytesReadPerSecond: Double
}
