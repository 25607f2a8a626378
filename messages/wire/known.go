// Package wire holds the messages between nodes, and between nodes and clients,
// generated from the .proto files beside this one.
package wire

import (
	"crypto/sha256"
	"encoding/binary"
)

// Known is what stands in Query.known of somebody who has this reply to a query: the
// SHA-256 of an answer's body, or of a refusal's code. Texts of refusals are for
// people and make no difference. It returns nil for any other reply.
func Known(m *ClientReply) []byte {
	var of []byte
	switch r := m.GetReply().(type) {
	case *ClientReply_Answer:
		of = append([]byte{0}, r.Answer.GetBody()...)
	case *ClientReply_Refusal:
		of = binary.BigEndian.AppendUint32([]byte{1}, r.Refusal.GetCode())
	default:
		return nil
	}
	sum := sha256.Sum256(of)
	return sum[:]
}
