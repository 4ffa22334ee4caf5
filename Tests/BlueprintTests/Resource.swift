import Blueprint
import Foundation

/// Files beside the tests.
enum Resource {
    static func data(_ path: String) throws -> Data {
        try Data(contentsOf: Bundle.module.bundleURL.appending(path: "Resources/\(path)"))
    }

    static func text(_ path: String) throws -> String {
        String(decoding: try data(path), as: UTF8.self)
    }

    static func decoded<Value: Decodable>(_ path: String, as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: data(path))
    }

    /// The blueprint of a config with these members.
    static func blueprint(of members: [String: ConfigurationValue]) throws -> Blueprint {
        try Blueprint(configuration: ConfigurationValue.object(members).description)
    }

    /// The blueprint of a config, with some keys replaced, or removed where the new value is nil.
    static func blueprint(_ path: String, changing changes: [String: ConfigurationValue?] = [:]) throws -> Blueprint {
        try Blueprint(configuration: configuration(path, changing: changes))
    }

    static func configuration(_ path: String, changing changes: [String: ConfigurationValue?]) throws -> String {
        var values = try decoded(path, as: [String: ConfigurationValue].self)
        for (key, value) in changes { values[key] = value }
        return ConfigurationValue.object(values).description
    }
}
