package remote

import (
	"fmt"
	"strconv"

	"minimint/actors/remote/gate"
	"minimint/actors/remote/identity"
	"minimint/messages/link"
)

// PeerAddress is the address of the PIDs of member id of the federation.
func PeerAddress(id int) string { return "peer/" + strconv.Itoa(id) }

// Member is one node of the federation, as this node sees it.
type Member struct {
	Key identity.Pin
	// Socket is where it listens, "host:port". Members with a lower id dial us;
	// theirs is used once, to tell them that we are there, and may be empty.
	Socket string
	// Policy is what it may do here. Nobody reads it for this node itself.
	Policy gate.Policy
}

// directory is the federation, known once Federate was called. It is guarded by
// the hub's mutex.
type directory struct {
	self    int
	members []Member
	gates   []*gate.Gate
	seen    *gate.Members
	// knocks hold a value when a member that we dial has tried to dial us.
	knocks []chan struct{}
}

// Federate tells the hub who the members are, in the order of their ids, and
// which of them it is itself. From then on it dials the members with a higher
// id, for as long as it lives, and lets those with a lower one in, to whom it says
// once that it is there. The owners of the policies must exist. It panics when called twice, and if the key of the
// member self is not the hub's.
func (h *Hub) Federate(self int, members []Member) {
	if self < 0 || self >= len(members) || members[self].Key != h.cfg.Identity.Pin() {
		panic(fmt.Sprintf("remote: member %d of %d is not this hub's identity", self, len(members)))
	}
	d := directory{
		self: self, members: members,
		gates: make([]*gate.Gate, len(members)), seen: gate.NewMembers(self, len(members)),
		knocks: make([]chan struct{}, len(members)),
	}
	seen := make(map[identity.Pin]int, len(members))
	for id, m := range members {
		if other, twice := seen[m.Key]; twice {
			panic(fmt.Sprintf("remote: members %d and %d have the same key", other, id))
		}
		seen[m.Key] = id
		d.knocks[id] = make(chan struct{}, 1)
		if id != self {
			d.gates[id] = gate.New(PeerAddress(id), m.Policy)
		}
	}
	h.mu.Lock()
	again := h.directory.members != nil
	if !again {
		h.directory = d
	}
	h.mu.Unlock()
	if again {
		panic("remote: Federate was called before")
	}
	for id, m := range members {
		switch {
		case id > self && h.begin():
			go h.keep(id)
		case id < self && m.Socket != "" && h.begin():
			go h.knock(id)
		}
	}
}

// memberOf finds the member that holds a key.
func (h *Hub) memberOf(key identity.Pin) (id int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, m := range h.directory.members {
		if m.Key == key {
			return id, true
		}
	}
	return 0, false
}

// admitMember checks what only a member must satisfy, and returns its gate.
func (h *Hub) admitMember(id int, other *link.Hello, dialled bool) (*gate.Gate, *link.Refusal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !dialled && id > h.directory.self {
		signal(h.directory.knocks[id])
	}
	if refusal := h.directory.seen.Admit(id, other, dialled); refusal != nil {
		return nil, refusal
	}
	return h.directory.gates[id], nil
}
