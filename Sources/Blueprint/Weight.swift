/// One tensor of a checkpoint: its name, its shape, and how ranks share it.
public struct Weight: Hashable, Sendable {
    /// How a weight is shared among ranks.
    public enum Distribution: Hashable, Sendable {
        /// Every rank holds all of it.
        case replicated
        /// Each unit of the axis owns `perUnit` consecutive rows: a first projection, whose outputs are units.
        case rows(Axis, perUnit: Int)
        /// Each unit of the axis owns `perUnit` consecutive columns: a last projection, whose inputs are units.
        /// A rank's product is then a part of a sum.
        case columns(Axis, perUnit: Int)
    }

    /// The name in the weights file; that in the checkpoint too where ``sources`` name no other.
    public var name: String
    /// `[rows, columns]`, or `[count]` for a vector; of one member where there are several.
    public var shape: [Int]
    /// How ranks share it; every member alike.
    public var distribution: Distribution
    /// The axis of its members, matrices of one shape that are stored one below the other, such as those of experts;
    /// nil where the weight is one matrix or vector.
    public var members: Axis?
    /// Where a checkpoint has its rows: the first of these whose tensors are all there; none for the tensor of its
    /// name.
    public var sources: [Source]

    /// Whether an import that rounds matrices leaves it as it is: small, and of consequence, such as what chooses
    /// experts.
    public var isSensitive = false

    /// A weight of the given shape.
    public init(
        _ name: String, _ shape: [Int], _ distribution: Distribution = .replicated, members: Axis? = nil,
        sources: [Source] = []
    ) {
        self.name = name
        self.shape = shape
        self.distribution = distribution
        self.members = members
        self.sources = sources
    }

    /// The length of the first dimension, of one member.
    public var rows: Int { shape[0] }
    /// The length of the second dimension; 1 for a vector.
    public var columns: Int { shape.count > 1 ? shape[1] : 1 }
    /// The number of members; 1 where it is one matrix or vector.
    public var memberCount: Int { members?.count ?? 1 }
    /// `[members * rows, columns]`, or `[members * count]`: the shape in the weights file.
    public var storedShape: [Int] { [memberCount * rows] + shape.dropFirst() }
    /// The number of elements, of all members.
    public var elementCount: Int { memberCount * rows * columns }
    /// Whether this is a vector: a norm's weight or a bias.
    public var isVector: Bool { shape.count == 1 }
}

extension Weight {
    /// Rows of a tensor, or of one tensor for each member, of which a checkpoint makes a weight.
    ///
    /// Rows of a tensor are what all its dimensions but the last count; those of a vector are its elements.
    public struct Source: Hashable, Sendable {
        /// Rows that follow each other in the weight: every `step`-th of the tensor's.
        public struct Run: Hashable, Sendable {
            /// The first of them, in its group.
            public var first: Int
            /// How many they are.
            public var count: Int
            /// Rows from one to the next.
            public var step: Int

            /// A run of rows.
            public init(_ first: Int, _ count: Int, step: Int = 1) {
                self.first = first
                self.count = count
                self.step = step
            }
        }

        /// The tensor's name in the checkpoint; a `*` stands for the number of a member, each of which has a tensor
        /// then.
        public var name: String
        /// The tensor's shape. Of a tensor of all members the first dimension counts them.
        public var shape: [Int]
        /// The weight's rows of a group, in their order; none for all rows as they are.
        public var runs: [Run]
        /// Groups of equally many rows, which the tensor, or each member in it, consists of.
        public var groupCount: Int
        /// Whether the last two dimensions change places before anything is read.
        public var isTransposed: Bool
        /// Whether the rows of each member, once read, become its columns.
        public var transposesRuns: Bool

        /// The tensor as it is, or some of its rows.
        public init(
            _ name: String, _ shape: [Int], runs: [Run] = [], groupCount: Int = 1, isTransposed: Bool = false,
            transposesRuns: Bool = false
        ) {
            self.name = name
            self.shape = shape
            self.runs = runs
            self.groupCount = groupCount
            self.isTransposed = isTransposed
            self.transposesRuns = transposesRuns
        }

        /// The name of the tensor that has the rows of a member.
        public func name(ofMember member: Int) -> String { name.replacing("*", with: "\(member)") }

        /// Whether every member has a tensor of its own.
        public var hasTensorPerMember: Bool { name.contains("*") }
    }

    /// The names of the checkpoint tensors that the weight may be made of.
    public var sourceNames: [String] {
        sources.isEmpty
            ? [name]
            : sources.flatMap { source in
                source.hasTensorPerMember ? (0..<memberCount).map(source.name(ofMember:)) : [source.name]
            }
    }

    /// The same, marked as sensitive.
    var sensitive: Weight {
        var weight = self
        weight.isSensitive = true
        return weight
    }

    /// Whether every rank holds all of it.
    public var isReplicated: Bool { distribution == .replicated && members == nil }
}
