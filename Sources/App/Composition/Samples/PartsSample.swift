package import Core

/// The reference table with a small catalogue of fasteners, bearings, cables and the like, English and Korean.
package struct PartsSample: Sendable {
    package static let table = "parts_master_features"

    package init() {}

    /// Makes and fills the table where it is not there. - Returns: rows inserted, 0 where it was there already.
    package func load(into database: any Database) async throws -> Int {
        let parts = Self.parts
        return try await database.write { connection in
            let exists = try connection.row(
                SQL(sqlite: "SELECT 1 FROM sqlite_schema WHERE name = :name"), ["name": .text(Self.table)])
            guard exists == nil else { return 0 }
            try connection.script(Self.createTable)
            try connection.runMany(
                .both("INSERT INTO \(Self.table)(part_id, feature_text) VALUES (:part, :text)"),
                parts.enumerated().map { index, text in
                    ["part": .text("P-\(String(10001 + index))"), "text": .text(text)]
                })
            return parts.count
        }
    }

    private static let createTable = """
        CREATE TABLE \(table)(
            id INTEGER PRIMARY KEY,
            part_id TEXT NOT NULL UNIQUE,
            feature_text TEXT,
            clip_text_emb TEXT,
            embedding_status TEXT NOT NULL DEFAULT 'pending',
            created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
            updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')))
        """

    private struct Family {
        let english: String
        let korean: String
        let sizes: [String]
        let use: String
        let koreanUse: String
    }

    private static let families = [
        Family(
            english: "hex head bolt", korean: "육각 볼트", sizes: ["M6x20", "M8x40", "M10x60", "M12x80"],
            use: "for steel structures and machine frames", koreanUse: "철골 및 기계 프레임 체결용"),
        Family(
            english: "socket head cap screw", korean: "육각 렌치 볼트", sizes: ["M3x8", "M4x12", "M5x16", "M6x25"],
            use: "for jigs, moulds and tight spaces", koreanUse: "지그, 금형, 좁은 공간용"),
        Family(
            english: "flat washer", korean: "평와셔", sizes: ["M5", "M6", "M8", "M10"],
            use: "spreads the load under a bolt head", koreanUse: "볼트 머리 하중 분산용"),
        Family(
            english: "nylon insert lock nut", korean: "나일론 록너트", sizes: ["M5", "M6", "M8", "M12"],
            use: "resists loosening by vibration", koreanUse: "진동 풀림 방지"),
        Family(
            english: "deep groove ball bearing", korean: "깊은 홈 볼베어링", sizes: ["6200", "6203", "6205", "6308"],
            use: "for electric motors and gearboxes, sealed on both sides", koreanUse: "모터 및 감속기용, 양면 밀봉"),
        Family(
            english: "linear guide rail", korean: "리니어 가이드 레일", sizes: ["15 mm", "20 mm", "25 mm", "30 mm"],
            use: "for precise straight motion in machine tools", koreanUse: "공작기계 정밀 직선 운동용"),
        Family(
            english: "waterproof circular connector", korean: "방수 원형 커넥터", sizes: ["4 pin", "8 pin", "12 pin"],
            use: "IP67, for outdoor sensors", koreanUse: "IP67, 실외 센서용"),
        Family(
            english: "proximity sensor", korean: "근접 센서", sizes: ["M8 NPN", "M12 PNP", "M18 NPN"],
            use: "detects metal without contact", koreanUse: "비접촉 금속 감지"),
        Family(
            english: "silicone O-ring", korean: "실리콘 오링", sizes: ["10x2", "20x2.5", "40x3"],
            use: "seals hot water and food equipment", koreanUse: "온수 및 식품 설비 밀봉용"),
        Family(
            english: "timing belt", korean: "타이밍 벨트", sizes: ["GT2 6 mm", "GT2 9 mm", "HTD 5M"],
            use: "transmits motion without slipping", koreanUse: "미끄럼 없는 동력 전달"),
        Family(
            english: "shielded signal cable", korean: "차폐 신호 케이블", sizes: ["2x0.5", "4x0.5", "8x0.25"],
            use: "protects weak signals from electrical noise", koreanUse: "전기 노이즈로부터 약한 신호 보호"),
        Family(
            english: "pneumatic cylinder", korean: "공압 실린더", sizes: ["16x50", "25x100", "40x200"],
            use: "pushes and clamps by compressed air", koreanUse: "압축 공기로 밀고 고정"),
    ]

    private static let finishes = [
        ("stainless steel A2", "스테인리스 A2"), ("stainless steel A4, corrosion resistant", "스테인리스 A4, 내식성"),
        ("zinc plated", "아연 도금"), ("black oxide", "흑색 산화 피막"),
    ]

    /// Every family in every size and finish, every third text in Korean: about 170 texts.
    static let parts: [String] = families.flatMap { family in
        family.sizes.flatMap { size in
            finishes.map { finish in (family, size, finish) }
        }
    }.enumerated().map { index, part in
        let (family, size, finish) = part
        return index.isMultiple(of: 3)
            ? "\(family.korean) \(size), \(finish.1), \(family.koreanUse)"
            : "\(family.english) \(size), \(finish.0), \(family.use)"
    }
}
