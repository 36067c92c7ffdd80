/// The pieces of a WordPiece model in an open-addressing hash table over bytes: looking a piece up makes no string.
///
/// A piece within a word is written in the file with a prefix (`##ing`); it is kept a second time without the prefix,
/// hashed from another seed. At most half of the slots are used.
struct WordPieceVocabulary: Sendable {
    /// Where in a word a piece stands; its raw value seeds the hash.
    enum Place: UInt64 {
        case start = 0x51_7C_C1_B7_27_22_0A_95
        case inside = 0x2D_35_8D_CC_AA_6C_78_A5
    }

    private struct Slot {
        var hash: UInt64 = 0
        var id: Int32 = 0
        /// Where the piece starts in `bytes`, and its length; 0 is a free slot.
        var offset: UInt32 = 0
        var length: UInt32 = 0
    }

    private var slots: [Slot]
    private var bytes: [UInt8] = []
    private let shift: UInt64
    /// Bytes of the longest piece, its prefix not counted.
    private(set) var longestPiece = 0
    private let maxWordScalars: Int
    private var unknownID: Int32 = 0

    /// - Throws: ``TokenizerError`` where a token is named twice, or the unknown token is not among them.
    /// - Complexity: O(bytes of all tokens).
    init(_ model: TokenizerFile.Model) throws(TokenizerError) {
        var capacity = 16
        while capacity < model.pieces.count * 4 { capacity *= 2 }
        slots = Array(repeating: Slot(), count: capacity)
        shift = UInt64(64 - capacity.trailingZeroBitCount)
        maxWordScalars = model.maxWordScalars
        let prefix = Array(model.continuingPrefix.utf8)
        for (token, id) in model.pieces {
            let piece = Array(token.utf8)
            try insert(piece[...], .start, id, token)
            if piece.starts(with: prefix) { try insert(piece[prefix.count...], .inside, id, token) }
        }
        guard let unknownID = id(of: model.unknownToken) else {
            throw TokenizerError(
                .inconsistent, "model.unk_token", "is \"\(model.unknownToken)\", which model.vocab lacks")
        }
        self.unknownID = unknownID
    }

    /// The id of a token as the file writes it.
    func id(of token: String) -> Int32? {
        let text = token.utf8.span
        return id(of: 0..<text.count, in: text, hash: token.utf8.reduce(Place.start.rawValue, Self.hash))
    }

    private mutating func insert(
        _ piece: ArraySlice<UInt8>, _ place: Place, _ id: Int32, _ token: String
    ) throws(TokenizerError) {
        if piece.isEmpty { return }
        guard let offset = UInt32(exactly: bytes.count), let length = UInt32(exactly: piece.count) else {
            throw TokenizerError(.unsupported, "model.vocab", "is larger than 4 GiB")
        }
        let hash = piece.reduce(place.rawValue, Self.hash)
        var index = Int(hash >> shift)
        while slots[index].length != 0 {
            if slots[index].hash == hash, slots[index].length == length,
                bytes[Int(slots[index].offset)...].starts(with: piece)
            {
                throw TokenizerError(.inconsistent, "model.vocab", "names the token \"\(token)\" twice")
            }
            index = (index + 1) & (slots.count - 1)
        }
        slots[index] = Slot(hash: hash, id: id, offset: offset, length: length)
        bytes.append(contentsOf: piece)
        longestPiece = max(longestPiece, piece.count)
    }

    /// One step of the hash; its high bits pick the slot, as they depend on every byte.
    @inline(__always)
    private static func hash(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
    }

    @inline(__always)
    private func id(of piece: Range<Int>, in text: Span<UInt8>, hash: UInt64) -> Int32? {
        var index = Int(hash >> shift)
        while true {
            let slot = slots[index]
            if slot.length == 0 { return nil }
            if slot.hash == hash, slot.length == piece.count, equal(slot, text, piece.lowerBound) { return slot.id }
            index = (index + 1) & (slots.count - 1)
        }
    }

    @inline(__always)
    private func equal(_ slot: Slot, _ text: Span<UInt8>, _ start: Int) -> Bool {
        for offset in 0..<Int(slot.length) where bytes[Int(slot.offset) + offset] != text[start + offset] {
            return false
        }
        return true
    }

    /// Appends the pieces of one word, always the longest that fits next; the unknown token alone where a rest of the word
    /// has none, or the word is too long.
    ///
    /// O(bytes of the word × bytes of the longest piece).
    /// - Parameter hashes: working memory of at least ``longestPiece`` elements.
    func append(_ word: Word, of text: Span<UInt8>, to ids: inout [Int32], hashes: inout [UInt64]) {
        guard word.scalarCount <= maxWordScalars else {
            ids.append(unknownID)
            return
        }
        let before = ids.count
        var start = word.bytes.lowerBound
        let end = word.bytes.upperBound
        while start < end {
            // Hashes of all beginnings in one pass, then the longest that is a piece.
            var hash = (start == word.bytes.lowerBound ? Place.start : Place.inside).rawValue
            var length = min(end - start, longestPiece)
            for offset in 0..<length {
                hash = Self.hash(hash, text[start + offset])
                hashes[offset] = hash
            }
            while length > 0 {
                let stop = start + length
                let isBoundary = stop == end || text[stop] & 0xC0 != 0x80
                if isBoundary, let id = id(of: start..<stop, in: text, hash: hashes[length - 1]) {
                    ids.append(id)
                    break
                }
                length -= 1
            }
            if length == 0 {
                ids.removeLast(ids.count - before)
                ids.append(unknownID)
                return
            }
            start += length
        }
    }
}
