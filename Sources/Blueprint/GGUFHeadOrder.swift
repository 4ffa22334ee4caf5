/// The order of heads in a file that has the first head of every group before the second of any, where a checkpoint has
/// group after group.
public struct GGUFHeadOrder: Sendable, Hashable {
    /// Rows or columns before the first head: both have them in one order.
    public var start = 0
    /// Groups of as many heads.
    public var groupCount: Int
    /// Heads of a group.
    public var groupSize: Int
    /// Rows or columns of a head.
    public var headSize: Int

    /// An order of so many groups, from the first row or column on.
    public init(groupCount: Int, groupSize: Int, headSize: Int) {
        self.groupCount = groupCount
        self.groupSize = groupSize
        self.headSize = headSize
    }

    /// Rows or columns in all.
    public var count: Int { start + groupCount * groupSize * headSize }

    /// Where the file has this row or column of a checkpoint.
    public func place(of index: Int) -> Int {
        guard index >= start else { return index }
        let (head, inHead) = (index - start).quotientAndRemainder(dividingBy: headSize)
        let (group, inGroup) = head.quotientAndRemainder(dividingBy: groupSize)
        return start + (inGroup * groupCount + group) * headSize + inHead
    }

    /// How many from this row or column on follow each other in the file too.
    public func runLength(from index: Int) -> Int {
        index < start ? start - index : headSize - (index - start) % headSize
    }

    /// The same order of elements, of which each row has so many.
    public func ofElements(_ columns: Int) -> GGUFHeadOrder {
        var order = self
        order.start *= columns
        order.headSize *= columns
        return order
    }
}
