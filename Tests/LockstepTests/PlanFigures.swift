import Partition

/// What `plan --json` prints, as far as tests look at it.
struct PlanFigures: Decodable {
    struct Units: Decodable {
        var start: Int
        var end: Int
    }

    struct Run: Decodable {
        var experts: Units
        var channels: Units
    }

    struct Rank: Decodable {
        var shareAsked: Double
        var vocabulary: Units
        var mlpWidth: Units
        var queryHeads: Units
        var expertRuns: [Run]?
        var weightByteCount: Int
        var fileByteCount: Int
        var cacheByteCount: Int
        var peakByteCount: Int
        var memoryByteCount: Int?
    }

    struct Messages: Decodable {
        var tokens: Int
        var collectives: Int
        var byteCount: Int
    }

    struct Model: Decodable {
        var architecture: String
        var parameterCount: Int
        var layerCount: Int
        var byteCounts: [String: Int]
    }

    var model: Model
    var rankCount: Int
    var way: String
    var split: String
    var context: Int
    var chunk: Int
    var ranks: [Rank]
    var forecast: Forecast?
    var decodedToken: Messages
    var fingerprint: String
    var remarks: [String]
}
