/// Working memory of ``WordPieceTokenizer/encode(_:appendingTo:scratch:)``; keep one per thread, and texts after the first
/// few allocate nothing.
package struct TokenScratch: Sendable {
    var normalized: [UInt8] = []
    var run = CombiningRun()
    var hashes: [UInt64] = []

    package init() {}
}

/// A BERT tokenizer read from Hugging Face's `tokenizer.json`: the same ids as the package `tokenizers` gives, for every
/// text.
///
/// The chain is that of the file: added tokens are cut out of the text as written, the rest is normalized
/// (``BertNormalizer``), searched for normalized added tokens, cut into words (``BertWords``) and the words into pieces
/// (``WordPieceVocabulary``); then the template is put around them. Files of any other kind are refused.
///
/// Format and behaviour: https://github.com/huggingface/tokenizers (`tokenizers/src`).
package struct WordPieceTokenizer: Tokenizer {
    /// The id that fills up shorter rows of a batch.
    package let padID: Int32
    /// Number of token ids, which run from 0; the model's embedding matrix has at least this many rows.
    package let vocabularySize: Int
    /// Most ids that one text gets, special tokens among them.
    package let maxTokens: Int

    private let normalizer: BertNormalizer
    private let writtenTokens: AddedTokens
    private let normalizedTokens: AddedTokens
    private let vocabulary: WordPieceVocabulary
    private let template: TokenizerFile.Template

    /// Text is normalized in parts of at least this many bytes, so that a long text stops early.
    private static let partBytes = 4096

    /// - Parameters:
    ///   - contents: the bytes of `tokenizer.json`, at most 64 MiB. Its own truncation length is ignored.
    ///   - maxTokens: the manifest's maximum, counting special tokens.
    /// - Throws: ``TokenizerError`` naming the field, for a file that is damaged, contradicts itself or is of another kind.
    /// - Complexity: O(bytes); about 20 ms for 30,000 tokens.
    package init(tokenizerJSON contents: [UInt8], maxTokens: Int) throws(TokenizerError) {
        let file = try TokenizerFile(contents)
        let room = maxTokens - file.template.before.count - file.template.after.count
        guard room > 0 else {
            throw TokenizerError(
                .invalidLimit, "maxTokens", "is \(maxTokens) and leaves no room beside the special tokens")
        }
        let normalizer = BertNormalizer(file.normalizer)
        var normalized: [(bytes: [UInt8], token: AddedToken)] = []
        var forms: Set<[UInt8]> = []
        for token in file.addedTokens where token.isNormalized {
            var bytes: [UInt8] = []
            var run = CombiningRun()
            normalizer.normalize(token.content.utf8.span, into: &bytes, run: &run)
            guard !bytes.isEmpty, forms.insert(bytes).inserted else {
                throw TokenizerError(
                    .inconsistent, "added_tokens",
                    "has the normalized token \"\(token.content)\", which is \(bytes.isEmpty ? "nothing" : "like another") "
                        + "once normalized")
            }
            normalized.append((bytes, token))
        }
        self.normalizer = normalizer
        self.maxTokens = maxTokens
        writtenTokens = AddedTokens(
            file.addedTokens.filter { !$0.isNormalized }.map { (Array($0.content.utf8), $0) })
        normalizedTokens = AddedTokens(normalized)
        vocabulary = file.vocabulary
        template = file.template
        padID = file.padID
        vocabularySize = file.vocabularySize
    }

    /// The ids of a text.
    package func encode(_ text: String) -> TokenIDs {
        var ids: [Int32] = []
        var scratch = TokenScratch()
        let isTruncated = encode(text, appendingTo: &ids, scratch: &scratch)
        return TokenIDs(ids: ids, isTruncated: isTruncated)
    }

    /// Appends the ids of a text to a buffer, with its special tokens, at most ``maxTokens`` of them.
    ///
    /// O(bytes of the text); a text with many more tokens than ``maxTokens`` is left early where it has ASCII white space.
    /// - Parameter scratch: working memory, to be used again for the next text.
    /// - Returns: true where tokens were left out for length.
    package func encode(_ text: String, appendingTo ids: inout [Int32], scratch: inout TokenScratch) -> Bool {
        ids.append(contentsOf: template.before)
        let first = ids.count
        let limit = first + maxTokens - template.before.count - template.after.count
        while scratch.hashes.count < vocabulary.longestPiece { scratch.hashes.append(0) }
        let bytes = text.utf8.span
        writtenTokens.split(bytes) { part in
            switch part {
            case .token(let id): ids.append(id)
            case .text(let range):
                append(
                    bytes.extracting(range), to: &ids, upTo: limit, normalized: &scratch.normalized, run: &scratch.run,
                    hashes: &scratch.hashes)
            }
            return ids.count <= limit
        }
        let isTruncated = ids.count > limit
        if isTruncated { ids.removeLast(ids.count - limit) }
        ids.append(contentsOf: template.after)
        return isTruncated
    }

    /// Appends the ids of text without written added tokens; may stop once there are more than `limit`.
    private func append(
        _ text: Span<UInt8>, to ids: inout [Int32], upTo limit: Int, normalized buffer: inout [UInt8],
        run: inout CombiningRun, hashes: inout [UInt64]
    ) {
        var start = 0
        while start < text.count, ids.count <= limit {
            let end = normalizedTokens.isEmpty ? partEnd(from: start, in: text) : text.count
            buffer.removeAll(keepingCapacity: true)
            normalizer.normalize(text.extracting(start..<end), into: &buffer, run: &run)
            start = end
            let normalized = buffer.span
            if normalizedTokens.isEmpty {
                appendWords(0..<normalized.count, of: normalized, to: &ids, upTo: limit, &hashes)
                continue
            }
            normalizedTokens.split(normalized) { part in
                switch part {
                case .token(let id): ids.append(id)
                case .text(let range): appendWords(range, of: normalized, to: &ids, upTo: limit, &hashes)
                }
                return ids.count <= limit
            }
        }
    }

    /// The end of the part from `start`: past the first ASCII white space after enough bytes. No rule of the normalizer
    /// looks across white space, and no word does.
    private func partEnd(from start: Int, in text: Span<UInt8>) -> Int {
        var end = start + Self.partBytes
        while end < text.count {
            switch text[end] {
            case 0x20, 0x09, 0x0A, 0x0D: return end
            default: end += 1
            }
        }
        return text.count
    }

    private func appendWords(
        _ range: Range<Int>, of text: Span<UInt8>, to ids: inout [Int32], upTo limit: Int, _ hashes: inout [UInt64]
    ) {
        var words = BertWords(range)
        while ids.count <= limit, let word = words.next(in: text) {
            vocabulary.append(word, of: text, to: &ids, hashes: &hashes)
        }
    }
}
