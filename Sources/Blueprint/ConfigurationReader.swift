import Foundation
import JSON

/// Reads the keys of config.json one by one and remembers which were read, so that none is skipped unseen.
struct ConfigurationReader {
    private var values: [String: ConfigurationValue]
    private let prefix: String
    private var read: Set<String> = []
    /// `original_max_position_embeddings` of the object around this one, where it says it.
    var originalContext: Int?
    /// `max_position_embeddings` of that object.
    var longestContext: Int?

    /// Keys that describe the file, the training or the text, never the computation of a logit.
    private static let withoutEffect: Set<String> = [
        "architectures", "model_type", "_name_or_path", "name_or_path", "transformers_version", "torch_dtype", "dtype",
        "use_cache", "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id",
        "unk_token_id", "decoder_start_token_id", "attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop",
        "embedding_dropout", "residual_dropout", "pretraining_tp", "auto_map", "_attn_implementation",
        "_attn_implementation_autoset", "attn_implementation",
        "use_flash_attention_2", "gradient_checkpointing", "torchscript", "return_dict", "output_attentions",
        "output_hidden_states", "_commit_hash", "is_encoder_decoder", "is_decoder", "id2label", "label2id",
        "problem_type", "tokenizer_class", "task_specific_params", "unsloth_version", "unsloth_fixed",
        "language_model_only",
        "max_length", "min_length", "temperature", "top_k", "top_p", "repetition_penalty", "do_sample", "num_beams",
        "early_stopping", "length_penalty", "no_repeat_ngram_size", "num_return_sequences", "diversity_penalty",
        "num_beam_groups", "typical_p", "encoder_no_repeat_ngram_size", "chunk_size_feed_forward", "_from_model_config",
        "base_model_tp_plan", "base_model_pp_plan", "tp_plan", "finetuning_task", "use_bfloat16", "tf_legacy_loss",
        "cache_implementation", "transformers.js_config", "internal_version",
    ]

    init(json: String) throws(BlueprintError) {
        let decoded: ConfigurationValue
        do {
            let decoder = JSONDecoder()
            // Python writes numbers that JSON has no words for, such as the Infinity of a limit that is none.
            decoder.allowsJSON5 = true
            decoded = try decoder.decode(ConfigurationValue.self, from: Data(json.utf8))
        } catch {
            throw .notJSON(Self.flaw(of: json))
        }
        guard case .object(let values) = decoded else { throw .notJSON("\(decoded)") }
        self.init(values, prefix: "")
    }

    /// Where text that does not parse leaves the grammar of JSON.
    private static func flaw(of text: String) -> String {
        if text.isEmpty { return "an empty file" }
        do throws(JSONError) { _ = try JSONValue(parsing: Array(text.utf8)) } catch {
            return "\(error.found) at byte \(error.offset), where \(error.expected) belongs"
        }
        return "text that does not parse"
    }

    init(_ values: [String: ConfigurationValue], prefix: String) {
        self.values = values
        self.prefix = prefix
    }

    /// Gives values to keys that are absent.
    mutating func fill(with defaults: [String: ConfigurationValue]) {
        values.merge(defaults) { stated, _ in stated }
    }

    /// The value, nil where the key is absent or null.
    mutating func value(_ key: String) -> ConfigurationValue? {
        read.insert(key)
        guard let value = values[key], value != .null else { return nil }
        return value
    }

    /// Whether the key is written, even as null.
    func has(_ key: String) -> Bool { values[key] != nil }

    /// An integer, where one is written; the key does not count as read.
    func stated(_ key: String) -> Int? {
        if case .integer(let number)? = values[key] { number } else { nil }
    }

    mutating func integer(_ key: String) throws(BlueprintError) -> Int? {
        guard let value = value(key) else { return nil }
        guard case .integer(let number) = value else { throw wrongType(key, "an integer", value) }
        return number
    }

    /// The largest dimension: products of a few of them stay far from the limits of `Int`.
    static let largestCount = 1 << 24

    /// An integer of at least 1 that must be there, or has the given default.
    mutating func count(
        _ key: String, default fallback: Int? = nil, most: Int = largestCount
    ) throws(BlueprintError) -> Int {
        guard let number = try integer(key) ?? fallback else { throw .missingKey(prefix + key) }
        guard (1...most).contains(number) else {
            throw unsupported(key, expected: "a number from 1 to \(most)", found: "\(number)")
        }
        return number
    }

