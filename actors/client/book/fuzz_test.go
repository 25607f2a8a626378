package book

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"minimint/actors/client/clientwire"
	"minimint/messages/canonical"
)

// FuzzRecord: a record of a wallet's file is read as what wrote it, or whoever
// reads it stops and says so.
func FuzzRecord(f *testing.F) {
	op := &clientwire.Operation{Id: 7, Kind: clientwire.Kind_KIND_SPEND, AmountMsat: 5, Attempts: []*clientwire.Attempt{{Transaction: []byte{1}}}}
	f.Add(canonical.Marshal(op))
	f.Add(canonical.Marshal(&clientwire.Membership{Words: "abandon", Federation: []byte{1}}))
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, m := range []proto.Message{&clientwire.Operation{}, &clientwire.Membership{}, &clientwire.Note{}} {
			func() {
				defer func() {
					if reason := recover(); reason != nil {
						if text, ok := reason.(string); !ok || !strings.HasPrefix(text, "book: ") {
							panic(reason)
						}
					}
				}()
				decode(record, m)
				if !bytes.Equal(canonical.Marshal(m), record) {
					t.Fatalf("read as %v, which is written otherwise", m)
				}
			}()
		}
	})
}
