/// The checksums of one array of a tensor.
struct Checksums: Sendable {
    /// The XXH64 of every panel, `[panels down, panels across]`; a tile's covers its filling.
    var panels: [UInt64]
    /// The XXH64 of every band: its rows one after another, in full and without the filling of tiles. Empty where there
    /// are no tiles.
    var bands: [UInt64]
}
