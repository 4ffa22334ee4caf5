public import Blueprint
import Text
public import Weights

extension Checkpoint {
    /// Checks the tokens that texts become, and those that end them, before anything is imported.
    ///
    /// - Parameter blueprint: what the checkpoint computes.
    /// - Returns: why its tokenizer can't be used, where it is of a kind that is not implemented.
    /// - Throws: ``WeightsError`` for a tokenizer that is broken, and for tokens that the model has not.
    public func checkTokens(_ blueprint: Blueprint) throws(WeightsError) -> String? {
        try check(blueprint.endTokens, "config.json: expected 'eos_token_id'", blueprint)
        if let generation = texts[.generation] {
            let tokens = try Model.endTokens(generation, path: path) ?? []
            try check(tokens, "generation_config.json: expected 'eos_token_id'", blueprint)
        }
        guard let json = texts[.tokenizer] else { return nil }
        let added: [Int]
        do throws(TextError) {
            added = try Tokenizer(json: json).encode("")
        } catch {
            if case .unsupported = error { return error.description }
            throw .unsupportedTokens(path: path, reason: error.description)
        }
        try check(added, "tokenizer.json: expected what 'post_processor' puts around a text", blueprint)
        return nil
    }

    private func check(_ tokens: [Int], _ what: String, _ blueprint: Blueprint) throws(WeightsError) {
        guard let token = tokens.first(where: { !(0..<blueprint.vocabulary).contains($0) }) else { return }
        throw .unsupportedTokens(
            path: path,
            reason: "\(what) to be tokens of the model, from 0 to \(blueprint.vocabulary - 1), found \(token); "
                + "correct the file")
    }
}
