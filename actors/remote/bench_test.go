package remote

import (
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"minimint/messages/link"
)

// BenchmarkThroughput sends one way between two members. The sender waits for
// every 1000th message, as the protocols above bound themselves.
func BenchmarkThroughput(b *testing.B) {
	for _, size := range []int{100, 1000, 100_000} {
		b.Run(map[int]string{100: "100B", 1000: "1kB", 100_000: "100kB"}[size], func(b *testing.B) {
			p, q := pair(b)
			q.free()
			m := wrapperspb.Bytes(make([]byte, size))
			chunk := min(1000, 4_000_000/size)
			b.SetBytes(int64(size))
			b.ResetTimer()
			for sent := 0; sent < b.N; {
				n := min(chunk, b.N-sent)
				for range n {
					p.send("peer/1", "peer", m)
				}
				for range n {
					<-q.mail
				}
				sent += n
			}
		})
	}
}

// BenchmarkRoundTrip asks and waits for the answer.
func BenchmarkRoundTrip(b *testing.B) {
	p, q := pair(b)
	for range b.N {
		p.send("peer/1", "peer", wrapperspb.String("echo"))
		<-q.mail
		<-p.mail
	}
}

func pair(b *testing.B) (p, q *probe) {
	_, probes := federation(b, 2)
	p, q = probes[0][1], probes[1][0]
	next[*link.Up](p)
	next[*link.Up](q)
	b.ResetTimer()
	return p, q
}
