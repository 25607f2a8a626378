package node

import (
	"sync"
	"time"

	"minimint"
	"minimint/actors/hbbft"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/wire"
)

// status is what the node knows of its links, for reports. Peer actors write it
// and sessions read it, on goroutines of their own.
type status struct {
	self  messages.PeerID
	mu    sync.Mutex
	links []bool
	fault []uint32
	stall hbbft.Stall
	// Ports are told of every fault and stall.
	ports Ports
}

func newStatus(self messages.PeerID, n int, ports Ports) *status {
	return &status{self: self, links: make([]bool, n), fault: make([]uint32, n), ports: ports}
}

func (s *status) linked(peer messages.PeerID, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[peer] = up
}

func (s *status) faulty(peer messages.PeerID, text string) {
	s.ports.Fault(peer, text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault[peer]++
}

// found takes a fault of HBBFT.
func (s *status) found(f protocol.Fault) {
	s.faulty(f.Peer, string(f.Kind))
	if f.Kind.Transferable() {
		s.ports.Convicting(f)
	}
}

// stalls takes what HBBFT says of a stall; the zero value ends it.
func (s *status) stalls(stall hbbft.Stall) {
	s.ports.Stalled(stall)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stall = stall
}

// report fills what only the node knows into an answer to a client.
func (s *status) report(info *wire.Info) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info.Member, info.Version = uint32(s.self), minimint.Version
	info.Stalled, info.StalledSeconds = s.stall.Text, uint64(s.stall.For/time.Second)
	for i := range s.links {
		if messages.PeerID(i) != s.self {
			info.Peers = append(info.Peers, &wire.PeerInfo{Member: uint32(i), Connected: s.links[i], Faults: s.fault[i]})
		}
	}
}
