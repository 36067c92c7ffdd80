import Configuration

enum Placeholder {}
