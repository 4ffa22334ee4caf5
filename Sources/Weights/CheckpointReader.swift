/// A kind of checkpoint: what an import asks of it.
package protocol CheckpointReader {
    /// Where it is, as given.
    var path: String { get }
    /// Its own name, whatever path leads to it.
    var name: String { get }
    /// The texts that it has, or that say the same; config.json is always among them.
    ///
    /// An import reads these first, and only if it understands config.json the tensors.
    func texts() throws(WeightsError) -> [Checkpoint.Text: String]
    /// Every tensor under the name that the blueprint has for it.
    func tensors() throws(WeightsError) -> [String: any CheckpointTensor]
    /// The texts that it may have.
    var possibleTexts: [Checkpoint.Text] { get }
    /// What asks for tensors, in words.
    var configurationName: String { get }
    /// What its files call the tensor that the blueprint has under a name; nil where they can't have it.
    func fileName(of tensor: String) -> String?
    /// A hash that tells one checkpoint from another without reading all of it.
    func hash() throws(WeightsError) -> UInt64
}

extension CheckpointReader {
    package var possibleTexts: [Checkpoint.Text] { Checkpoint.Text.allCases }
    package var configurationName: String { Checkpoint.Text.configuration.rawValue }
    package func fileName(of tensor: String) -> String? { tensor }
}
