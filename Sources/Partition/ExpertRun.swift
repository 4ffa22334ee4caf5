/// Experts that follow one another, of each of which a rank holds the same channels.
public struct ExpertRun: Sendable, Hashable {
    /// The experts; none on a rank that holds nothing.
    public var members: Range<Int>
    /// The channels of each of them.
    public var channels: Range<Int>
    /// Channels in memory: more than `channels.count` where ranges are padded with zeros to the longest.
    public var heldChannels: Int

    /// Some experts, and the channels of each of them.
    public init(members: Range<Int>, channels: Range<Int>, heldChannels: Int) {
        self.members = members
        self.channels = channels
        self.heldChannels = heldChannels
    }

    /// Channels of all these experts in memory.
    var heldCount: Int { members.count * heldChannels }

    /// The runs of a range of the channels of all experts, end to end, `width` of each: the whole experts, before them
    /// the end of one and after them the beginning of one, where the range cuts these.
    static func runs(of range: Range<Int>, width: Int) -> [ExpertRun] {
        func run(_ members: Range<Int>, _ channels: Range<Int>) -> ExpertRun {
            ExpertRun(members: members, channels: channels, heldChannels: channels.count)
        }
        let (first, start) = range.lowerBound.quotientAndRemainder(dividingBy: width)
        let (last, end) = range.upperBound.quotientAndRemainder(dividingBy: width)
        guard !range.isEmpty else { return [run(first..<first, 0..<0)] }
        guard first < last else { return [run(first..<first + 1, start..<end)] }
        let whole = (start == 0 ? first : first + 1)..<last
        return (start == 0 ? [] : [run(first..<first + 1, start..<width)])
            + (whole.isEmpty ? [] : [run(whole, 0..<width)])
            + (end == 0 ? [] : [run(last..<last + 1, 0..<end)])
    }
}
