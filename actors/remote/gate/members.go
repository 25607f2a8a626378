package gate

import "minimint/messages/link"

// Members is what a transport knows of the members whose links it opens: the
// newest incarnation that each has shown. It is not safe for concurrent use.
type Members struct {
	self   int
	newest []uint64
}

// NewMembers is for member self of n.
func NewMembers(self, n int) *Members { return &Members{self: self, newest: make([]uint64, n)} }

// Admit checks what only a member must satisfy, after its hello: of two members
// the one with the lower id dials, and a process that was replaced does not come
// back.
func (m *Members) Admit(id int, other *link.Hello, dialled bool) *link.Refusal {
	if id == m.self || dialled != (id > m.self) {
		return link.Refuse(link.Code_CODE_DIRECTION, "member %d does not dial member %d", id, m.self)
	}
	if other.GetIncarnation() < m.newest[id] {
		return link.Refuse(link.Code_CODE_INCARNATION, "incarnation %d after %d", other.GetIncarnation(), m.newest[id])
	}
	m.newest[id] = other.GetIncarnation()
	return nil
}
