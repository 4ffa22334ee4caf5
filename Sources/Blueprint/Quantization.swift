/// What config.json says of quantised matrices: integers in groups, each with a scale and an offset, or four-bit
/// floats.
///
/// Reference: mlx-lm, `utils.py`, `load_model`.
public struct Quantization: Hashable, Sendable {
    /// The elements of a matrix.
    public struct Form: Hashable, Sendable {
        /// What they are.
        public enum Mode: String, Hashable, Sendable, CaseIterable {
            /// Integers, each group of which has a scale and an offset.
            case affine
            /// Four-bit floats, each group of 32 of which has a power of two.
            case mxfp4
        }

        /// What they are.
        public var mode = Mode.affine
        /// Bits of an element: 2, 3, 4, 5, 6 or 8.
        public var bits: Int
        /// Columns of a group: 32, 64 or 128.
        public var groupSize: Int

        /// The encoding, with scales and offsets of a type; integers of fewer than 4 bits take 4.
        public func encoding(_ scalar: Scalar) -> Encoding? {
            guard mode == .affine else { return Grouping.microscaled.map(Encoding.grouped) }
            let scale: Grouping.Scale =
                switch scalar {
                case .f32: .f32
                case .bf16: .bf16
                case .f16: .f16
                }
            return Grouping(bits: max(4, bits), size: groupSize, scale: scale, hasOffsets: true).map(Encoding.grouped)
        }
    }

    /// The form of matrices that are not exceptions.
    public var form: Form
    /// The forms of others, under the names of their weights without `.weight`.
    public var exceptions: [String: Form]
    /// Those that are not quantised.
    public var plain: Set<String>

    private static let suffix = ".weight"

    /// The name of the weight of a part of the model.
    static func weightName(_ path: String) -> String { path + suffix }

    /// The form of a weight, nil where it is not quantised.
    public func form(of weight: String) -> Form? {
        guard weight.hasSuffix(Self.suffix) else { return nil }
        let path = String(weight.dropLast(Self.suffix.count))
        return plain.contains(path) ? nil : exceptions[path] ?? form
    }

    /// The form of a weight, whichever of its checkpoint names is meant; nil where it is not quantised.
    ///
    /// mlx leaves a matrix as it is whose rows are no whole groups, and config.json does not say so.
    func form(of weight: Weight) -> Form? {
        let names = weight.sourceNames
        let name = names.first { isException($0) } ?? names.first { $0.hasSuffix(Self.suffix) }
        let form = name.flatMap { self.form(of: $0) }
        return form.flatMap { weight.columns.isMultiple(of: $0.groupSize) ? $0 : nil }
    }

    private func isException(_ weight: String) -> Bool {
        guard weight.hasSuffix(Self.suffix) else { return false }
        let path = String(weight.dropLast(Self.suffix.count))
        return plain.contains(path) || exceptions[path] != nil
    }

    /// What a config.json says, nil where it says nothing.
    public init?(configuration: String) throws(BlueprintError) {
        var reader = try ConfigurationReader(json: configuration)
        guard let quantization = try reader.quantization() else { return nil }
        self = quantization
    }

    init(form: Form, exceptions: [String: Form] = [:], plain: Set<String> = []) {
        self.form = form
        self.exceptions = exceptions
        self.plain = plain
    }

    /// The parts of the model that it names, in order.
    var paths: [String] { plain.union(exceptions.keys).sorted() }

    /// The same of parts with other names, none of which becomes that of another.
    func renamed(_ name: (String) -> String) -> Quantization {
        let exceptions = Dictionary(uniqueKeysWithValues: exceptions.map { (name($0), $1) })
        return Quantization(form: form, exceptions: exceptions, plain: Set(plain.map(name)))
    }
}

/// How matrices are stored that are no plain numbers, where their tensors themselves tell.
enum StoredMethod: String {
    /// Experts in four-bit floats, in groups of 32 with a power of two each.
    case mxfp4
    /// Matrices in eight-bit floats, in blocks of 128 by 128 with a float32 each.
    case fp8

    init?(_ value: ConfigurationValue) {
        guard case .string(let name) = value else { return nil }
        self.init(rawValue: name)
    }
}

