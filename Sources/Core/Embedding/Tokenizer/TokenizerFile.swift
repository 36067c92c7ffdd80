/// What `tokenizer.json` says, checked field by field. The format is that of the `tokenizers` package, version "1.0"; its
/// `truncation`, `decoder` and unknown fields have no say in encoding and are not read.
struct TokenizerFile {
    /// `model`, of type `WordPiece`.
    struct Model {
        /// `vocab`: tokens in file order.
        var pieces: [(token: String, id: Int32)]
        var unknownToken: String
        var continuingPrefix: String
        var maxWordScalars: Int
    }

    /// `post_processor.single`: what stands before and after the text.
    struct Template: Equatable {
        var before: [Int32] = []
        var after: [Int32] = []
    }

    /// Files beyond this are refused before they are read; the largest BERT vocabularies take 5 MB.
    static let maxBytes = 64 << 20

    let addedTokens: [AddedToken]
    let normalizer: BertNormalizer.Settings
    let vocabulary: WordPieceVocabulary
    let template: Template
    let padID: Int32
    /// Ids of tokens and added tokens together; they are 0 to this number, each once.
    let vocabularySize: Int

    init(_ contents: [UInt8]) throws(TokenizerError) {
        guard contents.count <= Self.maxBytes else {
            throw TokenizerError(.unsupported, "the file", "has more than \(Self.maxBytes >> 20) MiB")
        }
        let file = JSONField(path: "", value: try JSONReader.read(contents))
        try file.member("version").require("1.0")
        normalizer = try Self.normalizer(try file.member("normalizer"))
        try file.member("pre_tokenizer").member("type").require("BertPreTokenizer")
        let model = try Self.model(try file.member("model"))
        vocabulary = try WordPieceVocabulary(model)
        addedTokens = try Self.addedTokens(try file.member("added_tokens"), vocabulary)
        let pieceCount = model.pieces.count
        let newTokens = addedTokens.filter { [vocabulary] in vocabulary.id(of: $0.content) == nil }
        vocabularySize = pieceCount + newTokens.count
        try Self.requireDense(model.pieces + newTokens.map { ($0.content, $0.id) })
        template = try Self.template(try file.member("post_processor"), size: vocabularySize)
        padID = try Self.padID(try file.member("padding"), addedTokens, vocabulary, vocabularySize)
    }

    private static func normalizer(_ field: JSONField) throws(TokenizerError) -> BertNormalizer.Settings {
        try field.member("type").require("BertNormalizer")
        let lowercases = try field.member("lowercase").bool()
        let accents = try field.member("strip_accents")
        return BertNormalizer.Settings(
            cleansText: try field.member("clean_text").bool(),
            separatesIdeographs: try field.member("handle_chinese_chars").bool(),
            stripsAccents: accents.isNull ? lowercases : try accents.bool(),
            lowercases: lowercases)
    }

    private static func model(_ field: JSONField) throws(TokenizerError) -> Model {
        try field.member("type").require("WordPiece")
        let vocabulary = try field.member("vocab")
        var pieces: [(token: String, id: Int32)] = []
        for (token, value) in try vocabulary.members() {
            guard case .integer(let integer) = value, let id = Int32(exactly: integer), id >= 0 else {
                throw JSONField(path: "\(vocabulary.path)[\"\(token)\"]", value: value)
                    .mismatch("an integer from 0 to \(Int32.max)")
            }
            pieces.append((token, id))
        }
        return Model(
            pieces: pieces,
            unknownToken: try field.member("unk_token").string(),
            continuingPrefix: try field.member("continuing_subword_prefix").string(),
            maxWordScalars: try field.member("max_input_chars_per_word").count())
    }

    /// The added tokens, whose ids must be those of the vocabulary where it has them.
    private static func addedTokens(
        _ field: JSONField, _ vocabulary: WordPieceVocabulary
    ) throws(TokenizerError) -> [AddedToken] {
        var tokens: [AddedToken] = []
        var seen: Set<Int32> = []
        if field.isNull { return tokens }
        for element in try field.elements() {
            let token = AddedToken(
                content: try element.member("content").string(),
                id: Int32(try element.member("id").count()),
                isSingleWord: try element.member("single_word").bool(),
                stripsLeft: try element.member("lstrip").bool(),
                stripsRight: try element.member("rstrip").bool(),
                isNormalized: try element.member("normalized").bool())
            guard !token.content.isEmpty else {
                throw TokenizerError(.inconsistent, "\(element.path).content", "is empty")
            }
            if let known = vocabulary.id(of: token.content), known != token.id {
                throw TokenizerError(
                    .inconsistent, "\(element.path).id", "is \(token.id), but \"\(token.content)\" has the id \(known)")
            }
            guard seen.insert(token.id).inserted else {
                throw TokenizerError(.inconsistent, "\(element.path).id", "is \(token.id), which an earlier entry has")
            }
            tokens.append(token)
        }
        return tokens
    }

    /// Ids are rows of the model's matrix: each from 0 up, none twice, none left out.
    private static func requireDense(_ tokens: [(token: String, id: Int32)]) throws(TokenizerError) {
        var isUsed = [Bool](repeating: false, count: tokens.count)
        for (name, id) in tokens {
            guard id < tokens.count else {
                throw TokenizerError(
                    .inconsistent, "model.vocab", "has \(tokens.count) tokens, but \"\(name)\" has the id \(id)")
            }
            guard !isUsed[Int(id)] else {
                throw TokenizerError(
                    .inconsistent, "model.vocab", "gives the id \(id) to two tokens, one of them \"\(name)\"")
            }
            isUsed[Int(id)] = true
        }
    }

    private static func template(_ field: JSONField, size: Int) throws(TokenizerError) -> Template {
        try field.member("type").require("TemplateProcessing")
        let special = try field.member("special_tokens")
        let single = try field.member("single")
        var template = Template()
        var hasText = false
        for piece in try single.elements() {
            let sequence = try piece.member("Sequence")
            let isText = !sequence.isNull
            let part = isText ? sequence : try piece.member("SpecialToken")
            guard try part.member("type_id").count() == 0 else {
                throw TokenizerError(.unsupported, "\(part.path).type_id", "is not 0")
            }
            if isText {
                try part.member("id").require("A")
                guard !hasText else { throw TokenizerError(.unsupported, single.path, "has the text twice") }
                hasText = true
                continue
            }
            let ids = try special.member(try part.member("id").string()).member("ids")
            for element in try ids.elements() {
                let id = try element.count()
                guard id < size else {
                    throw TokenizerError(.inconsistent, element.path, "is \(id), but there are \(size) tokens")
                }
                if hasText { template.after.append(Int32(id)) } else { template.before.append(Int32(id)) }
            }
        }
        guard hasText else { throw TokenizerError(.malformed, single.path, "has no place for the text") }
        return template
    }

    /// `padding.pad_id` where the file pads, else the id of `[PAD]`.
    private static func padID(
        _ padding: JSONField, _ added: [AddedToken], _ vocabulary: WordPieceVocabulary, _ size: Int
    ) throws(TokenizerError) -> Int32 {
        if padding.isNull {
            guard let id = vocabulary.id(of: "[PAD]") ?? added.first(where: { $0.content == "[PAD]" })?.id else {
                throw TokenizerError(.inconsistent, "padding", "is null and no token is \"[PAD]\"")
            }
            return id
        }
        let field = try padding.member("pad_id")
        let id = try field.count()
        guard id < size else {
            throw TokenizerError(.inconsistent, field.path, "is \(id), but there are \(size) tokens")
        }
        return Int32(id)
    }
}
