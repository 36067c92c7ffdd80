import Hummingbird

enum Placeholder {}