extension ConfigurationReader {
    /// `quantization`, or `quantization_config`, which repeats it.
    mutating func quantization() throws(BlueprintError) -> Quantization? {
        let keys = ["quantization", "quantization_config"]
        var found: (key: String, value: ConfigurationValue)?
        for key in keys {
            guard let value = value(key), !value.isOff else { continue }
            if let found, found.value != value {
                throw .inconsistent(
                    expected: "'\(keys[0])' and '\(keys[1])' to be alike", found: Self.difference(found.value, value))
            }
            found = found ?? (key, value)
        }
        guard let found else { return nil }
        guard case .object(let members) = found.value else {
            throw .wrongType(key: found.key, expected: "an object", found: "\(found.value)")
        }
        // The other libraries say with it whose form it is; mlx has no such key.
        if let method = members["quant_method"], !method.isOff {
            if let stored = StoredMethod(method) {
                if stored == .fp8 { try Self.checkBlocks(members, prefix: "\(found.key).") }
                return nil
            }
            throw .unsupportedValue(
                key: "\(found.key).quant_method", expected: "\"mxfp4\", \"fp8\" or absent, as mlx leaves it",
                found: "\(method)")
        }
        return try Self.quantization(members, prefix: "\(found.key).")
    }

    /// Two values that are not alike, or of two objects the first member that is not.
    private static func difference(_ first: ConfigurationValue, _ second: ConfigurationValue) -> String {
        guard case .object(let members) = first, case .object(let others) = second,
            let key = Set(members.keys).union(others.keys).sorted().first(where: { members[$0] != others[$0] })
        else { return "\(first) and \(second)" }
        func text(_ value: ConfigurationValue?) -> String { value.map { "\($0)" } ?? "none" }
        return "in them '\(key)' as \(text(members[key])) and \(text(others[key]))"
    }

    /// The method whose tensors tell by their types and names how they are stored, where one is stated.
    mutating func storedMethod() throws(BlueprintError) -> StoredMethod? {
        guard case .object(let members)? = value("quantization_config") else { return nil }
        return members["quant_method"].flatMap(StoredMethod.init)
    }

    private static func checkBlocks(
        _ members: [String: ConfigurationValue], prefix: String
    ) throws(BlueprintError) {
        let sizes: ConfigurationValue = .array([.integer(128), .integer(128)])
        if let found = members["weight_block_size"], found != sizes {
            throw .unsupportedValue(key: "\(prefix)weight_block_size", expected: "\(sizes)", found: "\(found)")
        }
        if let found = members["fmt"], found != .string("e4m3") {
            throw .unsupportedValue(key: "\(prefix)fmt", expected: "\"e4m3\"", found: "\(found)")
        }
    }

    private static func quantization(
        _ members: [String: ConfigurationValue], prefix: String
    ) throws(BlueprintError) -> Quantization {
        var (common, exceptions) = ([String: ConfigurationValue](), [String: [String: ConfigurationValue]]())
        var (plain, alike) = (Set<String>(), Set<String>())
        for (key, value) in members {
            switch value {
            case .object(let members): exceptions[key] = members
            case .boolean(false): plain.insert(key)
            case .boolean(true): alike.insert(key)
            case .null, .integer, .real, .string, .array: common[key] = value
            }
        }
        let form = try form(common, prefix: prefix)
        var forms = Dictionary(uniqueKeysWithValues: alike.map { ($0, form) })
        for (path, members) in exceptions.sorted(by: { $0.key < $1.key }) {
            forms[path] = try Self.form(members, prefix: "\(prefix)\(path).")
        }
        return Quantization(form: form, exceptions: forms, plain: plain)
    }

    private static func form(
        _ members: [String: ConfigurationValue], prefix: String
    ) throws(BlueprintError) -> Quantization.Form {
        var reader = ConfigurationReader(members, prefix: prefix)
        let name = try reader.string("mode") ?? Quantization.Form.Mode.affine.rawValue
        guard let mode = Quantization.Form.Mode(rawValue: name) else {
            let known = Quantization.Form.Mode.allCases.map { "\"\($0.rawValue)\"" }
            throw .unsupportedValue(
                key: "\(prefix)mode", expected: known.joined(separator: " or "), found: "\"\(name)\"")
        }
        func count(_ key: String, among known: [Int], _ expected: String) throws(BlueprintError) -> Int {
            let found = try reader.count(key)
            guard known.contains(found) else {
                throw .unsupportedValue(key: "\(prefix)\(key)", expected: expected, found: "\(found)")
            }
            return found
        }
        let form =
            switch mode {
            case .affine:
                Quantization.Form(
                    bits: try count("bits", among: [2, 3, 4, 5, 6, 8], "2, 3, 4, 5, 6 or 8"),
                    groupSize: try count("group_size", among: [32, 64, 128], "32, 64 or 128"))
            case .mxfp4:
                Quantization.Form(
                    mode: mode, bits: try count("bits", among: [4], "4, as of mxfp4"),
                    groupSize: try count("group_size", among: [32], "32, as of mxfp4"))
            }
        try reader.finish()
        return form
    }
}
