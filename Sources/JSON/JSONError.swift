/// Why bytes are no JSON.
package struct JSONError: Error {
    /// The byte at which they leave the grammar.
    package let offset: Int
    /// What the grammar wants there.
    package let expected: String
    /// What stands there.
    package let found: String
}
