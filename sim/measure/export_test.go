package measure

// Peek is peek.
var Peek = peek
