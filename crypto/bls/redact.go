package bls

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is all that anyone learns from printing or marshalling a Scalar.
const redacted = "[redacted scalar]"

// String returns a placeholder, never the value.
func (Scalar) String() string { return redacted }

// GoString returns a placeholder, never the value.
func (Scalar) GoString() string { return redacted }

// Format prints a placeholder for every verb and flag.
func (Scalar) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON yields a placeholder: a scalar cannot travel in JSON by accident.
func (Scalar) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText yields a placeholder, for every encoder that asks for text.
func (Scalar) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue yields a placeholder to log/slog.
func (Scalar) LogValue() slog.Value { return slog.StringValue(redacted) }
