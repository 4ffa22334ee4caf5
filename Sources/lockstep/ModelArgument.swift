import ArgumentParser
import Engine

/// A command whose model may be an argument or an option.
protocol ModelArgument {
    var file: String? { get }
    var model: String? { get }
}

extension ModelArgument {
    /// Where the model is: the embedded one where none is named.
    var modelPath: String { get throws { try file ?? model ?? Model.embeddedPath } }

    func checkThatModelIsNamedOnce() throws {
        guard let file, let model else { return }
        throw ValidationError("model: expected '\(file)' or --model '\(model)', found both; give one")
    }
}
