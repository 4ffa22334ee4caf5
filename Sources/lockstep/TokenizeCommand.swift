import ArgumentParser
import Engine
import Text

/// Text to token ids and back.
struct TokenizeCommand: SoloCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize", abstract: "Print the token ids and pieces of a text, or the text of ids.")

    @Option(help: ArgumentHelp("A weights file. Default: the embedded model.", valueName: "file"))
    var model: String?

    @Option(help: "The text.")
    var text: String?

    @Option(help: ArgumentHelp("A UTF-8 file with the text.", valueName: "file"))
    var textFile: String?

    @Option(help: ArgumentHelp("Token ids whose text is wanted.", valueName: "1,2,3"))
    var decode: TokenList?

    @Flag(help: "Leave out the special tokens that the model's template adds.")
    var noSpecial = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        let given = [text != nil, textFile != nil, decode != nil].count { $0 }
        guard given == 1 else {
            throw ValidationError(
                "text: expected one of --text, --text-file and --decode, "
                    + "found \(given == 0 ? "none" : "\(given)"); give one"
            )
        }
    }

    func run() throws {
        let model = try Model(path: model ?? Model.embeddedPath)
        let tokenizer = try model.tokenizer()
        if let decode {
            try model.check(decode.ids, what: "decode", atLeast: 0, context: .max)
            let text = try tokenizer.decode(decode.ids, skipSpecialTokens: noSpecial)
            return json ? try Output.json(["text": text]) : try Output.product(text + "\n")
        }
        let bytes = try textFile.map { Array(try TextFile.bytes($0)) } ?? Array((text ?? "").utf8)
        let ids = try tokenizer.encode(utf8: bytes, addSpecialTokens: !noSpecial)
        let pieces = ids.map { tokenizer.piece($0) ?? "" }
        if json { return try Output.json(Tokens(tokens: ids, pieces: pieces)) }
        try Output.product(zip(ids, pieces).map { "\($0)\t\($1)\n" }.joined())
    }

    private struct Tokens: Encodable {
        var tokens: [Int]
        var pieces: [String]
    }
}
