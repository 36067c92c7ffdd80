internal import GRDB

enum Placeholder {}
