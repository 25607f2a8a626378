package remote

import (
	"fmt"
	"net"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/messages/link"
)

// H41: the original numbered messages from 1 again after a restart. Peers took them for old
// ones, the restarted node took theirs for ones from the future, and both were cut off from
// each other for ever. Here numbers belong to a link: whoever comes back is heard, and hears,
// however much was said before, and as often as it restarts.
func TestH41RestartedMemberIsHeard(t *testing.T) {
	nodes, probes := federation(t, 2)
	a, b := probes[0][1], probes[1][0]
	await[*link.Up](a)
	for incarnation := uint64(101); incarnation <= 103; incarnation++ {
		await[*link.Up](b)
		for i := range 20 {
			for _, d := range []struct {
				from, to *probe
				address  string
			}{{a, b, PeerAddress(1)}, {b, a, PeerAddress(0)}} {
				text := fmt.Sprint(incarnation, i)
				d.from.send(d.address, "peer", wrapperspb.String(text))
				if got := await[*wrapperspb.StringValue](d.to); got.GetValue() != text {
					t.Fatalf("incarnation %d: %q", incarnation, got.GetValue())
				}
			}
		}
		b.n.close()
		await[*link.Down](a)
		l, err := net.Listen("tcp", nodes[1].socket())
		if err != nil {
			t.Fatal(err)
		}
		n := newNode(t, 2, func(c *Config) { c.Party.Incarnation = incarnation })
		n.lis = l
		b = n.probe("peer-0")
		n.hub.Federate(1, []Member{{Key: key(1).Pin(), Policy: b.asPeer()}, {Key: key(2).Pin()}})
		n.open(DefaultAdmission(nil))
		await[*link.Up](a)
	}
}
