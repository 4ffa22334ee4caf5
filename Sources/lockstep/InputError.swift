/// What is wrong with something that the command line names, such as a file; found after the arguments were understood.
struct InputError: Error, CustomStringConvertible {
    /// `where: expected, found; what to do`.
    let description: String

    init(_ description: String) { self.description = description }
}