    /// The most of what there may be none of: far above that of any model.
    static let largestNumber = 1024

    /// A small integer of at least 0.
    mutating func number(_ key: String, default fallback: Int) throws(BlueprintError) -> Int {
        let number = try integer(key) ?? fallback
        guard (0...Self.largestNumber).contains(number) else {
            throw unsupported(key, expected: "a number from 0 to \(Self.largestNumber)", found: "\(number)")
        }
        return number
    }

    mutating func real(_ key: String) throws(BlueprintError) -> Double? {
        switch value(key) {
        case nil: return nil
        case .integer(let number): return Double(number)
        case .real(let number) where number.isFinite: return number
        case let other?: throw wrongType(key, "a number", other)
        }
    }

    /// A number above zero that must be there, or has the given default.
    mutating func positive(_ key: String, default fallback: Double? = nil) throws(BlueprintError) -> Double {
        guard let number = try real(key) ?? fallback else { throw .missingKey(prefix + key) }
        guard number > 0, number.isFinite else {
            throw unsupported(key, expected: "a number above zero", found: "\(number)")
        }
        return number
    }

    mutating func boolean(_ key: String, default fallback: Bool) throws(BlueprintError) -> Bool {
        guard let value = value(key) else { return fallback }
        guard case .boolean(let flag) = value else { throw wrongType(key, "true or false", value) }
        return flag
    }

    mutating func string(_ key: String) throws(BlueprintError) -> String? {
        guard let value = value(key) else { return nil }
        guard case .string(let text) = value else { throw wrongType(key, "a string", value) }
        return text
    }

    /// Refuses other values than those that are computed; one that is absent or null is taken for one of them.
    mutating func require(_ key: String, _ expected: ConfigurationValue...) throws(BlueprintError) {
        try require(key, expected)
    }

    /// The same for values that are counted elsewhere.
    mutating func require(_ key: String, _ expected: [ConfigurationValue]) throws(BlueprintError) {
        guard let value = value(key), !expected.contains(value) else { return }
        throw unsupported(key, expected: expected.map { "\($0)" }.joined(separator: " or "), found: "\(value)")
    }

    mutating func strings(_ key: String) throws(BlueprintError) -> [String]? {
        try array(key, of: "strings") { if case .string(let text) = $0 { text } else { nil } }
    }

    mutating func reals(_ key: String) throws(BlueprintError) -> [Double]? {
        try array(key, of: "numbers") { element in
            switch element {
            case .integer(let number): Double(number)
            case .real(let number) where number.isFinite: number
            case .null, .boolean, .real, .string, .array, .object: nil
            }
        }
    }

    mutating func integers(_ key: String) throws(BlueprintError) -> [Int]? {
        try array(key, of: "integers") { if case .integer(let number) = $0 { number } else { nil } }
    }

    mutating func booleans(_ key: String) throws(BlueprintError) -> [Bool]? {
        try array(key, of: "true and false") { if case .boolean(let flag) = $0 { flag } else { nil } }
    }

    /// An array all of whose elements `read` takes.
    private mutating func array<Element>(
        _ key: String, of kind: String, _ read: (ConfigurationValue) -> Element?
    ) throws(BlueprintError) -> [Element]? {
        guard let value = value(key) else { return nil }
        guard case .array(let values) = value else { throw wrongType(key, "an array of \(kind)", value) }
        let elements = values.compactMap(read)
        guard elements.count == values.count else { throw wrongType(key, "an array of \(kind)", value) }
        return elements
    }

    mutating func object(_ key: String) throws(BlueprintError) -> ConfigurationReader? {
        guard let value = value(key) else { return nil }
        guard case .object(let values) = value else { throw wrongType(key, "an object", value) }
        return ConfigurationReader(values, prefix: prefix + key + ".")
    }

    /// Refuses keys that nothing has read, unless they have no effect or switch nothing on.
    func finish() throws(BlueprintError) {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) where !read.contains(key) {
            if Self.withoutEffect.contains(key) || value.isOff { continue }
            throw .unknownKey(prefix + key, value: "\(value)")
        }
    }

    /// The error that names a key whose value is not implemented.
    func unsupported(_ key: String, expected: String, found: String) -> BlueprintError {
        .unsupportedValue(key: prefix + key, expected: expected, found: found)
    }

    private func wrongType(_ key: String, _ expected: String, _ found: ConfigurationValue) -> BlueprintError {
        .wrongType(key: prefix + key, expected: expected, found: "\(found)")
    }
}
