/// The checksums of a tensor.
struct Checksums {
    /// The XXH64 of every panel, `[panels down, panels across]`; a tile's covers its filling.
    var panels: [UInt64]
    /// The XXH64 of every band, see ``BandDigest``; empty where there are no tiles.
    var bands: [UInt64]
}
