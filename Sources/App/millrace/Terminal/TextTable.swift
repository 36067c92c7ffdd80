/// Rows in aligned columns, made to fit the window: the last column gives way first.
struct TextTable {
    enum Alignment {
        case left
        case right
    }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) {
        self.columns = columns
    }

    mutating func add(_ row: [String]) {
        precondition(row.count == columns.count, "a row has as many cells as there are columns")
        rows.append(row.map { $0.replacing("\n", with: " ") })
    }

    /// The table's lines, the titles first, none wider than `width` where the last column can be shortened.
    func lines(width: Int) -> [String] {
        let all = [columns.map(\.title)] + rows
        var widths = columns.indices.map { column in all.map { $0[column].columns }.max() ?? 0 }
        let others = widths.dropLast().reduce(0) { $0 + $1 + 2 }
        if let last = widths.indices.last {
            widths[last] = min(widths[last], max(12, width - others))
        }
        return all.map { row in
            row.indices.map { column in
                let cell = row[column].shortened(to: max(widths[column], 1))
                return columns[column].alignment == .right
                    ? cell.paddedLeft(to: widths[column])
                    : column == row.count - 1 ? cell : cell.padded(to: widths[column])
            }.joined(separator: "  ").trimmingTrailingSpaces
        }
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
