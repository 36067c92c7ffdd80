import Core

extension Transfer {
    /// Compares every row and every record of both databases, both ways.
    ///
    /// - Parameter found: differences that are known already.
    /// - Throws: ``TransferError/Code/differs`` where anything is not the same.
    func compare(
        _ copy: Copy, beside found: TransferDifferences = TransferDifferences(),
        _ progress: (TransferProgress) -> Void
    ) async throws -> TransferReport {
        var (report, differences) = (TransferReport(), found)
        for table in copy.tables {
            report.tables.append(try await compareRows(table, &differences, progress))
        }
        for table in copy.tables {
            for pair in table.pairs {
                report.collections.append(
                    try await compareRecords(pair, table, copy.plan.keepsNumbers, &differences, progress))
            }
        }
        report.values = differences.values
        try differences.requireNone()
        return report
    }

    private func compareRows(
        _ table: TableCopy, _ differences: inout TransferDifferences, _ progress: (TransferProgress) -> Void
    ) async throws -> TransferReport.Table {
        let (name, rows) = (table.entry.origin.name, table.entry.findings.rows)
        // Rows that were there before are in the target alone, as they should be.
        let passes = table.entry.rowsBefore ? 1 : 2
        try await table.rows.compare(&differences) { done in
            progress(TransferProgress(.comparingRows, name, done, of: rows * passes))
        }
        if !table.entry.rowsBefore {
            try await table.rows.compareBack(&differences) { done in
                progress(TransferProgress(.comparingRows, name, min(rows + done, 2 * rows), of: 2 * rows))
            }
        }
        return TransferReport.Table(
            table: table.rows.table.name.description, rows: rows, isMade: table.entry.ddl != nil)
    }

    private func compareRecords(
        _ pair: SourcePair, _ table: TableCopy, _ keepsNumbers: Bool, _ differences: inout TransferDifferences,
        _ progress: (TransferProgress) -> Void
    ) async throws -> TransferReport.Collection {
        let copies = recordCopies(pair, table, keepsNumbers: keepsNumbers)
        var total = 0
        for copy in copies { total += try await copy.count() }
        var counts: [Int] = []
        var done = 0
        for copy in copies {
            let before = done
            let found = try await copy.compare(&differences) { count in
                progress(TransferProgress(.comparingRecords, pair.origin.collection, before + count, of: total))
            }
            done += found.rows + found.lost
            counts.append(found.rows)
        }
        return TransferReport.Collection(
            collection: pair.target.collection, embeddings: counts[0], jobs: counts[1], dead: counts[2])
    }

    private func compareLimits(_ differences: inout TransferDifferences) async throws {
        let wanted = try await originLimits()
        let present = try await target.database.read { connection in try ModelLimitStore().all(on: connection) }
        for limit in wanted where !present.contains(limit) {
            differences.addOther("the limit of model \(limit.model) differs")
        }
    }

    // MARK: Comparing alone

    /// Compares the two databases as they are now, and changes nothing.
    package func verify(_ progress: (TransferProgress) -> Void) async throws -> TransferReport {
        try await TransferMark.requireNone(in: target.database)
        let sources = try await origin.database.read { connection in try SourceStore().all(on: connection) }
        let present = try await target.database.read { connection in try SourceStore().all(on: connection) }
        var tables: [TableCopy] = []
        for group in TransferPlanning.byTable(sources) {
            tables.append(try await table(group, present, progress))
        }
        let plan = TransferPlan(entries: [], particulars: [:], keepsNumbers: false, others: [])
        var differences = TransferDifferences()
        try await compareLimits(&differences)
        return try await compare(Copy(run: "", plan: plan, tables: tables), beside: differences, progress)
    }

    private func table(
        _ sources: [Source], _ present: [Source], _ progress: (TransferProgress) -> Void
    ) async throws -> TableCopy {
        let pairs = try sources.map { source throws(TransferError) in
            guard let target = present.first(where: { $0.collection == source.collection }) else {
                throw TransferError(.differs, "the target has no source \"\(source.collection)\": copy first")
            }
            return SourcePair(origin: source, target: target)
        }
        let origin = try await origin.database.read { connection in try OriginTable.read(sources, on: connection) }
        let rows = OriginRows(origin, in: self.origin.database)
        let name = pairs[0].target.definition.tableName
        let target = try await target.database.read { connection in
            try TargetTable(TableShape.read(name, on: connection), for: origin, sources)
        }
        let findings = Examination.Findings(rows: try await rows.count(), columns: [])
        return TableCopy(
            entry: TransferPlan.Entry(
                rows: rows, sources: sources, findings: findings, target: name, ddl: nil, rowsBefore: false),
            rows: RowCopy(origin: rows, table: target, target: self.target.database), pairs: pairs)
    }
}
