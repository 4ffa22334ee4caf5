/// The script Han (Unicode 16): lengths and values of alternating runs.
/// Written by `make_unicode_tables.py`, read by `PackedNumbers`.
enum ScriptData {
    static let packed = """
        g0LAaBBA5CBMA2GBvBABBBABBZAJBOAEBkeAguGBgCAgwUBgoWAuLBCAqDBoodACBMACBugkBAg3pBBgBA6hEBGA-\
        GBCAi0FBOAxpHBPAuTBitCA-QBivBAr6EBFAgjEBwi3bA
        """
}
